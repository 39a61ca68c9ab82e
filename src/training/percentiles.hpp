// Percentiles as ztilde/train.hpp defines them.
#pragma once

#include <array>
#include <span>

namespace ztilde {

// 15, 50 and 85: those of a normal distribution are its mean and one standard deviation off.
constexpr std::array<double, 3> kShares = {0.15, 0.5, 0.85};

// Of many numbers, at least one, in two passes over them.
std::array<double, 3> percentiles(std::span<const float> numbers);

// Of some numbers in ascending order, at least one.
double percentile(std::span<const double> sorted, double share);

}  // namespace ztilde
