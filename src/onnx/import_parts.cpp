#include "onnx/import_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.hpp"
#include "layers/layer.hpp"
#include "ztilde/error.hpp"

namespace ztilde::onnx_import {
namespace {

constexpr std::size_t kNowhere = std::numeric_limits<std::size_t>::max();

template <class Kind>
const Kind* layer_of(const Part& part) {
  const Layer* layer = std::get_if<Layer>(&part.what);
  return layer ? std::get_if<Kind>(layer) : nullptr;
}

bool is_input(const Part& part) { return std::holds_alternative<Input>(part.what); }

class Assembler {
 public:
  Assembler(Parts parts, std::size_t output, std::vector<OnnxNote>& notes)
      : parts_(std::move(parts)), output_(output), notes_(notes) {}

  Assembled run() {
    for (std::size_t i = 1; i < parts_.size(); ++i) {
      // Parts come after what they read, so one pass finds whom each of them really reads.
      if (auto* affine = std::get_if<Affine>(&parts_[i].what); affine && affine->is_identity()) replace(i);
    }
    count_readers();
    for (std::size_t i = 1; i < parts_.size(); ++i) {
      if (readers_[i] > 0 && std::holds_alternative<Affine>(parts_[i].what)) make_layer(i);
    }
    count_readers();
    if (readers_[0] > 1 || output_ == 0) copy_input();
    order();
    return finish();
  }

 private:
  // Whoever reads part i reads its source.
  void replace(std::size_t i) {
    const std::size_t source = parts_[i].source;
    for (std::size_t k = i + 1; k < parts_.size(); ++k) {
      if (parts_[k].source == i) parts_[k].source = source;
      if (parts_[k].other == i) parts_[k].other = source;
    }
    if (output_ == i) output_ = source;
  }

  bool is_add(std::size_t i) const { return layer_of<Add>(parts_[i]) != nullptr; }

  void count_readers() {
    readers_.assign(parts_.size(), 0);
    readers_[output_] = 1;
    for (std::size_t i = parts_.size(); i-- > 1;) {
      if (readers_[i] == 0) continue;
      ++readers_[parts_[i].source];
      if (is_add(i)) ++readers_[parts_[i].other];
    }
  }

  void make_layer(std::size_t i) {
    Part& part = parts_[i];
    const Affine affine = std::get<Affine>(part.what);
    const std::size_t channels = part.shape.channels;
    Part& before = parts_[part.source];
    if (affine.is_shift() && readers_[part.source] == 1 && add_bias(before, affine)) {
      replace(i);
      readers_[part.source] = readers_[i];
      readers_[i] = 0;
      return;
    }
    if (is_input(before) && readers_[0] == 1 && is_standardisation(affine, channels)) {
      part.what = Layer(Standardise{});
      for (std::size_t c = 0; c < channels; ++c) {
        const double scale = affine.scale_of(c);
        part.mean.push_back(-affine.shift_of(c) / scale);
        part.variance.push_back(1 / (scale * scale));
      }
      notes_.push_back(
          {"standardise", part.node + ": a shift and a scale of the input are the standardise layer: x - " +
                              "mean, divided by the standard deviation"});
      return;
    }
    part.what = Layer(BatchNorm{0, 0.9, VarianceKind::population});
    for (std::size_t c = 0; c < channels; ++c) {
      part.weight.push_back(static_cast<float>(affine.scale_of(c)));
      part.bias.push_back(static_cast<float>(affine.shift_of(c)));
    }
    part.mean.assign(channels, 0);
    part.variance.assign(channels, 1);
    notes_.push_back(
        {"batch norm", part.node +
                           ": a scale and a shift of each channel are a batch norm with gamma and beta, of "
                           "mean 0, variance 1 and epsilon 0"});
  }

  static bool add_bias(Part& part, const Affine& affine) {
    if (!std::holds_alternative<Layer>(part.what)) return false;
    Layer& layer = std::get<Layer>(part.what);
    auto* dense = std::get_if<Dense>(&layer);
    auto* conv = std::get_if<Conv2d>(&layer);
    if (!dense && !conv) return false;
    (dense ? dense->bias : conv->bias) = true;
    part.bias.resize(part.shape.channels);
    for (std::size_t c = 0; c < part.bias.size(); ++c)
      part.bias[c] = static_cast<float>(part.bias[c] + affine.shift_of(c));
    return true;
  }

  static bool is_standardisation(const Affine& affine, std::size_t channels) {
    for (std::size_t c = 0; c < channels; ++c) {
      const double scale = affine.scale_of(c), variance = 1 / (scale * scale);
      if (!(scale > 0) || !std::isfinite(variance) || !(variance > 0)) return false;
      if (!std::isfinite(affine.shift_of(c) / scale)) return false;
    }
    return true;
  }

  // A layer that gives the input again, which others can then go back to.
  void copy_input() {
    Part copy{
        Layer(Activation{ActivationKind::identity}), 0, 0, parts_[0].shape, {}, {}, {}, {}, "the input"};
    const std::size_t at = parts_.size();
    for (std::size_t i = 1; i < parts_.size(); ++i) {
      if (parts_[i].source == 0) parts_[i].source = at;
      if (parts_[i].other == 0) parts_[i].other = at;
    }
    if (output_ == 0) output_ = at;
    parts_.push_back(std::move(copy));
  }

  // What a part reads comes first: of an Add its first branch and then the other, each in one piece.
  void order() {
    places_.assign(parts_.size(), kNowhere);
    struct Step {
      std::size_t part, next;
    };
    std::vector<Step> path{{output_, 0}};
    while (!path.empty()) {
      Step& step = path.back();
      const std::size_t i = step.part;
      const std::size_t sources = is_input(parts_[i]) ? 0 : is_add(i) ? 2 : 1;
      if (places_[i] != kNowhere || is_input(parts_[i])) {
        path.pop_back();
      } else if (step.next < sources) {
        path.push_back({step.next++ == 0 ? parts_[i].source : parts_[i].other, 0});
      } else {
        place(i);
        path.pop_back();
      }
    }
  }

  // Nobody reads the input but the first layer.
  void place(std::size_t i) {
    Part& part = parts_[i];
    std::size_t source = part.source;
    if (is_add(i)) {
      std::size_t other = part.other;
      if (places_[other] + 1 == ordered_.size()) std::swap(source, other);
      go_on_from(source);
      if (places_[other] + 1 == ordered_.size()) push_identity(part);  // x + x
      std::get<Add>(std::get<Layer>(part.what)).back = ordered_.size() - places_[other];
    } else if (!is_input(parts_[source])) {
      go_on_from(source);
    }
    places_[i] = ordered_.size();
    ordered_.push_back(std::move(part));
  }

  void go_on_from(std::size_t source) {
    if (places_[source] + 1 == ordered_.size()) return;
    Part shortcut = Part{};
    shortcut.what = Layer(Shortcut{ordered_.size() - places_[source]});
    ordered_.push_back(std::move(shortcut));
  }

  void push_identity(const Part& part) {
    Part identity = Part{};
    identity.what = Layer(Activation{ActivationKind::identity});
    identity.shape = part.shape;
    ordered_.push_back(std::move(identity));
  }

  Assembled finish() {
    Network network;
    network.inputs = parts_[0].shape.size();
    network.height = parts_[0].shape.height;
    network.width = parts_[0].shape.width;
    const Shape last = ordered_.back().shape;
    const bool has_weights = std::ranges::any_of(
        ordered_, [](const Part& part) { return layer_of<Dense>(part) || layer_of<Conv2d>(part); });
    if (!has_weights) {
      Part unit = Part{};
      unit.what = Layer(Conv2d{last.channels, 1, 1, 0, true, false});
      unit.weight.assign(last.channels, 1);
      unit.shape = last;
      ordered_.push_back(std::move(unit));
      notes_.push_back(
          {"added",
           "the graph has no weights, which every network of ztilde has: a depthwise 1 × 1 convolution with "
           "weights 1 stands at its end and changes no number"});
    }
    if (last.pixels() > 1) {
      Part flatten = Part{};
      flatten.what = Layer(Flatten{});
      ordered_.push_back(std::move(flatten));
      notes_.push_back(
          {"added",
           fmt::format("the output is an image of {} × {} pixels and {}; it is flattened, channels last",
                       last.height, last.width, counted(last.channels, "channel"))});
    }
    for (const Part& part : ordered_) network.layers.push_back(std::get<Layer>(part.what));
    return with_numbers(std::move(network), last.channels);
  }

  Assembled with_numbers(Network network, std::size_t channels) {
    validate(network);
    Assembled all{std::move(network), {}, {}, channels};
    all.parameters.resize(parameter_arena_size(all.network));
    all.statistics.resize(statistic_arena_size(all.network));
    for (const ParameterSlot& slot : parameter_slots(all.network)) {
      const Part& part = ordered_[slot.layer];
      const std::vector<float>& numbers = slot.name == "weight" ? part.weight : part.bias;
      require_size(part, numbers.size(), slot.size());
      std::ranges::copy(numbers, all.parameters.begin() + static_cast<std::ptrdiff_t>(slot.offset));
    }
    for (const StatisticSlot& slot : statistic_slots(all.network)) {
      const Part& part = ordered_[slot.layer];
      require_size(part, part.mean.size(), slot.channels);
      require_size(part, part.variance.size(), slot.channels);
      const auto at = all.statistics.begin() + static_cast<std::ptrdiff_t>(slot.offset);
      std::ranges::copy(part.variance, std::ranges::copy(part.mean, at).out);
    }
    return all;
  }

  static void require_size(const Part& part, std::size_t size, std::size_t expected) {
    if (size == expected) return;
    throw Error(ErrorKind::data,
                fmt::format("{}: it has {} numbers, its layer asks for {}; the file is damaged", part.node,
                            size, expected));
  }

  Parts parts_;
  std::size_t output_;
  std::vector<OnnxNote>& notes_;
  std::vector<std::size_t> readers_;  // of each part; 0: the output does not need it
  std::vector<std::size_t> places_;   // among ordered_
  Parts ordered_;
};

}  // namespace

bool Affine::is_shift() const {
  return std::ranges::all_of(scale, [](double number) { return number == 1; });
}

bool Affine::is_identity() const {
  return is_shift() && std::ranges::all_of(shift, [](double number) { return number == 0; });
}

void Affine::then(const Affine& next) {
  const std::size_t size = std::max({scale.size(), shift.size(), next.scale.size(), next.shift.size()});
  Affine both;
  for (std::size_t c = 0; c < size; ++c) {
    both.scale.push_back(scale_of(c) * next.scale_of(c));
    both.shift.push_back(shift_of(c) * next.scale_of(c) + next.shift_of(c));
  }
  *this = std::move(both);
}

Assembled assemble(Parts parts, std::size_t output, std::vector<OnnxNote>& notes) {
  return Assembler(std::move(parts), output, notes).run();
}

}  // namespace ztilde::onnx_import
