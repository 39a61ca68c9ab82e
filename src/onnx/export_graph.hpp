// An ONNX graph as it grows. Each call adds a node and returns the name of the value that it makes; names
// begin with the layer that the node is of, and no two are the same.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "ztilde/onnx_export.hpp"

namespace ztilde::onnx_export {

using Value = std::string;
using Dims = std::vector<std::int64_t>;

struct Attribute {
  const char* name;
  std::variant<float, std::int64_t, Dims, std::vector<std::string>> value;
};

constexpr std::int64_t kOpset = 17, kMlOpset = 2, kIrVersion = 8;

class Graph {
 public:
  // A name that is not taken yet: this one, or with "_" behind it. It is taken from here on.
  std::string unique(std::string name);

  // What is added from here on is named after this: "2.batch_norm".
  void begin(std::string scope) { scope_ = std::move(scope); }

  void input(const OnnxValue& value);  // its name must be taken already
  // Names a value that a node made as an output of the graph.
  void output(const Value& made, const OnnxValue& value);

  // "Relu", its inputs and attributes. A name with a dot is of another domain: "ai.onnx.ml.LabelEncoder".
  Value node(const std::string& op, const std::vector<Value>& inputs,
             const std::vector<Attribute>& attributes = {});
  Value cast(const Value& x, ::onnx::TensorProto::DataType type);

  // Fixed numbers, "weight" of "2.dense" becoming "2.weight". Throws Error(data) naming the layer for numbers
  // that no float holds.
  Value floats(const std::string& name, const Dims& dims, std::span<const float> numbers);
  Value floats(const std::string& name, const Dims& dims, std::span<const double> numbers);
  Value integers(const std::string& name, const Dims& dims, std::span<const std::int64_t> numbers);
  Value integers32(const std::string& name, const Dims& dims, std::span<const std::int32_t> numbers);

  std::vector<std::pair<std::string, std::size_t>> operators() const {
    return {count_.begin(), count_.end()};
  }
  bool uses_ml() const { return uses_ml_; }
  ::onnx::GraphProto& proto() { return graph_; }

 private:
  std::string name_of_constant(const std::string& name);
  ::onnx::TensorProto& constant(const std::string& name, const Dims& dims, ::onnx::TensorProto::DataType type,
                                const void* data, std::size_t bytes);

  ::onnx::GraphProto graph_;
  std::string scope_;
  std::set<std::string> names_;
  std::map<std::string, std::size_t> count_;
  bool uses_ml_ = false;
};

}  // namespace ztilde::onnx_export
