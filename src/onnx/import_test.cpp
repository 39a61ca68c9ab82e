// Each operator, in graphs whose outputs are worked out from the operators' definitions.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "onnx/import_evaluate_test.hpp"
#include "onnx/import_test_support.hpp"
#include "ztilde/error.hpp"

namespace ztilde::onnx_import {
namespace {

Array rows_for(const ModelMaker& maker, std::size_t rows) {
  Array array;
  for (const auto& dim : maker.proto.graph().input(0).type().tensor_type().shape().dim())
    array.dims.push_back(array.dims.empty() ? rows : static_cast<std::size_t>(dim.dim_value()));
  std::size_t size = 1;
  for (const std::size_t dim : array.dims) size *= dim;
  for (const float number : made_up(size, 4)) array.numbers.push_back(1.3 * number + 0.1);
  return array;
}

// The rows as the model takes them: images channels last, where the file has them channels first.
std::vector<float> for_model(const Array& rows, bool is_channels_last) {
  std::vector<float> floats(rows.numbers.begin(), rows.numbers.end());
  if (rows.dims.size() < 3 || is_channels_last) return floats;
  const std::size_t channels = rows.dims[1], pixels = rows.size() / rows.dims[0] / channels;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t row = i / (channels * pixels), c = i / pixels % channels, p = i % pixels;
    floats[(row * pixels + p) * channels + c] = static_cast<float>(rows.numbers[i]);
  }
  return floats;
}

// Of 3 rows: the model's outputs are the graph's. Sums of at most some hundred numbers of size 1 in float are
// right to about 1e-5.
Model same_as_graph(const ModelMaker& maker, bool is_channels_last = false,
                    const OnnxImportOptions& options = {}) {
  const OnnxImport imported = maker.import(options);
  const Array rows = rows_for(maker, 3);
  Array expected = Evaluator(maker.proto).run(rows);
  if (expected.dims.size() > 2) {
    const std::vector<float> last = for_model(expected, false);
    expected.numbers.assign(last.begin(), last.end());
  }
  const std::vector<float> given = outputs(imported.model, for_model(rows, is_channels_last), 1);
  EXPECT_EQ(given.size(), expected.size());
  for (std::size_t i = 0; i < std::min(given.size(), expected.size()); ++i)
    EXPECT_NEAR(given[i], expected.numbers[i], 1e-5 * (1 + std::abs(expected.numbers[i]))) << i;
  return imported.model;
}

template <class Kind>
std::size_t count_of(const Model& model) {
  std::size_t count = 0;
  for (const Layer& layer : model.network.layers) count += std::holds_alternative<Kind>(layer);
  return count;
}

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "taken";
}

TEST(OnnxImport, a_table_network_becomes_standardise_dense_batch_norm_silu_gelu_dense) {
  const Model model = same_as_graph(table_model());
  ASSERT_EQ(model.network.layers.size(), 6u);
  EXPECT_TRUE(std::holds_alternative<Standardise>(model.network.layers[0]));
  EXPECT_EQ(model.network.layers[1], Layer(Dense{6, true}));
  EXPECT_EQ(model.network.layers[2], Layer(BatchNorm{}));
  EXPECT_EQ(model.network.layers[3], Layer(Activation{ActivationKind::silu}));
  EXPECT_EQ(model.network.layers[4], Layer(Activation{ActivationKind::gelu}));
  EXPECT_EQ(model.network.layers[5], Layer(Dense{3, true}));
  EXPECT_EQ(model.classes, (std::vector<std::string>{"0", "1", "2"}));
}

TEST(OnnxImport, an_image_network_with_a_residual_block_keeps_its_outputs_in_channels_last_layout) {
  const Model model = same_as_graph(image_model());
  EXPECT_EQ(model.network.input_shape(), (Shape{6, 6, 2}));
  EXPECT_EQ(count_of<Add>(model), 1u);
  EXPECT_EQ(count_of<BatchNorm>(model), 2u);
  EXPECT_EQ(model.image_width, 6u);
}

struct Convolution {
  std::vector<std::int64_t> kernel, pads, strides, dilations;
  std::int64_t group = 1;
};

TEST(OnnxImport, convolutions_of_any_kernel_padding_dilation_and_group_that_a_square_one_can_be) {
  const Convolution cases[] = {
      {{3, 3}, {1, 1, 1, 1}, {2, 2}, {1, 1}},    {{1, 1}, {0, 0, 0, 0}, {1, 1}, {1, 1}},
      {{1, 5}, {0, 2, 0, 2}, {1, 1}, {1, 1}},    {{5, 3}, {2, 1, 2, 1}, {1, 1}, {1, 1}},
      {{3, 3}, {2, 2, 2, 2}, {1, 1}, {2, 2}},    {{3, 3}, {0, 0, 0, 0}, {1, 1}, {1, 1}, 2},
      {{3, 3}, {1, 1, 1, 1}, {1, 1}, {1, 1}, 4}, {{2, 2}, {0, 0, 1, 1}, {1, 1}, {1, 1}},
      {{3, 3}, {4, 4, 4, 4}, {1, 1}, {1, 1}},    {{3, 3}, {0, 0, 1, 1}, {2, 2}, {1, 1}},
  };
  for (const Convolution& c : cases) {
    ModelMaker maker({0, 4, 7, 7});
    const std::int64_t inputs = 4 / c.group;
    maker.floats("w", {8, inputs, c.kernel[0], c.kernel[1]},
                 made_up(static_cast<std::size_t>(8 * inputs * c.kernel[0] * c.kernel[1])));
    maker.floats("b", {8}, made_up(8, 3));
    auto& node = maker.node("Conv", {"x", "w", "b"}, "y");
    set(node, "pads", c.pads);
    set(node, "strides", c.strides);
    set(node, "dilations", c.dilations);
    set(node, "group", c.group);
    maker.output("y");
    SCOPED_TRACE(testing::PrintToString(c.kernel) + testing::PrintToString(c.pads));
    same_as_graph(maker);
  }
}

TEST(OnnxImport,
     a_network_of_channels_last_images_drops_the_transpositions_and_keeps_the_order_of_its_flat_numbers) {
  ModelMaker maker({0, 4, 4, 3});
  maker.floats("grey", {}, {127});
  maker.floats("w", {5, 3, 3, 3}, made_up(135));
  maker.wholes("flat", {-1, 20});
  maker.floats("d", {20, 2}, made_up(40));
  maker.node("Div", {"x", "grey"}, "scaled");
  set(maker.node("Transpose", {"scaled"}, "first"), "perm", std::vector<std::int64_t>{0, 3, 1, 2});
  maker.node("Conv", {"first", "w"}, "z");
  maker.node("Tanh", {"z"}, "a");
  set(maker.node("Transpose", {"a"}, "last"), "perm", std::vector<std::int64_t>{0, 2, 3, 1});
  maker.node("Reshape", {"last", "flat"}, "f");
  maker.node("MatMul", {"f", "d"}, "y");
  maker.output("y");
  const Model model = same_as_graph(maker, true);
  EXPECT_TRUE(std::holds_alternative<Standardise>(model.network.layers[0]));
  EXPECT_EQ(model.network.input_shape(), (Shape{4, 4, 3}));
}

TEST(OnnxImport, everything_by_feature_of_a_flattened_image_is_brought_to_the_networks_order) {
  ModelMaker maker({0, 3, 2, 2});
  maker.floats("shift", {12}, made_up(12, 5));
  maker.floats("scale", {1, 12}, made_up(12, 9));
  maker.floats("w", {4, 12}, made_up(48));
  maker.floats("b", {1, 4}, made_up(4));
  maker.node("Relu", {"x"}, "a");
  maker.node("Flatten", {"a"}, "f");
  maker.norm("f", 12, "n");
  maker.node("Add", {"n", "shift"}, "s");
  maker.node("Mul", {"s", "scale"}, "m");
  auto& gemm = maker.node("Gemm", {"m", "w", "b"}, "y");
  set(gemm, "transB", std::int64_t{1});
  set(gemm, "alpha", 0.5f);
  set(gemm, "beta", 2.0f);
  maker.output("y");
  same_as_graph(maker);
}

TEST(OnnxImport, a_shift_and_the_same_shift_back_leave_nothing_behind) {
  ModelMaker maker({0, 3});
  maker.floats("shift", {3}, {0.5f, 1, 2});
  maker.floats("w", {3, 5}, made_up(15));
  maker.floats("b", {5}, made_up(5));
  maker.node("Sub", {"x", "shift"}, "there");
  maker.node("Add", {"there", "shift"}, "back");
  maker.node("MatMul", {"back", "w"}, "z");
  maker.node("Add", {"z", "b"}, "y");
  maker.output("y");
  EXPECT_EQ(same_as_graph(maker).network.layers.size(), 1u);
}

TEST(OnnxImport, branches_from_the_input_and_of_branches_come_together) {
  ModelMaker maker({0, 6});
  maker.floats("w1", {6, 6}, made_up(36));
  maker.floats("w2", {6, 6}, made_up(36, 3));
  maker.floats("three", {}, {3});
  maker.node("MatMul", {"x", "w1"}, "left");
  maker.node("MatMul", {"x", "w2"}, "right");
  maker.node("LeakyRelu", {"right"}, "bent");
  maker.node("Add", {"left", "x"}, "sum");
  maker.node("Add", {"bent", "sum"}, "more");
  maker.node("Add", {"more", "more"}, "twice");
  maker.node("Sub", {"three", "twice"}, "from");
  maker.node("Neg", {"from"}, "y");
  maker.output("y");
  same_as_graph(maker);
}

TEST(OnnxImport, poolings_with_padding_get_it_where_zeros_change_nothing) {
  for (const std::string type : {"MaxPool", "AveragePool"}) {
    ModelMaker maker({0, 2, 5, 5});
    maker.floats("w", {18, 3}, made_up(54));
    if (type == "MaxPool") maker.node("Relu", {"x"}, "a");
    auto& pool = maker.node(type, {type == "MaxPool" ? "a" : "x"}, "p");
    set(pool, "kernel_shape", std::vector<std::int64_t>{3, 3});
    set(pool, "strides", std::vector<std::int64_t>{2, 2});
    set(pool, "pads", std::vector<std::int64_t>{1, 1, 1, 1});
    if (type == "AveragePool") set(pool, "count_include_pad", std::int64_t{1});
    maker.node("Flatten", {"p"}, "f");
    maker.node("MatMul", {"f", "w"}, "y");
    maker.output("y");
    same_as_graph(maker);
  }
}

TEST(OnnxImport, an_image_at_the_end_is_flattened_and_a_graph_without_weights_gets_one_that_copies) {
  ModelMaker maker({0, 3, 4, 5});
  maker.norm("x", 3, "y");
  maker.output("y");
  const Model model = same_as_graph(maker);
  EXPECT_EQ(model.network.layers.size(), 3u);
  ModelMaker pooled({0, 3, 4, 5});
  pooled.node("GlobalAveragePool", {"x"}, "y");
  pooled.output("y");
  EXPECT_EQ(layer_outputs(same_as_graph(pooled).network).back(), 3u);
}

TEST(OnnxImport, what_was_done_to_rows_before_the_graph_is_put_in_front) {
  OnnxImportOptions options;
  options.input_scaling = InputScaling{255, {0.5, 0.25}, {0.2, 0.1}};
  const ModelMaker maker = image_model();
  const Model scaled = maker.import(options).model;
  ASSERT_TRUE(std::holds_alternative<Standardise>(scaled.network.layers[0]));
  const std::vector<float> rows = for_model(rows_for(maker, 2), false);
  std::vector<float> raw = rows;
  for (std::size_t i = 0; i < raw.size(); ++i)
    raw[i] = static_cast<float>((rows[i] * (i % 2 == 0 ? 0.2 : 0.1) + (i % 2 == 0 ? 0.5 : 0.25)) * 255);
  const std::vector<float> expected = outputs(maker.import().model, rows, 1), given = outputs(scaled, raw, 1);
  for (std::size_t i = 0; i < given.size(); ++i)
    EXPECT_NEAR(given[i], expected[i], 1e-5 * (1 + std::abs(expected[i])));
  options.input_scaling->mean = {1, 2, 3};
  EXPECT_TRUE(refusal([&] {
                maker.import(options);
              }).starts_with("--input-mean and --input-std: there are 3 and 2 numbers"));
}

TEST(OnnxImport, the_end_says_the_task_and_options_and_metadata_overrule_it) {
  const auto model_with = [](const char* end, std::int64_t outputs) {
    ModelMaker maker({0, 2});
    maker.floats("w", {2, outputs}, made_up(static_cast<std::size_t>(2 * outputs)));
    maker.node("MatMul", {"x", "w"}, end[0] ? "z" : "y");
    if (end[0]) maker.node(end, {"z"}, "y");
    maker.output("y");
    return maker;
  };
  EXPECT_EQ(model_with("", 1).import().model.task, Task::regress);
  EXPECT_EQ(model_with("", 3).import().model.classes.size(), 3u);
  const Model binary = model_with("Sigmoid", 1).import().model;
  EXPECT_EQ(binary.task, Task::classify);
  EXPECT_EQ(binary.classes.size(), 2u);
  EXPECT_EQ(binary.network.layers.size(), 1u);
  OnnxImportOptions regress;
  regress.task = Task::regress;
  EXPECT_EQ(model_with("Sigmoid", 1).import(regress).model.network.layers.size(), 2u);
  EXPECT_EQ(refusal([&] { model_with("", 3).import(regress); }),
            "--task: the network has 3 outputs, a regression has one; end at another value with --output");
  ModelMaker named = model_with("Softmax", 3);
  for (const auto& [key, value] :
       {std::pair{"ztilde.classes", "[\"a\",\"b\",\"c\"]"}, {"ztilde.columns", "[\"p\",\"q\"]"}}) {
    auto& entry = *named.proto.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  EXPECT_EQ(named.import().model.classes, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(named.import().model.column_names, (std::vector<std::string>{"p", "q"}));
  OnnxImportOptions classes;
  classes.classes = {"x", "y", "z"};
  EXPECT_EQ(named.import(classes).model.classes, classes.classes);
  classes.classes = {"x", "y"};
  EXPECT_EQ(refusal([&] { named.import(classes); }), "--classes: there are 2 names, and 3 outputs ask for 3");
}

}  // namespace
}  // namespace ztilde::onnx_import
