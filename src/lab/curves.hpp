// Datasets of line charts.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/page.hpp"

namespace ztilde::lab {

using report::Json;

// A line through the points (x[i], y[i]); NaN leaves a gap.
Json line(const std::string& label, const Json& role, std::span<const double> x, std::span<const double> y);

// The area between two lines, without a place in the legend: two datasets, appended.
void add_band(Json& datasets, const Json& role, std::span<const double> x, std::span<const double> low,
              std::span<const double> high);

// The line of the means over several runs, in the band from the least to the most.
//   runs: a row of values at x for each
void add_runs(Json& datasets, const std::string& label, const Json& role, std::span<const double> x,
              std::span<const std::vector<double>> runs);

}  // namespace ztilde::lab
