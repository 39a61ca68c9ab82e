#include "report/series.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace ztilde::report {

Series thinned(const Series& series, std::size_t most) {
  if (series.size() <= most) return series;
  Series result = {series.front()};
  const std::size_t inner = series.size() - 2, stretches = (most - 2) / 2;
  for (std::size_t i = 0; i < stretches; ++i) {
    const auto begin = series.begin() + 1 + static_cast<std::ptrdiff_t>(i * inner / stretches);
    const auto end = series.begin() + 1 + static_cast<std::ptrdiff_t>((i + 1) * inner / stretches);
    // A NaN counts as the lowest: a gap is worth seeing.
    const auto below = [](const auto& a, const auto& b) {
      return std::isnan(a.second) ? !std::isnan(b.second) : a.second < b.second;
    };
    const auto [low, high] = std::minmax_element(begin, end, below);
    result.push_back(*std::min(low, high));
    if (low != high) result.push_back(*std::max(low, high));
  }
  result.push_back(series.back());
  return result;
}

Json rounded(double value) {
  if (!std::isfinite(value)) return {};
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return std::strtod(text, nullptr);
}

Json line_dataset(const std::string& label, const Json& role, const Series& series, std::size_t most) {
  Json points = Json::array();
  for (const auto& [x, y] : thinned(series, most)) points.push_back({{"x", rounded(x)}, {"y", rounded(y)}});
  return {{"label", label}, {"role", role}, {"data", points}};
}

}  // namespace ztilde::report
