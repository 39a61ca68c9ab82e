// Parameters and statistics of two models, tensor by tensor.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <span>

#include "layers/layer.hpp"
#include "model/compare_parts.hpp"
#include "model/statistics_move.hpp"

namespace ztilde {
namespace {

template <class T>
double equal_share(std::span<const T> a, std::span<const T> b) {
  std::size_t equal = 0;
  for (std::size_t i = 0; i < a.size(); ++i) equal += std::memcmp(&a[i], &b[i], sizeof(T)) == 0;
  return static_cast<double>(equal) / static_cast<double>(a.size());
}

template <class T>
double root_mean_square(std::span<const T> numbers) {
  double sum = 0;
  for (const T number : numbers) sum += static_cast<double>(number) * static_cast<double>(number);
  return std::sqrt(sum / static_cast<double>(numbers.size()));
}

template <class T>
void compare_tensor(TensorDifference difference, std::span<const T> a, std::span<const T> b,
                    std::size_t columns, ModelComparison& comparison) {
  difference.size = a.size();
  difference.equal_share = equal_share(a, b);
  if (difference.equal_share == 1) {
    ++comparison.equal_tensors;
    return;
  }
  std::size_t worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double off = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (off > difference.largest) {
      difference.largest = off;
      worst = i;
    }
  }
  difference.row = worst / columns;
  difference.column = worst % columns;
  difference.a = static_cast<double>(a[worst]);
  difference.b = static_cast<double>(b[worst]);
  difference.rms = root_mean_square(a);
  // Of all zeros, as a beta may be, to those of b.
  const double unit = difference.rms > 0 ? difference.rms : root_mean_square(b);
  difference.relative = difference.largest == 0 ? 0 : difference.largest / unit;
  comparison.tensors.push_back(std::move(difference));
}

std::string tensor_words(const Layer& layer, std::string_view name) {
  if (std::holds_alternative<BatchNorm>(layer)) return name == "weight" ? "gamma" : "beta";
  return std::string(name);
}

void compare_parameters(const Model& a, const Model& b, const std::vector<LayerPair>& pairs,
                        ModelComparison& comparison) {
  const std::vector<ParameterSlot> b_slots = parameter_slots(b.network);
  for (const ParameterSlot& slot : parameter_slots(a.network)) {
    const auto pair = std::ranges::find(pairs, slot.layer, &LayerPair::a);
    if (pair == pairs.end()) continue;
    const auto other = std::ranges::find_if(b_slots, [&](const ParameterSlot& one) {
      return one.layer == pair->b && one.name == slot.name && one.column == slot.column;
    });
    if (other == b_slots.end() || other->rows != slot.rows || other->columns != slot.columns) continue;
    const Layer& layer = a.network.layers[slot.layer];
    TensorDifference difference;
    difference.name = slot.column ? fmt::format("{}.{}.{}", slot.layer, *slot.column, slot.name)
                                  : fmt::format("{}.{}", slot.layer, slot.name);
    difference.layer_a = pair->a;
    difference.layer_b = pair->b;
    difference.layer = layers::name_of_layer(layer);
    difference.tensor = tensor_words(layer, slot.name);
    compare_tensor(std::move(difference), std::span(a.parameters).subspan(slot.offset, slot.size()),
                   std::span(b.parameters).subspan(other->offset, slot.size()), slot.columns, comparison);
  }
}

// What an Encode layer, which is the first, has fixed.
void compare_encodings(const Model& a, const Model& b, const std::vector<LayerPair>& pairs,
                       ModelComparison& comparison) {
  if (pairs.empty()) return;
  const std::vector<EncodingSlot> b_slots = encoding_slots(b.network);
  for (const EncodingSlot& slot : encoding_slots(a.network)) {
    const auto other = std::ranges::find_if(b_slots, [&](const EncodingSlot& one) {
      return one.column == slot.column && one.name == slot.name && one.size == slot.size;
    });
    if (other == b_slots.end()) continue;
    TensorDifference difference;
    difference.name = fmt::format("0.{}.{}", slot.column, slot.name);
    difference.layer = "encode";
    difference.tensor = slot.name;
    compare_tensor(std::move(difference), std::span(a.statistics).subspan(slot.offset, slot.size),
                   std::span(b.statistics).subspan(other->offset, slot.size), 1, comparison);
  }
}

void compare_statistics(const Model& a, const Model& b, const std::vector<LayerPair>& pairs,
                        ModelComparison& comparison) {
  const std::vector<StatisticSlot> b_slots = statistic_slots(b.network);
  for (const StatisticSlot& slot : statistic_slots(a.network)) {
    const auto pair = std::ranges::find(pairs, slot.layer, &LayerPair::a);
    if (pair == pairs.end()) continue;
    const auto other = std::ranges::find(b_slots, pair->b, &StatisticSlot::layer);
    if (other == b_slots.end() || other->channels != slot.channels) continue;
    const auto of_a = std::span(a.statistics).subspan(slot.offset, 2 * slot.channels);
    const auto of_b = std::span(b.statistics).subspan(other->offset, 2 * slot.channels);
    const double share = equal_share(of_a, of_b);
    if (share == 1) {
      ++comparison.equal_statistics;
      continue;
    }
    const Layer& layer = a.network.layers[slot.layer];
    const auto* norm = std::get_if<BatchNorm>(&layer);
    comparison.statistics.push_back({statistics_move(slot.layer, norm ? norm->epsilon : 0, of_a, of_b),
                                     pair->b, std::string(layers::name_of_layer(layer)), share});
  }
}

}  // namespace

double StatisticsDifference::worst() const { return std::max(move.mean.most, move.deviation.most - 1); }

void compare_numbers(const Model& a, const Model& b, const std::vector<LayerPair>& pairs,
                     ModelComparison& comparison) {
  compare_parameters(a, b, pairs, comparison);
  compare_encodings(a, b, pairs, comparison);
  compare_statistics(a, b, pairs, comparison);
  std::ranges::stable_sort(comparison.tensors, std::greater<>(), &TensorDifference::relative);
  std::ranges::stable_sort(comparison.statistics,
                           [](const auto& one, const auto& other) { return one.worst() > other.worst(); });
}

}  // namespace ztilde
