// The network as JSON, complete. Both directions visit the fields that each layer lists once.
#include <fmt/format.h>

#include <map>

#include "layers/json_reading.hpp"
#include "layers/layer.hpp"
#include "ztilde/network.hpp"

namespace ztilde {
namespace {

std::string value_to_json(bool value) { return value ? "true" : "false"; }
std::string value_to_json(std::size_t value) { return fmt::format("{}", value); }
// The shortest digits that read back as the same double.
std::string value_to_json(double value) { return fmt::format("{}", value); }
template <class Enum>
requires std::is_enum_v<Enum> std::string value_to_json(Enum value) {
  return fmt::format("\"{}\"", layers::name_of(value));
}

// Each column's kind and whatever else is not as it is by itself.
std::string value_to_json(const std::vector<EncodedColumn>& columns) {
  std::map<std::string_view, std::string> defaults;
  const EncodedColumn plain;
  layers::for_each_field(plain, [&](std::string_view name, const auto& field, const auto&) {
    defaults[name] = value_to_json(field);
  });
  std::string text = "[";
  for (const EncodedColumn& column : columns) {
    text += text.size() > 1 ? ",\n    {" : "\n    {";
    layers::for_each_field(column, [&](std::string_view name, const auto& field, const auto&) {
      const std::string value = value_to_json(field);
      if (name != "kind" && value == defaults[name]) return;
      text += fmt::format("{}\"{}\": {}", name == "kind" ? "" : ", ", name, value);
    });
    text += "}";
  }
  return text + "]";
}

std::string layer_to_json(const Layer& layer) {
  std::string text = fmt::format("{{\"layer\": \"{}\"", layers::name_of_layer(layer));
  const auto write = [&](std::string_view name, const auto& field, const layers::Limits&) {
    text += fmt::format(", \"{}\": {}", name, value_to_json(field));
  };
  std::visit([&](const auto& kind) { layers::for_each_field(kind, write); }, layer);
  return text + "}";
}

}  // namespace

std::string to_json(const Network& network) {
  std::string text = fmt::format("{{\"inputs\": {}, ", network.inputs);
  if (network.height != 1 || network.width != 1)
    text += fmt::format("\"height\": {}, \"width\": {}, ", network.height, network.width);
  text += "\"layers\": [";
  std::string_view separator = "\n  ";
  for (const Layer& layer : network.layers) {
    text += separator;
    text += layer_to_json(layer);
    separator = ",\n  ";
  }
  return text + (network.layers.empty() ? "]}" : "\n]}");
}

Network network_from_json(std::string_view text, std::string_view file_name) {
  const nlohmann::json root = layers::parse_json(text, file_name);
  const std::string place(file_name);
  layers::require_network_object(root, place);
  Network network;
  network.inputs = layers::read_size(root, "inputs", {.least = 1}, place);
  layers::read_input(root, network, place);
  for (const nlohmann::json& layer : root["layers"]) {
    network.layers.push_back(
        layers::read_layer(layer, fmt::format("{}: layer {}", place, network.layers.size())));
  }
  layers::validate_file(network, place);
  return network;
}

}  // namespace ztilde
