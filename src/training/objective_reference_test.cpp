#include "training/objective_reference.hpp"

#include <gtest/gtest.h>

#include "layers/complex_step.hpp"
#include "plan/reference_plan.hpp"

namespace ztilde {
namespace {

using testing::Complex;
using testing::largest;
using testing::largest_difference;
using testing::normal_numbers;
using testing::to_complex;
using Vector = std::vector<double>;

enum class LossKind { softmax, binary, squared };
constexpr double kTargetMean = 0.75, kTargetStd = 1.5;

template <class T>
T loss(LossKind kind, const std::vector<T>& output, const std::vector<float>& targets,
       const Vector& weights = {}, double smoothing = 0) {
  const MatrixView<const T> out(output.data(), targets.size(), output.size() / targets.size());
  switch (kind) {
    case LossKind::softmax:
      return reference::softmax_cross_entropy<T>(out, targets, weights, smoothing);
    case LossKind::binary:
      return reference::binary_cross_entropy<T>(out, targets, weights, smoothing);
    case LossKind::squared:
      break;
  }
  return reference::squared_error<T>(out, targets, kTargetMean, kTargetStd, weights);
}

Vector gradient(LossKind kind, const Vector& output, const std::vector<float>& targets,
                const Vector& weights = {}, double smoothing = 0) {
  Vector d_output(output.size(), HUGE_VAL);
  const MatrixView<const double> out(output.data(), targets.size(), output.size() / targets.size());
  const MatrixView<double> d_out(d_output.data(), out.rows, out.channels);
  switch (kind) {
    case LossKind::softmax:
      reference::softmax_cross_entropy_backward<double>(out, targets, d_out, weights, smoothing);
      break;
    case LossKind::binary:
      reference::binary_cross_entropy_backward<double>(out, targets, d_out, weights, smoothing);
      break;
    case LossKind::squared:
      reference::squared_error_backward<double>(out, targets, kTargetMean, kTargetStd, d_out, weights);
      break;
  }
  return d_output;
}

struct LossCase {
  LossKind kind;
  std::size_t outputs;
  std::vector<float> targets;
};

const LossCase kCases[] = {{LossKind::softmax, 3, {0, 2, 1, 1, 0, 2, 2}},
                           {LossKind::softmax, 2, {0, 1, 1, 1, 0, 0, 1}},
                           {LossKind::binary, 1, {0, 1, 1, 1, 0, 0, 1}},
                           {LossKind::squared, 1, {0.5f, -1.25f, 3, 2, 0, 8, -4}}};

// Entries of a loss gradient are single terms, so rounding is all there is; the largest is the scale.
TEST(objective, gradients_are_those_of_the_losses) {
  for (const LossCase& c : kCases) {
    const Vector output = normal_numbers(7 * c.outputs, 1, 2.0);
    for (const Vector& weights : {Vector{}, Vector{1, 0, 0.25, 3, 1, 7, 0.5}}) {
      for (const double smoothing : {0.0, 0.1}) {
        const auto by_step = testing::complex_step_gradient(
            [&](const auto& at) { return loss(c.kind, at, c.targets, weights, smoothing); }, output);
        EXPECT_LT(largest_difference(gradient(c.kind, output, c.targets, weights, smoothing), by_step),
                  1e-14 * largest(by_step));
      }
    }
  }
}

// A smoothed loss is a mixture of those of every class as the answer. Some ten roundings.
TEST(objective, smoothing_mixes_in_the_losses_of_all_classes) {
  for (const LossCase& c : kCases) {
    if (c.kind == LossKind::squared) continue;
    const std::size_t classes = c.kind == LossKind::binary ? 2 : c.outputs;
    const Vector output = normal_numbers(7 * c.outputs, 1, 2.0);
    double expected = 0.7 * loss(c.kind, output, c.targets);
    for (std::size_t answer = 0; answer < classes; ++answer) {
      const std::vector<float> all(7, static_cast<float>(answer));
      expected += 0.3 / static_cast<double>(classes) * loss(c.kind, output, all);
    }
    EXPECT_NEAR(loss(c.kind, output, c.targets, {}, 0.3), expected, 1e-14 * expected);
  }
}

// A row of weight k is k rows. Sums of 7 or 12 terms in other orders differ by a few roundings.
TEST(objective, a_weight_counts_as_rows_do) {
  const Vector weights{1, 0, 2, 3, 1, 4, 1};
  for (const LossCase& c : kCases) {
    const Vector output = normal_numbers(7 * c.outputs, 1, 2.0);
    Vector repeated;
    std::vector<float> targets;
    for (std::size_t r = 0; r < 7; ++r) {
      for (double times = weights[r]; times > 0; --times) {
        targets.push_back(c.targets[r]);
        for (std::size_t o = 0; o < c.outputs; ++o) repeated.push_back(output[r * c.outputs + o]);
      }
    }
    const double expected = loss(c.kind, repeated, targets);
    EXPECT_NEAR(loss(c.kind, output, c.targets, weights), expected, 1e-14 * expected);
  }
}

// Against the largest entry of a tensor, but none below a thousandth of all: src/plan/reference_plan_test.cpp
// says why. Through a network with batch norm rounding leaves some 1e-14.
TEST(objective, gradients_of_losses_through_a_network_are_right_for_every_parameter_and_input) {
  for (const LossCase& c : kCases) {
    for (const NormPlace place : {NormPlace::before, NormPlace::after}) {
      DenseNetworkOptions options;
      options.inputs = 4;
      options.outputs = c.outputs;
      options.hidden = {5, 5};
      options.norm_place = place;
      options.standardise = false;
      options.dropout = 0.2;
      const Network network = dense_network(options);
      const Vector x = normal_numbers(7 * 4, 2),
                   parameters = normal_numbers(parameter_arena_size(network), 3);
      const Vector statistics(statistic_arena_size(network));
      const auto f = [&](const std::vector<Complex>& at, const std::vector<Complex>& parameters_at) {
        ReferencePlan<Complex> plan(network);
        return loss(c.kind, plan.forward_training(at, 7, parameters_at, to_complex(statistics), 1, 2),
                    c.targets);
      };
      ReferencePlan<double> plan(network);
      const Vector output = plan.forward_training(x, 7, parameters, statistics, 1, 2);
      Vector d_parameters(parameters.size());
      const Vector d_x = plan.backward(gradient(c.kind, output, c.targets), d_parameters);
      const auto cx = to_complex(x), cp = to_complex(parameters);
      const auto by_x = testing::complex_step_gradient([&](const auto& at) { return f(at, cp); }, x);
      const auto by_parameters =
          testing::complex_step_gradient([&](const auto& at) { return f(cx, at); }, parameters);
      const double least = 1e-3 * std::max(largest(by_x), largest(by_parameters));
      EXPECT_LT(largest_difference(d_x, by_x), 1e-11 * std::max(least, largest(by_x)));
      for (const ParameterSlot& slot : parameter_slots(network)) {
        const auto part = [&](const Vector& all) {
          const auto begin = all.begin() + static_cast<std::ptrdiff_t>(slot.offset);
          return Vector(begin, begin + static_cast<std::ptrdiff_t>(slot.size()));
        };
        EXPECT_LT(largest_difference(part(d_parameters), part(by_parameters)),
                  1e-11 * std::max(least, largest(part(by_parameters))))
            << "layer " << slot.layer << " " << slot.name;
      }
    }
  }
}

TEST(objective, equal_logits_cost_the_logarithm_of_the_number_of_classes) {
  EXPECT_NEAR(loss(LossKind::softmax, Vector(6, 5.0), {0, 2}), std::log(3.0), 4e-16);
  EXPECT_NEAR(loss(LossKind::binary, Vector(2, 0.0), {0, 1}), std::log(2.0), 2e-16);
}

TEST(objective, one_logit_is_two_classes_with_their_difference) {
  const Vector logits = normal_numbers(7, 5, 3.0);
  Vector both(14);
  for (std::size_t r = 0; r < 7; ++r) both[2 * r + 1] = logits[r];
  const std::vector<float> targets{0, 1, 1, 0, 1, 0, 0};
  // Two or three roundings of values near 1, averaged.
  for (const double smoothing : {0.0, 0.2}) {
    EXPECT_NEAR(loss(LossKind::binary, logits, targets, {}, smoothing),
                loss(LossKind::softmax, both, targets, {}, smoothing), 1e-15);
  }
}

TEST(objective, extreme_logits_cost_what_they_should) {
  EXPECT_EQ(loss(LossKind::softmax, Vector{800, 0, -800}, {0}), 0.0);
  EXPECT_EQ(loss(LossKind::softmax, Vector{800, 0, -800}, {2}), 1600.0);
  EXPECT_EQ(loss(LossKind::binary, Vector{-800}, {1}), 800.0);
  EXPECT_EQ(loss(LossKind::binary, Vector{800}, {1}), 0.0);
  for (const double d : gradient(LossKind::softmax, {800, 0, -800}, {2})) EXPECT_TRUE(std::isfinite(d));
  EXPECT_EQ(gradient(LossKind::binary, {-800}, {1}), Vector{-1.0});
}

TEST(objective, squared_error_is_in_standard_deviations_of_the_target) {
  EXPECT_EQ(loss(LossKind::squared, Vector{1.0, 0.0}, {2.25f, 3.75f}), 2.0);  // (1 - 1)² and (0 - 2)²
  EXPECT_EQ(gradient(LossKind::squared, {1.0, 0.0}, {2.25f, 3.75f}), (Vector{0.0, -2.0}));
}

}  // namespace
}  // namespace ztilde
