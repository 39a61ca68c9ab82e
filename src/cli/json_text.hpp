// JSON as the program prints it: one line, names that are not UTF-8 made to be.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace ztilde::cli {

inline std::string json_line(const nlohmann::ordered_json& object) {
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace ztilde::cli
