#include "lab/drift.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ztilde::lab {

std::array<double, 3> percentiles(std::span<float> values) {
  constexpr std::array kShares = {0.15, 0.5, 0.85};
  std::ranges::sort(values);
  std::array<double, 3> found = {};
  for (std::size_t i = 0; i < kShares.size(); ++i) {
    const double place = kShares[i] * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    const double part = place - static_cast<double>(below);
    found[i] = (1 - part) * values[below] + part * values[above];
  }
  return found;
}

double drift(std::span<const double> medians) {
  if (medians.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  for (std::size_t i = 1; i < medians.size(); ++i) sum += std::abs(medians[i] - medians[i - 1]);
  return sum / static_cast<double>(medians.size() - 1);
}

std::vector<float> last_activation_inputs(const Model& model, const std::vector<float>& rows) {
  std::size_t layers = model.network.layers.size();
  while (!std::holds_alternative<Activation>(model.network.layers[layers - 1])) --layers;
  return outputs(first_layers(model, layers - 1), rows, 1);
}

std::vector<std::vector<Spread>> activation_input_spreads(const Model& model,
                                                          const std::vector<float>& rows) {
  std::vector<std::vector<Spread>> found;
  const std::vector<std::size_t> widths = layer_outputs(model.network);
  for (std::size_t layer = 1; layer < model.network.layers.size(); ++layer) {
    if (!std::holds_alternative<Activation>(model.network.layers[layer])) continue;
    found.push_back(spreads(outputs(first_layers(model, layer), rows, 1), widths[layer - 1]));
  }
  return found;
}

std::vector<Spread> spreads(std::span<const float> values, std::size_t units) {
  const std::size_t rows = values.size() / units;
  std::vector<Spread> found(units);
  for (std::size_t i = 0; i < values.size(); ++i) found[i % units].mean += values[i];
  for (Spread& each : found) each.mean /= static_cast<double>(rows);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double d = values[i] - found[i % units].mean;
    found[i % units].deviation += d * d;
  }
  for (Spread& each : found) each.deviation = std::sqrt(each.deviation / static_cast<double>(rows));
  return found;
}

double shift(std::span<const Spread> before, std::span<const Spread> after) {
  double sum = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const double moved = std::abs(after[i].mean - before[i].mean);
    const double deviation = (after[i].deviation + before[i].deviation) / 2;
    if (moved > 0) sum += deviation > 0 ? moved / deviation : 1;
  }
  return sum / static_cast<double>(before.size());
}

}  // namespace ztilde::lab
