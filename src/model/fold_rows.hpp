// Rows made up for a model where none are given: numbers at the scale of its Standardise layer's statistics.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ztilde/model.hpp"

namespace ztilde {

// [rows, model.network.inputs] by counter-based random numbers. A number is normal with its column's mean and
// variance, standard normal where nothing is standardised; through a map of quantiles, uniform among its
// knots; categories are uniform, unseen ones included; of numbers that may be missing one in 16 is.
std::vector<float> built_in_rows(const Model& model, std::size_t rows, std::uint64_t seed);

}  // namespace ztilde
