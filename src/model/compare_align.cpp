// Which layers of two networks stand for each other.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "layers/layer.hpp"
#include "model/compare_parts.hpp"
#include "model/folding.hpp"
#include "model/network_parts.hpp"

namespace ztilde {
namespace {

Shape shape_before(const Network& network, const std::vector<Shape>& shapes, std::size_t layer) {
  const auto source = layer_source(network, layer);
  return source ? shapes[*source] : network.input_shape();
}

// Of one kind, from and to the same shape; fields may differ.
std::size_t alike_from_the_front(const Network& a, const Network& b) {
  const std::vector<Shape> a_shapes = layer_shapes(a), b_shapes = layer_shapes(b);
  std::size_t i = 0;
  for (; i < std::min(a.layers.size(), b.layers.size()); ++i) {
    if (a.layers[i].index() != b.layers[i].index() || a_shapes[i] != b_shapes[i] ||
        shape_before(a, a_shapes, i) != shape_before(b, b_shapes, i)) {
      break;
    }
  }
  return i;
}

bool all_alike(const Network& a, const Network& b) {
  return a.layers.size() == b.layers.size() && alike_from_the_front(a, b) == a.layers.size();
}

// "dense giving 256 numbers", "missing".
std::string layer_words(const Network& network, std::size_t layer) {
  if (layer >= network.layers.size()) return "missing";
  const Shape shape = layer_shapes(network)[layer];
  return fmt::format("{} giving {}", layers::name_of_layer(network.layers[layer]),
                     shape.pixels() == 1 ? counted(shape.channels, "number")
                                         : fmt::format("{} x {} pixels of {}", shape.height, shape.width,
                                                       counted(shape.channels, "channel")));
}

std::vector<LayerPair> first_pairs(std::size_t count) {
  std::vector<LayerPair> pairs;
  for (std::size_t i = 0; i < count; ++i) pairs.push_back({i, i});
  return pairs;
}

// Where `folded` has the layers that `model` has with its batch norms folded.
std::optional<Folding> fold_towards(const Model& model, const Model& folded) {
  if (!has_layer<BatchNorm>(model.network) || folded.network.layers.size() >= model.network.layers.size()) {
    return std::nullopt;
  }
  Folding folding = fold_weights(model);
  if (folding.folded.empty() || !all_alike(folding.model.network, folded.network)) return std::nullopt;
  return folding;
}

// Dense and Conv2d layers give what folding made of the unfolded ones.
std::vector<Aligned::Values> folded_values(const Folding& folding, bool a_is_folded) {
  std::vector<Aligned::Values> values;
  std::size_t next = 0;
  const Network& network = folding.model.network;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    if (!is_contraction(network.layers[i])) continue;
    const MatchedContraction& match = folding.contractions[next++];
    values.push_back({a_is_folded ? LayerPair{i, match.layer} : LayerPair{match.layer, i}, match.output});
  }
  return values;
}

}  // namespace

Aligned align(const Model& a, const Model& b) {
  Aligned aligned;
  const std::size_t layers = alike_from_the_front(a.network, b.network);
  if (!all_alike(a.network, b.network)) {
    const auto take = [&](Folding folding, bool a_is_folded) {
      aligned.how = a_is_folded ? Alignment::a_is_folded : Alignment::b_is_folded;
      aligned.pairs = first_pairs(folding.model.network.layers.size());
      aligned.values = folded_values(folding, a_is_folded);
      aligned.words = fmt::format(
          "{} has the layers of {} with {} folded: numbers are compared with those that folding gives",
          a_is_folded ? "A" : "B", a_is_folded ? "B" : "A", counted(folding.folded.size(), "batch norm"));
      (a_is_folded ? aligned.folded_b : aligned.folded_a) = std::move(folding.model);
    };
    if (auto folding = fold_towards(a, b)) {
      take(std::move(*folding), false);
      return aligned;
    }
    if (auto folding = fold_towards(b, a)) {
      take(std::move(*folding), true);
      return aligned;
    }
    aligned.how = Alignment::front;
    aligned.how = Alignment::front;
    aligned.words = fmt::format(
        "layer {} is {} in A and {} in B; {}", layers, layer_words(a.network, layers),
        layer_words(b.network, layers),
        layers == 0 ? "no numbers are compared"
                    : fmt::format("numbers of the {} before are compared", counted(layers, "layer")));
  }
  aligned.pairs = first_pairs(layers);
  for (const LayerPair& pair : aligned.pairs) aligned.values.push_back({pair, {}});
  return aligned;
}

InputMatch match_inputs(const Model& a, const Model& b) {
  InputMatch match;
  if (a.network.inputs != b.network.inputs) {
    match.refusal = fmt::format("A takes {}, B {}", counted(a.network.inputs, "input"), b.network.inputs);
    return match;
  }
  // Numbers of an image lie alike whether a network knows of the image or not.
  if (a.image_width > 0 && b.image_width > 0 &&
      (a.image_width != b.image_width || a.image_height != b.image_height)) {
    match.refusal = "they take images of different sizes";
    return match;
  }
  const bool named = !a.column_names.empty() && !b.column_names.empty();
  for (std::size_t c = 0; c < b.network.inputs; ++c) {
    match.columns.push_back(c);
    if (!named) continue;
    const auto found = std::ranges::find(a.column_names, b.column_names[c]);
    if (found == a.column_names.end()) {
      match.refusal = fmt::format("A knows no column '{}', which B takes", printable(b.column_names[c]));
      return match;
    }
    match.columns.back() = static_cast<std::size_t>(found - a.column_names.begin());
    if (!a.column_info.empty() != !b.column_info.empty() && a.column_info.size() + b.column_info.size() > 0) {
      match.refusal = "only one of them takes categories";
      return match;
    }
    if (!a.column_info.empty() && a.column_info[match.columns.back()].kind != b.column_info[c].kind) {
      match.refusal =
          fmt::format("column '{}' is categorical in only one of them", printable(b.column_names[c]));
      return match;
    }
  }
  if (named && a.column_names != b.column_names)
    match.notes.push_back("B has the columns in another order: they were matched by name");
  return match;
}

ClassMatch match_classes(const Model& a, const Model& b) {
  ClassMatch match;
  const std::size_t outputs = layer_outputs(a.network).back();
  if (a.task != b.task) {
    match.refusal = "one of them classifies, the other predicts a number";
  } else if (a.classes.size() != b.classes.size()) {
    match.refusal = fmt::format("A has {}, B {}", counted(a.classes.size(), "class"), b.classes.size());
  } else if (outputs != layer_outputs(b.network).back()) {
    match.refusal =
        fmt::format("A has {}, B {}", counted(outputs, "output"), layer_outputs(b.network).back());
  }
  if (!match.refusal.empty()) return match;
  for (std::size_t c = 0; c < b.classes.size(); ++c) {
    const auto found = std::ranges::find(a.classes, b.classes[c]);
    match.classes.push_back(static_cast<std::size_t>(found - a.classes.begin()));
  }
  if (std::ranges::find(match.classes, a.classes.size()) != match.classes.end()) {
    for (std::size_t c = 0; c < match.classes.size(); ++c) match.classes[c] = c;
    match.notes.push_back("some classes have other names: outputs were compared by their places");
  } else if (a.classes != b.classes) {
    match.notes.push_back("B has the classes in another order: outputs were matched by name");
  }
  return match;
}

}  // namespace ztilde
