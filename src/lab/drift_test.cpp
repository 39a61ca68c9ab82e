#include "lab/drift.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "lab/noise.hpp"
#include "ztilde/reference.hpp"

namespace ztilde::lab {
namespace {

TEST(Drift, percentiles_are_those_of_numbers_in_any_order) {
  std::vector<float> values(101);
  std::iota(values.rbegin(), values.rend(), 0.0f);
  const auto found = percentiles(values);
  EXPECT_NEAR(found[0], 15, 1e-9);
  EXPECT_NEAR(found[1], 50, 1e-9);
  EXPECT_NEAR(found[2], 85, 1e-9);
  std::vector<float> two = {3, 1};
  EXPECT_DOUBLE_EQ(percentiles(two)[1], 2) << "between neighbours";
}

TEST(Drift, counts_every_way_up_and_down) {
  EXPECT_DOUBLE_EQ(drift(std::vector<double>{0, 1, -1, -1}), 1);
  EXPECT_DOUBLE_EQ(drift(std::vector<double>{4, 4, 4}), 0);
  EXPECT_TRUE(std::isnan(drift(std::vector<double>{4})));
}

TEST(Drift, spreads_are_by_unit) {
  const auto found = spreads(std::vector<float>{1, 10, 3, 10}, 2);
  EXPECT_DOUBLE_EQ(found[0].mean, 2);
  EXPECT_DOUBLE_EQ(found[0].deviation, 1);
  EXPECT_DOUBLE_EQ(found[1].mean, 10);
  EXPECT_DOUBLE_EQ(found[1].deviation, 0);
}

TEST(Drift, a_shift_is_in_deviations_and_dead_units_count_only_where_they_move) {
  const std::vector<Spread> before = {{0, 1}, {5, 0}, {5, 0}, {2, 4}},
                            after = {{1, 3}, {5, 0}, {6, 0}, {2, 9}};
  EXPECT_DOUBLE_EQ(shift(before, after), (0.5 + 0 + 1 + 0) / 4);
}

Network two_layers() {
  return {3, {Dense{4, false}, BatchNorm{}, Activation{ActivationKind::tanh}, Dense{3, true}}};
}

TEST(ChangingNoise, changes_every_step_and_gamma_and_beta_alone) {
  const Network network = two_layers();
  const std::vector<ParameterSlot> slots = parameter_slots(network);
  ChangingNoise noise(network, 7);
  const std::vector<float> start(parameter_arena_size(network), 1.0f);
  std::vector<float> first = start, second = start;
  noise.add(first);
  noise.add(second);
  for (const ParameterSlot& slot : slots) {
    for (std::size_t i = slot.offset; i < slot.offset + slot.size(); ++i) {
      if (slot.layer != 1) {
        EXPECT_EQ(first[i], 1);
      } else {
        EXPECT_NE(first[i], second[i]);
        EXPECT_GE(first[i], slot.name == "weight" ? 1 : 0.5);
        EXPECT_LE(first[i], slot.name == "weight" ? 1.25 : 1.75);
      }
    }
  }
}

TEST(ChangingNoise, maps_gradients_back_by_the_chain_rule) {
  const Network network = two_layers();
  std::vector<double> inputs;
  std::vector<float> targets;
  for (int row = 0; row < 12; ++row) {
    for (int i = 0; i < 3; ++i) inputs.push_back(std::sin(3.0 * row + i));
    targets.push_back(static_cast<float>(row % 3));
  }
  const std::vector<double> start = reference::initial_parameters(network, 1);
  std::vector<double> gradient(start.size());
  // The loss with the noise of a generator's first step.
  const auto loss_of = [&](const std::vector<double>& parameters, ChangingNoise& noise) {
    std::vector<float> noisy(parameters.begin(), parameters.end());
    noise.add(noisy);
    const std::vector<double> exact(noisy.begin(), noisy.end());
    return reference::loss_and_gradient(network, Task::classify, exact, inputs, targets, gradient);
  };
  ChangingNoise noise(network, 3);
  loss_of(start, noise);
  std::vector<float> mapped(gradient.begin(), gradient.end());
  noise.map_back(mapped);
  for (const ParameterSlot& slot : parameter_slots(network)) {
    if (slot.layer != 1) continue;
    for (std::size_t i = slot.offset; i < slot.offset + slot.size(); ++i) {
      // Steps of 1e-2 in floats: the difference quotient is good to about 1e-4.
      std::vector<double> up = start, down = start;
      up[i] += 1e-2;
      down[i] -= 1e-2;
      ChangingNoise same(network, 3), again(network, 3);
      const double high = loss_of(up, same), low = loss_of(down, again);
      EXPECT_NEAR(mapped[i], (high - low) / 2e-2, 2e-4) << slot.name;
    }
  }
}

}  // namespace
}  // namespace ztilde::lab
