// A plan and options as JSON, as the study's file keeps them.
#pragma once

#include <string>

#include "search/study_contents.hpp"

namespace ztilde::search {

std::string plan_text(const StudyPlan& plan);
std::string options_text(const OptionTexts& options);
// Throw std::runtime_error, saying what is wrong with the text.
StudyPlan parse_plan(const std::string& text);
OptionTexts parse_options(const std::string& text);

}  // namespace ztilde::search
