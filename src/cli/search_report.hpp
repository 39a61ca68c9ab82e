// The page of a study.
#pragma once

#include <string>

#include "search/study_contents.hpp"

namespace ztilde::cli {

// The whole HTML file.
std::string study_report(const search::StudyContents& study);

}  // namespace ztilde::cli
