#include "ztilde/network.hpp"

#include <fmt/format.h>

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
  if (layer.columns.size() != network.inputs) {
    refuse(network, index,
           fmt::format("it has {} for {}; give each input one", counted(layer.columns.size(), "column"),
                       counted(network.inputs, "input")));
  }
  const std::string what = contradiction(layer);
  if (!what.empty()) refuse(network, index, what);
}

// The elements that a layer declares, or kMostElements + 1 for too many.
std::size_t declared_elements(const Layer& layer, std::size_t inputs) {
  const std::size_t too_many = kMostElements + 1;
  return std::visit(
      [&](const auto& kind) {
        std::size_t total = has_statistics(kind) ? 2 * inputs : 0;
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(kind)>, Encode>) {
          total = output_channels(kind, inputs);
          if (total > kMostElements) return too_many;
        }
        for (const ParameterShape& shape : parameters(kind, inputs)) {
          if (shape.rows > kMostElements || shape.columns > kMostElements / shape.rows) return too_many;
          total += shape.rows * shape.columns + kFloatsPerLine;
          if (total > kMostElements) return too_many;
        }
        return total;
      },
      layer);
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
  bool has_dense = false;
  std::size_t channels = network.inputs;
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
    has_dense = has_dense || std::holds_alternative<Dense>(layer);
    const std::size_t more = layers::declared_elements(layer, channels);
    if (more > layers::kMostElements - elements) {
      refuse(network, i, "its numbers are more than any memory holds; use fewer outputs");
    }
    elements += more;
    channels = std::visit([&](const auto& kind) { return layers::output_channels(kind, channels); }, layer);
  }
  if (!has_dense) throw Error(ErrorKind::data, "the network has no dense layer; it needs at least one");
}

std::vector<std::size_t> layer_outputs(const Network& network) {
  std::vector<std::size_t> outputs;
  std::size_t channels = network.inputs;
  for (const Layer& layer : network.layers) {
    channels = std::visit([&](const auto& kind) { return layers::output_channels(kind, channels); }, layer);
    outputs.push_back(channels);
  }
  return outputs;
}

std::vector<ParameterSlot> parameter_slots(const Network& network) {
  std::vector<ParameterSlot> slots;
  std::size_t channels = network.inputs;
  std::size_t end = 0;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    std::visit(
        [&](const auto& kind) {
          for (const layers::ParameterShape& shape : layers::parameters(kind, channels)) {
            slots.push_back(
                {i, shape.name, shape.rows, shape.columns, end, shape.is_weight_matrix, shape.column});
            end = round_up(end + slots.back().size(), kFloatsPerLine);
          }
          channels = layers::output_channels(kind, channels);
        },
        network.layers[i]);
  }
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
  std::size_t channels = network.inputs;
  std::size_t end = encoding_size(network);
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    std::visit(
        [&](const auto& kind) {
          if (layers::has_statistics(kind)) {
            slots.push_back({i, channels, end});
            end += 2 * channels;
          }
          channels = layers::output_channels(kind, channels);
        },
        network.layers[i]);
  }
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
