#include "training/start.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "base/text.hpp"
#include "layers/layer.hpp"
#include "model/scoring.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorKind::data, message); }

bool is_norm(const Network& network, std::size_t layer) {
  return std::holds_alternative<BatchNorm>(network.layers[layer]);
}

void require_parameters(const Network& network, std::size_t layer) {
  if (layer >= network.layers.size()) {
    refuse(
        fmt::format("there is no layer {} to freeze; the network's are 0 to {}, as ztilde inspect lists them",
                    layer, network.layers.size() - 1));
  }
  const std::vector<ParameterSlot> slots = parameter_slots(network);
  if (std::ranges::find(slots, layer, &ParameterSlot::layer) != slots.end()) return;
  refuse(fmt::format("{} has no parameters to freeze; leave it out", layers::label(network, layer)));
}

template <class Number>
bool same_bits(std::span<const Number> a, std::span<const Number> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

[[noreturn]] void refuse_change(const Network& network, std::size_t layer, const std::string& what) {
  throw Error(ErrorKind::diverged,
              fmt::format("the {} of {} was frozen and changed all the same; please report it", what,
                          layers::label(network, layer)));
}

// At most a few of the names that the others lack.
std::string missing_in(const std::vector<std::string>& names, const std::vector<std::string>& others) {
  constexpr std::size_t kNamed = 5;
  std::string text;
  std::size_t count = 0;
  for (const std::string& name : names) {
    if (std::ranges::find(others, name) != others.end() || ++count > kNamed) continue;
    text += fmt::format("{}'{}'", text.empty() ? "" : ", ", printable(name));
  }
  return count > kNamed ? text + ", …" : text;
}

}  // namespace

std::vector<bool> frozen_slots(const Network& network, const Freeze& freeze) {
  if (freeze.kind == FreezeKind::layers) {
    for (const std::size_t layer : freeze.layers) require_parameters(network, layer);
  }
  const std::vector<ParameterSlot> slots = parameter_slots(network);
  std::vector<bool> frozen;
  for (const ParameterSlot& slot : slots) {
    const bool norm = is_norm(network, slot.layer);
    const bool listed = std::ranges::find(freeze.layers, slot.layer) != freeze.layers.end();
    frozen.push_back((freeze.kind == FreezeKind::layers && listed) ||
                     (freeze.kind == FreezeKind::norms && norm) ||
                     (freeze.kind == FreezeKind::all_but_norms && !norm));
  }
  if (std::ranges::find(frozen, false) == frozen.end())
    refuse("every parameter would be frozen and nothing be left to train; freeze fewer");
  if (freeze.kind == FreezeKind::norms && std::ranges::find(frozen, true) == frozen.end())
    refuse("the network has no batch norm to freeze; leave that out");
  return frozen;
}

void require_same_kind(const Model& model, const Dataset& data) {
  require_columns(model, data);
  if (data.task != model.task) {
    refuse(model.task == Task::classify ? "the targets are numbers, and the model classifies; give it classes"
                                        : "the targets are classes, and the model predicts numbers; give it "
                                          "numbers");
  }
  if (data.classes == model.classes) return;
  if (const std::string added = missing_in(data.classes, model.classes); !added.empty()) {
    refuse(
        fmt::format("the data have classes that the model does not know: {}; leave those rows out, or train "
                    "a new model",
                    added));
  }
  refuse(
      "the data's classes are not the model's, in the model's order; read them with the classes of the "
      "model");
}

void unfold_target(const Network& network, const Objective& objective, std::span<float> parameters) {
  const std::size_t last = network.layers.size() - 1;
  for (const ParameterSlot& slot : parameter_slots(network)) {
    if (slot.layer != last) continue;
    const double mean = slot.name == "bias" ? objective.target_mean : 0;
    for (float& value : parameters.subspan(slot.offset, slot.size()))
      value = static_cast<float>((value - mean) / objective.target_std);
  }
}

std::vector<float> frozen_numbers(const Network& network, const std::vector<bool>& frozen,
                                  std::span<const float> parameters) {
  const std::vector<ParameterSlot> slots = parameter_slots(network);
  std::vector<float> numbers;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (!frozen[i]) continue;
    const std::span<const float> tensor = parameters.subspan(slots[i].offset, slots[i].size());
    numbers.insert(numbers.end(), tensor.begin(), tensor.end());
  }
  return numbers;
}

void require_unchanged(const Network& network, const std::vector<bool>& frozen, std::span<const float> start,
                       std::span<const float> end) {
  const std::vector<ParameterSlot> slots = parameter_slots(network);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (!frozen[i]) continue;
    const std::size_t size = slots[i].size();
    if (!same_bits(start.first(size), end.subspan(slots[i].offset, size)))
      refuse_change(network, slots[i].layer, std::string(slots[i].name));
    start = start.subspan(size);
  }
}

void require_unchanged_statistics(const Network& network, std::span<const double> start,
                                  std::span<const double> end) {
  for (const StatisticSlot& slot : statistic_slots(network)) {
    const std::size_t size = 2 * slot.channels;
    if (is_norm(network, slot.layer) &&
        !same_bits(start.subspan(slot.offset, size), end.subspan(slot.offset, size)))
      refuse_change(network, slot.layer, "mean or variance");
  }
}

void copy_frozen(const Network& network, const std::vector<bool>& frozen, std::span<const float> from,
                 std::span<float> to) {
  const std::vector<ParameterSlot> slots = parameter_slots(network);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (frozen[i])
      std::ranges::copy(from.subspan(slots[i].offset, slots[i].size()),
                        to.begin() + static_cast<std::ptrdiff_t>(slots[i].offset));
  }
}

}  // namespace ztilde
