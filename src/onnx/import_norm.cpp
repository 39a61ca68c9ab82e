// BatchNormalization of all opsets, and Dropout.
#include <fmt/format.h>

#include <cmath>

#include "base/text.hpp"
#include "onnx/import_operators.hpp"

namespace ztilde::onnx_import {
namespace {

// Before opset 7 is_test says so, up to 13 it is a node with one output, from 14 on training_mode says.
void require_use(Walk& walk, const Node& node) {
  const bool training =
      node.opset() < 7 ? node.whole("is_test", 0) == 0 : node.whole("training_mode", 0) != 0;
  bool reads_batch = false;
  for (std::size_t o = 1; o < node.outputs(); ++o) {
    reads_batch = reads_batch || (node.opset() < 14 && node.opset() >= 7 && !node.output(o).empty()) ||
                  walk.graph().readers.count(node.output(o)) > 0;
  }
  if (training || reads_batch) {
    node.refuse(fmt::format(
        "it is in training mode{}, where a row's outputs depend on the other rows; export the model in "
        "evaluation mode",
        node.opset() < 7 ? " (is_test is 0)" : ""));
  }
}

BatchNorm read_layer(const Node& node) {
  BatchNorm norm;
  norm.epsilon = node.real("epsilon", 1e-5);
  norm.keep = node.real("momentum", 0.9);
  if (!(norm.epsilon >= 0) || !std::isfinite(norm.epsilon))
    node.refuse(fmt::format("epsilon is {}; it must be a finite number from 0", norm.epsilon));
  if (!(norm.keep >= 0 && norm.keep <= 1))
    node.refuse(fmt::format("momentum is {}; it must be from 0 to 1", norm.keep));
  return norm;
}

void tell(Walk& walk, const BatchNorm& norm) {
  walk.note(
      "batch norm",
      fmt::format(
          "epsilon {}; momentum {} weighs the old value, as keep {} does (PyTorch's weighs the new one: {})",
          norm.epsilon, norm.keep, norm.keep, std::round((1 - norm.keep) * 1e12) / 1e12));
  walk.note("batch norm",
            norm.running_variance == VarianceKind::unbiased
                ? "running variance: PyTorch's, unbiased; in use it is taken as it is, and training that "
                  "goes on keeps it so"
                : "running variance: the population one, as ONNX has it; in use it is taken as it is");
}

}  // namespace

void convert_batch_norm(Walk& walk, const Node& node) {
  const Flow flow = walk.settled(node, 0);
  require_use(walk, node);
  const std::size_t channels = flow.channels();
  if (flow.channels_last)
    node.refuse(
        "its input was transposed to channels last, and it normalises dimension 1; leave the transposition "
        "out");
  if (node.opset() < 9 && node.whole("spatial", 1) == 0 && flow.dims.size() > 1) {
    node.refuse(
        "spatial is 0, so that each pixel has statistics of its own; ztilde's are by channel, flatten before "
        "it");
  }
  BatchNorm norm = read_layer(node);
  if (walk.is_pytorch()) norm.running_variance = VarianceKind::unbiased;
  const char* names[] = {"", "scale (gamma)", "bias (beta)", "mean", "variance"};
  std::vector<double> numbers[5];
  for (std::size_t i = 1; i < 5; ++i) {
    numbers[i] = walk.numbers(node, i, names[i], channels);
    Walk::reorder(flow, numbers[i]);
  }
  for (std::size_t c = 0; c < channels; ++c) {
    if (numbers[4][c] < 0)
      node.refuse(fmt::format("the variance of channel {} is {}, it must not be negative", c, numbers[4][c]));
  }
  tell(walk, norm);
  const Flow normalised = walk.add(flow, norm, walk.part(flow).shape, node);
  Part& part = walk.parts().back();
  part.weight.assign(numbers[1].begin(), numbers[1].end());
  part.bias.assign(numbers[2].begin(), numbers[2].end());
  part.mean = std::move(numbers[3]);
  part.variance = std::move(numbers[4]);
  walk.set(node, normalised);
}

void convert_dropout(Walk& walk, const Node& node) {
  const Flow flow = walk.settled(node, 0);
  double probability = node.real("ratio", 0.5);
  if (node.has_input(1)) probability = walk.numbers(node, 1, "ratio", 1)[0];
  if (node.has_input(2) && walk.numbers(node, 2, "training_mode", 1)[0] != 0) {
    node.refuse(
        "it is in training mode, so that its outputs are random; export the model in evaluation mode");
  }
  if (node.outputs() > 1 && walk.graph().readers.count(node.output(1)) > 0)
    node.refuse("its mask is read too; leave that out");
  if (!(probability >= 0 && probability < 1))
    node.refuse(fmt::format("ratio is {}; it must be at least 0 and below 1", probability));
  const bool not_negative = walk.part(flow).not_negative;
  // As it was written, where the file has it as a float.
  const double written = std::stod(fmt::format("{}", static_cast<float>(probability)));
  const Flow dropped = walk.add(flow, Dropout{written}, walk.part(flow).shape, node);
  walk.parts().back().not_negative = not_negative;
  walk.note("dropout",
            fmt::format(
                "{}: a dropout of {} stays a layer; it does nothing in use, and works where training goes on",
                node.label(), written));
  walk.set(node, dropped);
}

}  // namespace ztilde::onnx_import
