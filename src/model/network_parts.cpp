#include "model/network_parts.hpp"

#include <algorithm>
#include <variant>

namespace ztilde {
namespace {

TensorName name_of(const ParameterSlot& slot) { return {slot.name, slot.column}; }

// The numbers that an Encode layer has at the beginning of the statistics.
std::size_t encoding_size(const Network& network) {
  const std::vector<StatisticSlot> slots = statistic_slots(network);
  return slots.empty() ? statistic_arena_size(network) : slots.front().offset;
}

}  // namespace

bool is_contraction(const Layer& layer) {
  return std::holds_alternative<Dense>(layer) || std::holds_alternative<Conv2d>(layer);
}

std::vector<NetworkPart> parts_of(const Model& model) {
  const Network& network = model.network;
  std::vector<NetworkPart> parts(network.layers.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    parts[i].layer = network.layers[i];
    parts[i].source = layer_source(network, i);
    if (const auto* add = std::get_if<Add>(&parts[i].layer)) parts[i].other = i - add->back;
  }
  for (const ParameterSlot& slot : parameter_slots(network)) {
    const auto first = model.parameters.begin() + static_cast<std::ptrdiff_t>(slot.offset);
    parts[slot.layer].tensors[name_of(slot)] = {first, first + static_cast<std::ptrdiff_t>(slot.size())};
  }
  const std::vector<StatisticSlot> slots = statistic_slots(network);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const auto first = model.statistics.begin() + static_cast<std::ptrdiff_t>(slots[i].offset);
    parts[slots[i].layer].statistics = {first, first + static_cast<std::ptrdiff_t>(2 * slots[i].channels)};
    parts[slots[i].layer].batches = model.statistic_batches[i];
  }
  return parts;
}

Model with_parts(const Model& model, std::span<const NetworkPart> parts) {
  Model made = model;
  if (made.drift) made.drift->layers.clear();  // they are counted otherwise; the columns are as they were
  made.network.layers.clear();
  std::vector<std::size_t> kept, place(parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].gone) continue;
    place[i] = kept.size();
    Layer layer = parts[i].layer;
    if (auto* add = std::get_if<Add>(&layer)) add->back = place[i] - place[*parts[i].other];
    if (auto* shortcut = std::get_if<Shortcut>(&layer)) shortcut->back = place[i] - place[*parts[i].source];
    kept.push_back(i);
    made.network.layers.push_back(std::move(layer));
  }
  validate(made.network);

  made.parameters.assign(parameter_arena_size(made.network), 0.0f);
  for (const ParameterSlot& slot : parameter_slots(made.network)) {
    std::ranges::transform(parts[kept[slot.layer]].tensors.at(name_of(slot)),
                           made.parameters.begin() + static_cast<std::ptrdiff_t>(slot.offset),
                           [](double number) { return static_cast<float>(number); });
  }
  made.statistics.assign(statistic_arena_size(made.network), 0.0);
  std::copy_n(model.statistics.begin(), encoding_size(model.network), made.statistics.begin());
  made.statistic_batches.clear();
  for (const StatisticSlot& slot : statistic_slots(made.network)) {
    const NetworkPart& part = parts[kept[slot.layer]];
    std::ranges::copy(part.statistics, made.statistics.begin() + static_cast<std::ptrdiff_t>(slot.offset));
    made.statistic_batches.push_back(part.batches);
  }
  return made;
}

}  // namespace ztilde
