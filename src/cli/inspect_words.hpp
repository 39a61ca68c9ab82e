// A model described, for people and as JSON.
#pragma once

#include <string>

#include "ztilde/model.hpp"

namespace ztilde::cli {

std::string inspect_words(const Model& model, const std::string& path);
std::string inspect_json(const Model& model, const std::string& path);

}  // namespace ztilde::cli
