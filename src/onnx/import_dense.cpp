// Gemm and MatMul: z = alpha · x W + beta · C is a dense layer, whose weight is [outputs, inputs].
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "onnx/import_operators.hpp"

namespace ztilde::onnx_import {
namespace {

// Flat rows: what a dense layer works on.
Flow flat_rows(Walk& walk, const Node& node) {
  Flow rows = walk.settled(node, 0);
  if (rows.dims.size() != 1) {
    node.refuse(
        fmt::format("its input has {} dimensions, a dense layer works on flat rows of 2; flatten before it",
                    rows.dims.size() + 1));
  }
  return rows;
}

struct Matrix {
  std::size_t outputs = 0;
  std::vector<double> weight;  // [outputs, inputs], inputs in the network's order
};

Matrix read_matrix(Walk& walk, const Node& node, const Flow& rows, bool transposed) {
  const TensorPointer tensor = walk.constant(node, 1, "weight");
  const std::vector<double> numbers = walk.numbers(node, 1, "weight");
  if (tensor->dims.size() != 2)
    node.refuse(fmt::format("its weight has {} dimensions, a dense layer's has 2", tensor->dims.size()));
  const auto inputs = static_cast<std::size_t>(tensor->dims[transposed ? 1 : 0]);
  const auto outputs = static_cast<std::size_t>(tensor->dims[transposed ? 0 : 1]);
  if (inputs != rows.channels() || outputs == 0) {
    node.refuse(fmt::format("its weight has {} and {}, and {} enter it; the file is damaged",
                            counted(inputs, "input"), counted(outputs, "output"),
                            counted(rows.channels(), "number")));
  }
  Matrix matrix{outputs, std::vector<double>(numbers.size())};
  std::vector<double> row(inputs);
  for (std::size_t o = 0; o < outputs; ++o) {
    for (std::size_t i = 0; i < inputs; ++i) row[i] = numbers[transposed ? o * inputs + i : i * outputs + o];
    Walk::reorder(rows, row);
    std::ranges::copy(row, matrix.weight.begin() + static_cast<std::ptrdiff_t>(o * inputs));
  }
  return matrix;
}

std::vector<float> floats_of(const std::vector<double>& numbers, double factor) {
  std::vector<float> floats(numbers.size());
  for (std::size_t i = 0; i < floats.size(); ++i) floats[i] = static_cast<float>(factor * numbers[i]);
  return floats;
}

void set_dense(Walk& walk, const Node& node, const Flow& rows, std::size_t outputs, std::vector<float> weight,
               std::vector<float> bias) {
  Flow flow = walk.add(rows, Dense{outputs, !bias.empty()}, {1, 1, outputs}, node);
  flow.dims = {static_cast<std::int64_t>(outputs)};
  flow.flattened = {};
  flow.channels_last = false;
  walk.parts().back().weight = std::move(weight);
  walk.parts().back().bias = std::move(bias);
  walk.set(node, flow);
}

// C of Gemm, one for each output: it may have a single number, and rows that are all the same.
std::vector<double> read_bias(Walk& walk, const Node& node, std::size_t outputs) {
  const TensorPointer tensor = walk.constant(node, 2, "bias");
  const std::vector<double> numbers = walk.numbers(node, 2, "bias");
  const Dims& dims = tensor->dims;
  const std::size_t width = dims.empty() ? 1 : static_cast<std::size_t>(dims.back());
  if (dims.size() > 2 || numbers.empty() || (width != 1 && width != outputs)) {
    node.refuse(fmt::format("its bias has {}, and there are {}; the file is damaged",
                            counted(numbers.size(), "number"), counted(outputs, "output")));
  }
  for (std::size_t i = width; i < numbers.size(); ++i) {
    if (numbers[i] != numbers[i % width]) {
      node.refuse("its bias differs from row to row; a dense layer has one for all rows");
    }
  }
  std::vector<double> bias(outputs);
  for (std::size_t o = 0; o < outputs; ++o) bias[o] = numbers[width == 1 ? 0 : o];
  return bias;
}

}  // namespace

void convert_gemm(Walk& walk, const Node& node) {
  const double alpha = node.real("alpha", 1), beta = node.real("beta", 1);
  if (node.whole("transA", 0) != 0) {
    node.refuse("transA is 1, so that its columns would be the rows; transpose its input before the graph");
  }
  if (!std::isfinite(alpha) || !std::isfinite(beta))
    node.refuse(fmt::format("alpha is {} and beta {}; they must be finite", alpha, beta));
  const Flow rows = flat_rows(walk, node);
  const Matrix matrix = read_matrix(walk, node, rows, node.whole("transB", 0) != 0);
  std::vector<float> bias;
  if (node.has_input(2) && beta != 0) bias = floats_of(read_bias(walk, node, matrix.outputs), beta);
  if (alpha != 1 || (beta != 1 && !bias.empty()))
    walk.note("dense", fmt::format("{}: alpha {} and beta {} are multiplied into weight and bias",
                                   node.label(), alpha, beta));
  set_dense(walk, node, rows, matrix.outputs, floats_of(matrix.weight, alpha), std::move(bias));
}

void convert_matmul(Walk& walk, const Node& node) {
  const Flow rows = flat_rows(walk, node);
  const Matrix matrix = read_matrix(walk, node, rows, false);
  set_dense(walk, node, rows, matrix.outputs, floats_of(matrix.weight, 1), {});
}

}  // namespace ztilde::onnx_import
