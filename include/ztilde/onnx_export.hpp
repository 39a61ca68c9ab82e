// A model as an ONNX file (opset 17, IR version 8): raw rows in, answers out, in any program that runs
// ONNX. Of the library ztilde::onnx. docs/onnx.md says what is in the file.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "ztilde/model.hpp"

namespace ztilde {

enum class OnnxInputs {
  automatic,  // columns for a table that has columns of categories, else matrix
  matrix,     // all columns as one input: floats, a category as its index
  columns,    // an input for each column, by its name: [rows, 1], a category as its text
};

// Of the images that go in; networks of other rows do not look at it.
enum class OnnxLayout { channels_first, channels_last };

struct OnnxExportOptions {
  OnnxInputs inputs = OnnxInputs::automatic;
  OnnxLayout layout = OnnxLayout::channels_first;
};

enum class OnnxType { float32, int64, string };

// An input or output: [rows, row_shape…].
struct OnnxValue {
  std::string name;
  OnnxType type = OnnxType::float32;
  std::vector<std::size_t> row_shape;
  bool operator==(const OnnxValue&) const = default;
};

struct OnnxFile {
  std::string bytes;  // the same for the same model
  std::vector<OnnxValue> inputs, outputs;
  std::vector<std::pair<std::string, std::size_t>> operators;  // "Gemm", how often; by name
};

// Batch norm stays what it is; fold() before for a file without. The model's test rows are in the file.
// Passed ONNX's own checker and shape inference. Throws Error(data) for a model that save would refuse, for
// more than a protobuf holds (2 GB), and for options that do not suit the model.
OnnxFile to_onnx(const Model& model, const OnnxExportOptions& options = {});

// Rows and what the model answers, as serialised TensorProtos: an ONNX backend test's input_0.pb … and
// output_0.pb …, by the inputs and outputs of to_onnx with the same options.
struct OnnxTestData {
  std::vector<std::string> inputs, outputs;
};
//   rows: [any, model.network.inputs], raw, as outputs() takes them. threads 0: all cores.
OnnxTestData onnx_test_data(const Model& model, const std::vector<float>& rows,
                            const OnnxExportOptions& options = {}, std::size_t threads = 0);

}  // namespace ztilde
