#include "lab/statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "base/text.hpp"

namespace ztilde::lab {

double mean(std::span<const double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double deviation(std::span<const double> values) {
  if (values.size() < 2) return 0;
  const double middle = mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - middle) * (value - middle);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

double interval(std::span<const double> values) {
  if (values.size() < 2) return 0;
  // Student's t, two-sided 95 %, for 1, 2, … 10 degrees of freedom; above, a little too wide.
  constexpr double kQuantiles[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228};
  const std::size_t freedom = values.size() - 1;
  const double quantile = kQuantiles[std::min(freedom, std::size(kQuantiles)) - 1];
  return quantile * deviation(values) / std::sqrt(static_cast<double>(values.size()));
}

double median(std::span<const double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const std::size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

std::string two_digits(double value) {
  const double size = std::abs(value);
  if (!(size >= 10 && size < 1e7)) {
    std::string text = fmt::format("{:.2g}", value);
    if (const std::size_t plus = text.find('+'); plus != text.npos) text.erase(plus, 1);
    return text;
  }
  const double unit = std::pow(10, std::floor(std::log10(size)) - 1);
  return (value < 0 ? "-" : "") +
         with_commas(static_cast<std::uint64_t>(std::llround(size / unit) * std::llround(unit)));
}

Paired paired(std::span<const double> a, std::span<const double> b) {
  Paired result;
  std::vector<double> differences;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    differences.push_back(a[i] - b[i]);
    result.wins += a[i] > b[i] ? 1 : 0;
  }
  result.pairs = differences.size();
  result.mean = mean(differences);
  result.interval = interval(differences);
  return result;
}

}  // namespace ztilde::lab
