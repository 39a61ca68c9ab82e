#include "exchange/c_buffers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "layers/layer.hpp"
#include "plan/memory.hpp"

namespace ztilde::c_export {
namespace {

constexpr std::size_t kRow = std::numeric_limits<std::size_t>::max();

// Whether a layer gives just what it gets.
bool passes_on(const Layer& layer) {
  if (const auto* activation = std::get_if<Activation>(&layer))
    return activation->kind == ActivationKind::identity;
  return std::holds_alternative<Dropout>(layer) || std::holds_alternative<Flatten>(layer) ||
         std::holds_alternative<Shortcut>(layer);
}

bool works_in_place(const Layer& layer) {
  return std::holds_alternative<Standardise>(layer) || std::holds_alternative<BatchNorm>(layer) ||
         std::holds_alternative<Activation>(layer) || std::holds_alternative<Add>(layer);
}

class Planner {
 public:
  explicit Planner(const Network& network)
      : network_(network), shapes_(layer_shapes(network)), made_by_(network.layers.size()) {}

  Buffers run() {
    find_readers();
    for (std::size_t i = 0; i < network_.layers.size(); ++i) assign(i);
    return placed();
  }

 private:
  // The layer that made what `layer` gives, or kRow.
  std::size_t maker(std::optional<std::size_t> layer) const { return layer ? made_by_[*layer] : kRow; }
  std::size_t other_of(std::size_t layer) const {
    const auto* add = std::get_if<Add>(&network_.layers[layer]);
    return add ? maker(layer - add->back) : kRow;
  }

  void find_readers() {
    last_read_.resize(network_.layers.size());
    for (std::size_t i = 0; i < network_.layers.size(); ++i) {
      const std::size_t source = maker(layer_source(network_, i));
      made_by_[i] = passes_on(network_.layers[i]) ? source : i;
      for (const std::size_t read : {source, other_of(i)}) {
        if (read != kRow) last_read_[read] = i;
      }
    }
    if (made_by_.back() != kRow) last_read_[made_by_.back()] = network_.layers.size();
  }

  void assign(std::size_t i) {
    buffer_.push_back(kRow);
    if (made_by_[i] != i) return;
    const Layer& layer = network_.layers[i];
    if (works_in_place(layer)) {
      for (const std::size_t read : {maker(layer_source(network_, i)), other_of(i)}) {
        if (read == kRow || last_read_[read] != i) continue;
        buffer_[i] = buffer_[read];
        lifetimes_[buffer_[i]].last = last_read_[i];
        return;
      }
    }
    buffer_[i] = lifetimes_.size();
    lifetimes_.push_back({shapes_[i].size(), i, last_read_[i]});
  }

  Buffers placed() {
    Buffers result;
    const std::size_t last = made_by_.back();
    std::optional<std::size_t> outputs;
    // What is larger than the outputs on its way to them does not fit there.
    if (last != kRow && lifetimes_[buffer_[last]].size == shapes_.back().size()) outputs = buffer_[last];
    if (outputs) lifetimes_[*outputs].size = 0;
    const Placement placement = place(lifetimes_);
    result.scratch = placement.total;
    const auto place_of = [&](std::size_t made_by) {
      if (made_by == kRow) return Place{};
      const std::size_t buffer = buffer_[made_by];
      return buffer == outputs ? Place{Place::outputs, 0} : Place{Place::scratch, placement.offsets[buffer]};
    };
    for (std::size_t i = 0; i < network_.layers.size(); ++i) {
      LayerPlaces places{
          made_by_[i] != i, place_of(maker(layer_source(network_, i))), place_of(made_by_[i]), {}};
      if (std::holds_alternative<Add>(network_.layers[i])) places.other = place_of(other_of(i));
      result.layers.push_back(places);
    }
    result.last = place_of(last);
    return result;
  }

  const Network& network_;
  std::vector<Shape> shapes_;
  std::vector<std::size_t> made_by_, last_read_, buffer_;
  std::vector<Lifetime> lifetimes_;
};

}  // namespace

std::string Place::text() const {
  if (kind == row) return "row";
  if (kind == outputs) return "outputs";
  return offset == 0 ? "scratch" : fmt::format("scratch + {}", offset);
}

Buffers buffers_of(const Network& network) { return Planner(network).run(); }

}  // namespace ztilde::c_export
