// The walk along an ONNX graph: each value is known numbers, or what comes of the rows so far. One function
// per operator (import_operators.hpp) reads the values of a node's inputs and gives that of its output.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "onnx/import_graph.hpp"
#include "onnx/import_parts.hpp"
#include "onnx/import_tensor.hpp"

namespace ztilde::onnx_import {

// What has been done to a part's output that is not a layer yet: sigmoid and erf wait for the product that
// makes silu or gelu of them. erf stands for erf(x / √2).
enum class Pending { none, sigmoid, erf, gelu, silu };

// What the network ended with that ztilde's outputs leave to whoever uses them.
enum class Ending { none, softmax, log_softmax, sigmoid };

// What comes of the rows: affine(pending(output of a part)).
struct Flow {
  std::size_t part = 0;
  Dims dims;                   // as ONNX has them, without the rows' one in front
  bool channels_last = false;  // dims are [height, width, channels], not [channels, height, width]
  std::optional<Shape>
      flattened;  // dims are the flattened numbers of this image, channels first; the part's last
  Pending pending = Pending::none;
  Affine affine = {};
  Ending ending = Ending::none;

  std::size_t channel_axis() const { return channels_last ? dims.size() - 1 : 0; }
  std::size_t channels() const { return static_cast<std::size_t>(dims[channel_axis()]); }
  bool is_settled() const { return pending == Pending::none && affine.is_identity(); }
};

using Value = std::variant<TensorPointer, Flow>;

// Among whole numbers of a shape: the number of rows.
constexpr std::int64_t kRows = INT64_MIN;

class Walk {
 public:
  Walk(const Graph& graph, std::string folder, std::size_t most_numbers)
      : graph_(graph), folder_(std::move(folder)), most_numbers_(most_numbers) {}

  const Graph& graph() const { return graph_; }
  std::vector<OnnxNote>& notes() { return notes_; }
  void note(const std::string& about, const std::string& text);  // said once
  // PyTorch exports the unbiased running variance that it keeps.
  void set_pytorch(bool is_pytorch) { is_pytorch_ = is_pytorch; }
  bool is_pytorch() const { return is_pytorch_; }
  Parts& parts() { return parts_; }
  const Part& part(const Flow& flow) const { return parts_[flow.part]; }

  // dims: of a row. Refuses more numbers than the options allow.
  void set_input(const std::string& name, const Dims& dims, bool channels_last);
  // Makes rows of flat numbers images of these dimensions; only before there are layers.
  bool make_input_image(const Dims& dims);
  void set(const std::string& name, Value value) { values_[name] = std::move(value); }
  void set(const Node& node, Value value) { set(node.output(0), std::move(value)); }
  Value& value(const std::string& name, const Node& reader);

  // Of an input of a node. Each refuses where it is something else.
  bool is_flow(const Node& node, std::size_t input);
  const Flow& flow(const Node& node, std::size_t input);  // as it is
  Flow settled(const Node& node, std::size_t input);      // with everything done to it a layer
  TensorPointer constant(const Node& node, std::size_t input, const char* what);
  // Finite numbers of a constant; `size` where it must have so many.
  std::vector<double> numbers(const Node& node, std::size_t input, const char* what,
                              std::optional<std::size_t> size = {});
  std::vector<std::int64_t> whole_numbers(const Node& node, std::size_t input, const char* what);

  Tensor read(const ::onnx::TensorProto& proto, const Node& node) const;

  // Everything done to a flow becomes layers; `node` is the one that did it.
  void settle(Flow& flow, const Node& node);
  // A new layer on a settled flow, with the flow's dims and whatever else is to be changed by the caller.
  Flow add(const Flow& source, Layer layer, const Shape& shape, const Node& node);
  // Of images with several channels flattened channels first, brought to the order that the network has.
  template <class Number>
  static void reorder(const Flow& flow, std::vector<Number>& by_feature);

  void require_numbers(std::size_t numbers, const Node& node) const;

 private:
  const Graph& graph_;
  std::string folder_;
  std::size_t most_numbers_;
  bool is_pytorch_ = false;
  Parts parts_;
  std::map<std::string, Value> values_;
  std::vector<OnnxNote> notes_;
};

template <class Number>
void Walk::reorder(const Flow& flow, std::vector<Number>& by_feature) {
  if (!flow.flattened) return;
  const std::vector<Number> before = by_feature;
  const std::size_t pixels = flow.flattened->pixels(), channels = flow.flattened->channels;
  for (std::size_t p = 0; p < pixels; ++p) {
    for (std::size_t c = 0; c < channels; ++c) by_feature[p * channels + c] = before[c * pixels + p];
  }
}

// What of the rows is an image for ztilde: [channels, …] or […, channels], all but the last of the other
// dimensions taken as its height.
Shape shape_of(const Dims& dims, bool channels_last);

}  // namespace ztilde::onnx_import
