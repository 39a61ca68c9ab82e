// What a packed file holds, for people and as JSON.
#pragma once

#include <string>

#include "ztilde/pack.hpp"

namespace ztilde::cli {

// checked: all of it was read, and every checksum is right.
std::string pack_words(const PackInfo& info, const std::string& path, bool checked);
std::string pack_json(const PackInfo& info, const std::string& path, bool checked, double seconds = -1);

}  // namespace ztilde::cli
