// A drift report, for people and as JSON.
#pragma once

#include <cstddef>
#include <string>

#include "ztilde/monitor.hpp"

namespace ztilde::cli {

// The `top` findings that are furthest beyond or nearest to their thresholds. model, data: paths.
std::string monitor_words(const DriftReport& report, std::size_t top, const std::string& model,
                          const std::string& data, bool has_norms);
std::string monitor_json(const DriftReport& report, const std::string& model);

// "rows 600 held out, samples of 2 to 512": what a model file knows.
std::string thresholds_words(const DriftThresholds& thresholds);

}  // namespace ztilde::cli
