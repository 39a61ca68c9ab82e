#include "ztilde/reference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <variant>

#include "plan/reference_plan.hpp"
#include "training/initialise.hpp"
#include "training/objective_reference.hpp"
#include "training/prepare.hpp"
#include "ztilde/error.hpp"

namespace ztilde::reference {
namespace {

void require_size(const char* what, std::size_t size, std::size_t expected) {
  if (size == expected) return;
  throw Error(ErrorKind::data, fmt::format("{} {} where there must be {}", size, what, expected));
}

void require_classes(std::span<const float> targets, std::size_t outputs) {
  const auto classes = static_cast<float>(outputs == 1 ? 2 : outputs);
  for (const float target : targets) {
    if (target >= 0 && target < classes && target == std::floor(target)) continue;
    throw Error(ErrorKind::data, fmt::format("the target {} is no class of {}", target, classes));
  }
}

void require_no_fixed_inputs(const Network& network) {
  for (const Layer& layer : network.layers) {
    if (!std::holds_alternative<Encode>(layer) && !std::holds_alternative<Standardise>(layer)) continue;
    throw Error(ErrorKind::data,
                "the network begins with what training measures; give it prepared inputs and leave that out");
  }
}

// The loss, and its gradient into d_output.
double loss_of(Task task, MatrixView<const double> output, std::span<const float> targets,
               MatrixView<double> d_output, double smoothing) {
  if (task == Task::regress) {
    squared_error_backward(output, targets, 0, 1, d_output);
    return squared_error(output, targets, 0, 1);
  }
  if (output.channels == 1) {
    binary_cross_entropy_backward(output, targets, d_output, {}, smoothing);
    return binary_cross_entropy(output, targets, {}, smoothing);
  }
  softmax_cross_entropy_backward(output, targets, d_output, {}, smoothing);
  return softmax_cross_entropy(output, targets, {}, smoothing);
}

}  // namespace

std::vector<double> initial_parameters(const Network& network, std::uint64_t seed) {
  validate(network);
  std::vector<float> parameters(parameter_arena_size(network));
  initialise_parameters(network, {}, seed, parameters);
  return {parameters.begin(), parameters.end()};
}

double loss_and_gradient(const Network& network, Task task, std::span<const double> parameters,
                         std::span<const double> inputs, std::span<const float> targets,
                         std::span<double> d_parameters, double label_smoothing) {
  require_no_fixed_inputs(network);
  ReferencePlan<double> plan(network);
  const std::size_t rows = targets.size(), outputs = layer_outputs(network).back();
  if (rows == 0) throw Error(ErrorKind::data, "no rows; give at least one");
  require_size("inputs", inputs.size(), rows * network.inputs);
  require_size("parameters", parameters.size(), parameter_arena_size(network));
  require_size("numbers for their gradient", d_parameters.size(), parameters.size());
  if (task == Task::classify) require_classes(targets, outputs);
  if (task == Task::regress) require_size("outputs", outputs, 1);
  require_label_smoothing(label_smoothing, task);

  const std::vector<double> output =
      plan.forward_training({inputs.begin(), inputs.end()}, rows, {parameters.begin(), parameters.end()},
                            std::vector<double>(statistic_arena_size(network)), 0, 0);
  std::vector<double> d_output(output.size()), gradient(parameters.size());
  const double loss = loss_of(task, {output.data(), rows, outputs, outputs}, targets,
                              {d_output.data(), rows, outputs, outputs}, label_smoothing);
  plan.backward(d_output, gradient);
  std::ranges::copy(gradient, d_parameters.begin());
  return loss;
}

}  // namespace ztilde::reference
