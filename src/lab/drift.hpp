// How much the inputs of an activation move while the network below them is trained.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "ztilde/model.hpp"

namespace ztilde::lab {

// Percentiles 15, 50 and 85, by linear interpolation between neighbours. values: 1 or more, reordered.
std::array<double, 3> percentiles(std::span<float> values);

// The mean absolute change from one number to the next: of a median that is looked at in equal steps.
// NaN for fewer than 2.
double drift(std::span<const double> medians);

// What enters the network's last activation, for these rows: [rows, units], row-major.
std::vector<float> last_activation_inputs(const Model& model, const std::vector<float>& rows);

// What enters each activation, in their order: the mean and the standard deviation of each unit.
struct Spread {
  double mean = 0, deviation = 0;
};
std::vector<std::vector<Spread>> activation_input_spreads(const Model& model, const std::vector<float>& rows);

// Mean and standard deviation of each unit over the rows. values: [rows, units].
std::vector<Spread> spreads(std::span<const float> values, std::size_t units);

// Mean over the units of |change of the mean| / deviation, the deviation being the mean of both. Units that
// never vary count as 0 where they stay, 1 where they do not.
double shift(std::span<const Spread> before, std::span<const Spread> after);

}  // namespace ztilde::lab
