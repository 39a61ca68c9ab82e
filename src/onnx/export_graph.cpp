#include "onnx/export_graph.hpp"

#include <fmt/format.h>

#include <cmath>

#include "ztilde/error.hpp"

namespace ztilde::onnx_export {
namespace {

using ::onnx::AttributeProto;
using ::onnx::TensorProto;

void set(AttributeProto& attribute, float number) {
  attribute.set_type(AttributeProto::FLOAT);
  attribute.set_f(number);
}
void set(AttributeProto& attribute, std::int64_t number) {
  attribute.set_type(AttributeProto::INT);
  attribute.set_i(number);
}
void set(AttributeProto& attribute, const Dims& numbers) {
  attribute.set_type(AttributeProto::INTS);
  for (const std::int64_t number : numbers) attribute.add_ints(number);
}
void set(AttributeProto& attribute, const std::vector<std::string>& texts) {
  attribute.set_type(AttributeProto::STRINGS);
  for (const std::string& text : texts) attribute.add_strings(text);
}

TensorProto::DataType type_of(OnnxType type) {
  switch (type) {
    case OnnxType::float32:
      return TensorProto::FLOAT;
    case OnnxType::int64:
      return TensorProto::INT64;
    case OnnxType::string:
      return TensorProto::STRING;
  }
  return TensorProto::UNDEFINED;
}

void describe(const OnnxValue& value, ::onnx::ValueInfoProto& info) {
  info.set_name(value.name);
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(type_of(value.type));
  tensor.mutable_shape()->add_dim()->set_dim_param("rows");
  for (const std::size_t size : value.row_shape)
    tensor.mutable_shape()->add_dim()->set_dim_value(static_cast<std::int64_t>(size));
}

}  // namespace

std::string Graph::unique(std::string name) {
  while (!names_.insert(name).second) name += '_';
  return name;
}

void Graph::input(const OnnxValue& value) { describe(value, *graph_.add_input()); }

void Graph::output(const Value& made, const OnnxValue& value) {
  for (::onnx::NodeProto& node : *graph_.mutable_node()) {
    for (std::string& name : *node.mutable_input()) {
      if (name == made) name = value.name;
    }
    for (std::string& name : *node.mutable_output()) {
      if (name == made) name = value.name;
    }
  }
  describe(value, *graph_.add_output());
}

Value Graph::node(const std::string& op, const std::vector<Value>& inputs,
                  const std::vector<Attribute>& attributes) {
  const std::size_t dot = op.rfind('.');
  const std::string type = dot == std::string::npos ? op : op.substr(dot + 1);
  ::onnx::NodeProto& node = *graph_.add_node();
  node.set_op_type(type);
  if (dot != std::string::npos) {
    node.set_domain(op.substr(0, dot));
    uses_ml_ = true;
  }
  const std::string name = unique(scope_ + "." + type);
  node.set_name(name);
  for (const Value& input : inputs) node.add_input(input);
  node.add_output(name);
  for (const Attribute& attribute : attributes) {
    AttributeProto& proto = *node.add_attribute();
    proto.set_name(attribute.name);
    std::visit([&](const auto& value) { set(proto, value); }, attribute.value);
  }
  ++count_[type];
  return name;
}

Value Graph::cast(const Value& x, TensorProto::DataType type) {
  return node("Cast", {x}, {{"to", std::int64_t{type}}});
}

// "2.dense" → "2.weight", as the tensors in a model file are called.
std::string Graph::name_of_constant(const std::string& name) {
  return unique(scope_.substr(0, scope_.find('.') + 1) + name);
}

TensorProto& Graph::constant(const std::string& name, const Dims& dims, TensorProto::DataType type,
                             const void* data, std::size_t bytes) {
  TensorProto& tensor = *graph_.add_initializer();
  tensor.set_name(name_of_constant(name));
  tensor.set_data_type(type);
  for (const std::int64_t size : dims) tensor.add_dims(size);
  tensor.set_raw_data(data, bytes);
  return tensor;
}

Value Graph::floats(const std::string& name, const Dims& dims, std::span<const float> numbers) {
  return constant(name, dims, TensorProto::FLOAT, numbers.data(), numbers.size_bytes()).name();
}

Value Graph::floats(const std::string& name, const Dims& dims, std::span<const double> numbers) {
  std::vector<float> rounded(numbers.begin(), numbers.end());
  for (std::size_t i = 0; i < rounded.size(); ++i) {
    if (!std::isinf(rounded[i])) continue;
    throw Error(ErrorKind::data,
                fmt::format("layer {}: its {} in channel {} would be {:.3g}, which no float holds; train or "
                            "recalibrate the model on numbers of a usual size",
                            scope_, name, i, numbers[i]));
  }
  return floats(name, dims, rounded);
}

Value Graph::integers(const std::string& name, const Dims& dims, std::span<const std::int64_t> numbers) {
  return constant(name, dims, TensorProto::INT64, numbers.data(), numbers.size_bytes()).name();
}

Value Graph::integers32(const std::string& name, const Dims& dims, std::span<const std::int32_t> numbers) {
  return constant(name, dims, TensorProto::INT32, numbers.data(), numbers.size_bytes()).name();
}

}  // namespace ztilde::onnx_export
