// The configuration file of `--config`: lines of key = value, as TOML has them.
#pragma once

#include <string>
#include <vector>

namespace ztilde::cli {

struct ConfigEntry {
  std::string key;                  // an option's name without the dashes
  std::vector<std::string> values;  // one, or those of a list
};

// Each key once, in the order of the file. Throws Error(data) for sections and for keys given twice.
std::vector<ConfigEntry> read_config_file(const std::string& path);

}  // namespace ztilde::cli
