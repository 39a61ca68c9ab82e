// Damage to an ONNX model, for tests: bytes, and fields of its messages.
#pragma once

#include <cstdint>
#include <limits>
#include <random>
#include <string>

#include "onnx/onnx_pb.h"

namespace ztilde::onnx_import {

using Chance = std::mt19937;

inline std::size_t below(Chance& chance, std::size_t bound) { return chance() % bound; }

inline std::int64_t strange_number(Chance& chance) {
  constexpr std::int64_t kNumbers[] = {0,
                                       1,
                                       -1,
                                       2,
                                       3,
                                       7,
                                       64,
                                       4096,
                                       -64,
                                       1 << 20,
                                       std::int64_t{1} << 40,
                                       std::numeric_limits<std::int64_t>::max(),
                                       std::numeric_limits<std::int64_t>::min()};
  return kNumbers[below(chance, std::size(kNumbers))];
}

inline float strange_float(Chance& chance) {
  constexpr float kNumbers[] = {0,
                                -1,
                                1e-30f,
                                3e38f,
                                0.5f,
                                std::numeric_limits<float>::infinity(),
                                std::numeric_limits<float>::quiet_NaN()};
  return kNumbers[below(chance, std::size(kNumbers))];
}

inline void damage_tensor(::onnx::TensorProto& tensor, Chance& chance) {
  switch (below(chance, 7)) {
    case 0:
      if (tensor.dims_size() > 0)
        tensor.set_dims(static_cast<int>(below(chance, static_cast<std::size_t>(tensor.dims_size()))),
                        strange_number(chance));
      break;
    case 1:
      tensor.add_dims(strange_number(chance));
      break;
    case 2:
      tensor.set_data_type(static_cast<int>(below(chance, 20)));
      break;
    case 3:
      tensor.mutable_raw_data()->resize(below(chance, 200));
      break;
    case 4:
      tensor.clear_raw_data();
      break;
    case 5:
      if (tensor.raw_data().size() >= 4) {
        const float number = strange_float(chance);
        std::string& bytes = *tensor.mutable_raw_data();
        bytes.replace(below(chance, bytes.size() / 4) * 4, 4, reinterpret_cast<const char*>(&number), 4);
      }
      break;
    default: {
      tensor.set_data_location(::onnx::TensorProto::EXTERNAL);
      auto& entry = *tensor.add_external_data();
      entry.set_key("location");
      entry.set_value(below(chance, 2) == 0 ? "/etc/passwd" : "../other");
    }
  }
}

inline void damage_attribute(::onnx::AttributeProto& attribute, Chance& chance) {
  switch (below(chance, 6)) {
    case 0:
      attribute.set_i(strange_number(chance));
      break;
    case 1:
      attribute.set_f(strange_float(chance));
      break;
    case 2:
      if (attribute.ints_size() > 0)
        attribute.set_ints(static_cast<int>(below(chance, static_cast<std::size_t>(attribute.ints_size()))),
                           strange_number(chance));
      break;
    case 3:
      attribute.add_ints(strange_number(chance));
      break;
    case 4:
      attribute.set_type(static_cast<::onnx::AttributeProto::AttributeType>(1 + below(chance, 8)));
      break;
    default:
      attribute.set_name("other");
  }
}

inline void add_attribute(::onnx::NodeProto& node, Chance& chance) {
  constexpr const char* kWholes[] = {"group",   "transA",  "transB",        "axis",    "ceil_mode",
                                     "is_test", "spatial", "training_mode", "keepdims"};
  constexpr const char* kReals[] = {"epsilon", "momentum", "alpha", "beta", "ratio"};
  constexpr const char* kLists[] = {"pads", "strides", "dilations", "kernel_shape", "axes", "perm"};
  auto& attribute = *node.add_attribute();
  switch (below(chance, 4)) {
    case 0:
      attribute.set_name(kWholes[below(chance, std::size(kWholes))]);
      attribute.set_type(::onnx::AttributeProto::INT);
      attribute.set_i(strange_number(chance));
      break;
    case 1:
      attribute.set_name(kReals[below(chance, std::size(kReals))]);
      attribute.set_type(::onnx::AttributeProto::FLOAT);
      attribute.set_f(strange_float(chance));
      break;
    case 2:
      attribute.set_name("auto_pad");
      attribute.set_type(::onnx::AttributeProto::STRING);
      attribute.set_s(below(chance, 2) == 0 ? "SAME_UPPER" : "SAME_LOWER");
      break;
    default:
      attribute.set_name(kLists[below(chance, std::size(kLists))]);
      attribute.set_type(::onnx::AttributeProto::INTS);
      for (std::size_t i = below(chance, 5); i > 0; --i) attribute.add_ints(strange_number(chance));
  }
}

inline void damage_node(::onnx::NodeProto& node, const std::string& other_value, Chance& chance) {
  constexpr const char* kTypes[] = {"Add",
                                    "Mul",
                                    "Gemm",
                                    "MatMul",
                                    "Conv",
                                    "Flatten",
                                    "BatchNormalization",
                                    "Softmax",
                                    "Reshape",
                                    "Transpose",
                                    "Squeeze",
                                    "GlobalAveragePool",
                                    "MaxPool",
                                    "Erf",
                                    "Identity",
                                    "Loop",
                                    "Dropout"};
  const auto some = [&](int count) {
    return static_cast<int>(below(chance, static_cast<std::size_t>(count)));
  };
  switch (below(chance, 8)) {
    case 0:
      node.set_op_type(kTypes[below(chance, std::size(kTypes))]);
      break;
    case 1:
      if (node.input_size() > 0) node.set_input(some(node.input_size()), other_value);  // often a circle
      break;
    case 2:
      if (node.input_size() > 0) node.set_input(some(node.input_size()), "nothing");
      break;
    case 3:
      node.set_output(0, other_value);
      break;  // made twice
    case 4:
      if (node.input_size() > 0) node.mutable_input()->RemoveLast();
      break;
    case 5:
      node.add_input(other_value);
      break;
    case 6:
      add_attribute(node, chance);
      break;
    default:
      if (node.attribute_size() > 0)
        damage_attribute(*node.mutable_attribute(some(node.attribute_size())), chance);
  }
}

// One damage, of a kind chosen by chance; the result need not be a protobuf any more.
inline std::string damaged(::onnx::ModelProto model, Chance& chance) {
  auto& graph = *model.mutable_graph();
  const auto some = [&](int count) {
    return static_cast<int>(below(chance, static_cast<std::size_t>(count)));
  };
  const std::size_t kind = below(chance, 10);
  if (kind < 3) damage_tensor(*graph.mutable_initializer(some(graph.initializer_size())), chance);
  if (kind >= 3 && kind < 6) {
    const auto& other = graph.node(some(graph.node_size()));
    damage_node(*graph.mutable_node(some(graph.node_size())), std::string(other.output(0)), chance);
  }
  if (kind == 6) {
    auto& shape = *graph.mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
    shape.mutable_dim(some(shape.dim_size()))->set_dim_value(strange_number(chance));
  }
  if (kind == 7) model.mutable_opset_import(0)->set_version(strange_number(chance));
  std::string bytes = model.SerializeAsString();
  if (kind == 8) bytes.resize(below(chance, bytes.size()));
  if (kind == 9) {
    for (std::size_t i = 1 + below(chance, 4); i > 0; --i)
      bytes[below(chance, bytes.size())] ^= static_cast<char>(1 << below(chance, 8));
  }
  return bytes;
}

}  // namespace ztilde::onnx_import
