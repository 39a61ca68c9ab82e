// Networks over images in the reference plan: convolutions, pooling and residual connections by complex
// step, and the same batch norm as over the rows of a table.
#include <gtest/gtest.h>

#include "plan/reference_test_support.hpp"

namespace ztilde {
namespace {

using testing::expect_right_gradients;
using testing::kSeed;
using testing::kStep;
using testing::make_case;
using testing::normal_numbers;
using testing::ReferenceCase;
using testing::Vector;

constexpr std::size_t kHeight = 5, kWidth = 4, kChannels = 2;

Network over_images(std::vector<Layer> layers) {
  return {kHeight * kWidth * kChannels, std::move(layers), kHeight, kWidth};
}

Conv2d conv(std::size_t outputs, std::size_t kernel = 3, std::size_t stride = 1, std::size_t padding = 1) {
  return {outputs, kernel, stride, padding, false, false};
}

const Conv2d kDepthwise{3, 3, 1, 1, true, true};

// Conv → norm → relu, then one block as the name says, then the end of a network.
const Network kPostActivation = over_images({conv(3), BatchNorm{}, Activation{},          // 0 1 2
                                             conv(4, 3, 2), BatchNorm{}, Activation{},    // 3 4 5
                                             conv(4), BatchNorm{},                        // 6 7
                                             Shortcut{6}, conv(4, 1, 2, 0), BatchNorm{},  // from 2
                                             Add{4}, Activation{},                        // to 7
                                             GlobalAveragePool{}, Dense{3}});
const Network kPreActivation =
    over_images({conv(3), BatchNorm{}, Activation{}, conv(3), BatchNorm{}, Activation{}, conv(3), Add{7},
                 BatchNorm{}, Activation{}, GlobalAveragePool{}, Dense{3}});
const Network kPreActivationProjected =
    over_images({conv(3), BatchNorm{}, Activation{}, conv(4, 3, 2), BatchNorm{}, Activation{}, conv(4),
                 Shortcut{5}, conv(4, 1, 2, 0), Add{3}, BatchNorm{}, Activation{}, Flatten{}, Dense{3}});
const Network kIdentityShortcut =
    over_images({conv(3), BatchNorm{}, Activation{}, conv(3), BatchNorm{}, Activation{}, conv(3), BatchNorm{},
                 Add{6}, Activation{}, GlobalAveragePool{}, Dense{3}});

TEST(ReferenceImages, gradients_are_right_through_convolutions_and_norms) {
  expect_right_gradients(make_case(
      over_images({conv(3), BatchNorm{}, Activation{}, Conv2d{4}, GlobalAveragePool{}, Dense{3}}), 3));
}

TEST(ReferenceImages, gradients_are_right_for_strides_paddings_and_depthwise_convolutions) {
  for (const Conv2d& first :
       {Conv2d{3, 2, 1, 0}, Conv2d{3, 2, 2, 1}, Conv2d{3, 1, 2, 0}, Conv2d{3, 5, 3, 4}}) {
    SCOPED_TRACE(first.kernel);
    expect_right_gradients(make_case(over_images({first, Activation{ActivationKind::tanh}, kDepthwise,
                                                  BatchNorm{}, conv(2, 1, 1, 0), Flatten{}, Dense{2}}),
                                     3));
  }
}

TEST(ReferenceImages, gradients_are_right_through_each_pooling) {
  for (const Layer& pool :
       {Layer{MaxPool{2, 2}}, Layer{MaxPool{3, 1}}, Layer{AveragePool{2, 2}}, Layer{AveragePool{3, 1}}}) {
    SCOPED_TRACE(layers::name_of_layer(pool));
    expect_right_gradients(
        make_case(over_images({conv(3), pool, BatchNorm{}, Activation{}, Flatten{}, Dense{3}}), 3));
    expect_right_gradients(
        make_case(over_images({pool, Conv2d{3, 2}, Activation{}, GlobalAveragePool{}, Dense{3}}), 3));
  }
}

TEST(ReferenceImages, gradients_are_right_for_residual_blocks) {
  for (const Network& network :
       {kPostActivation, kPreActivation, kPreActivationProjected, kIdentityShortcut}) {
    SCOPED_TRACE(to_json(network));
    expect_right_gradients(make_case(network, 3));
  }
}

TEST(ReferenceImages, gradients_of_a_value_with_three_readers_add_up) {
  // Layer 0 goes to 1, to the Add at 3 and, by way of the Shortcut at 4, to the Add at 6.
  const Network table{4,
                      {Dense{3}, Activation{ActivationKind::tanh}, Dense{3}, Add{3}, Shortcut{4},
                       Activation{ActivationKind::silu}, Add{3}, BatchNorm{}, Dense{2}}};
  expect_right_gradients(make_case(table));
  // A branch that begins where another one ended.
  expect_right_gradients(
      make_case({4, {Dense{3}, BatchNorm{}, Activation{}, Dense{3}, Add{2}, Shortcut{2}, Dense{3}, Add{3}}}));
}

TEST(ReferenceImages, add_and_shortcut_do_what_they_say) {
  const Network network{2, {Dense{2}, Activation{ActivationKind::relu}, Add{2}, Shortcut{2}, Add{2}}};
  ReferencePlan<double> plan(network);
  Vector parameters(parameter_arena_size(network));
  const std::vector<ParameterSlot> slots = parameter_slots(network);
  parameters[slots[0].offset] = parameters[slots[0].offset + 3] = 1;  // Dense gives what it gets
  // relu + x, then relu alone, then both.
  EXPECT_EQ(plan.forward_training({3, -5}, 1, parameters, {}, 0, 0), (Vector{9, -5}));
  EXPECT_EQ(plan.layer_input(3), (Vector{3, 0}));
  EXPECT_EQ(plan.forward_inference({3, -5}, 1, parameters, {}), (Vector{9, -5}));
}

TEST(ReferenceImages, gradients_are_right_where_images_count_by_weights) {
  for (const Network& network : {kPostActivation, kPreActivation}) {
    ReferenceCase c = make_case(network, 4);
    c.weights = {0.5, 2, 0, 1.25};
    expect_right_gradients(c);
  }
}

TEST(ReferenceImages, an_image_that_counts_twice_is_there_twice_in_the_statistics) {
  const ReferenceCase c = make_case(kPostActivation, 3);
  ReferencePlan<double> plan(c.network);
  plan.forward_training(c.x, 3, c.parameters, c.statistics, 0, 0, {1, 2, 0});
  const Vector weighted = plan.batch_statistics();
  Vector repeated = testing::rows_of(c.x, 3, 0, 2);
  const Vector second = testing::rows_of(c.x, 3, 1, 1);
  repeated.insert(repeated.end(), second.begin(), second.end());
  plan.forward_training(repeated, 3, c.parameters, c.statistics, 0, 0);
  // Sums of the same sixty numbers in other orders.
  for (std::size_t i = 0; i < weighted.size(); ++i)
    EXPECT_NEAR(weighted[i], plan.batch_statistics()[i], 1e-13 * (1 + std::abs(weighted[i])));
}

// Ghost batch norm: each group has statistics of its own, and the gradients of the groups add up.
TEST(ReferenceImages, gradients_of_ghost_groups_add_up_to_the_gradient_of_the_whole_loss) {
  ReferenceCase c = make_case(kPostActivation, 5);
  c.groups = {2, 3};
  expect_right_gradients(c);
  c.weights = {0.5, 2, 1, 1.25, 3};
  expect_right_gradients(c);
  ReferenceCase table = make_case(dense_network({.inputs = 4, .outputs = 3, .hidden = {5, 6}}), 10);
  table.groups = {4, 3, 3};
  expect_right_gradients(table);
}

TEST(ReferenceImages, gradients_are_right_with_standardise_and_dropout) {
  expect_right_gradients(make_case(over_images({Standardise{}, conv(3), BatchNorm{}, Activation{},
                                                Dropout{0.4}, Conv2d{2}, Dropout{0.3}, Flatten{}, Dense{3}}),
                                   3));
}

// The rows of an image network are the images, those of the other one its pixels: what enters, what leaves
// and every gradient are the same numbers in the same order.
TEST(ReferenceImages, batch_norm_over_images_is_that_over_the_rows_of_all_pixels_bit_for_bit) {
  const std::size_t images = 3, pixels = images * kHeight * kWidth;
  const ReferenceCase c = make_case(
      over_images({Standardise{}, BatchNorm{}, Activation{}, BatchNorm{1e-3}, Conv2d{3, 1, 1, 0}, Flatten{}}),
      images);
  const Network table{kChannels, {Standardise{}, BatchNorm{}, Activation{}, BatchNorm{1e-3}, Dense{3}}};
  ReferencePlan<double> plan(c.network), of_pixels(table);
  for (const Vector& weights : {Vector{}, Vector{1, 0.5, 3}}) {
    Vector pixel_weights;
    for (const double weight : weights) pixel_weights.insert(pixel_weights.end(), kHeight * kWidth, weight);
    EXPECT_EQ(plan.forward_training(c.x, images, c.parameters, c.statistics, 0, 0, weights),
              of_pixels.forward_training(c.x, pixels, c.parameters, c.statistics, 0, 0, pixel_weights));
    EXPECT_EQ(plan.batch_statistics(), of_pixels.batch_statistics());
    EXPECT_EQ(plan.layer_input(4), of_pixels.layer_input(4));
    Vector d(c.parameters.size()), d_of_pixels(c.parameters.size());
    EXPECT_EQ(plan.backward(c.d_output, d), of_pixels.backward(c.d_output, d_of_pixels));
    EXPECT_EQ(d, d_of_pixels);
    EXPECT_GT(testing::largest(d), 0.0);
  }
  EXPECT_EQ(plan.forward_inference(c.x, images, c.parameters, c.statistics),
            of_pixels.forward_inference(c.x, pixels, c.parameters, c.statistics));
}

TEST(ReferenceImages, inference_with_the_batch_statistics_is_training) {
  const ReferenceCase c = make_case(kPostActivation, 3);
  ReferencePlan<double> plan(c.network);
  const Vector trained = plan.forward_training(c.x, 3, c.parameters, c.statistics, 0, 0);
  EXPECT_EQ(plan.forward_inference(c.x, 3, c.parameters, plan.batch_statistics()), trained);
}

TEST(ReferenceImages, standardise_takes_each_channel_over_all_pixels) {
  const Network network = over_images({Standardise{}, Flatten{}, Dense{1}});
  const ReferenceCase c = make_case(network, 2);
  ASSERT_EQ(c.statistics.size(), 2 * kChannels);
  ReferencePlan<double> plan(network);
  plan.forward_training(c.x, 2, c.parameters, {1, 2, 4, 16}, 0, 0);
  for (std::size_t i = 0; i < c.x.size(); i += 2) {
    EXPECT_EQ(plan.layer_input(1)[i], (c.x[i] - 1) / 2);
    EXPECT_EQ(plan.layer_input(1)[i + 1], (c.x[i + 1] - 2) / 4);
  }
}

TEST(ReferenceImages, dropout_counts_the_elements_as_they_lie) {
  const Network network = over_images({Dropout{0.5}, Flatten{}, Dense{1}});
  ReferenceCase c = make_case(network, 3);
  c.x.assign(c.x.size(), 1.0);
  ReferencePlan<double> plan(network);
  plan.forward_training(c.x, c.rows, c.parameters, c.statistics, kSeed, kStep);
  const RandomStream stream(kSeed, Purpose::dropout, 0, kStep);
  const Vector& dropped = plan.layer_input(1);
  for (std::size_t i = 0; i < dropped.size(); ++i)
    EXPECT_EQ(dropped[i], stream.bits(i) < (1u << 31) ? 0.0 : 2.0);
}

}  // namespace
}  // namespace ztilde
