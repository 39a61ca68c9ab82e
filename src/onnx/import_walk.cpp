#include "onnx/import_walk.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/text.hpp"
#include "ztilde/error.hpp"

namespace ztilde::onnx_import {
namespace {

constexpr ActivationKind kind_of(Pending pending) {
  switch (pending) {
    case Pending::sigmoid:
      return ActivationKind::sigmoid;
    case Pending::gelu:
      return ActivationKind::gelu;
    case Pending::silu:
      return ActivationKind::silu;
    default:
      return ActivationKind::identity;
  }
}

}  // namespace

Shape shape_of(const Dims& dims, bool channels_last) {
  Dims pixels(dims.begin() + (channels_last ? 0 : 1), dims.end() - (channels_last ? 1 : 0));
  Shape shape{1, 1, static_cast<std::size_t>(channels_last ? dims.back() : dims.front())};
  for (std::size_t i = 0; i + 1 < pixels.size(); ++i) shape.height *= static_cast<std::size_t>(pixels[i]);
  if (!pixels.empty()) shape.width = static_cast<std::size_t>(pixels.back());
  return shape;
}

void Walk::note(const std::string& about, const std::string& text) {
  for (const OnnxNote& note : notes_) {
    if (note.about == about && note.text == text) return;
  }
  notes_.push_back({about, text});
}

void Walk::set_input(const std::string& name, const Dims& dims, bool channels_last) {
  const std::size_t size = elements_of(dims);
  if (size == 0 || size > most_numbers_) {
    throw Error(ErrorKind::data,
                fmt::format("{}: a row of its input '{}' has {} numbers; ztilde takes from 1 to {}",
                            graph_.file, printable(name), size == kTooMany ? "too many" : with_commas(size),
                            with_commas(most_numbers_)));
  }
  Part input{};
  input.shape = shape_of(dims, channels_last);
  parts_.assign(1, input);
  Flow flow;
  flow.dims = dims;
  flow.channels_last = channels_last;
  set(name, flow);
}

bool Walk::make_input_image(const Dims& dims) {
  if (parts_.size() > 1) return false;
  parts_[0].shape = shape_of(dims, false);
  return true;
}

Value& Walk::value(const std::string& name, const Node& reader) {
  if (const auto found = values_.find(name); found != values_.end()) return found->second;
  const auto initialiser = graph_.initialisers.find(name);
  if (initialiser == graph_.initialisers.end()) {
    reader.refuse(fmt::format(
        "its input '{}' has no value in the file; make it an initialiser, or give its value by --check",
        printable(name)));
  }
  const std::string where = fmt::format("{}: tensor '{}'", graph_.file, printable(name));
  return values_[name] = std::make_shared<const Tensor>(read_tensor(*initialiser->second, folder_, where));
}

bool Walk::is_flow(const Node& node, std::size_t input) {
  if (!node.has_input(input)) node.refuse(fmt::format("its input {} is missing; the file is damaged", input));
  return std::holds_alternative<Flow>(value(node.input(input), node));
}

const Flow& Walk::flow(const Node& node, std::size_t input) {
  if (!is_flow(node, input)) {
    node.refuse(fmt::format(
        "its input '{}' is constant, ztilde's layers work on what comes of the rows; exchange its inputs",
        printable(node.input(input))));
  }
  const Flow& flow = std::get<Flow>(value(node.input(input), node));
  if (flow.ending != Ending::none) {
    node.refuse("it reads a softmax, which ztilde has at the end of a network only; end there with --output");
  }
  const Shape& shape = part(flow).shape;
  const Shape expected = shape_of(flow.dims, flow.channels_last);
  if (shape.channels != expected.channels || shape.pixels() != expected.pixels()) {
    node.refuse("it reads the same rows flat that another node reads as images; make both read them alike");
  }
  return flow;
}

Flow Walk::settled(const Node& node, std::size_t input) {
  flow(node, input);
  Flow& stored = std::get<Flow>(value(node.input(input), node));
  const auto maker = graph_.makers.find(node.input(input));
  settle(stored, maker == graph_.makers.end() ? node : graph_.nodes[maker->second]);
  return stored;
}

TensorPointer Walk::constant(const Node& node, std::size_t input, const char* what) {
  if (is_flow(node, input)) {
    node.refuse(fmt::format("its {} '{}' depends on the rows; ztilde's are constant", what,
                            printable(node.input(input))));
  }
  return std::get<TensorPointer>(value(node.input(input), node));
}

std::vector<double> Walk::numbers(const Node& node, std::size_t input, const char* what,
                                  std::optional<std::size_t> size) {
  const TensorPointer tensor = constant(node, input, what);
  if (size && tensor->size() != *size) {
    node.refuse(fmt::format("its {} '{}' has {}, it needs {}; the file is damaged", what,
                            printable(node.input(input)), counted(tensor->size(), "number"), *size));
  }
  std::vector<double> numbers(tensor->size());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = tensor->number(i);
    if (!(std::abs(numbers[i]) <= std::numeric_limits<float>::max())) {
      node.refuse(fmt::format("its {} '{}' has {} at place {}, it must be a finite float", what,
                              printable(node.input(input)), numbers[i], i));
    }
  }
  return numbers;
}

std::vector<std::int64_t> Walk::whole_numbers(const Node& node, std::size_t input, const char* what) {
  const TensorPointer tensor = constant(node, input, what);
  if (!tensor->is_whole())
    node.refuse(fmt::format("its {} '{}' are no whole numbers; the file is damaged", what,
                            printable(node.input(input))));
  return tensor->whole();
}

Tensor Walk::read(const ::onnx::TensorProto& proto, const Node& node) const {
  return read_tensor(proto, folder_, fmt::format("{}: {}", graph_.file, node.label()));
}

void Walk::settle(Flow& flow, const Node& node) {
  if (flow.affine.is_identity()) flow.affine = {};  // of as many numbers as there are channels here
  if (flow.is_settled()) return;
  if (flow.pending == Pending::erf) {
    node.refuse("erf is known as a part of gelu only, 0.5 · x · (1 + erf(x / √2)), which this is not");
  }
  if (flow.pending != Pending::none) {
    Flow source = flow;
    source.pending = Pending::none;
    source.affine = {};
    Affine affine = flow.affine;
    flow = add(source, Activation{kind_of(flow.pending)}, part(flow).shape, node);
    parts_.back().not_negative = kind_of(flow.pending) == ActivationKind::sigmoid;
    flow.affine = std::move(affine);
    flow.pending = Pending::none;
  }
  if (flow.affine.is_identity()) return;
  Part part{};
  part.what = flow.affine;
  part.source = flow.part;
  part.shape = parts_[flow.part].shape;
  part.node = node.label();
  parts_.push_back(std::move(part));
  flow.part = parts_.size() - 1;
  flow.affine = {};
}

Flow Walk::add(const Flow& source, Layer layer, const Shape& shape, const Node& node) {
  require_numbers(shape.channels > kMostElements / shape.pixels() ? kTooMany : shape.size(), node);
  Part part{};
  part.what = std::move(layer);
  part.source = source.part;
  part.shape = shape;
  part.node = node.label();
  parts_.push_back(std::move(part));
  Flow flow = source;
  flow.part = parts_.size() - 1;
  return flow;
}

void Walk::require_numbers(std::size_t numbers, const Node& node) const {
  if (numbers <= most_numbers_) return;
  node.refuse(fmt::format("it needs more than {} numbers; ztilde takes no more from a file",
                          with_commas(most_numbers_)));
}

}  // namespace ztilde::onnx_import
