// The test data of an ONNX model: a folder with input_0.pb, input_1.pb, … and output_0.pb, one tensor each.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "onnx/import_tensor.hpp"
#include "onnx/import_walk.hpp"
#include "ztilde/onnx_import.hpp"

namespace ztilde::onnx_import {

struct TestData {
  std::string folder;
  std::vector<TensorPointer> inputs;  // the rows, and what the graph's further inputs are bound to
  TensorPointer output;
};

TestData read_test_data(const std::string& folder);

// The rows in the order that the network takes: images channels last. They are the first of `data.inputs`;
// `image` is what a row of it is, channels first or last.
std::vector<float> rows_of(const TestData& data, const Dims& image, bool channels_last);

// Compares what the model gives for these rows with the file's outputs. `end` is the value that the graph
// ends with, whose order and ending the model's outputs are brought to. Throws Error(data) above the
// tolerance.
OnnxCheck check(const Model& model, const std::vector<float>& rows, const TestData& data, const Flow& end,
                const Shape& image, const OnnxImportOptions& options);

}  // namespace ztilde::onnx_import
