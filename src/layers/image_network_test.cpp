// Networks over images: what validate asks of shapes and connections, and where things lie.
#include <gtest/gtest.h>

#include <limits>

#include "layers/network_test_support.hpp"
#include "ztilde/error.hpp"
#include "ztilde/network.hpp"

namespace ztilde {
namespace {

// 5 × 4 pixels of 2 channels.
Network over_images(std::vector<Layer> layers) { return {5 * 4 * 2, std::move(layers), 5, 4}; }

// Of the layer, with what makes a network of it.
std::string complaint_about(const Layer& layer) {
  return complaint(over_images({Conv2d{3}, layer, GlobalAveragePool{}, Dense{2}}));
}

const Network kResidual = over_images({
    Conv2d{3, 3, 1, 1, false, false}, BatchNorm{}, Activation{},                                    // 0 1 2
    Conv2d{6, 3, 2, 1, false, false}, BatchNorm{}, Activation{},                                    // 3 4 5
    Conv2d{6, 3, 1, 1, true}, BatchNorm{},                                                          // 6 7
    Shortcut{6}, Conv2d{6, 1, 2, 0}, Add{3}, MaxPool{2, 1}, AveragePool{1, 1}, Flatten{}, Dense{4}  // 8 …
});

TEST(validate, accepts_networks_of_images) {
  EXPECT_EQ(complaint(kResidual), "");
  EXPECT_EQ(complaint(over_images({Standardise{}, Conv2d{3}, GlobalAveragePool{}})), "");
  EXPECT_EQ(
      complaint(over_images({Flatten{}, Standardise{}, Dense{3}})),
      "layer 1 (standardise): it works on inputs only; make it the first layer or the one after encode, or "
      "take it out");
  EXPECT_EQ(complaint(over_images({Standardise{}, Flatten{}, Dense{3}})), "");
  // A table may go through what leaves it as it is.
  EXPECT_EQ(complaint({4, {Flatten{}, Conv2d{5, 1, 1, 0}, GlobalAveragePool{}, Dense{3}}}), "");
}

TEST(validate, wants_inputs_to_fill_whole_images) {
  EXPECT_EQ(complaint({10, {Flatten{}, Dense{2}}, 3, 1}),
            "inputs is 10, height 3, width 1; inputs must be height · width · channels");
  EXPECT_EQ(complaint({4, {Flatten{}, Dense{2}}, 3, 2}),
            "inputs is 4, height 3, width 2; inputs must be height · width · channels");
  EXPECT_EQ(complaint({4, {Flatten{}, Dense{2}}, 0, 2}),
            "inputs is 4, height 0, width 2; inputs must be height · width · channels");
  EXPECT_EQ(complaint({4, {Flatten{}, Dense{2}}, 2, 0}),
            "inputs is 4, height 2, width 0; inputs must be height · width · channels");
  // Their product is 0 in 64 bits.
  const std::size_t half = std::size_t{1} << 32;
  EXPECT_NE(complaint({4, {Flatten{}, Dense{2}}, half, half}), "");
}

TEST(validate, wants_windows_that_fit) {
  EXPECT_EQ(complaint_about(MaxPool{5, 1}),
            "layer 1 (max_pool): its kernel of 5 × 5 does not fit into 5 × 4 pixels; make it smaller, or "
            "take out a "
            "pooling or a stride before it");
  EXPECT_EQ(
      complaint_about(AveragePool{9, 1}),
      "layer 1 (average_pool): its kernel of 9 × 9 does not fit into 5 × 4 pixels; make it smaller, or take "
      "out a pooling or a stride before it");
  EXPECT_EQ(
      complaint_about(Conv2d{3, 7, 1, 1}),
      "layer 1 (conv2d): its kernel of 7 × 7 does not fit into 5 × 4 pixels with a padding of 1; make it "
      "smaller, or take out a pooling or a stride before it");
  EXPECT_EQ(complaint_about(Conv2d{3, 6, 1, 1}), "");
  EXPECT_EQ(complaint_about(MaxPool{4, 9}), "");
  EXPECT_EQ(complaint(over_images({Conv2d{3, 3, 4}, MaxPool{}, MaxPool{}, Flatten{}, Dense{2}})),
            "layer 1 (max_pool): its kernel of 2 × 2 does not fit into 2 × 1 pixels; make it smaller, or "
            "take out a "
            "pooling or a stride before it");
}

TEST(validate, wants_images_for_windows) {
  EXPECT_EQ(
      complaint({4, {Conv2d{3}, Dense{2}}}),
      "layer 0 (conv2d): its kernel of 3 × 3 pixels is for images; give the network's height and width");
  EXPECT_EQ(
      complaint({4, {MaxPool{}, Dense{2}}}),
      "layer 0 (max_pool): its kernel of 2 × 2 pixels is for images; give the network's height and width");
}

TEST(validate, wants_a_padding_below_the_kernel) {
  EXPECT_EQ(complaint_about(Conv2d{3, 3, 1, 3}),
            "layer 1 (conv2d): padding is 3 and kernel 3, so that some windows would see nothing but "
            "padding; make it "
            "smaller than the kernel");
  EXPECT_EQ(complaint_about(Conv2d{3, 1, 1, 1}),
            "layer 1 (conv2d): padding is 1 and kernel 1, so that some windows would see nothing but "
            "padding; make it "
            "smaller than the kernel");
  EXPECT_EQ(complaint_about(Conv2d{3, 3, 1, 2}), "");
}

TEST(validate, wants_as_many_outputs_of_a_depthwise_convolution_as_enter_it) {
  EXPECT_EQ(complaint_about(Conv2d{6, 3, 1, 1, true}),
            "layer 1 (conv2d): outputs is 6, and 3 channels enter it; a depthwise convolution gives as many "
            "as enter");
  EXPECT_EQ(complaint_about(Conv2d{3, 3, 1, 1, true}), "");
}

TEST(validate, wants_fields_in_their_range) {
  EXPECT_EQ(complaint_about(Conv2d{0}), "layer 1 (conv2d): outputs is 0; it must be a whole number from 1");
  EXPECT_EQ(complaint_about(Conv2d{3, 0}),
            "layer 1 (conv2d): kernel is 0; it must be a whole number from 1 to 4096");
  EXPECT_EQ(complaint_about(Conv2d{3, 3, 0}),
            "layer 1 (conv2d): stride is 0; it must be a whole number from 1 to 4096");
  EXPECT_EQ(complaint_about(Conv2d{3, 3, 1, 4097}),
            "layer 1 (conv2d): padding is 4097; it must be a whole number from 0 to 4096");
  EXPECT_EQ(complaint_about(MaxPool{0, 1}),
            "layer 1 (max_pool): kernel is 0; it must be a whole number from 1 to 4096");
  EXPECT_EQ(complaint_about(AveragePool{1, 0}),
            "layer 1 (average_pool): stride is 0; it must be a whole number from 1 to 4096");
  EXPECT_EQ(complaint_about(Add{1}), "layer 1 (add): back is 1; it must be a whole number from 2");
  EXPECT_EQ(complaint_about(Shortcut{0}), "layer 1 (shortcut): back is 0; it must be a whole number from 2");
}

TEST(validate, wants_rows_of_numbers_before_dense_and_at_the_end) {
  EXPECT_EQ(
      complaint(over_images({Dense{3}})),
      "layer 0 (dense): 5 × 4 pixels of 2 channels enter it; put flatten or global_average_pool before it");
  EXPECT_EQ(complaint(over_images({Conv2d{1}, Activation{}})),
            "layer 1 (activation): the network ends with 5 × 4 pixels of 1 channel; end it with "
            "global_average_pool, "
            "or with flatten and dense");
  EXPECT_EQ(complaint(over_images({GlobalAveragePool{}})),
            "the network has neither a dense nor a conv2d layer; it needs at least one");
}

TEST(validate, wants_layers_to_go_back_to) {
  EXPECT_EQ(
      complaint_about(Add{2}),
      "layer 1 (add): back is 2, and only 1 layer comes before it; go back less far, or put it further on");
  EXPECT_EQ(complaint_about(Shortcut{9}),
            "layer 1 (shortcut): back is 9, and only 1 layer comes before it; go back less far, or put it "
            "further on");
  EXPECT_EQ(complaint(over_images({Shortcut{2}, Conv2d{3}})),
            "layer 0 (shortcut): back is 2, and only 0 layers come before it; go back less far, or put it "
            "further on");
  EXPECT_NE(complaint(over_images({Conv2d{3}, Add{std::numeric_limits<std::size_t>::max()}})), "");
}

TEST(validate, wants_one_shape_of_what_is_added) {
  EXPECT_EQ(
      complaint(over_images({Conv2d{3}, Conv2d{4}, Add{2}, GlobalAveragePool{}})),
      "layer 2 (add): it adds 5 × 4 pixels of 4 channels to 5 × 4 pixels of 3 channels of layer 0 (conv2d); "
      "bring one to the shape of the other by a shortcut with a conv2d or a dense");
  EXPECT_EQ(
      complaint(over_images({Conv2d{3}, Conv2d{3, 3, 2}, Add{2}, GlobalAveragePool{}})),
      "layer 2 (add): it adds 3 × 2 pixels of 3 channels to 5 × 4 pixels of 3 channels of layer 0 (conv2d); "
      "bring one to the shape of the other by a shortcut with a conv2d or a dense");
  EXPECT_EQ(complaint({4, {Dense{3}, Dense{1}, Add{2}}}),
            "layer 2 (add): it adds 1 channel to 3 channels of layer 0 (dense); bring one to the shape of "
            "the other "
            "by a shortcut with a conv2d or a dense");
}

TEST(validate, wants_a_reader_of_every_branch) {
  EXPECT_EQ(complaint({4, {Dense{3}, Activation{}, Dense{3}, Shortcut{3}, Dense{2}}}),
            "layer 2 (dense): nothing reads its output; add it to another branch, or take it out");
  EXPECT_EQ(complaint({4, {Dense{3}, Activation{}, Dense{3}, Shortcut{3}, Add{2}, Dense{2}}}), "");
}

TEST(validate, wants_a_table_for_encode) {
  const Encode encode{{EncodedColumn{}, EncodedColumn{}}};
  EXPECT_EQ(
      complaint({2, {encode, Flatten{}, Dense{2}}, 2, 1}),
      "layer 0 (encode): it works on the columns of a table, not on images; take it or height and width out");
}

TEST(validate, refuses_images_larger_than_any_memory) {
  const std::size_t side = std::size_t{1} << 20;
  EXPECT_EQ(complaint({side * side, {Conv2d{1 << 10}, GlobalAveragePool{}}, side, side}),
            "layer 0 (conv2d): its output is more than any memory holds; use fewer outputs");
  // Weights whose number is 0 in 64 bits.
  EXPECT_EQ(complaint({std::size_t{1} << 48, {Conv2d{1, 4096, 1, 4095}, GlobalAveragePool{}}, 2, 1}),
            "layer 0 (conv2d): its numbers are more than any memory holds; use fewer outputs");
  EXPECT_NE(complaint(over_images({Conv2d{std::size_t{1} << 60}, GlobalAveragePool{}})), "");
}

TEST(layout, shapes_are_those_of_images_as_they_go_through) {
  EXPECT_EQ(kResidual.input_shape(), (Shape{5, 4, 2}));
  const std::vector<Shape> shapes = layer_shapes(kResidual);
  const Shape first{5, 4, 3}, second{3, 2, 6};
  const std::vector<Shape> expected = {first,  first,     first,     second,     second,
                                       second, second,    second,    first,      second,
                                       second, {2, 1, 6}, {2, 1, 6}, {1, 1, 12}, {1, 1, 4}};
  EXPECT_EQ(shapes, expected);
  std::vector<std::size_t> sizes;
  for (const Shape& shape : expected) sizes.push_back(shape.size());
  EXPECT_EQ(layer_outputs(kResidual), sizes);
  EXPECT_EQ((Shape{3, 2, 6}.size()), 36u);
}

TEST(layout, only_a_shortcut_works_on_another_layer_than_the_one_before) {
  EXPECT_EQ(layer_source(kResidual, 0), std::nullopt);
  EXPECT_EQ(layer_source(kResidual, 1), 0u);
  EXPECT_EQ(layer_source(kResidual, 8), 2u);
  EXPECT_EQ(layer_source(kResidual, 9), 8u);
  EXPECT_EQ(layer_source(kResidual, 10), 9u);  // an Add reads another one besides
}

TEST(layout, parameters_and_statistics_of_image_networks_are_by_channel) {
  const std::vector<ParameterSlot> slots = parameter_slots(kResidual);
  const struct {
    std::size_t layer;
    std::string_view name;
    std::size_t rows, columns, kernel;
  } expected[] = {{0, "weight", 3, 2 * 9, 3}, {1, "weight", 3, 1, 0}, {1, "bias", 3, 1, 0},
                  {3, "weight", 6, 3 * 9, 3}, {4, "weight", 6, 1, 0}, {4, "bias", 6, 1, 0},
                  {6, "weight", 6, 9, 3},     {6, "bias", 6, 1, 0},   {7, "weight", 6, 1, 0},
                  {7, "bias", 6, 1, 0},       {9, "weight", 6, 3, 1}, {9, "bias", 6, 1, 0},
                  {14, "weight", 4, 12, 0},   {14, "bias", 4, 1, 0}};
  ASSERT_EQ(slots.size(), std::size(expected));
  std::size_t end = 0, count = 0;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(slots[i].layer, expected[i].layer);
    EXPECT_EQ(slots[i].name, expected[i].name);
    EXPECT_EQ(slots[i].rows, expected[i].rows);
    EXPECT_EQ(slots[i].columns, expected[i].columns);
    EXPECT_EQ(slots[i].kernel, expected[i].kernel);
    const auto* layer = &kResidual.layers[slots[i].layer];
    EXPECT_EQ(slots[i].is_weight_matrix,
              slots[i].name == "weight" && !std::holds_alternative<BatchNorm>(*layer));
    EXPECT_EQ(slots[i].offset, end);
    end = (slots[i].offset + slots[i].size() + 15) / 16 * 16;
    count += slots[i].size();
  }
  EXPECT_EQ(parameter_arena_size(kResidual), end);
  EXPECT_EQ(parameter_count(kResidual), count);

  const std::vector<StatisticSlot> statistics = statistic_slots(kResidual);
  ASSERT_EQ(statistics.size(), 3u);
  EXPECT_EQ(statistics[0].channels, 3u);
  EXPECT_EQ(statistics[1].channels, 6u);
  EXPECT_EQ(statistics[2].layer, 7u);
  EXPECT_EQ(statistic_arena_size(kResidual), 2u * (3 + 6 + 6));
  EXPECT_EQ(statistic_arena_size(over_images({Standardise{}, Flatten{}, Dense{1}})), 2u * 2);
}

}  // namespace
}  // namespace ztilde
