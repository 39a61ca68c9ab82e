#include "training/initialise.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace ztilde {
namespace {

struct Spread {
  double mean = 0, std_dev = 0;
};

Spread spread_of_first_weight(const Network& network, const Init& init, std::uint64_t seed = 1) {
  std::vector<float> parameters(parameter_arena_size(network));
  initialise_parameters(network, init, seed, parameters);
  const ParameterSlot slot = parameter_slots(network).front();
  Spread spread;
  const auto n = static_cast<double>(slot.size());
  for (std::size_t i = 0; i < slot.size(); ++i) spread.mean += parameters[slot.offset + i] / n;
  for (std::size_t i = 0; i < slot.size(); ++i) {
    spread.std_dev += std::pow(parameters[slot.offset + i] - spread.mean, 2) / n;
  }
  spread.std_dev = std::sqrt(spread.std_dev);
  return spread;
}

TEST(Initialise, weights_have_the_standard_deviation_their_rule_says) {
  const Network network{200, {Dense{300, true}, BatchNorm{}, Dense{2, true}}};
  // 60,000 numbers: mean within 4 and standard deviation within 4 / sqrt(2) standard errors.
  const double error = 4 / std::sqrt(60000.0);
  const auto check = [&](const Spread& spread, double expected) {
    EXPECT_NEAR(spread.mean, 0, expected * error);
    EXPECT_NEAR(spread.std_dev, expected, expected * error);
  };
  check(spread_of_first_weight(network, {InitKind::he}), std::sqrt(2.0 / 200));
  check(spread_of_first_weight(network, {InitKind::xavier}), std::sqrt(2.0 / 500));
  check(spread_of_first_weight(network, {InitKind::normal, 0.01}), 0.01);
  check(spread_of_first_weight(network, {InitKind::he, 0, 3}), 3 * std::sqrt(2.0 / 200));
  check(spread_of_first_weight(network, {InitKind::xavier, 0, 0.1}), 0.1 * std::sqrt(2.0 / 500));
}

TEST(Initialise, weights_of_convolutions_have_that_of_what_a_number_is_connected_with) {
  const auto images = [](const Conv2d& conv) {
    return Network{8 * 8 * 64, {conv, GlobalAveragePool{}, Dense{2}}, 8, 8};
  };
  const auto check = [](const Network& network, const Init& init, double expected) {
    const Spread spread = spread_of_first_weight(network, init);
    const double error = 4 / std::sqrt(static_cast<double>(parameter_slots(network).front().size()));
    EXPECT_NEAR(spread.mean, 0, expected * error);
    EXPECT_NEAR(spread.std_dev, expected, expected * error);
  };
  const Network wide = images({.outputs = 128, .kernel = 3}),
                one = images({.outputs = 128, .kernel = 1, .padding = 0}),
                depthwise = images({.outputs = 64, .kernel = 5, .padding = 2, .depthwise = true});
  check(wide, {InitKind::he}, std::sqrt(2.0 / (64 * 9)));
  check(one, {InitKind::he}, std::sqrt(2.0 / 64));
  check(depthwise, {InitKind::he}, std::sqrt(2.0 / 25));
  check(wide, {InitKind::xavier}, std::sqrt(2.0 / ((64 + 128) * 9)));
  check(one, {InitKind::xavier}, std::sqrt(2.0 / (64 + 128)));
  check(depthwise, {InitKind::xavier}, std::sqrt(2.0 / (25 + 25)));
  check(wide, {InitKind::normal, 0.01}, 0.01);
}

TEST(Initialise, gamma_starts_at_1_and_biases_and_beta_at_0) {
  // The last norm of a residual branch too.
  const Network table{3, {Dense{4, true}, BatchNorm{}, Dense{2, true}}};
  const Network images{
      3 * 3 * 2,
      {Conv2d{4}, BatchNorm{}, Activation{}, Conv2d{4}, BatchNorm{}, Add{3}, GlobalAveragePool{}, Dense{2}},
      3,
      3};
  for (const Network& network : {table, images}) {
    std::vector<float> parameters(parameter_arena_size(network), 9.0f);
    initialise_parameters(network, {}, 0, parameters);
    for (const ParameterSlot& slot : parameter_slots(network)) {
      if (slot.is_weight_matrix) continue;
      const bool is_gamma =
          slot.name == "weight" && std::holds_alternative<BatchNorm>(network.layers[slot.layer]);
      for (std::size_t i = 0; i < slot.size(); ++i)
        EXPECT_EQ(parameters[slot.offset + i], is_gamma ? 1.0f : 0.0f);
    }
  }
}

TEST(Initialise, the_seed_and_the_layer_decide_the_numbers) {
  const Network network{10, {Dense{10, false}, Dense{10, false}}};
  std::vector<float> one(parameter_arena_size(network)), same(one), other(one);
  initialise_parameters(network, {}, 1, one);
  initialise_parameters(network, {}, 1, same);
  initialise_parameters(network, {}, 2, other);
  EXPECT_EQ(one, same);
  EXPECT_NE(one, other);
  const auto slots = parameter_slots(network);
  EXPECT_NE(one[slots[0].offset], one[slots[1].offset]);
}

}  // namespace
}  // namespace ztilde
