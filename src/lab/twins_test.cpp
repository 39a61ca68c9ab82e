#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "lab/twin_networks.hpp"

namespace ztilde::lab {
namespace {

Twins twins_of(double epsilon) {
  const Network network{
      4, {Dense{6, false}, BatchNorm{.epsilon = epsilon}, Activation{ActivationKind::tanh}, Dense{3, true}}};
  std::vector<double> inputs;
  std::vector<float> targets;
  for (int row = 0; row < 64; ++row) {
    for (int i = 0; i < 4; ++i) inputs.push_back(std::sin(1.7 * row + 5 * i));
    targets.push_back(static_cast<float>(row % 3));
  }
  TwinOptions options;
  options.rate = 0.1;
  options.decay = 0.1;
  options.steps = 100;
  options.batch = 16;
  return run_twins(network, inputs, targets, options);
}

TEST(Twins, are_one_function_with_epsilon_0) {
  const Twins twins = twins_of(0);
  // Rounding, some 1e-16 a step.
  EXPECT_LT(std::ranges::max(twins.loss_difference), 1e-13);
  EXPECT_LT(std::ranges::max(twins.weight_difference), 1e-12);
  EXPECT_NEAR(twins.rates.back(), 0.1 * std::pow(0.99, -199), 1e-12);
}

TEST(Twins, part_where_the_scale_of_the_weights_matters_or_decay_is_left_out) {
  const Twins twins = twins_of(0.1);
  EXPECT_GT(std::ranges::max(twins.loss_difference), 1e-6) << "with an epsilon the identity is broken";
  const Twins exact = twins_of(0);
  double apart = 0;
  for (std::size_t t = 0; t < exact.decayed.size(); ++t)
    apart = std::max(apart, std::abs(exact.decayed[t] - exact.constant[t]));
  EXPECT_GT(apart, 1e-4) << "decay does something, or the twins would prove nothing";
}

}  // namespace
}  // namespace ztilde::lab
