// Some rows of a batch in memory of their own: a sample that is looked at again and again.
#pragma once

#include <cstdint>
#include <vector>

#include "plan/batch.hpp"

namespace ztilde {

struct RowsCopy {
  std::vector<std::uint8_t> bytes;
  std::vector<float> floats, targets, weights;
};

// At most so many bytes of inputs.
constexpr std::size_t kMostCopiedBytes = std::size_t{8} << 20;
// Of a sample of `most` rows, how many are copied where they must be: as many as those bytes hold, or some.
std::size_t most_copied(const Batch& rows, std::size_t most);

// The same rows, which all are in memory as long as `copy` is: `some` itself where they are already.
Batch in_memory(const Batch& some, RowsCopy& copy);

}  // namespace ztilde
