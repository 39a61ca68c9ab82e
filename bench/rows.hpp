// The rows that every benchmark of steps uses, always the same: images of bytes like
// Fashion-MNIST's (about half of them 0, ten classes) for classification, a table of floats for regression.
#pragma once

#include <cstddef>
#include <string>

#include "ztilde/dataset.hpp"

namespace ztilde::bench {

constexpr std::size_t kRows = 60'000;
constexpr std::size_t kPredictRows = 10'000;

Dataset make_rows(Task task, std::size_t columns);

// For programs in other languages: the inputs (bytes or floats) to PATH.inputs and the targets
// (floats) to PATH.targets, without headers.
void write_rows(const Dataset& data, const std::string& path);

}  // namespace ztilde::bench
