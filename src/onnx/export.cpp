// to_onnx: the graph, what the file says about it, and ONNX's own checks.
#include <fmt/format.h>
#include <onnx/checker.h>
#include <onnx/shape_inference/implementation.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "model/model_check.hpp"
#include "model/model_metadata.hpp"
#include "onnx/export_graph.hpp"
#include "onnx/export_interface.hpp"
#include "onnx/export_layers.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace onnx_export {
namespace {

using nlohmann::ordered_json;

constexpr std::uint64_t kMostBytes = std::numeric_limits<std::int32_t>::max();

void require_size(std::uint64_t bytes) {
  if (bytes <= kMostBytes) return;
  throw Error(ErrorKind::data,
              fmt::format("the model would be an ONNX file of {}, and such files hold 2 GB at most; train a "
                          "smaller network",
                          shown_bytes(bytes)));
}

// Probabilities and the class, which are computed from the raw outputs.
void add_answers(Graph& graph, const Model& model, const Interface& interface, Value raw) {
  const std::vector<OnnxValue>& outputs = interface.outputs;
  graph.begin("answer");
  if (model.task == Task::regress) return graph.output(raw, outputs[0]);
  const std::int64_t axis = 1, drop = 0;
  Value probabilities, label;
  if (has_one_logit(model)) {
    const Value second = graph.node("Sigmoid", {raw});
    const Value first = graph.node("Sub", {graph.floats("one", {}, std::vector<float>{1}), second});
    probabilities = graph.node("Concat", {first, second}, {{"axis", axis}});
    const Value is_second = graph.node("Greater", {raw, graph.floats("zero", {}, std::vector<float>{0})});
    label = graph.node("Squeeze", {graph.cast(is_second, ::onnx::TensorProto::INT64),
                                   graph.integers("class_axis", {1}, Dims{axis})});
  } else {
    probabilities = graph.node("Softmax", {raw}, {{"axis", axis}});
    label = graph.node("ArgMax", {raw}, {{"axis", axis}, {"keepdims", drop}});
  }
  graph.output(raw, outputs[0]);
  graph.output(probabilities, outputs[1]);
  graph.output(label, outputs[2]);
}

ordered_json names_of(const std::vector<OnnxValue>& values) {
  ordered_json names = ordered_json::array();
  for (const OnnxValue& value : values) names.push_back(value.name);
  return names;
}

// What the model file says of the model, and how to use this file.
void add_metadata(::onnx::ModelProto& proto, const Model& model, const Interface& interface) {
  const auto add = [&](const std::string& key, const std::string& value) {
    auto& entry = *proto.add_metadata_props();
    entry.set_key("ztilde." + key);
    entry.set_value(value);
  };
  const bool has_norm = has_layer<BatchNorm>(model.network);
  const ordered_json graph = {{"version", 1},
                              {"inputs", interface.by_column  ? "columns"
                                         : interface.is_image ? "image"
                                                              : "matrix"},
                              {"layout", interface.is_image ? interface.channels_last ? "nhwc" : "nchw" : ""},
                              {"outputs", names_of(interface.outputs)},
                              {"batch_norm", has_norm                 ? "kept"
                                             : model.fold_certificate ? "folded"
                                                                      : "none"}};
  add("onnx", graph.dump());
  for (const auto& [key, value] : model_file::to_metadata(model)) {
    if (key != "format" && key != "format_version" && key != "test_rows") add(key, value);
  }
  if (model.test_inputs.empty()) return;
  add("test_inputs", to_json(as_inputs(model, interface, model.test_inputs)).dump());
  add("test_outputs", to_json(as_outputs(model, interface, model.test_outputs)).dump());
}

void set_opset(::onnx::ModelProto& proto, const std::string& domain, std::int64_t version) {
  auto& opset = *proto.add_opset_import();
  opset.set_domain(domain);
  opset.set_version(version);
}

void pass_the_checker(::onnx::ModelProto& proto) {
  try {
    ::onnx::checker::check_model(proto);
    const ::onnx::ShapeInferenceOptions strict(true, 1, true);
    ::onnx::shape_inference::InferShapes(proto, ::onnx::OpSchemaRegistry::Instance(), strict);
  } catch (const std::exception& failure) {
    throw Error(ErrorKind::data,
                fmt::format("the graph does not pass ONNX's own checker, which is a fault of "
                            "ztilde; please report it with these words: {}",
                            printable(failure.what(), 500)));
  }
}

}  // namespace
}  // namespace onnx_export

OnnxFile to_onnx(const Model& model, const OnnxExportOptions& options) {
  using namespace onnx_export;
  validate(model.network);
  require_size(std::uint64_t{parameter_count(model.network)} * sizeof(float));
  model_file::check_model(model);
  const Interface interface = plan_interface(model, options);

  Graph graph;
  std::vector<Value> inputs;
  for (const OnnxValue& input : interface.inputs) {
    inputs.push_back(graph.unique(input.name));
    graph.input(input);
  }
  for (const OnnxValue& output : interface.outputs) graph.unique(output.name);
  add_answers(graph, model, interface, add_layers(graph, model, interface, inputs));

  ::onnx::ModelProto proto;
  proto.set_ir_version(kIrVersion);
  set_opset(proto, "", kOpset);
  if (graph.uses_ml()) set_opset(proto, "ai.onnx.ml", kMlOpset);
  proto.set_producer_name("ztilde");
  proto.set_producer_version(ZTILDE_VERSION);
  add_metadata(proto, model, interface);
  graph.proto().set_name("ztilde");
  proto.mutable_graph()->Swap(&graph.proto());
  require_size(proto.ByteSizeLong());
  pass_the_checker(proto);
  require_size(proto.ByteSizeLong());
  return {proto.SerializeAsString(), interface.inputs, interface.outputs, graph.operators()};
}

OnnxTestData onnx_test_data(const Model& model, const std::vector<float>& rows,
                            const OnnxExportOptions& options, std::size_t threads) {
  using namespace onnx_export;
  model_file::check_model(model);
  const Interface interface = plan_interface(model, options);
  const auto serialised = [](const std::vector<Tensor>& tensors) {
    std::vector<std::string> files;
    for (const Tensor& tensor : tensors) {
      const ::onnx::TensorProto proto = to_proto(tensor);
      onnx_export::require_size(proto.ByteSizeLong());
      files.push_back(proto.SerializeAsString());
    }
    return files;
  };
  return {serialised(as_inputs(model, interface, rows)),
          serialised(as_outputs(model, interface, outputs(model, rows, threads)))};
}

}  // namespace ztilde
