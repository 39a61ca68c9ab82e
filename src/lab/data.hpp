// The rows of the lab: Fashion-MNIST as Debian has it, or the user's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "ztilde/dataset.hpp"

namespace ztilde::lab {

// Rates are chosen on `valid`, verdicts are made on `test`. All three are in a random order, so that the
// first rows of one are a fair sample.
struct Data {
  Dataset train, valid, test;
  std::string name;          // "Fashion-MNIST", or the file's
  bool own = false;          // the user's
  std::string options = {};  // " --data houses.csv --target price": how the program is asked for them
};

inline const std::string kImageFolder = "/usr/share/datasets/fashion-mnist";

// The 60,000 images for training, 10,000 of them for validation, and the 10,000 for testing. Throws
// Error(io) that names the package where they are not installed.
Data fashion_mnist(std::uint64_t seed, const std::string& folder = kImageFolder);
// Three fifths of the user's rows, a fifth and a fifth. Throws Error(data) where they are too few.
Data own_data(const Dataset& rows, const std::string& name, std::uint64_t seed);

// The first `rows`, or all where there are fewer.
Dataset first_rows(const Dataset& data, std::size_t rows);

}  // namespace ztilde::lab
