// A model as an ONNX file: what numpy makes of it, what the graph says, what is refused.
#include <gtest/gtest.h>
#include <onnx/checker.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/test_support.hpp"
#include "model/model_test_models.hpp"
#include "ztilde/error.hpp"
#include "ztilde/onnx_export.hpp"

namespace ztilde {
namespace {

Model model_of(const Network& network, std::size_t test_rows = 12) {
  Model model = testing_models::model_of(network, test_rows);
  model.target_name = "kind";
  if (layer_outputs(network).back() == 1) {
    model.task = Task::regress;
    model.classes.clear();
  }
  return model;
}

// With names, categories and, in the first column of categories, the missing one.
Model table_model(std::size_t test_rows = 60) {
  const Encode encode = testing_networks::every_encoding();
  Model model = model_of(
      dense_network({.inputs = encode.columns.size(), .outputs = 3, .encode = encode, .hidden = {12}}),
      test_rows);
  for (std::size_t c = 0; c < encode.columns.size(); ++c) {
    Column column{"column " + std::to_string(c)};
    if (encode.columns[c].kind != Encoding::numeric) column.kind = ColumnKind::categorical;
    for (std::size_t i = 0; i < encode.columns[c].categories; ++i)
      column.categories.push_back(i == 0 && c == 0 ? "" : "Größe " + std::to_string(i));
    model.column_names.push_back(column.name);
    model.column_info.push_back(std::move(column));
  }
  return model;
}

::onnx::ModelProto parsed(const OnnxFile& file) {
  ::onnx::ModelProto proto;
  EXPECT_TRUE(proto.ParseFromString(file.bytes));
  return proto;
}

std::vector<const ::onnx::NodeProto*> nodes_of(const ::onnx::ModelProto& proto, const std::string& op) {
  std::vector<const ::onnx::NodeProto*> nodes;
  for (const ::onnx::NodeProto& node : proto.graph().node()) {
    if (node.op_type() == op) nodes.push_back(&node);
  }
  return nodes;
}

std::string refusal_of(const Model& model, const OnnxExportOptions& options = {}) {
  try {
    (void)to_onnx(model, options);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool has_python_onnx() { return std::system("/usr/bin/python3 -c 'import onnx, numpy' 2>/dev/null") == 0; }

// Writes each file and has all of them computed by tests/python/onnx_numpy.py.
class ComputedByNumpy {
 public:
  void add(const OnnxFile& file) {
    files_ += " '" + folder_.write(std::to_string(count_++) + ".onnx", file.bytes) + "'";
  }
  int run() const {
    const std::string script = "/usr/bin/python3 " ZTILDE_SOURCE_DIR "/tests/python/onnx_numpy.py";
    const int status = std::system((script + files_).c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::size_t count() const { return count_; }

 private:
  TemporaryFolder folder_;
  std::string files_;
  std::size_t count_ = 0;
};

TEST(OnnxExport, numpy_computes_every_network_of_the_plans_tests_alike) {
  if (!has_python_onnx()) GTEST_SKIP() << "onnx is not installed (Debian package python3-onnx)";
  ComputedByNumpy numpy;
  for (const testing_networks::Case& test : testing_networks::with_images()) {
    SCOPED_TRACE(test.name);
    numpy.add(to_onnx(model_of(test.network)));
  }
  EXPECT_GT(numpy.count(), 40u);
  EXPECT_EQ(numpy.run(), 0);
}

TEST(OnnxExport, numpy_computes_tables_by_column_and_as_a_matrix_and_images_in_both_layouts) {
  if (!has_python_onnx()) GTEST_SKIP() << "onnx is not installed (Debian package python3-onnx)";
  ComputedByNumpy numpy;
  const Model table = table_model();
  numpy.add(to_onnx(table, {.inputs = OnnxInputs::columns}));
  numpy.add(to_onnx(table, {.inputs = OnnxInputs::matrix}));
  Model numbers = model_of(dense_network({.inputs = 3, .outputs = 2, .hidden = {5}}));
  numbers.column_names = {"a", "b", "c"};
  numbers.task = Task::classify;
  numpy.add(to_onnx(numbers, {.inputs = OnnxInputs::columns}));
  Model binary = model_of(dense_network({.inputs = 3, .outputs = 1, .hidden = {5}}));
  binary.task = Task::classify;
  binary.classes = {"no", "yes"};
  numpy.add(to_onnx(binary));
  for (const testing_networks::Case& test : testing_networks::of_images()) {
    if (test.name == "cnn" || test.name == "conv")
      numpy.add(to_onnx(model_of(test.network), {.layout = OnnxLayout::channels_last}));
  }
  // Flattened images of several channels: through an add that has to bring two orders together, another add
  // that need not, and at the end of the network.
  const Conv2d conv{3, 3, 1, 1, false, true};
  numpy.add(to_onnx(model_of(
      {4 * 4 * 2,
       {conv, Flatten{}, Activation{}, Shortcut{2}, Add{2}, Dense{48}, Add{3}, BatchNorm{}, Dense{2}},
       4,
       4})));
  numpy.add(to_onnx(model_of({4 * 4 * 2, {Standardise{}, conv, MaxPool{}, Flatten{}, BatchNorm{}}, 4, 4})));
  numpy.add(to_onnx(model_of({6, {Dense{8}, Conv2d{5, 1, 1, 0}, Activation{}, Dense{2}}})));
  EXPECT_EQ(numpy.run(), 0);
}

TEST(OnnxExport, takes_numbers_through_knots_in_the_segment_that_ztilde_takes) {
  if (!has_python_onnx()) GTEST_SKIP() << "onnx is not installed (Debian package python3-onnx)";
  EncodedColumn column;
  column.knots = 9;
  column.missing = MissingValue::mean;
  Model model = model_of(dense_network(
      {.inputs = 2, .outputs = 1, .encode = Encode{{column, column}}, .hidden = {}, .standardise = false}));
  model.test_inputs.clear();
  const float infinity = std::numeric_limits<float>::infinity();
  for (const EncodingSlot& slot : encoding_slots(model.network)) {
    if (slot.name == "values") model.statistics[slot.offset + 4] = 100;  // a steep step
    if (slot.name != "knots") continue;
    // Two knots beside each other that are one number as a float, above it in one column, below in the other.
    const auto at = static_cast<float>(model.statistics[slot.offset + 3]);
    model.statistics[slot.offset + 3] = at + (slot.column == 0 ? 1e-9 : -1e-9);
    model.statistics[slot.offset + 4] = std::nextafter(model.statistics[slot.offset + 3], 10);
    for (std::size_t i = 0; i < slot.size; ++i) {
      const auto knot = static_cast<float>(model.statistics[slot.offset + i]);
      for (const float x : {std::nextafter(knot, -infinity), knot, std::nextafter(knot, infinity)}) {
        model.test_inputs.push_back(x);
        model.test_inputs.push_back(-x);
      }
    }
  }
  model.test_outputs = outputs(model, model.test_inputs, 1);
  ComputedByNumpy numpy;
  numpy.add(to_onnx(model));
  EXPECT_EQ(numpy.run(), 0);
}

TEST(OnnxExport, gives_the_same_bytes_for_the_same_model) {
  const Model model = table_model();
  EXPECT_EQ(to_onnx(model).bytes, to_onnx(model).bytes);
  EXPECT_NE(to_onnx(model).bytes, to_onnx(model, {.inputs = OnnxInputs::matrix}).bytes);
}

TEST(OnnxExport, says_who_made_it_and_what_the_model_is) {
  const Model model = table_model();
  const ::onnx::ModelProto proto = parsed(to_onnx(model));
  EXPECT_NO_THROW(::onnx::checker::check_model(proto));
  EXPECT_EQ(proto.ir_version(), 8);
  EXPECT_EQ(proto.producer_name(), "ztilde");
  EXPECT_EQ(proto.producer_version(), ZTILDE_VERSION);
  ASSERT_EQ(proto.opset_import_size(), 2);
  EXPECT_EQ(proto.opset_import(0).version(), 17);
  EXPECT_EQ(proto.opset_import(1).domain(), "ai.onnx.ml");
  std::vector<std::string> keys;
  for (const auto& entry : proto.metadata_props()) keys.push_back(entry.key());
  for (const char* key :
       {"ztilde.onnx", "ztilde.columns", "ztilde.classes", "ztilde.task", "ztilde.training", "ztilde.network",
        "ztilde.conventions", "ztilde.test_inputs", "ztilde.test_outputs"})
    EXPECT_EQ(std::ranges::count(keys, key), 1) << key;
}

TEST(OnnxExport, keeps_batch_norm_in_inference_form_with_its_conventions) {
  const ::onnx::ModelProto proto =
      parsed(to_onnx(model_of({6, {Dense{8}, BatchNorm{1e-3, 0.75}, Activation{}, Dense{2}}})));
  const auto norms = nodes_of(proto, "BatchNormalization");
  ASSERT_EQ(norms.size(), 1u);
  EXPECT_EQ(norms[0]->input(1), "1.weight");
  EXPECT_EQ(norms[0]->input(3), "1.running_mean");
  for (const ::onnx::AttributeProto& attribute : norms[0]->attribute()) {
    if (attribute.name() == "epsilon") {
      EXPECT_EQ(attribute.f(), 1e-3f);
    }
    if (attribute.name() == "momentum") {
      EXPECT_EQ(attribute.f(), 0.75f);
    }
    if (attribute.name() == "training_mode") {
      EXPECT_EQ(attribute.i(), 0);
    }
  }
  EXPECT_EQ(norms[0]->attribute_size(), 3);
  EXPECT_EQ(nodes_of(proto, "Sub").size(), 0u);
}

TEST(OnnxExport, takes_means_far_from_zero_away_before_the_norm) {
  Model model = model_of({2, {BatchNorm{}, Dense{2}}});
  model.statistics = {1e6, -3, 4, 1};
  for (std::size_t i = 0; i < model.test_inputs.size(); i += 2) model.test_inputs[i] += 1e6f;
  model.test_outputs = outputs(model, model.test_inputs, 1);
  const ::onnx::ModelProto proto = parsed(to_onnx(model));
  ASSERT_EQ(nodes_of(proto, "Sub").size(), 1u);
  EXPECT_EQ(nodes_of(proto, "BatchNormalization")[0]->input(0), nodes_of(proto, "Sub")[0]->output(0));
}

TEST(OnnxExport, expresses_norms_whose_variance_a_float_does_not_hold) {
  if (!has_python_onnx()) GTEST_SKIP() << "onnx is not installed (Debian package python3-onnx)";
  Model model = model_of({3, {BatchNorm{0}, Dense{2}}});
  model.statistics = {0.5, 0.5, 0.5, 0, 1e-42, 1e42};  // the first with epsilon 0: beta alone
  for (float& input : model.test_inputs) input = 0.5f + 1e-21f * (input - 0.5f);
  model.test_outputs = outputs(model, model.test_inputs, 1);
  ComputedByNumpy numpy;
  numpy.add(to_onnx(model));
  EXPECT_EQ(numpy.run(), 0);
}

TEST(OnnxExport, declares_inputs_and_outputs_as_users_have_them) {
  using Values = std::vector<OnnxValue>;
  const OnnxType number = OnnxType::float32;
  const testing_networks::Case image = testing_networks::of_images().front();
  EXPECT_EQ(to_onnx(model_of(image.network)).inputs, (Values{{"input", number, {3, 8, 8}}}));
  EXPECT_EQ(to_onnx(model_of(image.network), {.layout = OnnxLayout::channels_last}).inputs,
            (Values{{"input", number, {8, 8, 3}}}));
  EXPECT_EQ(
      to_onnx(model_of(image.network)).outputs,
      (Values{{"output", number, {4}}, {"probabilities", number, {4}}, {"label", OnnxType::int64, {}}}));
  const Network regression = dense_network({.inputs = 2, .outputs = 1});
  EXPECT_EQ(to_onnx(model_of(regression)).inputs, (Values{{"input", number, {2}}}));
  EXPECT_EQ(to_onnx(model_of(regression)).outputs, (Values{{"prediction", number, {1}}}));
  const OnnxFile table = to_onnx(table_model());
  ASSERT_EQ(table.inputs.size(), 11u);
  EXPECT_EQ(table.inputs[0], (OnnxValue{"column 0", OnnxType::string, {1}}));
  EXPECT_EQ(table.inputs[1], (OnnxValue{"column 1", number, {1}}));
  Model named = model_of(dense_network({.inputs = 2, .outputs = 3}));
  named.column_names = {"label", "output"};
  const OnnxFile file = to_onnx(named, {.inputs = OnnxInputs::columns});
  EXPECT_EQ(file.inputs[0].name, "label");
  EXPECT_EQ(file.outputs[0].name, "output_");
  EXPECT_EQ(file.outputs[2].name, "label_");
}

TEST(OnnxExport, knows_every_spelling_of_a_missing_category) {
  Model model = table_model();
  model.rules.missing_words = {"keine"};
  const ::onnx::ModelProto proto = parsed(to_onnx(model));
  const auto encoders = nodes_of(proto, "LabelEncoder");
  ASSERT_EQ(encoders.size(), 6u);
  const ::onnx::NodeProto& first = *encoders[0];
  std::vector<std::string> keys;
  std::vector<std::int64_t> indices;
  for (const ::onnx::AttributeProto& attribute : first.attribute()) {
    if (attribute.name() == "keys_strings") keys = {attribute.strings().begin(), attribute.strings().end()};
    if (attribute.name() == "values_int64s") indices = {attribute.ints().begin(), attribute.ints().end()};
    if (attribute.name() == "default_int64") {
      EXPECT_EQ(attribute.i(), 40);
    }
  }
  ASSERT_EQ(keys.size(), indices.size());
  for (const char* word : {"", "NA", "?", "keine"}) {
    const auto place = std::ranges::find(keys, word) - keys.begin();
    ASSERT_LT(place, std::ssize(keys)) << word;
    EXPECT_EQ(indices[place], 0) << word;
  }
}

TEST(OnnxExport, refuses_in_one_line_what_it_cannot_write) {
  Model model = model_of(dense_network({.inputs = 2, .outputs = 3}));
  const std::string instead = "; export the columns as one input, a matrix";
  EXPECT_EQ(refusal_of(model, {.inputs = OnnxInputs::columns}),
            "the model's columns have no names" + instead);
  model.column_names = {"a", "\xE9"};
  EXPECT_EQ(
      refusal_of(model, {.inputs = OnnxInputs::columns}),
      "column 2 ('\\xE9') cannot be an input of its own, which needs a name in UTF-8 that no other has" +
          instead);
  EXPECT_EQ(refusal_of(model), "");
  Model large;
  large.network = {30000, {Dense{30000}, Dense{2}}};
  EXPECT_EQ(refusal_of(large),
            "the model would be an ONNX file of 3.6 GB, and such files hold 2 GB at most; train a smaller "
            "network");
  Model far = model_of({2, {BatchNorm{}, Dense{2}}});
  far.statistics[1] = 1e200;
  EXPECT_EQ(refusal_of(far),
            "layer 0.batch_norm: its centre in channel 1 would be 1e+200, which no float holds; train or "
            "recalibrate the model on numbers of a usual size");
}

TEST(OnnxExport, test_data_are_the_rows_and_what_the_model_answers) {
  const Model model = table_model();
  const OnnxTestData data = onnx_test_data(model, model.test_inputs, {}, 1);
  ASSERT_EQ(data.inputs.size(), 11u);
  ASSERT_EQ(data.outputs.size(), 3u);
  ::onnx::TensorProto tensor;
  ASSERT_TRUE(tensor.ParseFromString(data.inputs[0]));
  EXPECT_EQ(tensor.name(), "column 0");
  EXPECT_EQ(tensor.string_data_size(), 60);
  ASSERT_TRUE(tensor.ParseFromString(data.outputs[0]));
  EXPECT_EQ(tensor.raw_data(), std::string(reinterpret_cast<const char*>(model.test_outputs.data()),
                                           model.test_outputs.size() * sizeof(float)));
}

}  // namespace
}  // namespace ztilde
