#include "onnx/import_graph.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "ztilde/error.hpp"

namespace ztilde::onnx_import {
namespace {

using Attribute = ::onnx::AttributeProto;

constexpr int kMostNodes = 20'000;  // far above any network, and quickly read

[[noreturn]] void refuse(const std::string& file, const std::string& what) {
  throw Error(ErrorKind::data, file + ": " + what);
}

std::map<std::string, std::int64_t> opsets_of(const ::onnx::ModelProto& model) {
  std::map<std::string, std::int64_t> opsets;
  for (const auto& set : model.opset_import()) {
    opsets[set.domain() == "ai.onnx" ? "" : set.domain()] = set.version();
  }
  return opsets;
}

void add_makers(Graph& graph) {
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    for (std::size_t o = 0; o < node.outputs(); ++o) {
      const std::string& name = node.output(o);
      if (name.empty()) continue;
      const auto [maker, is_new] = graph.makers.emplace(name, i);
      if (!is_new) {
        node.refuse(fmt::format("its output '{}' is made by {} too; the file is damaged", printable(name),
                                graph.nodes[maker->second].label()));
      }
      if (graph.initialisers.count(name) > 0) {
        node.refuse(
            fmt::format("its output '{}' has a value in the file too; the file is damaged", printable(name)));
      }
    }
  }
}

bool is_known(const Graph& graph, const std::string& name) {
  return graph.initialisers.count(name) > 0 ||
         std::ranges::any_of(graph.inputs, [&](const auto* input) { return input->name() == name; });
}

// Each node after those that make what it reads, by a walk back from the output without recursion.
void order_nodes(Graph& graph) {
  enum class State : char { unseen, open, done };
  std::vector<State> states(graph.nodes.size(), State::unseen);
  struct Step {
    std::size_t node, next_input;
  };
  std::vector<Step> path;
  const auto enter = [&](const std::string& name, const Node* reader) {
    const auto maker = graph.makers.find(name);
    if (maker == graph.makers.end()) {
      if (is_known(graph, name)) return;
      const std::string what = fmt::format("nothing makes '{}'", printable(name));
      if (reader) reader->refuse(what + ", which it reads; the file is damaged");
      refuse(graph.file, what + ", where the network is to end; the file is damaged");
    }
    State& state = states[maker->second];
    if (state == State::open) {
      graph.nodes[maker->second].refuse("it needs its own output; ztilde has no loops");
    }
    if (state == State::unseen) {
      state = State::open;
      path.push_back({maker->second, 0});
    }
  };
  enter(graph.output, nullptr);
  while (!path.empty()) {
    Step& step = path.back();
    const Node& node = graph.nodes[step.node];
    if (step.next_input == node.inputs()) {
      states[step.node] = State::done;
      graph.order.push_back(step.node);
      path.pop_back();
      continue;
    }
    const std::string& name = node.input(step.next_input++);
    if (name.empty()) continue;
    ++graph.readers[name];
    enter(name, &node);
  }
}

std::string chosen_output(const ::onnx::GraphProto& graph, const Graph& known, const std::string& output) {
  if (!output.empty()) {
    if (known.makers.count(output) > 0) return output;
    std::vector<std::string> names;
    for (const auto& value : graph.output()) names.push_back(printable(value.name()));
    throw Error(ErrorKind::data, fmt::format("--output: '{}' is no value of the graph{}", printable(output),
                                             did_you_mean(output, names)));
  }
  if (graph.output_size() == 0)
    refuse(known.file, "its graph has no output; choose a value of it with --output");
  // Further outputs of one node, as the mask of a dropout, are no other results.
  const auto first = known.makers.find(graph.output(0).name());
  for (int i = 1; i < graph.output_size(); ++i) {
    const auto maker = known.makers.find(graph.output(i).name());
    const bool same =
        first != known.makers.end() && maker != known.makers.end() && first->second == maker->second;
    if (same && known.nodes[first->second].operation() == "BatchNormalization") continue;
    std::string names;
    for (int o = 0; o < std::min(graph.output_size(), 8); ++o) {
      names += (o == 0 ? "" : ", ") + printable(graph.output(o).name());
      if (const auto node = known.makers.find(graph.output(o).name()); node != known.makers.end())
        names += " (" + printable(known.nodes[node->second].operation()) + ")";
    }
    refuse(known.file,
           fmt::format("its graph has {} outputs, {}; choose one with --output", graph.output_size(), names));
  }
  return graph.output(0).name();
}

}  // namespace

Node::Node(const ::onnx::NodeProto& proto, std::size_t index, std::int64_t opset, const std::string& file)
    : proto_(proto), opset_(opset) {
  const std::string name = proto.name().empty() ? fmt::format("node {}", index)
                                                : fmt::format("node '{}'", printable(proto.name()));
  const std::string domain =
      proto.domain().empty() || proto.domain() == "ai.onnx" ? "" : printable(proto.domain()) + ".";
  label_ = fmt::format("{} ({}{}, opset {})", name, domain, printable(proto.op_type()), opset);
  place_ = file + ": " + label_;
}

void Node::refuse(const std::string& what) const { throw Error(ErrorKind::data, place_ + ": " + what); }

const Attribute* Node::find(std::string_view name) const {
  for (const Attribute& attribute : proto_.attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

const Attribute* Node::find(std::string_view name, int type, const char* kind) const {
  const Attribute* attribute = find(name);
  if (!attribute) return nullptr;
  if (!attribute->ref_attr_name().empty()) {
    refuse(fmt::format("its attribute '{}' is that of a function; write the function out", name));
  }
  // Files of the first version leave the type out.
  if (attribute->type() == type || attribute->type() == Attribute::UNDEFINED) return attribute;
  refuse(fmt::format("its attribute '{}' is not {}; the file is damaged", name, kind));
}

std::int64_t Node::whole(std::string_view name, std::int64_t standard) const {
  const Attribute* attribute = find(name, Attribute::INT, "a whole number");
  return attribute ? attribute->i() : standard;
}

// As it was written: 1e-5, where its nearest float is 9.99999974737875e-06.
double Node::real(std::string_view name, double standard) const {
  const Attribute* attribute = find(name, Attribute::FLOAT, "a number");
  return attribute ? std::stod(fmt::format("{}", attribute->f())) : standard;
}

std::string Node::text(std::string_view name, const std::string& standard) const {
  const Attribute* attribute = find(name, Attribute::STRING, "a text");
  return attribute ? attribute->s() : standard;
}

std::optional<Dims> Node::wholes(std::string_view name) const {
  const Attribute* attribute = find(name, Attribute::INTS, "a list of whole numbers");
  if (!attribute) return std::nullopt;
  return Dims(attribute->ints().begin(), attribute->ints().end());
}

std::optional<std::vector<float>> Node::reals(std::string_view name) const {
  const Attribute* attribute = find(name, Attribute::FLOATS, "a list of numbers");
  if (!attribute) return std::nullopt;
  return std::vector<float>(attribute->floats().begin(), attribute->floats().end());
}

const ::onnx::TensorProto* Node::tensor(std::string_view name) const {
  const Attribute* attribute = find(name, Attribute::TENSOR, "a tensor");
  return attribute ? &attribute->t() : nullptr;
}

Graph read_graph(const ::onnx::ModelProto& model, const std::string& file, const std::string& output) {
  Graph graph;
  graph.file = file;
  const std::map<std::string, std::int64_t> opsets = opsets_of(model);
  const auto opset_of = [&](const std::string& domain) {
    const auto found = opsets.find(domain == "ai.onnx" ? "" : domain);
    return found == opsets.end() ? std::int64_t{1} : found->second;
  };
  graph.opset = opset_of("");
  if (graph.opset < 1) refuse(file, fmt::format("its opset is {}; the file is damaged", graph.opset));
  const ::onnx::GraphProto& proto = model.graph();
  if (proto.node_size() > kMostNodes)
    refuse(file, fmt::format("its graph has {} nodes; ztilde takes {}", proto.node_size(), kMostNodes));
  for (const auto& tensor : proto.initializer()) {
    if (!graph.initialisers.emplace(tensor.name(), &tensor).second) {
      refuse(file,
             fmt::format("the value '{}' is there twice; the file is damaged", printable(tensor.name())));
    }
  }
  for (const auto& tensor : proto.sparse_initializer()) {
    refuse(file, fmt::format("the value '{}' is sparse; store it dense", printable(tensor.values().name())));
  }
  for (const auto& input : proto.input()) {
    if (graph.initialisers.count(input.name()) == 0) graph.inputs.push_back(&input);
  }
  graph.nodes.reserve(static_cast<std::size_t>(proto.node_size()));
  for (const auto& node : proto.node())
    graph.nodes.emplace_back(node, graph.nodes.size(), opset_of(node.domain()), file);
  add_makers(graph);
  const bool is_own = std::ranges::any_of(model.metadata_props(),
                                          [](const auto& entry) { return entry.key() == "ztilde.onnx"; });
  // The first output of ztilde's own files is the raw one.
  const bool takes_first = output.empty() && is_own && proto.output_size() > 0;
  graph.output = takes_first ? proto.output(0).name() : chosen_output(proto, graph, output);
  order_nodes(graph);
  return graph;
}

}  // namespace ztilde::onnx_import
