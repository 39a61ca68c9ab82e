// The graph of an ONNX file: who makes which value, in which order, and a node's attributes by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "onnx/import_tensor.hpp"
#include "onnx/onnx_pb.h"

namespace ztilde::onnx_import {

// One node, and how messages call it. Every reader of an attribute refuses one of another type.
class Node {
 public:
  Node(const ::onnx::NodeProto& proto, std::size_t index, std::int64_t opset, const std::string& file);

  const std::string& operation() const { return proto_.op_type(); }
  const std::string& domain() const { return proto_.domain(); }
  std::int64_t opset() const { return opset_; }
  const std::string& label() const { return label_; }
  // "FILE: node 'a' (Conv, opset 11): WHAT".
  [[noreturn]] void refuse(const std::string& what) const;

  std::size_t inputs() const { return static_cast<std::size_t>(proto_.input_size()); }
  // Whether it has this input; one that is left out has no name.
  bool has_input(std::size_t index) const { return index < inputs() && !input(index).empty(); }
  const std::string& input(std::size_t index) const { return proto_.input(static_cast<int>(index)); }
  std::size_t outputs() const { return static_cast<std::size_t>(proto_.output_size()); }
  const std::string& output(std::size_t index) const { return proto_.output(static_cast<int>(index)); }

  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::int64_t whole(std::string_view name, std::int64_t standard) const;
  double real(std::string_view name, double standard) const;
  std::string text(std::string_view name, const std::string& standard) const;
  std::optional<Dims> wholes(std::string_view name) const;
  std::optional<std::vector<float>> reals(std::string_view name) const;
  const ::onnx::TensorProto* tensor(std::string_view name) const;

 private:
  const ::onnx::AttributeProto* find(std::string_view name) const;
  const ::onnx::AttributeProto* find(std::string_view name, int type, const char* kind) const;

  const ::onnx::NodeProto& proto_;
  std::int64_t opset_;
  std::string label_, place_;
};

struct Graph {
  std::string file;                           // as messages call it
  std::int64_t opset = 1;                     // of the operators of ONNX itself
  std::vector<Node> nodes;                    // in the order of the file
  std::vector<std::size_t> order;             // those that the output needs, each after what it reads
  std::map<std::string, std::size_t> makers;  // of a value: the node
  std::map<std::string, const ::onnx::TensorProto*> initialisers;
  std::map<std::string, std::size_t> readers;         // of a value: how often the nodes of `order` read it
  std::vector<const ::onnx::ValueInfoProto*> inputs;  // those without an initialiser
  std::string output;                                 // the value that the network ends at
};

// output: the name of a value, or empty for the graph's only output. bound: graph inputs after the first may
// have no value in the file. Throws Error(data) for names that nothing makes or that are made twice, and
// circles. Views of `model`.
Graph read_graph(const ::onnx::ModelProto& model, const std::string& file, const std::string& output);

}  // namespace ztilde::onnx_import
