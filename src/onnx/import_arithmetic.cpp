// Add, Sub, Mul, Div and Neg: with a constant they are a scale and a shift of each channel, which wait to
// become a bias, the standardise layer or a batch norm; of two branches Add is a residual connection and Mul
// what makes silu and gelu.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/text.hpp"
#include "onnx/import_operators.hpp"

namespace ztilde::onnx_import {
namespace {

// The constant's dimensions as they stand against those of the rows, the rows' own in front.
Dims aligned(const Node& node, const Flow& flow, Dims dims) {
  const std::size_t rank = flow.dims.size() + 1;
  // Before opset 7 `axis` says where they begin.
  if (node.opset() < 7 && node.has("axis")) {
    std::int64_t axis = node.whole("axis", 0);
    if (axis < 0) axis += static_cast<std::int64_t>(rank);
    if (axis < 0 || static_cast<std::size_t>(axis) + dims.size() > rank)
      node.refuse("axis and the dimensions of its constant do not fit; the file is damaged");
    while (dims.size() + static_cast<std::size_t>(axis) < rank) dims.push_back(1);
  }
  while (dims.size() > rank && dims.front() == 1) dims.erase(dims.begin());
  if (dims.size() < rank) dims.insert(dims.begin(), rank - dims.size(), 1);
  bool fits = dims.size() == rank;
  for (std::size_t i = 1; fits && i < rank; ++i) fits = dims[i] == 1 || dims[i] == flow.dims[i - 1];
  if (!fits) {
    node.refuse(fmt::format("its constant of [{}] does not fit rows of [{}]", fmt::join(dims, ", "),
                            fmt::join(flow.dims, ", ")));
  }
  if (dims.front() != 1)
    node.refuse("its constant differs from row to row; ztilde's layers are the same for all rows");
  return dims;
}

// One number for all channels, or one for each, in the network's order.
std::vector<double> by_channel(Walk& walk, const Node& node, const Flow& flow, std::size_t input) {
  const std::vector<double> numbers = walk.numbers(node, input, "constant");
  const Dims dims = aligned(node, flow, walk.constant(node, input, "constant")->dims);
  if (numbers.empty()) node.refuse("its constant is empty; the file is damaged");
  const std::size_t axis = flow.channel_axis() + 1;
  const auto channels = static_cast<std::size_t>(dims[axis]);
  std::size_t behind = 1;  // numbers of one channel that lie side by side
  for (std::size_t i = axis + 1; i < dims.size(); ++i) behind *= static_cast<std::size_t>(dims[i]);
  std::vector<double> of_channel(channels);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::size_t channel = i / behind % channels;
    const bool is_first = i < channels * behind && i % behind == 0;
    if (is_first) of_channel[channel] = numbers[i];
    if (numbers[i] != of_channel[channel])
      node.refuse("its constant differs from pixel to pixel; ztilde scales and shifts by channel");
  }
  if (channels > 1) Walk::reorder(flow, of_channel);
  return of_channel;
}

// Before two readers it is one layer, not two; but for the gates, which are no layers yet.
void set_shared(Walk& walk, const Node& node, Flow flow) {
  const auto readers = walk.graph().readers.find(node.output(0));
  const bool shared = readers != walk.graph().readers.end() && readers->second > 1;
  if (shared && flow.pending != Pending::sigmoid && flow.pending != Pending::erf) walk.settle(flow, node);
  walk.set(node, std::move(flow));
}

void set_affine(Walk& walk, const Node& node, std::size_t flow_input, const Affine& affine) {
  Flow flow = walk.flow(node, flow_input);
  flow.affine.then(affine);
  set_shared(walk, node, std::move(flow));
}

struct Operands {
  std::size_t flow = 0, constant = 1;
};

// Empty: both inputs come of the rows.
std::optional<Operands> operands_of(Walk& walk, const Node& node) {
  if (node.inputs() != 2)
    node.refuse(fmt::format("it has {}, not 2; the file is damaged", counted(node.inputs(), "input")));
  const bool first = walk.is_flow(node, 0), second = walk.is_flow(node, 1);
  if (first && second) return std::nullopt;
  return first ? Operands{0, 1} : Operands{1, 0};
}

void require_alike(const Node& node, const Flow& a, const Flow& b) {
  if (a.dims == b.dims && a.channels_last == b.channels_last && a.flattened == b.flattened) return;
  node.refuse(fmt::format("its inputs are rows of [{}] and of [{}]{}; ztilde adds what has the same shape",
                          fmt::join(a.dims, ", "), fmt::join(b.dims, ", "),
                          a.dims == b.dims ? " in another order" : ""));
}

bool is_scalar(const Affine& affine) { return affine.scale.size() <= 1 && affine.shift.size() <= 1; }

// silu or gelu, where one factor is a · x and the other b · sigmoid(x) or b · (1 + erf(x / √2)).
std::optional<Flow> product(const Flow& x, const Flow& gate) {
  if (x.part != gate.part || x.pending != Pending::none || !is_scalar(x.affine) || !is_scalar(gate.affine))
    return std::nullopt;
  if (x.affine.shift_of(0) != 0) return std::nullopt;
  const double scale = x.affine.scale_of(0) * gate.affine.scale_of(0), shift = gate.affine.shift_of(0);
  Flow flow = x;
  if (gate.pending == Pending::sigmoid && shift == 0) {
    flow.pending = Pending::silu;
    flow.affine = {{scale}, {0}};
  } else if (gate.pending == Pending::erf && shift == gate.affine.scale_of(0)) {
    flow.pending = Pending::gelu;  // x (1 + erf(x / √2)) is 2 gelu(x)
    flow.affine = {{2 * scale}, {0}};
  } else {
    return std::nullopt;
  }
  if (std::abs(flow.affine.scale[0] - 1) < 1e-6) flow.affine = {};
  return flow;
}

}  // namespace

void convert_add(Walk& walk, const Node& node) {
  if (convert_constants(walk, node)) return;
  const bool subtracts = node.operation() == "Sub";
  const std::optional<Operands> operands = operands_of(walk, node);
  if (operands) {
    std::vector<double> shift = by_channel(walk, node, walk.flow(node, operands->flow), operands->constant);
    const bool minus_constant = subtracts && operands->constant == 1;
    const bool minus_flow = subtracts && operands->constant == 0;
    if (minus_constant) {
      for (double& number : shift) number = -number;
    }
    Affine affine{{}, std::move(shift)};
    if (minus_flow) affine.scale = {-1};
    return set_affine(walk, node, operands->flow, affine);
  }
  if (subtracts) node.refuse("both of its inputs come of the rows; ztilde adds branches, and subtracts none");
  const Flow a = walk.settled(node, 0), b = walk.settled(node, 1);
  require_alike(node, a, b);
  const Flow sum = walk.add(a, Add{}, walk.part(a).shape, node);
  Part& part = walk.parts().back();
  part.other = b.part;
  part.not_negative = walk.part(a).not_negative && walk.part(b).not_negative;
  walk.set(node, sum);
}

void convert_mul(Walk& walk, const Node& node) {
  if (convert_constants(walk, node)) return;
  if (const std::optional<Operands> operands = operands_of(walk, node)) {
    Affine affine{by_channel(walk, node, walk.flow(node, operands->flow), operands->constant), {}};
    return set_affine(walk, node, operands->flow, affine);
  }
  const Flow &a = walk.flow(node, 0), &b = walk.flow(node, 1);
  std::optional<Flow> flow = product(a, b);
  if (!flow) flow = product(b, a);
  if (!flow) {
    node.refuse(
        "both of its inputs come of the rows; such a product is known as silu, x · sigmoid(x), and as gelu, "
        "0.5 · x · (1 + erf(x / √2)), only");
  }
  set_shared(walk, node, *flow);
}

void convert_div(Walk& walk, const Node& node) {
  if (convert_constants(walk, node)) return;
  const std::optional<Operands> operands = operands_of(walk, node);
  if (!operands || operands->constant == 0)
    node.refuse("it divides by what comes of the rows; ztilde divides by constants only");
  std::vector<double> scale = by_channel(walk, node, walk.flow(node, 0), 1);
  for (double& number : scale) {
    number = 1 / number;
    if (!std::isfinite(number)) node.refuse("its constant is 0 somewhere, or nearly; it must be a divisor");
  }
  set_affine(walk, node, 0, {std::move(scale), {}});
}

void convert_neg(Walk& walk, const Node& node) { set_affine(walk, node, 0, {{-1}, {}}); }

void convert_scaler(Walk& walk, const Node& node) {
  const Flow& flow = walk.flow(node, 0);
  const std::vector<float> offset = node.reals("offset").value_or(std::vector<float>{});
  const std::vector<float> scale = node.reals("scale").value_or(std::vector<float>{});
  const auto fits = [&](const std::vector<float>& list) {
    return (list.size() == 1 || list.size() == flow.channels()) &&
           std::ranges::all_of(list, [](float number) { return std::isfinite(number); });
  };
  if (flow.dims.size() != 1 || flow.flattened || !fits(offset) || !fits(scale)) {
    node.refuse(fmt::format(
        "its offset and scale are not one finite number, or one for each of {}; the file is damaged",
        counted(flow.channels(), "column")));
  }
  Affine shifted{{}, {}};
  for (const float number : offset) shifted.shift.push_back(-static_cast<double>(number));
  shifted.then({{scale.begin(), scale.end()}, {}});
  set_affine(walk, node, 0, shifted);
}

}  // namespace ztilde::onnx_import
