// What the readers of networks have in common: JSON, the object of a layer, and how they refuse.
// place: "net.json" or "net.json: layer 3", which a message begins with.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "layers/fields.hpp"
#include "ztilde/network.hpp"

namespace ztilde::layers {

using nlohmann::json;

// Throws Error(data) with line and column for what is no JSON, and for names given twice, of which
// nlohmann's objects would keep the last in silence.
json parse_json(std::string_view text, std::string_view file_name);

// What stands in the file, for "…is X; it must be Y".
std::string described(const json& value);

// Each throws Error(data).
[[noreturn]] void refuse(const std::string& message);
[[noreturn]] void refuse_value(const std::string& place, std::string_view name, const json& value,
                               const std::string& must_be);
void refuse_unknown_keys(const json& object, const std::vector<std::string>& known, const std::string& place);

// A whole number of an object that must have it.
std::size_t read_size(const json& object, std::string_view name, const Limits& limits,
                      const std::string& place);
// The object of the whole file, its names checked, and in it the list "layers".
void require_network_object(const json& root, const std::string& place);
// Into inputs, height and width, as far as they are there: height and width both or neither.
void read_input(const json& root, Network& network, const std::string& place);
Layer read_layer(const json& value, const std::string& place);

// validate, with the file's name before what it says.
void validate_file(const Network& network, const std::string& place);

}  // namespace ztilde::layers
