#include "ztilde/network.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "layers/layer.hpp"
#include "tensor/aligned_buffer.hpp"
#include "ztilde/error.hpp"

namespace ztilde {

namespace layers {

std::string label(const Network& network, std::size_t index) {
  return fmt::format("layer {} ({})", index, name_of_layer(network.layers[index]));
}

std::string must_be(const Limits& limits, bool whole) {
  const std::string kind = whole ? "a whole number " : "";
  const bool bounded = limits.most < std::numeric_limits<double>::max();
  if (!bounded && whole) return fmt::format("it must be a whole number from {}", limits.least);
  if (!bounded) return fmt::format("it must be at least {}", limits.least);
  if (!limits.most_is_allowed) {
    return fmt::format("it must be {}at least {} and below {}", kind, limits.least, limits.most);
  }
  return fmt::format("it must be {}from {} to {}", kind, limits.least, limits.most);
}

namespace {

// Far above any memory and far below what a size in bytes could overflow on.
constexpr std::size_t kMostElements = std::size_t{1} << 48;

[[noreturn]] void refuse(const Network& network, std::size_t index, const std::string& why) {
  throw Error(ErrorKind::data, fmt::format("{}: {}", label(network, index), why));
}

template <class Kind>
void check_fields(const Network& network, std::size_t index, const Kind& kind, const std::string& where) {
  for_each_field(kind, [&](std::string_view name, const auto& field, const Limits& limits) {
    using Field = std::remove_cvref_t<decltype(field)>;
    if constexpr (std::is_same_v<Field, std::vector<EncodedColumn>>) {
      for (std::size_t c = 0; c < field.size(); ++c) {
        check_fields(network, index, field[c], fmt::format("column {}: ", c));
      }
    } else if constexpr (std::is_same_v<Field, double> || std::is_same_v<Field, std::size_t>) {
      if (limits.allow(static_cast<double>(field))) return;
      const bool finite = std::isfinite(static_cast<double>(field));
      refuse(network, index,
             fmt::format("{}{} is {}; {}", where, name, field,
                         finite ? must_be(limits, std::is_integral_v<Field>) : "it must be a finite number"));
    }
  });
}

void check_encode(const Network& network, std::size_t index, const Encode& layer) {
  if (index != 0) refuse(network, index, "it works on raw inputs only; make it the first layer");
  if (network.height * network.width > 1) {
    refuse(network, index,
           "it works on the columns of a table, not on images; take it or height and width out");
  }
  if (layer.columns.size() != network.inputs) {
    refuse(network, index,
           fmt::format("it has {} for {}; give each input one", counted(layer.columns.size(), "column"),
                       counted(network.inputs, "input")));
  }
  const std::string what = contradiction(layer);
  if (!what.empty()) refuse(network, index, what);
}

// The elements that a layer declares, or kMostElements + 1 for too many.
std::size_t declared_elements(const Layer& layer, const Shape& input) {
  const std::size_t too_many = kMostElements + 1;
  return std::visit(
      [&](const auto& kind) {
        std::size_t total = has_statistics(kind) ? 2 * input.channels : 0;
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(kind)>, Encode>) {
          total = output_shape(kind, input).size();
          if (total > kMostElements) return too_many;
        }
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(kind)>, Conv2d>) {
          if (input.channels > kMostElements / (kind.kernel * kind.kernel)) return too_many;
        }
        for (const ParameterShape& shape : parameters(kind, input)) {
          if (shape.rows > kMostElements || shape.columns > kMostElements / shape.rows) return too_many;
          total += shape.rows * shape.columns + kFloatsPerLine;
          if (total > kMostElements) return too_many;
        }
        return total;
      },
      layer);
}

std::string shape_text(const Shape& shape) {
  return shape.pixels() == 1 ? counted(shape.channels, "channel")
                             : fmt::format("{} × {} pixels of {}", shape.height, shape.width,
                                           counted(shape.channels, "channel"));
}

void check_windows(const Network& network, std::size_t index, const Shape& input, std::size_t kernel,
                   std::size_t padding) {
  if (kernel > 1 && network.height * network.width == 1) {
    refuse(network, index,
           fmt::format("its kernel of {0} × {0} pixels is for images; give the network's height and width",
                       kernel));
  }
  if (std::min(input.height, input.width) + 2 * padding >= kernel) return;
  refuse(
      network, index,
      fmt::format("its kernel of {0} × {0} does not fit into {1} × {2} pixels{3}; make it smaller, or take "
                  "out a pooling or a stride before it",
                  kernel, input.height, input.width,
                  padding > 0 ? fmt::format(" with a padding of {}", padding) : ""));
}

void check_convolution(const Network& network, std::size_t index, const Shape& input, const Conv2d& conv) {
  if (conv.padding >= conv.kernel) {
    refuse(
        network, index,
        fmt::format("padding is {} and kernel {}, so that some windows would see nothing but padding; make "
                    "it smaller than the kernel",
                    conv.padding, conv.kernel));
  }
  check_windows(network, index, input, conv.kernel, conv.padding);
  if (conv.depthwise && conv.outputs != input.channels) {
    refuse(
        network, index,
        fmt::format("outputs is {}, and {} {}; a depthwise convolution gives as many as enter", conv.outputs,
                    counted(input.channels, "channel"), input.channels == 1 ? "enters it" : "enter it"));
  }
}

// What a layer asks of the shape that enters it.
void check_shape(const Network& network, std::size_t index, const Shape& input) {
  std::visit(
      overloaded{[&](const Conv2d& conv) { check_convolution(network, index, input, conv); },
                 [&](const MaxPool& pool) { check_windows(network, index, input, pool.kernel, 0); },
                 [&](const AveragePool& pool) { check_windows(network, index, input, pool.kernel, 0); },
                 [&](const Dense&) {
                   if (input.pixels() == 1) return;
                   refuse(network, index,
                          fmt::format("{} enter it; put flatten or global_average_pool before it",
                                      shape_text(input)));
                 },
                 [](const auto&) {}},
      network.layers[index]);
}

// Only where there are so many layers before it.
void check_back(const Network& network, std::size_t index, std::size_t back) {
  if (back <= index) return;
  refuse(network, index,
         fmt::format("back is {}, and only {} {} before it; go back less far, or put it further on", back,
                     counted(index, "layer"), index == 1 ? "comes" : "come"));
}

// What an Add brings together has one shape, and nothing is made for nobody.
void check_connections(const Network& network, const std::vector<Shape>& shapes) {
  std::vector<bool> is_read(network.layers.size(), false);
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    if (const std::optional<std::size_t> source = layer_source(network, i)) is_read[*source] = true;
    const auto* add = std::get_if<Add>(&network.layers[i]);
    if (!add) continue;
    const std::size_t other = i - add->back;
    is_read[other] = true;
    if (shapes[i - 1] == shapes[other]) continue;
    refuse(
        network, i,
        fmt::format("it adds {} to {} of {}; bring one to the shape of the other by a shortcut with a conv2d "
                    "or a dense",
                    shape_text(shapes[i - 1]), shape_text(shapes[other]), label(network, other)));
  }
  for (std::size_t i = 0; i + 1 < network.layers.size(); ++i) {
    if (!is_read[i]) refuse(network, i, "nothing reads its output; add it to another branch, or take it out");
  }
}

}  // namespace
}  // namespace layers

Network dense_network(const DenseNetworkOptions& options) {
  Network network{options.inputs, {}};
  std::vector<Layer>& layers = network.layers;
  const BatchNorm norm{options.epsilon, options.keep, VarianceKind::population};
  const bool norm_before = options.batch_norm && options.norm_place == NormPlace::before;
  const bool norm_after = options.batch_norm && options.norm_place == NormPlace::after;

  if (options.encode) layers.push_back(*options.encode);
  if (options.standardise) layers.push_back(Standardise{});
  for (const std::size_t width : options.hidden) {
    // A norm that directly follows subtracts any bias again; after the activation it does not.
    layers.push_back(Dense{width, !norm_before});
    if (norm_before) layers.push_back(norm);
    layers.push_back(Activation{options.activation});
    if (norm_after) layers.push_back(norm);
    if (options.dropout != 0) layers.push_back(Dropout{options.dropout});
  }
  layers.push_back(Dense{options.outputs, true});
  validate(network);
  return network;
}

void validate(const Network& network) {
  using layers::refuse;
  if (network.inputs == 0) throw Error(ErrorKind::data, "inputs is 0; a network needs at least 1 input");
  if (network.inputs > layers::kMostElements) {
    throw Error(ErrorKind::data,
                fmt::format("inputs is {}; that is more than any memory holds", network.inputs));
  }
  if (network.height == 0 || network.width == 0 || network.height > network.inputs / network.width ||
      network.inputs % (network.height * network.width) != 0) {
    throw Error(ErrorKind::data,
                fmt::format("inputs is {}, height {}, width {}; inputs must be height · width · "
                            "channels",
                            network.inputs, network.height, network.width));
  }
  bool has_weights = false;
  std::vector<Shape> shapes;
  std::size_t elements = 0;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const Layer& layer = network.layers[i];
    std::visit([&](const auto& kind) { layers::check_fields(network, i, kind, ""); }, layer);
    if (const auto* encode = std::get_if<Encode>(&layer)) layers::check_encode(network, i, *encode);
    const bool after_encode = i == 1 && std::holds_alternative<Encode>(network.layers[0]);
    if (std::holds_alternative<Standardise>(layer) && i != 0 && !after_encode) {
      refuse(network, i,
             "it works on inputs only; make it the first layer or the one after encode, or take it out");
    }
    has_weights =
        has_weights || std::holds_alternative<Dense>(layer) || std::holds_alternative<Conv2d>(layer);
    if (const auto* add = std::get_if<Add>(&layer)) layers::check_back(network, i, add->back);
    if (const auto* shortcut = std::get_if<Shortcut>(&layer)) layers::check_back(network, i, shortcut->back);
    const std::optional<std::size_t> source = layer_source(network, i);
    const Shape input = source ? shapes[*source] : network.input_shape();
    layers::check_shape(network, i, input);
    const std::size_t more = layers::declared_elements(layer, input);
    if (more > layers::kMostElements - elements) {
      refuse(network, i, "its numbers are more than any memory holds; use fewer outputs");
    }
    elements += more;
    shapes.push_back(std::visit([&](const auto& kind) { return layers::output_shape(kind, input); }, layer));
    if (shapes.back().channels > layers::kMostElements / shapes.back().pixels()) {
      refuse(network, i, "its output is more than any memory holds; use fewer outputs");
    }
  }
  if (!has_weights)
    throw Error(ErrorKind::data, "the network has neither a dense nor a conv2d layer; it needs at least one");
  layers::check_connections(network, shapes);
  if (shapes.back().pixels() > 1) {
    refuse(network, network.layers.size() - 1,
           fmt::format("the network ends with {}; end it with global_average_pool, or with flatten and dense",
                       layers::shape_text(shapes.back())));
  }
}

std::optional<std::size_t> layer_source(const Network& network, std::size_t layer) {
  if (const auto* shortcut = std::get_if<Shortcut>(&network.layers[layer])) return layer - shortcut->back;
  return layer == 0 ? std::nullopt : std::optional(layer - 1);
}

namespace {

// visit(layer index, layer, the shape that enters it), in order; returns the shapes that leave them.
template <class Visit>
std::vector<Shape> for_each_layer(const Network& network, Visit&& visit) {
  std::vector<Shape> shapes;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const std::optional<std::size_t> source = layer_source(network, i);
    const Shape input = source ? shapes[*source] : network.input_shape();
    std::visit(
        [&](const auto& kind) {
          visit(i, kind, input);
          shapes.push_back(layers::output_shape(kind, input));
        },
        network.layers[i]);
  }
  return shapes;
}

}  // namespace

std::vector<Shape> layer_shapes(const Network& network) {
  return for_each_layer(network, [](std::size_t, const auto&, const Shape&) {});
}

std::vector<std::size_t> layer_outputs(const Network& network) {
  std::vector<std::size_t> outputs;
  for (const Shape& shape : layer_shapes(network)) outputs.push_back(shape.size());
  return outputs;
}

std::vector<ParameterSlot> parameter_slots(const Network& network) {
  std::vector<ParameterSlot> slots;
  std::size_t end = 0;
  for_each_layer(network, [&](std::size_t i, const auto& kind, const Shape& input) {
    for (const layers::ParameterShape& shape : layers::parameters(kind, input)) {
      slots.push_back({i, shape.name, shape.rows, shape.columns, end, shape.is_weight_matrix, shape.column,
                       shape.kernel});
      end = round_up(end + slots.back().size(), kFloatsPerLine);
    }
  });
  return slots;
}

std::size_t parameter_arena_size(const Network& network) {
  const std::vector<ParameterSlot> slots = parameter_slots(network);
  return slots.empty() ? 0 : round_up(slots.back().offset + slots.back().size(), kFloatsPerLine);
}

std::size_t parameter_count(const Network& network) {
  std::size_t count = 0;
  for (const ParameterSlot& slot : parameter_slots(network)) count += slot.size();
  return count;
}

namespace {

std::size_t encoding_size(const Network& network) {
  const std::vector<EncodingSlot> slots = encoding_slots(network);
  return slots.empty() ? 0 : slots.back().offset + slots.back().size;
}

}  // namespace

std::vector<StatisticSlot> statistic_slots(const Network& network) {
  std::vector<StatisticSlot> slots;
  std::size_t end = encoding_size(network);
  for_each_layer(network, [&](std::size_t i, const auto& kind, const Shape& input) {
    if (!layers::has_statistics(kind)) return;
    slots.push_back({i, input.channels, end});
    end += 2 * input.channels;
  });
  return slots;
}

std::size_t statistic_arena_size(const Network& network) {
  const std::vector<StatisticSlot> slots = statistic_slots(network);
  return slots.empty() ? encoding_size(network) : slots.back().offset + 2 * slots.back().channels;
}

std::string_view to_string(ActivationKind kind) { return layers::name_of(kind); }

ActivationKind activation_from_string(std::string_view name) {
  std::vector<std::string> known;
  for (const auto& named : layers::kActivationNames) {
    if (named.name == name) return named.value;
    known.emplace_back(named.name);
  }
  throw Error(ErrorKind::data,
              fmt::format("unknown activation \"{}\"{}", printable(name), did_you_mean(name, known)));
}

}  // namespace ztilde
