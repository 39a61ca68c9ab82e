// What goes into and comes out of the graph, and rows and answers as such tensors.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ztilde/onnx_export.hpp"

namespace ztilde::onnx_export {

// Two classes with one output, which is the logit of the second.
bool has_one_logit(const Model& model);

struct Interface {
  std::vector<OnnxValue> inputs, outputs;
  bool by_column = false;  // an input for each column
  bool is_image = false;   // [rows, channels, height, width], or the channels last
  bool channels_last = false;
  std::vector<bool> texts;  // by column: its input is the category's text
};

// Outputs whose names are a column's get another. Throws Error(data) where the options do not suit the model.
Interface plan_interface(const Model& model, const OnnxExportOptions& options);

// One of the three, by the value's type; row-major.
struct Tensor {
  OnnxValue value;
  std::size_t rows = 0;
  std::vector<float> floats;
  std::vector<std::int64_t> integers;
  std::vector<std::string> texts;
};

// rows: [any, inputs], raw. A category that is none of the column's is a text that is none of its own.
std::vector<Tensor> as_inputs(const Model& model, const Interface& interface, const std::vector<float>& rows);
// raw: what outputs() gives for the rows.
std::vector<Tensor> as_outputs(const Model& model, const Interface& interface, const std::vector<float>& raw);

::onnx::TensorProto to_proto(const Tensor& tensor);
// {"input": {"shape": [4, 2], "type": "<f4", "bytes": "0000803f…"}, "city": {"shape": [4, 1], "texts": […]}}
nlohmann::ordered_json to_json(const std::vector<Tensor>& tensors);

}  // namespace ztilde::onnx_export
