// The scalar Encode layer: what it makes of a row, by the book, and its gradients by complex step.
#include <gtest/gtest.h>

#include <cmath>

#include "layers/complex_step.hpp"
#include "plan/plan_test_networks.hpp"
#include "plan/reference_plan.hpp"

namespace ztilde {
namespace {

using testing::Complex;
using testing::complex_step_gradient;
using testing::largest;
using testing::largest_difference;
using testing::normal_numbers;
using testing::to_complex;
using Vector = std::vector<double>;

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

EncodedColumn number(MissingValue missing, std::size_t knots = 0) {
  return {Encoding::numeric, 0, 0, missing, knots};
}
EncodedColumn one_hot(std::size_t categories) {
  return {Encoding::one_hot, categories, 0, MissingValue::none, 0};
}
EncodedColumn embedding(std::size_t categories, std::size_t width) {
  return {Encoding::embedding, categories, width, MissingValue::none, 0};
}

void set(const Network& network, std::size_t column, std::string_view name, const Vector& numbers,
         Vector& statistics) {
  for (const EncodingSlot& slot : encoding_slots(network)) {
    if (slot.column != column || slot.name != name) continue;
    ASSERT_EQ(slot.size, numbers.size());
    std::copy(numbers.begin(), numbers.end(), statistics.begin() + static_cast<std::ptrdiff_t>(slot.offset));
  }
}

// What leaves the Encode layer of {encode, dense} for these rows.
Vector features(const Network& network, const Vector& x, std::size_t rows, const Vector& parameters,
                const Vector& statistics) {
  ReferencePlan<double> plan(network);
  plan.forward_training(x, rows, parameters, statistics, 0, 0);
  return plan.layer_input(1);
}

TEST(encode, features_are_values_then_indicators_then_one_hot_then_tables) {
  const Network network{
      4,
      {Encode{{embedding(2, 2), number(MissingValue::indicator), one_hot(2), number(MissingValue::mean)}},
       Dense{1}}};
  Vector statistics(statistic_arena_size(network));
  set(network, 1, "fill", {0.5}, statistics);
  set(network, 2, "frequency", {0.25, 0.5, 0.25}, statistics);
  set(network, 3, "fill", {-7}, statistics);
  Vector parameters(parameter_arena_size(network));
  for (std::size_t i = 0; i < 6; ++i) parameters[i] = 10.0 + static_cast<double>(i);
  const Vector x = {0, 3, 1, 4, /**/ 1, kMissing, 2, kMissing, /**/ 2, 8, 0, 9};
  EXPECT_EQ(features(network, x, 3, parameters, statistics), (Vector{3,   4,  0, 0, 1, 0, 10, 11,  //
                                                                     0.5, -7, 1, 0, 0, 1, 12, 13,  //
                                                                     8,   9,  0, 1, 0, 0, 14, 15}));
}

TEST(encode, an_unseen_category_that_training_never_met_counts_as_the_average_row) {
  const Network network{1, {Encode{{one_hot(3)}}, Dense{1}}};
  Vector statistics(statistic_arena_size(network));
  set(network, 0, "frequency", {0.25, 0.5, 0.25, 0}, statistics);
  const Vector parameters(parameter_arena_size(network));
  EXPECT_EQ(features(network, {3, 1}, 2, parameters, statistics), (Vector{0.25, 0.5, 0.25, 0, 0, 1, 0, 0}));
}

TEST(encode, numbers_go_through_the_knots_and_stay_within_them) {
  const Network network{1, {Encode{{number(MissingValue::none, 4)}}, Dense{1}}};
  Vector statistics(statistic_arena_size(network));
  set(network, 0, "knots", {1, 2, 2, 4}, statistics);
  set(network, 0, "values", {-1, 0.25, 0.25, 2}, statistics);
  const Vector parameters(parameter_arena_size(network));
  EXPECT_EQ(features(network, {-5, 1, 1.5, 2, 3, 4, 1e30}, 7, parameters, statistics),
            (Vector{-1, -1, -0.375, 0.25, 1.125, 2, 2}));
}

TEST(encode, gradients_through_encode_dense_norm_relu_dense_are_those_of_the_forward) {
  const Encode every = testing_networks::every_encoding();
  const std::size_t rows = 13;
  for (const bool standardise : {false, true}) {
    Network network = dense_network({.inputs = every.columns.size(),
                                     .outputs = 3,
                                     .encode = every,
                                     .hidden = {7},
                                     .standardise = standardise});
    const std::vector<float> drawn = testing_networks::random_inputs(network, rows);
    const Vector x(drawn.begin(), drawn.end());
    const Vector statistics = testing_networks::random_statistics(network);
    Vector parameters(parameter_arena_size(network));
    for (const ParameterSlot& slot : parameter_slots(network)) {
      const Vector values = normal_numbers(slot.size(), 100 + slot.offset);
      std::copy(values.begin(), values.end(), parameters.begin() + static_cast<std::ptrdiff_t>(slot.offset));
    }
    const Vector d_output = normal_numbers(rows * 3, 3);
    const auto loss = [&](const std::vector<Complex>& at_x, const std::vector<Complex>& at_parameters) {
      ReferencePlan<Complex> plan(network);
      const auto output = plan.forward_training(at_x, rows, at_parameters, to_complex(statistics), 0, 0);
      Complex sum(0);
      for (std::size_t i = 0; i < output.size(); ++i) sum += output[i] * d_output[i];
      return sum;
    };
    ReferencePlan<double> plan(network);
    plan.forward_training(x, rows, parameters, statistics, 0, 0);
    Vector d_parameters(parameters.size());
    const Vector d_x = plan.backward(d_output, d_parameters);
    const auto by_x =
        complex_step_gradient([&](const auto& at) { return loss(at, to_complex(parameters)); }, x);
    const auto by_parameters =
        complex_step_gradient([&](const auto& at) { return loss(to_complex(x), at); }, parameters);
    // As in reference_plan_test.cpp: three layers of sums in double.
    EXPECT_LE(largest_difference(d_x, by_x), 1e-11 * largest(by_x));
    EXPECT_GT(largest(by_x), 0);
    for (const ParameterSlot& slot : parameter_slots(network)) {
      double most = 0, off = 0;
      for (std::size_t i = slot.offset; i < slot.offset + slot.size(); ++i) {
        most = std::max(most, std::abs(by_parameters[i]));
        off = std::max(off, std::abs(by_parameters[i] - d_parameters[i]));
      }
      if (slot.column) {
        EXPECT_GT(most, 0) << "a table without a gradient";
      }
      EXPECT_LE(off, 1e-11 * std::max(most, 1.0)) << "layer " << slot.layer << " " << slot.name;
    }
  }
}

}  // namespace
}  // namespace ztilde
