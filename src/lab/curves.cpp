#include "lab/curves.hpp"

#include <algorithm>
#include <cmath>

#include "lab/course.hpp"
#include "lab/statistics.hpp"

namespace ztilde::lab {

Json line(const std::string& label, const Json& role, std::span<const double> x, std::span<const double> y) {
  Json data = Json::array();
  for (std::size_t i = 0; i < x.size(); ++i)
    data.push_back({{"x", x[i]}, {"y", std::isnan(y[i]) ? Json() : Json(y[i])}});
  return {{"label", label}, {"role", role}, {"data", std::move(data)}};
}

void add_band(Json& datasets, const Json& role, std::span<const double> x, std::span<const double> low,
              std::span<const double> high) {
  Json below = line("", role, x, low), above = line("", role, x, high);
  below["band"] = "low";
  above["band"] = "high";
  datasets.push_back(std::move(below));
  datasets.push_back(std::move(above));
}

void add_runs(Json& datasets, const std::string& label, const Json& role, std::span<const double> x,
              std::span<const std::vector<double>> runs) {
  std::vector<double> middle, low, high;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::vector<double> values = column(runs, i);
    middle.push_back(mean(values));
    low.push_back(std::ranges::min(values));
    high.push_back(std::ranges::max(values));
  }
  if (runs.size() > 1) add_band(datasets, role, x, low, high);
  datasets.push_back(line(label, role, x, middle));
}

}  // namespace ztilde::lab
