// A table described, for people and as JSON.
#pragma once

#include <cstddef>
#include <string>

#include "ztilde/dataset.hpp"

namespace ztilde::cli {

std::string survey_words(const TableSurvey& survey, const std::string& path, std::size_t width);
std::string survey_json(const TableSurvey& survey, const std::string& path);
// A file for --columns that says what was inferred.
std::string roles_json(const TableSurvey& survey);

}  // namespace ztilde::cli
