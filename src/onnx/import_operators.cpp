#include "onnx/import_operators.hpp"

#include <string_view>

namespace ztilde::onnx_import {
namespace {

struct Operator {
  std::string_view name;
  void (*convert)(Walk&, const Node&);
};

constexpr Operator kOperators[] = {
    {"Add", convert_add},
    {"AveragePool", convert_average_pool},
    {"BatchNormalization", convert_batch_norm},
    {"Cast", convert_identity},
    {"CastLike", convert_identity},
    {"Clip", convert_clip},
    {"Concat", convert_concat},
    {"Constant", convert_constant},
    {"Conv", convert_conv},
    {"Div", convert_div},
    {"Dropout", convert_dropout},
    {"Erf", convert_erf},
    {"Expand", convert_expand},
    {"Flatten", convert_flatten},
    {"Gather", convert_gather},
    {"Gelu", convert_gelu},
    {"Gemm", convert_gemm},
    {"GlobalAveragePool", convert_global_average_pool},
    {"Identity", convert_identity},
    {"LeakyRelu", convert_leaky_relu},
    {"LogSoftmax", convert_softmax},
    {"MatMul", convert_matmul},
    {"MaxPool", convert_max_pool},
    {"Mul", convert_mul},
    {"Neg", convert_neg},
    {"Pad", convert_pad},
    {"ReduceMean", convert_reduce_mean},
    {"Relu", convert_activation},
    {"Reshape", convert_reshape},
    {"Shape", convert_shape},
    {"Sigmoid", convert_sigmoid},
    {"Softmax", convert_softmax},
    {"Squeeze", convert_squeeze},
    {"Sub", convert_add},
    {"Tanh", convert_activation},
    {"Transpose", convert_transpose},
    {"Unsqueeze", convert_unsqueeze},
};

}  // namespace

void convert(Walk& walk, const Node& node) {
  if (node.outputs() == 0 || node.output(0).empty())
    node.refuse("it has no first output; the file is damaged");
  if (node.domain().empty() || node.domain() == "ai.onnx") {
    for (const Operator& known : kOperators) {
      if (known.name == node.operation()) return known.convert(walk, node);
    }
  }
  if (node.domain() == "ai.onnx.ml" && node.operation() == "Scaler") return convert_scaler(walk, node);
  node.refuse(
      "ztilde has no layer for this operator; leave it out of the graph, or end before it with --output");
}

}  // namespace ztilde::onnx_import
