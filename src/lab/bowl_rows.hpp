// Rows for bowls: made ones, pictures in natural units, and the numeric columns of a user's table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lab/bowl.hpp"
#include "lab/data.hpp"

namespace ztilde::lab {

struct BowlRows {
  Bowl bowl;
  std::string words;               // "ink, brightness, …: shirt or T-shirt"
  std::vector<std::string> names;  // of the inputs, without the constant one
};

// x1 ~ U(0, 1), x2 ~ U(0, 1000); the answer is drawn by a logistic model of both.
BowlRows made_rows(std::size_t rows, std::uint64_t seed);
// Of images: what they are in natural units (ink, brightness, width, height, centre), and of a table: its
// numeric columns. Asks for one class, the most frequent one of the user's, or for values above the median.
BowlRows real_rows(const Data& data, std::size_t rows);

}  // namespace ztilde::lab
