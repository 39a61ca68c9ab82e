// The operators of ONNX that have a layer in ztilde, one function each: it reads what the node needs from
// the walk, and sets the value of the node's output. Each refuses by Node::refuse what it cannot do.
#pragma once

#include <string>

#include "onnx/import_walk.hpp"

namespace ztilde::onnx_import {

// Refuses an operator that is not among them.
void convert(Walk& walk, const Node& node);

// import_dense.cpp
void convert_gemm(Walk& walk, const Node& node);
void convert_matmul(Walk& walk, const Node& node);
// import_convolution.cpp
void convert_conv(Walk& walk, const Node& node);
// import_pooling.cpp
void convert_max_pool(Walk& walk, const Node& node);
void convert_average_pool(Walk& walk, const Node& node);
void convert_global_average_pool(Walk& walk, const Node& node);
void convert_reduce_mean(Walk& walk, const Node& node);
void convert_pad(Walk& walk, const Node& node);
// import_norm.cpp
void convert_batch_norm(Walk& walk, const Node& node);
void convert_dropout(Walk& walk, const Node& node);
// import_activation.cpp
void convert_activation(Walk& walk, const Node& node);  // Relu, Tanh
void convert_leaky_relu(Walk& walk, const Node& node);
void convert_sigmoid(Walk& walk, const Node& node);
void convert_erf(Walk& walk, const Node& node);
void convert_gelu(Walk& walk, const Node& node);
void convert_clip(Walk& walk, const Node& node);
void convert_softmax(Walk& walk, const Node& node);  // LogSoftmax too
// import_arithmetic.cpp
void convert_add(Walk& walk, const Node& node);  // Sub too
void convert_mul(Walk& walk, const Node& node);
void convert_div(Walk& walk, const Node& node);
void convert_neg(Walk& walk, const Node& node);
void convert_scaler(Walk& walk, const Node& node);  // of ai.onnx.ml: (x - offset) · scale
// import_shapes.cpp
void convert_identity(Walk& walk, const Node& node);  // Cast, CastLike too
void convert_flatten(Walk& walk, const Node& node);
void convert_reshape(Walk& walk, const Node& node);
void convert_squeeze(Walk& walk, const Node& node);
void convert_unsqueeze(Walk& walk, const Node& node);
void convert_transpose(Walk& walk, const Node& node);
void convert_shape(Walk& walk, const Node& node);
// import_constants.cpp
void convert_constant(Walk& walk, const Node& node);
void convert_concat(Walk& walk, const Node& node);
void convert_gather(Walk& walk, const Node& node);
void convert_expand(Walk& walk, const Node& node);
// Of constants that an operator of two inputs brings together; false where one is none.
bool convert_constants(Walk& walk, const Node& node);

}  // namespace ztilde::onnx_import
