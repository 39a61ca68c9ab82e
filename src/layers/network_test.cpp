#include "ztilde/network.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "layers/network_test_support.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

TEST(dense_network, has_norm_before_activation_and_no_bias_before_norm) {
  DenseNetworkOptions options;
  options.inputs = 784;
  options.outputs = 10;
  options.hidden = {256, 128};
  options.dropout = 0.5;
  const Network expected{784,
                         {Standardise{}, Dense{256, false}, BatchNorm{}, Activation{}, Dropout{0.5},
                          Dense{128, false}, BatchNorm{}, Activation{}, Dropout{0.5}, Dense{10, true}}};
  EXPECT_EQ(dense_network(options), expected);
}

TEST(dense_network, keeps_the_bias_where_the_activation_comes_first) {
  DenseNetworkOptions options;
  options.inputs = 4;
  options.outputs = 3;
  options.hidden = {8};
  options.activation = ActivationKind::tanh;
  options.norm_place = NormPlace::after;
  options.epsilon = 1e-3;
  options.keep = 0.99;
  options.standardise = false;
  const Network expected{4,
                         {Dense{8, true}, Activation{ActivationKind::tanh},
                          BatchNorm{1e-3, 0.99, VarianceKind::population}, Dense{3, true}}};
  EXPECT_EQ(dense_network(options), expected);
}

TEST(dense_network, without_norm_and_hidden_layers_is_a_regression) {
  DenseNetworkOptions options;
  options.inputs = 4;
  options.outputs = 1;
  options.hidden = {};
  options.batch_norm = false;
  EXPECT_EQ(dense_network(options), (Network{4, {Standardise{}, Dense{1, true}}}));
}

TEST(dense_network, refuses_options_that_cannot_work) {
  DenseNetworkOptions options;
  options.inputs = 4;
  options.outputs = 3;
  options.hidden = {8, 0};
  EXPECT_THROW(dense_network(options), Error);
}

TEST(validate, names_the_layer_the_value_and_the_cure) {
  const auto with = [](Layer layer) {
    return Network{4, {Dense{8, true}, Activation{}, layer, Dense{2, true}}};
  };
  const double inf = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(complaint(with(BatchNorm{-1})), "layer 2 (batch_norm): epsilon is -1; it must be at least 0");
  EXPECT_EQ(complaint(with(BatchNorm{nan})),
            "layer 2 (batch_norm): epsilon is nan; it must be a finite number");
  EXPECT_EQ(complaint(with(BatchNorm{inf})),
            "layer 2 (batch_norm): epsilon is inf; it must be a finite number");
  EXPECT_EQ(complaint(with(BatchNorm{1e-5, 1.5})),
            "layer 2 (batch_norm): keep is 1.5; it must be from 0 to 1");
  EXPECT_EQ(complaint(with(BatchNorm{1e-5, -0.1})),
            "layer 2 (batch_norm): keep is -0.1; it must be from 0 to 1");
  EXPECT_EQ(complaint(with(Dropout{1})),
            "layer 2 (dropout): probability is 1; it must be at least 0 and below 1");
  EXPECT_EQ(complaint(with(Dense{0})), "layer 2 (dense): outputs is 0; it must be a whole number from 1");
  EXPECT_EQ(complaint(with(Standardise{})),
            "layer 2 (standardise): it works on inputs only; make it the first layer or the one after "
            "encode, or take it out");
}

TEST(validate, wants_inputs_and_a_dense_layer) {
  EXPECT_EQ(complaint({0, {Dense{2}}}), "inputs is 0; a network needs at least 1 input");
  EXPECT_EQ(complaint({4, {}}), "the network has neither a dense nor a conv2d layer; it needs at least one");
  EXPECT_EQ(complaint({4, {Activation{}}}),
            "the network has neither a dense nor a conv2d layer; it needs at least one");
}

TEST(validate, accepts_the_ends_of_each_range) {
  const Network network{
      1, {Standardise{}, Dense{1, true}, BatchNorm{0, 0}, BatchNorm{0, 1}, Dropout{0}, Dense{1}}};
  EXPECT_EQ(complaint(network), "");
}

TEST(validate, refuses_sizes_that_overflow) {
  const std::size_t half = std::size_t{1} << 33;
  EXPECT_EQ(complaint({half, {Dense{half}}}),
            "layer 0 (dense): its numbers are more than any memory holds; use fewer outputs");
  EXPECT_NE(complaint({1, {Dense{std::numeric_limits<std::size_t>::max()}}}), "");
  EXPECT_NE(complaint({std::numeric_limits<std::size_t>::max(), {Dense{1}}}), "");
  // 2^47 weights each: one fits, together they do not.
  const Layer wide = Dense{std::size_t{1} << 46, false}, narrow = Dense{2, false};
  EXPECT_EQ(complaint({2, {wide}}), "");
  EXPECT_NE(complaint({2, {wide, narrow, wide, narrow}}), "");
}

TEST(layout, parameters_are_those_of_a_sequential_at_aligned_offsets) {
  const Network network{3, {Standardise{}, Dense{5, false}, BatchNorm{}, Activation{}, Dense{2, true}}};
  EXPECT_EQ(layer_outputs(network), (std::vector<std::size_t>{3, 5, 5, 5, 2}));

  const std::vector<ParameterSlot> slots = parameter_slots(network);
  ASSERT_EQ(slots.size(), 5u);
  const auto expect = [&](std::size_t i, std::size_t layer, std::string_view name, std::size_t rows,
                          std::size_t columns, std::size_t offset, bool matrix) {
    EXPECT_EQ(slots[i].layer, layer);
    EXPECT_EQ(slots[i].name, name);
    EXPECT_EQ(slots[i].rows, rows);
    EXPECT_EQ(slots[i].columns, columns);
    EXPECT_EQ(slots[i].offset, offset);
    EXPECT_EQ(slots[i].is_weight_matrix, matrix);
  };
  expect(0, 1, "weight", 5, 3, 0, true);
  expect(1, 2, "weight", 5, 1, 16, false);
  expect(2, 2, "bias", 5, 1, 32, false);
  expect(3, 4, "weight", 2, 5, 48, true);
  expect(4, 4, "bias", 2, 1, 64, false);
  EXPECT_EQ(parameter_arena_size(network), 80u);
  EXPECT_EQ(parameter_count(network), 15u + 5 + 5 + 10 + 2);
}

TEST(layout, statistics_lie_one_layer_after_the_other) {
  const Network network{3,
                        {Standardise{}, Dense{5, false}, BatchNorm{}, Activation{}, BatchNorm{}, Dense{2}}};
  const std::vector<StatisticSlot> slots = statistic_slots(network);
  ASSERT_EQ(slots.size(), 3u);
  EXPECT_EQ(slots[0].layer, 0u);
  EXPECT_EQ(slots[0].channels, 3u);
  EXPECT_EQ(slots[0].offset, 0u);
  EXPECT_EQ(slots[1].layer, 2u);
  EXPECT_EQ(slots[1].channels, 5u);
  EXPECT_EQ(slots[1].offset, 6u);
  EXPECT_EQ(slots[2].layer, 4u);
  EXPECT_EQ(slots[2].offset, 16u);
  EXPECT_EQ(statistic_arena_size(network), 26u);
}

TEST(layout, network_without_layers_has_no_arenas) {
  EXPECT_EQ(parameter_arena_size({3, {}}), 0u);
  EXPECT_EQ(statistic_arena_size({3, {}}), 0u);
}

TEST(activation_names, go_there_and_back) {
  for (int i = 0; i <= static_cast<int>(ActivationKind::gelu); ++i) {
    const auto kind = static_cast<ActivationKind>(i);
    EXPECT_EQ(activation_from_string(to_string(kind)), kind);
  }
  EXPECT_EQ(to_string(ActivationKind::leaky_relu), "leaky_relu");
}

TEST(activation_names, misspelt_ones_are_told_the_nearest) {
  try {
    activation_from_string("rellu");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).rfind("unknown activation \"rellu\"; did you mean relu", 0), 0u)
        << error.what();
  }
}

}  // namespace
}  // namespace ztilde
