#include "layers/json_reading.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/text.hpp"
#include "layers/layer.hpp"
#include "ztilde/error.hpp"

namespace ztilde::layers {

void refuse(const std::string& message) { throw Error(ErrorKind::data, message); }

std::string described(const json& value) {
  switch (value.type()) {
    case json::value_t::null:
      return "null";
    case json::value_t::boolean:
      return value.get<bool>() ? "true" : "false";
    case json::value_t::string:
      return "text";
    case json::value_t::array:
      return "a list";
    case json::value_t::object:
      return "an object";
    default:
      return value.dump();
  }
}

void refuse_value(const std::string& place, std::string_view name, const json& value,
                  const std::string& must_be) {
  refuse(fmt::format("{}: \"{}\" is {}; {}", place, name, described(value), must_be));
}

void refuse_unknown_keys(const json& object, const std::vector<std::string>& known,
                         const std::string& place) {
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      refuse(fmt::format("{}: unknown field \"{}\"{}", place, printable(key), did_you_mean(key, known)));
    }
  }
}

namespace {

void read_value(const json& value, std::size_t& field, const layers::Limits& limits, std::string_view name,
                const std::string& place) {
  if (!value.is_number_unsigned() || !limits.allow(value.get<double>())) {
    refuse_value(place, name, value, layers::must_be(limits, true));
  }
  field = value.get<std::size_t>();
}

void read_value(const json& value, double& field, const layers::Limits& limits, std::string_view name,
                const std::string& place) {
  if (!value.is_number() || !limits.allow(value.get<double>())) {
    refuse_value(place, name, value, layers::must_be(limits, false));
  }
  field = value.get<double>();
}

void read_value(const json& value, bool& field, const layers::Limits&, std::string_view name,
                const std::string& place) {
  if (!value.is_boolean()) refuse_value(place, name, value, "it must be true or false");
  field = value.get<bool>();
}

template <class Enum>
requires std::is_enum_v<Enum>
void read_value(const json& value, Enum& field, const layers::Limits&, std::string_view name,
                const std::string& place) {
  std::vector<std::string> known;
  for (const auto& named : layers::names_of(field)) known.emplace_back(named.name);
  if (!value.is_string()) {
    refuse_value(place, name, value, fmt::format("it must be one of {}", fmt::join(known, ", ")));
  }
  const auto& text = value.get_ref<const std::string&>();
  for (const auto& named : layers::names_of(field)) {
    if (named.name == text) {
      field = named.value;
      return;
    }
  }
  refuse(fmt::format("{}: unknown {} \"{}\"{}", place, name, printable(text), did_you_mean(text, known)));
}

template <class Fields>
void read_fields(const json& object, Fields& fields, std::vector<std::string> known,
                 const std::string& place);

void read_value(const json& value, std::vector<EncodedColumn>& columns, const layers::Limits&,
                std::string_view name, const std::string& place) {
  if (!value.is_array()) refuse_value(place, name, value, "it must be a list of columns");
  for (const json& element : value) {
    const std::string of_column = fmt::format("{}, column {}", place, columns.size());
    if (!element.is_object()) {
      refuse(fmt::format("{} is {}; it must be an object such as {{\"kind\": \"numeric\"}}", of_column,
                         described(element)));
    }
    read_fields(element, columns.emplace_back(), {}, of_column);
  }
}

template <class Fields>
void read_fields(const json& object, Fields& fields, std::vector<std::string> known,
                 const std::string& place) {
  // Unknown names first: a misspelt one is a likelier mistake than a missing one.
  const auto collect = [&](std::string_view name, const auto&, const layers::Limits&) {
    known.emplace_back(name);
  };
  const auto read = [&](std::string_view name, auto& field, const layers::Limits& limits) {
    const auto found = object.find(std::string(name));
    if (found != object.end()) {
      read_value(*found, field, limits, name, place);
    } else if (limits.required) {
      constexpr bool is_number = std::is_arithmetic_v<std::remove_cvref_t<decltype(field)>>;
      refuse(fmt::format("{}: \"{}\" is missing; {}", place, name,
                         is_number ? layers::must_be(limits, true) : "it must be a list of columns"));
    }
  };
  layers::for_each_field(fields, collect);
  refuse_unknown_keys(object, known, place);
  layers::for_each_field(fields, read);
}

// One of each layer, in the order of the variant, with its default fields.
std::vector<Layer> all_layers() {
  return []<std::size_t... I>(std::index_sequence<I...>) {
    return std::vector<Layer>{std::variant_alternative_t<I, Layer>{}...};
  }
  (std::make_index_sequence<std::variant_size_v<Layer>>{});
}

}  // namespace

Layer read_layer(const json& value, const std::string& place) {
  if (!value.is_object()) {
    refuse(fmt::format("{} is {}; it must be an object such as {}", place, described(value),
                       R"({"layer": "activation", "kind": "relu"})"));
  }
  std::vector<std::string> known;
  for (const Layer& layer : all_layers()) known.emplace_back(layers::name_of_layer(layer));
  const auto found = value.find("layer");
  const std::string one_of = fmt::format("it must be one of {}", fmt::join(known, ", "));
  if (found == value.end()) refuse(fmt::format("{}: \"layer\" is missing; {}", place, one_of));
  if (!found->is_string()) refuse_value(place, "layer", *found, one_of);
  const auto& name = found->get_ref<const std::string&>();
  for (Layer layer : all_layers()) {
    if (layers::name_of_layer(layer) != name) continue;
    std::visit([&](auto& kind) { read_fields(value, kind, {"layer"}, place); }, layer);
    return layer;
  }
  const bool is_like_one = !nearest_names(name, known).empty();
  refuse(fmt::format("{}: unknown layer \"{}\"{}", place, printable(name),
                     is_like_one ? did_you_mean(name, known) : "; " + one_of));
}

std::size_t read_size(const json& object, std::string_view name, const Limits& limits,
                      const std::string& place) {
  const auto found = object.find(std::string(name));
  if (found == object.end())
    refuse(fmt::format("{}: \"{}\" is missing; {}", place, name, must_be(limits, true)));
  std::size_t size = 0;
  read_value(*found, size, limits, name, place);
  return size;
}

void require_network_object(const json& root, const std::string& place) {
  if (!root.is_object()) {
    refuse(fmt::format("{}: the network is {}; it must be an object with \"inputs\" and \"layers\"", place,
                       described(root)));
  }
  refuse_unknown_keys(root, {"inputs", "height", "width", "layers"}, place);
  const auto found = root.find("layers");
  if (found == root.end()) refuse(fmt::format("{}: \"layers\" is missing; it must be a list", place));
  if (!found->is_array()) refuse_value(place, "layers", *found, "it must be a list");
}

void read_input(const json& root, Network& network, const std::string& place) {
  const Limits size{.least = 1};
  if (root.contains("inputs")) network.inputs = read_size(root, "inputs", size, place);
  if (!root.contains("height") && !root.contains("width")) return;
  network.height = read_size(root, "height", size, place);
  network.width = read_size(root, "width", size, place);
}

void validate_file(const Network& network, const std::string& place) {
  try {
    validate(network);
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}: {}", place, error.what()));
  }
}

namespace {

// "LINE:COLUMN" of a byte, both from 1; columns count bytes.
std::string line_and_column(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, std::min(byte, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t newline = before.rfind('\n');
  const std::size_t column = newline == before.npos ? before.size() + 1 : before.size() - newline;
  return fmt::format("{}:{}", line, column);
}

// nlohmann's "[json.exception.…] parse error at line 1, column 5: syntax error while parsing value -
// invalid literal; last read: '…'; expected '}'" without what users cannot read.
std::string reason(const std::string& what) {
  const std::size_t dash = what.find(" - ");
  if (dash == what.npos) return "a syntax error";
  std::string text = what.substr(dash + 3);
  const std::size_t last_read = text.find("; last read");
  if (last_read != text.npos) {
    const std::size_t expected = text.rfind("; expected ");
    text = text.substr(0, last_read) +
           (expected == text.npos || expected < last_read ? "" : text.substr(expected));
  }
  return printable(text, 120);
}

}  // namespace

json parse_json(std::string_view text, std::string_view file_name) {
  std::vector<std::set<std::string>> names;  // of each object that is open
  const auto watch = [&](int, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start) names.emplace_back();
    if (event == json::parse_event_t::object_end) names.pop_back();
    if (event == json::parse_event_t::key && !names.back().insert(parsed.get<std::string>()).second) {
      refuse(fmt::format("{}: \"{}\" is given twice in the same object; keep one", file_name,
                         printable(parsed.get<std::string>())));
    }
    return true;
  };
  try {
    return json::parse(text, watch);
  } catch (const json::parse_error& error) {
    const std::size_t byte = error.byte == 0 ? 0 : error.byte - 1;
    refuse(fmt::format("{}:{}: this is not JSON: {}", file_name, line_and_column(text, byte),
                       reason(error.what())));
  } catch (const json::exception&) {
    refuse(fmt::format("{}: a number is too large for a double", file_name));
  }
}

}  // namespace ztilde::layers
