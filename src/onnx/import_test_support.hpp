// Small ONNX models for tests, made in memory.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "onnx/import_file.hpp"
#include "onnx/onnx_pb.h"
#include "ztilde/onnx_import.hpp"

namespace ztilde::onnx_import {

// Numbers that look like weights and are the same each time.
inline std::vector<float> made_up(std::size_t count, int seed = 1) {
  std::vector<float> numbers(count);
  for (std::size_t i = 0; i < count; ++i)
    numbers[i] =
        static_cast<float>(static_cast<int>((i * 7 + static_cast<std::size_t>(seed) * 5) % 13) - 6) / 8;
  return numbers;
}

class ModelMaker {
 public:
  explicit ModelMaker(std::vector<std::int64_t> input, std::int64_t opset = 13) {
    proto.set_ir_version(7);
    proto.add_opset_import()->set_version(opset);
    add_value(*proto.mutable_graph()->add_input(), "x", input);
  }

  ::onnx::NodeProto& node(const std::string& type, const std::vector<std::string>& inputs,
                          const std::string& output) {
    ::onnx::NodeProto& added = *proto.mutable_graph()->add_node();
    added.set_op_type(type);
    added.set_name(type + "_" + output);
    for (const std::string& input : inputs) added.add_input(input);
    added.add_output(output);
    return added;
  }
  void floats(const std::string& name, const std::vector<std::int64_t>& dims,
              const std::vector<float>& numbers) {
    ::onnx::TensorProto& tensor = *proto.mutable_graph()->add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(::onnx::TensorProto::FLOAT);
    for (const std::int64_t dim : dims) tensor.add_dims(dim);
    tensor.set_raw_data(numbers.data(), numbers.size() * sizeof(float));
  }
  void wholes(const std::string& name, const std::vector<std::int64_t>& numbers) {
    ::onnx::TensorProto& tensor = *proto.mutable_graph()->add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(::onnx::TensorProto::INT64);
    tensor.add_dims(static_cast<std::int64_t>(numbers.size()));
    for (const std::int64_t number : numbers) tensor.add_int64_data(number);
  }
  // A batch norm of so many channels on `input`.
  ::onnx::NodeProto& norm(const std::string& input, std::int64_t channels, const std::string& output) {
    const auto size = static_cast<std::size_t>(channels);
    std::vector<std::string> inputs{input};
    for (int i = 0; i < 4; ++i) {
      inputs.push_back(output + "_" + std::to_string(i));
      std::vector<float> numbers = made_up(size, i + 2);
      if (i == 3) {
        for (float& number : numbers) number = 1 + number * number;
      }
      floats(inputs.back(), {channels}, numbers);
    }
    return node("BatchNormalization", inputs, output);
  }
  void output(const std::string& name) { proto.mutable_graph()->add_output()->set_name(name); }
  std::string bytes() const { return proto.SerializeAsString(); }
  OnnxImport import(const OnnxImportOptions& options = {}) const {
    return from_bytes(bytes(), "m.onnx", "", options);
  }

  ::onnx::ModelProto proto;

 private:
  static void add_value(::onnx::ValueInfoProto& value, const std::string& name,
                        const std::vector<std::int64_t>& dims) {
    value.set_name(name);
    auto& type = *value.mutable_type()->mutable_tensor_type();
    type.set_elem_type(::onnx::TensorProto::FLOAT);
    for (const std::int64_t dim : dims) {
      auto& added = *type.mutable_shape()->add_dim();
      if (dim > 0) added.set_dim_value(dim);
      if (dim <= 0) added.set_dim_param("rows");
    }
  }
};

inline void set(::onnx::NodeProto& node, const std::string& name, std::int64_t number) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(::onnx::AttributeProto::INT);
  attribute.set_i(number);
}
inline void set(::onnx::NodeProto& node, const std::string& name, float number) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(::onnx::AttributeProto::FLOAT);
  attribute.set_f(number);
}
inline void set(::onnx::NodeProto& node, const std::string& name, const std::vector<std::int64_t>& numbers) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(::onnx::AttributeProto::INTS);
  for (const std::int64_t number : numbers) attribute.add_ints(number);
}
inline void set(::onnx::NodeProto& node, const std::string& name, const std::string& text) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(::onnx::AttributeProto::STRING);
  attribute.set_s(text);
}

// A table's network: standardisation, a dense layer by MatMul and Add, batch norm, silu, gelu, Gemm, softmax.
inline ModelMaker table_model() {
  ModelMaker model({0, 4});
  model.floats("means", {4}, {1, 2, 3, 4});
  model.floats("deviations", {1, 4}, {2, 1, 0.5f, 4});
  model.floats("w1", {4, 6}, made_up(24));
  model.floats("b1", {6}, made_up(6));
  model.floats("half", {}, {0.5f});
  model.floats("root2", {}, {1.41421356f});
  model.floats("one", {}, {1});
  model.floats("w2", {3, 6}, made_up(18));
  model.floats("b2", {3}, made_up(3));
  model.node("Sub", {"x", "means"}, "centred");
  model.node("Div", {"centred", "deviations"}, "standard");
  model.node("MatMul", {"standard", "w1"}, "product");
  model.node("Add", {"product", "b1"}, "z");
  model.norm("z", 6, "norm");
  model.node("Sigmoid", {"norm"}, "gate");
  model.node("Mul", {"norm", "gate"}, "silu");
  model.node("Div", {"silu", "root2"}, "scaled");
  model.node("Erf", {"scaled"}, "erf");
  model.node("Add", {"erf", "one"}, "more");
  model.node("Mul", {"silu", "more"}, "twice");
  model.node("Mul", {"twice", "half"}, "gelu");
  set(model.node("Gemm", {"gelu", "w2", "b2"}, "logits"), "transB", std::int64_t{1});
  model.node("Softmax", {"logits"}, "y");
  model.output("y");
  return model;
}

// Images of 6 × 6 pixels: convolution, batch norm, relu, a residual block, poolings, a flattened dense layer.
inline ModelMaker image_model() {
  ModelMaker model({0, 2, 6, 6});
  model.floats("w1", {4, 2, 3, 3}, made_up(72));
  model.floats("w2", {4, 4, 3, 3}, made_up(144, 3));
  model.floats("b2", {4}, made_up(4));
  model.floats("w3", {16, 3}, made_up(48));
  set(model.node("Conv", {"x", "w1"}, "z1"), "pads", std::vector<std::int64_t>{1, 1, 1, 1});
  model.norm("z1", 4, "n1");
  model.node("Relu", {"n1"}, "a1");
  auto& conv = model.node("Conv", {"a1", "w2", "b2"}, "z2");
  set(conv, "pads", std::vector<std::int64_t>{1, 1, 1, 1});
  set(conv, "kernel_shape", std::vector<std::int64_t>{3, 3});
  model.norm("z2", 4, "n2");
  model.node("Add", {"n2", "a1"}, "sum");
  model.node("Relu", {"sum"}, "a2");
  auto& pool = model.node("MaxPool", {"a2"}, "p1");
  set(pool, "kernel_shape", std::vector<std::int64_t>{3, 3});
  set(pool, "strides", std::vector<std::int64_t>{2, 2});
  set(pool, "pads", std::vector<std::int64_t>{1, 1, 1, 1});
  auto& mean = model.node("AveragePool", {"p1"}, "p2");
  set(mean, "kernel_shape", std::vector<std::int64_t>{2, 2});
  model.node("Flatten", {"p2"}, "flat");
  model.node("MatMul", {"flat", "w3"}, "y");
  model.output("y");
  return model;
}

}  // namespace ztilde::onnx_import
