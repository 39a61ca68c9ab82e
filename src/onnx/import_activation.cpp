// Activations, and what ends a network.
#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "onnx/import_operators.hpp"

namespace ztilde::onnx_import {
namespace {

void set_activation(Walk& walk, const Node& node, ActivationKind kind) {
  const Flow flow = walk.settled(node, 0);
  const Flow activated = walk.add(flow, Activation{kind}, walk.part(flow).shape, node);
  walk.parts().back().not_negative = kind == ActivationKind::relu;
  walk.set(node, activated);
}

}  // namespace

void convert_activation(Walk& walk, const Node& node) {
  set_activation(walk, node, node.operation() == "Relu" ? ActivationKind::relu : ActivationKind::tanh);
}

void convert_leaky_relu(Walk& walk, const Node& node) {
  const double alpha = node.real("alpha", 0.01);
  if (alpha != 0.01) node.refuse(fmt::format("alpha is {}; ztilde's leaky_relu has the slope 0.01", alpha));
  set_activation(walk, node, ActivationKind::leaky_relu);
}

void convert_clip(Walk& walk, const Node& node) {
  // The bounds are attributes before opset 11.
  const bool has_least = node.has("min") || node.has_input(1);
  double least = node.real("min", 0), most = node.real("max", std::numeric_limits<double>::infinity());
  if (node.has_input(1))
    least = walk.constant(node, 1, "least")->size() == 1 ? walk.constant(node, 1, "least")->number(0) : NAN;
  if (node.has_input(2))
    most = walk.constant(node, 2, "most")->size() == 1 ? walk.constant(node, 2, "most")->number(0) : NAN;
  if (!has_least || least != 0 || !(most >= std::numeric_limits<float>::max())) {
    node.refuse(fmt::format("it cuts off {} {}; ztilde has relu, which cuts off below 0 only",
                            has_least ? fmt::format("below {} and", least) : "",
                            fmt::format("above {}", most)));
  }
  set_activation(walk, node, ActivationKind::relu);
}

// What follows may make silu of it, and at the end it may be the probability of a class.
void convert_sigmoid(Walk& walk, const Node& node) {
  Flow flow = walk.settled(node, 0);
  flow.pending = Pending::sigmoid;
  walk.set(node, flow);
}

void convert_erf(Walk& walk, const Node& node) {
  Flow flow = walk.flow(node, 0);
  const Affine& affine = flow.affine;
  const bool is_scaled = affine.scale.size() == 1 &&
                         std::abs(affine.scale[0] * std::numbers::sqrt2 - 1) < 1e-6 &&
                         affine.shift_of(0) == 0 && affine.shift.size() <= 1;
  if (flow.pending != Pending::none || !is_scaled) {
    node.refuse("erf is known as a part of gelu only, 0.5 · x · (1 + erf(x / √2)), which this is not");
  }
  flow.pending = Pending::erf;
  flow.affine = {};
  walk.set(node, flow);
}

void convert_gelu(Walk& walk, const Node& node) {
  if (const std::string kind = node.text("approximate", "none"); kind != "none") {
    node.refuse(
        "its gelu is the approximation by tanh; ztilde's is the exact one, x Φ(x): export it with "
        "approximate=none");
  }
  set_activation(walk, node, ActivationKind::gelu);
}

void convert_softmax(Walk& walk, const Node& node) {
  Flow flow = walk.settled(node, 0);
  const std::int64_t axis = node.whole("axis", node.opset() < 13 ? 1 : -1);
  if (flow.dims.size() != 1 || (axis != 1 && axis != -1)) {
    node.refuse(fmt::format(
        "it works along dimension {} of {}; ztilde knows it at the end of a network, over flat outputs", axis,
        flow.dims.size() + 1));
  }
  if (flow.dims.front() == 1)
    node.refuse("it works on one output, which it makes 1 always; end before it with --output");
  flow.ending = node.operation() == "Softmax" ? Ending::softmax : Ending::log_softmax;
  walk.set(node, flow);
}

}  // namespace ztilde::onnx_import
