// A comparison of two models, for people and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "ztilde/compare.hpp"

namespace ztilde::cli {

struct ModelPaths {
  std::string a, b;
};

std::string compare_words(const ModelPaths& paths, const Model& a, const ModelComparison& comparison);
nlohmann::ordered_json compare_object(const ModelPaths& paths, const ModelComparison& comparison);

}  // namespace ztilde::cli
