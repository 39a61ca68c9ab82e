// Networks of the reference plan against the complex step of their own forward. The loss is a fixed
// weighted sum of the outputs; src/training has the real ones.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "layers/complex_step.hpp"
#include "plan/reference_plan.hpp"

namespace ztilde::testing {

using Vector = std::vector<double>;

inline constexpr std::uint64_t kSeed = 5, kStep = 3;

struct ReferenceCase {
  Network network;
  std::size_t rows = 7;
  Vector x, parameters, statistics, d_output;
  Vector weights = {};              // of the rows in the statistics; empty: all 1
  std::vector<std::size_t> groups;  // rows that share batch statistics, in order; empty: all rows
};

inline ReferenceCase make_case(const Network& network, std::size_t rows = 7) {
  ReferenceCase c{network, rows, normal_numbers(rows * network.inputs, 1, 2.0, 0.5), {}, {}, {}, {}, {}};
  c.parameters.resize(parameter_arena_size(network));
  for (const ParameterSlot& slot : parameter_slots(network)) {
    const Vector values = normal_numbers(slot.size(), 100 + slot.offset);
    std::copy(values.begin(), values.end(), c.parameters.begin() + static_cast<std::ptrdiff_t>(slot.offset));
  }
  c.statistics = normal_numbers(statistic_arena_size(network), 2);
  for (const StatisticSlot& slot : statistic_slots(network)) {
    for (std::size_t i = 0; i < slot.channels; ++i) {
      double& variance = c.statistics[slot.offset + slot.channels + i];
      variance = 0.25 + variance * variance;
    }
  }
  c.d_output = normal_numbers(rows * layer_outputs(network).back(), 3);
  return c;
}

// `count` rows of a matrix [rows, …] from `first` on.
template <class T>
std::vector<T> rows_of(const std::vector<T>& matrix, std::size_t rows, std::size_t first, std::size_t count) {
  if (matrix.empty()) return {};
  const std::size_t width = matrix.size() / rows;
  const auto begin = matrix.begin() + static_cast<std::ptrdiff_t>(first * width);
  return {begin, begin + static_cast<std::ptrdiff_t>(count * width)};
}

// run(first row, rows) for each group.
template <class Run>
void for_each_group(const ReferenceCase& c, Run&& run) {
  std::size_t first = 0;
  for (const std::size_t rows : c.groups.empty() ? std::vector{c.rows} : c.groups) {
    run(first, rows);
    first += rows;
  }
  ASSERT_EQ(first, c.rows);
}

inline Complex loss(const ReferenceCase& c, const std::vector<Complex>& x,
                    const std::vector<Complex>& parameters) {
  ReferencePlan<Complex> plan(c.network);
  Complex sum(0);
  for_each_group(c, [&](std::size_t first, std::size_t rows) {
    const auto output =
        plan.forward_training(rows_of(x, c.rows, first, rows), rows, parameters, to_complex(c.statistics),
                              kSeed, kStep, rows_of(c.weights, c.rows, first, rows));
    const Vector d = rows_of(c.d_output, c.rows, first, rows);
    for (std::size_t i = 0; i < output.size(); ++i) sum += output[i] * d[i];
  });
  return sum;
}

inline Vector part(const Vector& arena, const ParameterSlot& slot) {
  const auto begin = arena.begin() + static_cast<std::ptrdiff_t>(slot.offset);
  return {begin, begin + static_cast<std::ptrdiff_t>(slot.size())};
}

// Every parameter and every input. Errors count against the largest entry of the tensor, because an
// entry may be what is left of larger terms; and a tensor may be nothing else (a bias before batch
// norm has gradient 0), so no tensor counts as smaller than a thousandth of the whole gradient.
// Rounding through three layers leaves some 1e-14 of that; 1e-11 would still show a wrong term.
inline void expect_right_gradients(const ReferenceCase& c) {
  ReferencePlan<double> plan(c.network);
  Vector d_parameters(c.parameters.size()), d_x;
  for_each_group(c, [&](std::size_t first, std::size_t rows) {
    plan.forward_training(rows_of(c.x, c.rows, first, rows), rows, c.parameters, c.statistics, kSeed, kStep,
                          rows_of(c.weights, c.rows, first, rows));
    const Vector d = plan.backward(rows_of(c.d_output, c.rows, first, rows), d_parameters);
    d_x.insert(d_x.end(), d.begin(), d.end());
  });

  const auto x = to_complex(c.x), parameters = to_complex(c.parameters);
  const auto by_x = complex_step_gradient([&](const auto& at) { return loss(c, at, parameters); }, c.x);
  const auto by_parameters =
      complex_step_gradient([&](const auto& at) { return loss(c, x, at); }, c.parameters);
  const double least = 1e-3 * std::max(largest(by_x), largest(by_parameters));
  ASSERT_GT(least, 0.0);
  EXPECT_LE(largest_difference(d_x, by_x), 1e-11 * std::max(least, largest(by_x))) << "input";
  for (const ParameterSlot& slot : parameter_slots(c.network)) {
    const Vector expected = part(by_parameters, slot);
    EXPECT_LE(largest_difference(part(d_parameters, slot), expected),
              1e-11 * std::max(least, largest(expected)))
        << "layer " << slot.layer << " " << slot.name;
  }
}

}  // namespace ztilde::testing
