// Points of a line, thinned and rounded for a page: what the eye sees of a long history, and no more.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "report/page.hpp"

namespace ztilde::report {

using Series = std::vector<std::pair<double, double>>;  // x ascending; y may be NaN: a gap

// At most `most` points (from 4): the first, the last, and of each stretch between them the lowest and
// the highest, so that peaks stay.
Series thinned(const Series& series, std::size_t most);

// To 6 significant digits, so that the page says 0.3 and not 0.30000000000000004. NaN: null.
Json rounded(double value);

// A dataset of a chart.
Json line_dataset(const std::string& label, const Json& role, const Series& series, std::size_t most);

}  // namespace ztilde::report
