// The configuration file of --config: lines of `key = value`, as TOML writes them. A value is a
// number, a word, a quoted text, true, false, or a list of those.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace ztilde::cli {

struct ConfigEntry {
  std::string key;                  // an option's name without the dashes
  std::vector<std::string> values;  // one, or those of a list
  std::size_t line = 0;
  bool is_list = false;
};

// Each key once, in the order of the file. Throws Error(data) naming the line.
std::vector<ConfigEntry> read_config_file(const std::string& path);

}  // namespace ztilde::cli
