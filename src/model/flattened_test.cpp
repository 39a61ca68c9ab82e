#include "model/flattened.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <string>

#include "model/model_file_test_support.hpp"
#include "plan/plan_test_networks.hpp"

namespace ztilde {
namespace {

// "2x2x3" for each layer that a flattened image enters, "-" for the others.
std::string images_of(const Network& network) {
  validate(network);
  std::string text;
  for (const std::optional<Shape>& image : flattened_images(network)) {
    if (!text.empty()) text += ' ';
    text += image ? fmt::format("{}x{}x{}", image->height, image->width, image->channels) : "-";
  }
  return text;
}

TEST(Flattened, the_order_lasts_from_flatten_to_the_next_dense) {
  const BatchNorm norm;
  const Activation relu;
  EXPECT_EQ(images_of({24, {Conv2d{3}, MaxPool{}, Flatten{}, Dense{5}, relu, Dense{2}}, 4, 6}),
            "- - - 2x3x3 - -");
  EXPECT_EQ(images_of({8, {Flatten{}, norm, relu, Dropout{}, Flatten{}, Dense{2}}, 2, 2}),
            "- 2x2x2 2x2x2 2x2x2 2x2x2 2x2x2");
}

TEST(Flattened, a_single_channel_or_pixel_has_one_order_only) {
  EXPECT_EQ(images_of({16, {Flatten{}, Dense{2}}, 4, 4}), "- -");
  EXPECT_EQ(images_of({16, {Conv2d{3}, GlobalAveragePool{}, Flatten{}, Dense{2}}, 4, 4}), "- - - -");
  EXPECT_EQ(images_of({5, {Flatten{}, Dense{2}}}), "- -");
}

TEST(Flattened, an_add_has_the_order_where_both_branches_have_it) {
  const Activation relu;
  EXPECT_EQ(images_of({8, {Flatten{}, relu, Add{2}, Dense{2}}, 2, 2}), "- 2x2x2 2x2x2 2x2x2");
  EXPECT_EQ(images_of({8, {Flatten{}, Dense{8}, Add{2}, Dense{2}}, 2, 2}), "- 2x2x2 - -");
  EXPECT_EQ(images_of({8, {Flatten{}, Dense{8}, Shortcut{2}, relu, Add{3}, Dense{2}}, 2, 2}),
            "- 2x2x2 2x2x2 2x2x2 2x2x2 -");
  EXPECT_EQ(images_of({8, {Flatten{}, relu, Shortcut{2}, relu, Add{3}, Dense{2}}, 2, 2}),
            "- 2x2x2 2x2x2 2x2x2 2x2x2 2x2x2");
}

TEST(Flattened, columns_go_to_where_pytorch_has_them) {
  // 2 × 1 pixels of 3 channels: places (pixel, channel) 00 01 02 10 11 12 become 00 10 01 11 02 12.
  const Network network{6, {Flatten{}, BatchNorm{}, Dense{2}}, 2, 1};
  std::vector<float> parameters(parameter_arena_size(network));
  std::vector<double> statistics(statistic_arena_size(network));
  std::iota(statistics.begin(), statistics.end(), 0.0);
  const std::vector<ParameterSlot> slots = parameter_slots(network);
  ASSERT_EQ(slots.size(), 4u);
  for (const ParameterSlot& slot : slots) {
    std::iota(parameters.begin() + static_cast<std::ptrdiff_t>(slot.offset),
              parameters.begin() + static_cast<std::ptrdiff_t>(slot.offset + slot.size()), 0.0f);
  }
  const std::vector<float> last = parameters;
  reorder_features(network, FeatureOrder::channels_first, parameters, statistics);
  const auto of = [&](const ParameterSlot& slot) {
    return std::vector<float>(&parameters[slot.offset], &parameters[slot.offset] + slot.size());
  };
  const std::vector<float> features{0, 3, 1, 4, 2, 5};
  EXPECT_EQ(of(slots[0]), features);
  EXPECT_EQ(of(slots[1]), features);
  EXPECT_EQ(of(slots[2]), (std::vector<float>{0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11}));
  EXPECT_EQ(of(slots[3]), (std::vector<float>{0, 1}));
  EXPECT_EQ(statistics, (std::vector<double>{0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11}));

  reorder_features(network, FeatureOrder::channels_last, parameters, statistics);
  EXPECT_EQ(parameters, last);
  EXPECT_TRUE(std::is_sorted(statistics.begin(), statistics.end()));
}

TEST(Flattened, models_of_images_come_back_bit_for_bit) {
  for (const testing_networks::Case& one : testing_networks::of_images()) {
    SCOPED_TRACE(one.name);
    Model model;
    model.network = one.network;
    model.parameters = testing_networks::random_parameters(model.network);
    model.statistics = testing_networks::random_statistics(model.network);
    model.statistic_batches.assign(statistic_slots(model.network).size(), 7);
    const std::size_t outputs_of_it = layer_outputs(model.network).back();
    for (std::size_t i = 0; i < outputs_of_it; ++i) model.classes.push_back(fmt::format("{}", i));
    if (outputs_of_it == 1) model.classes.push_back("1");
    model.test_inputs = testing_networks::random_inputs(model.network, 3);
    model.test_outputs = outputs(model, model.test_inputs, 1);
    const std::string content = model_file::to_bytes(model, "m.zt");
    const Model back = model_file::from_bytes(content, "m.zt");
    model_file::expect_same(back, model);
    EXPECT_EQ(model_file::to_bytes(back, "m.zt"), content);
  }
}

}  // namespace
}  // namespace ztilde
