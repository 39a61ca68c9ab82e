#include "model/folding.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "layers/layer.hpp"

namespace ztilde {
namespace {

using Numbers = std::vector<double>;
using Reason = std::optional<std::string>;  // why something cannot be; empty: it can

// Of a parameter slot within its layer: name and column.
using TensorName = std::pair<std::string_view, std::optional<std::size_t>>;
TensorName name_of(const ParameterSlot& slot) { return {slot.name, slot.column}; }
const TensorName kWeight{"weight", {}}, kBias{"bias", {}};

// A layer while the network is folded. Layers keep their numbers; those they read change where a
// BatchNorm goes.
struct Part {
  Layer layer;
  std::map<TensorName, Numbers> tensors;
  std::optional<std::size_t> source;  // the layer it works on; empty: the network's input
  std::optional<std::size_t> other;   // that an Add adds
  ChannelMap map;                     // of a BatchNorm: itself; of a Dense or Conv2d: FoldedContraction's
  bool gone = false;
};

bool is_contraction(const Layer& layer) {
  return std::holds_alternative<Dense>(layer) || std::holds_alternative<Conv2d>(layer);
}

bool fit_floats(const Numbers& numbers) {
  return std::ranges::all_of(
      numbers, [](double number) { return std::abs(number) <= std::numeric_limits<float>::max(); });
}

double largest_size(const Numbers& numbers) {
  double largest = 0;
  for (const double number : numbers) largest = std::max(largest, std::abs(number));
  return largest;
}

class Folder {
 public:
  explicit Folder(const Model& model) : model_(model), shapes_(layer_shapes(model.network)) {
    const Network& network = model.network;
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      Part part{network.layers[i], {}, layer_source(network, i), {}, {}};
      if (const auto* add = std::get_if<Add>(&part.layer)) part.other = i - add->back;
      if (is_contraction(part.layer)) {
        part.map = {Numbers(shapes_[i].channels, 1.0), Numbers(shapes_[i].channels, 0.0)};
      }
      parts_.push_back(std::move(part));
    }
    for (const ParameterSlot& slot : parameter_slots(network)) {
      const auto first = model.parameters.begin() + static_cast<std::ptrdiff_t>(slot.offset);
      parts_[slot.layer].tensors[name_of(slot)] =
          Numbers(first, first + static_cast<std::ptrdiff_t>(slot.size()));
    }
    for (const StatisticSlot& slot : statistic_slots(network)) set_norm_map(slot);
  }

  Folding run() {
    std::map<std::size_t, FoldedNorm> folded;
    std::map<std::size_t, std::string> not_before, not_after;
    const auto try_to = [&](std::size_t i, Reason (Folder::*how)(std::size_t, FoldedNorm&), auto& reasons) {
      if (parts_[i].gone || !std::holds_alternative<BatchNorm>(parts_[i].layer)) return;
      FoldedNorm norm{i, {}, largest_size(parts_[i].map.scale)};
      const Reason reason = (this->*how)(i, norm);
      if (reason) {
        reasons[i] = *reason;
      } else {
        remove(i);
        folded[i] = std::move(norm);
      }
    };
    // Of several in a row the first goes into the layer before first, the last into the one after.
    for (std::size_t i = 0; i < parts_.size(); ++i) try_to(i, &Folder::fold_into_before, not_before);
    for (std::size_t i = parts_.size(); i-- > 0;) try_to(i, &Folder::fold_into_after, not_after);

    Folding folding{rebuilt(), {}, {}, {}};
    for (auto& [layer, norm] : folded) folding.folded.push_back(std::move(norm));
    for (const auto& [layer, reason] : not_after) {
      folding.unfolded.push_back({layer, fmt::format("{}; {}", not_before.at(layer), reason)});
    }
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      if (is_contraction(parts_[i].layer)) folding.contractions.push_back({i, std::move(parts_[i].map)});
    }
    return folding;
  }

 private:
  std::string label(std::size_t layer) const { return layers::label(model_.network, layer); }

  void set_norm_map(const StatisticSlot& slot) {
    Part& part = parts_[slot.layer];
    const auto* norm = std::get_if<BatchNorm>(&part.layer);
    if (!norm) return;
    const double* mean = model_.statistics.data() + slot.offset;
    const double* variance = mean + slot.channels;
    const Numbers &gamma = part.tensors.at(kWeight), &beta = part.tensors.at(kBias);
    for (std::size_t c = 0; c < slot.channels; ++c) {
      const double scale = gamma[c] * reference::inverse_std(variance[c], norm->epsilon);
      part.map.scale.push_back(scale);
      part.map.shift.push_back(beta[c] - scale * mean[c]);
    }
  }

  std::vector<std::size_t> readers(std::size_t layer) const {
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      if (!parts_[i].gone && (parts_[i].source == layer || parts_[i].other == layer)) all.push_back(i);
    }
    return all;
  }

  void remove(std::size_t layer) {
    for (const std::size_t reader : readers(layer)) {
      Part& part = parts_[reader];
      if (part.source == layer) part.source = parts_[layer].source;
      if (part.other == layer) part.other = parts_[layer].source;
    }
    parts_[layer].gone = true;
  }

  // Why a map of each channel cannot go from one side of a layer to the other.
  Reason hinders(std::size_t layer, const ChannelMap& map) const {
    const Layer& kind = parts_[layer].layer;
    if (const auto* activation = std::get_if<Activation>(&kind)) {
      if (activation->kind == ActivationKind::identity) return {};
      return fmt::format("the {} of layer {} is in between", to_string(activation->kind), layer);
    }
    if (std::holds_alternative<MaxPool>(kind)) {
      if (std::ranges::all_of(map.scale, [](double scale) { return scale >= 0; })) return {};
      return label(layer) + " is in between, which a gamma below 0 would turn into the smallest";
    }
    if (std::holds_alternative<Dropout>(kind) || std::holds_alternative<AveragePool>(kind) ||
        std::holds_alternative<GlobalAveragePool>(kind) || std::holds_alternative<Flatten>(kind) ||
        std::holds_alternative<Shortcut>(kind)) {
      return {};
    }
    return label(layer) + " is in between";
  }

  Reason set_tensors(std::size_t layer, Numbers weight, Numbers bias) {
    if (!fit_floats(weight) || !fit_floats(bias))
      return fmt::format("the weights of {} would be too large for a float", label(layer));
    Part& part = parts_[layer];
    if (auto* dense = std::get_if<Dense>(&part.layer)) dense->bias = true;
    if (auto* conv = std::get_if<Conv2d>(&part.layer)) conv->bias = true;
    part.tensors[kWeight] = std::move(weight);
    part.tensors[kBias] = std::move(bias);
    return {};
  }

  Numbers bias_of(std::size_t layer) const {
    const auto bias = parts_[layer].tensors.find(kBias);
    return bias == parts_[layer].tensors.end() ? Numbers(shapes_[layer].channels, 0.0) : bias->second;
  }

  // W' = a W, b' = a b + shift, per output.
  Reason fold_into_before(std::size_t norm, FoldedNorm& folded) {
    const ChannelMap& map = parts_[norm].map;
    std::optional<std::size_t> at = parts_[norm].source;
    for (std::size_t last = norm; at; last = *at, at = parts_[*at].source) {
      for (const std::size_t reader : readers(*at)) {
        if (reader != last)
          return fmt::format("before it: {} reads {} without it", label(reader), label(*at));
      }
      if (is_contraction(parts_[*at].layer)) break;
      if (std::holds_alternative<Flatten>(parts_[*at].layer) && flattens_pixels(*at))
        return fmt::format("before it: {} gave each pixel channels of its own", label(*at));
      if (const Reason reason = hinders(*at, map)) return "before it: " + *reason;
    }
    if (!at) return "before it: no dense or conv2d";

    Part& part = parts_[*at];
    Numbers weight = part.tensors.at(kWeight), bias = bias_of(*at);
    const std::size_t outputs = bias.size(), columns = weight.size() / outputs;
    ChannelMap output = part.map;
    for (std::size_t o = 0; o < outputs; ++o) {
      for (std::size_t c = 0; c < columns; ++c) weight[o * columns + c] *= map.scale[o];
      bias[o] = map.scale[o] * bias[o] + map.shift[o];
      output.scale[o] *= map.scale[o];
      output.shift[o] = map.scale[o] * output.shift[o] + map.shift[o];
    }
    if (const Reason reason = set_tensors(*at, std::move(weight), std::move(bias)))
      return "before it: " + *reason;
    part.map = std::move(output);
    folded.into = {*at};
    return {};
  }

  // W' = W a, b' = b + W shift, per input.
  Reason fold_into_after(std::size_t norm, FoldedNorm& folded) {
    std::vector<std::size_t> into;
    if (const Reason reason = find_after(norm, parts_[norm], into)) return "after it: " + *reason;
    const ChannelMap& map = parts_[norm].map;
    const std::vector<Part> before = into.size() > 1 ? parts_ : std::vector<Part>();
    for (const std::size_t layer : into) {
      Numbers weight = parts_[layer].tensors.at(kWeight), bias = bias_of(layer);
      const std::size_t outputs = bias.size(), columns = weight.size() / outputs;
      const auto* conv = std::get_if<Conv2d>(&parts_[layer].layer);
      const std::size_t area = conv ? conv->kernel * conv->kernel : 1;
      for (std::size_t o = 0; o < outputs; ++o) {
        for (std::size_t c = 0; c < columns; ++c) {
          // Channels are last, so that those of a flattened image repeat.
          const std::size_t channel = (conv && conv->depthwise ? o : c / area) % map.scale.size();
          double& w = weight[o * columns + c];
          bias[o] += w * map.shift[channel];
          w *= map.scale[channel];
        }
      }
      if (const Reason reason = set_tensors(layer, std::move(weight), std::move(bias))) {
        if (!before.empty()) parts_ = before;
        return "after it: " + *reason;
      }
    }
    folded.into = std::move(into);
    return {};
  }

  // The layers whose weights take up what leaves `layer`, all of its readers or those behind them.
  Reason find_after(std::size_t layer, const Part& norm, std::vector<std::size_t>& into) const {
    const std::vector<std::size_t> all = readers(layer);
    if (all.empty()) return "no dense or conv2d";
    for (const std::size_t reader : all) {
      const Layer& kind = parts_[reader].layer;
      if (const auto* conv = std::get_if<Conv2d>(&kind); conv && conv->padding > 0) {
        if (!std::ranges::all_of(norm.map.shift, [](double shift) { return shift == 0; }))
          return fmt::format("the padding of {} is 0 behind the norm, not before it", label(reader));
      }
      if (is_contraction(kind)) {
        into.push_back(reader);
        continue;
      }
      // There is no shortcut to the network's input.
      if (std::holds_alternative<Shortcut>(kind) && !norm.source) return label(reader) + " reads it";
      if (const Reason reason = hinders(reader, norm.map)) return reason;
      if (const Reason reason = find_after(reader, norm, into)) return reason;
    }
    return {};
  }

  bool flattens_pixels(std::size_t layer) const {
    const std::optional<std::size_t> source = parts_[layer].source;
    return (source ? shapes_[*source] : model_.network.input_shape()).pixels() > 1;
  }

  Model rebuilt() const {
    Model model = model_;
    // Layers go or are counted otherwise; the columns are as they were.
    if (model.drift) model.drift->layers.clear();
    model.network.layers.clear();
    std::vector<std::size_t> kept, place(parts_.size());
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      if (parts_[i].gone) continue;
      place[i] = kept.size();
      Layer layer = parts_[i].layer;
      if (auto* add = std::get_if<Add>(&layer)) add->back = place[i] - place[*parts_[i].other];
      if (auto* shortcut = std::get_if<Shortcut>(&layer))
        shortcut->back = place[i] - place[*parts_[i].source];
      kept.push_back(i);
      model.network.layers.push_back(std::move(layer));
    }
    validate(model.network);

    model.parameters.assign(parameter_arena_size(model.network), 0.0f);
    for (const ParameterSlot& slot : parameter_slots(model.network)) {
      std::ranges::transform(parts_[kept[slot.layer]].tensors.at(name_of(slot)),
                             model.parameters.begin() + static_cast<std::ptrdiff_t>(slot.offset),
                             [](double number) { return static_cast<float>(number); });
    }
    // What an Encode layer has is the beginning of both; the statistics of those that stay move up.
    model.statistic_batches.clear();
    const std::vector<StatisticSlot> slots = statistic_slots(model.network);
    const std::vector<StatisticSlot> old_slots = statistic_slots(model_.network);
    for (std::size_t i = 0, next = 0; i < old_slots.size(); ++i) {
      const StatisticSlot& old = old_slots[i];
      if (parts_[old.layer].gone) continue;
      std::copy_n(model_.statistics.data() + old.offset, 2 * old.channels,
                  model.statistics.data() + slots[next++].offset);
      model.statistic_batches.push_back(model_.statistic_batches[i]);
    }
    model.statistics.resize(statistic_arena_size(model.network));
    return model;
  }

  const Model& model_;
  std::vector<Shape> shapes_;
  std::vector<Part> parts_;
};

}  // namespace

Folding fold_weights(const Model& model) { return Folder(model).run(); }

}  // namespace ztilde
