#include "model/metrics.hpp"

#include <algorithm>

namespace ztilde::metrics {

std::optional<double> area_under_curve(std::span<RankedRow> rows) {
  std::ranges::sort(rows, {}, &RankedRow::score);
  double positive = 0, negative = 0, ordered = 0;
  for (std::size_t first = 0; first < rows.size();) {
    double tied_positive = 0, tied_negative = 0;
    std::size_t end = first;
    for (; end < rows.size() && !(rows[first].score < rows[end].score); ++end) {
      (rows[end].positive ? tied_positive : tied_negative) += rows[end].weight;
    }
    ordered += tied_positive * (negative + tied_negative / 2);
    positive += tied_positive;
    negative += tied_negative;
    first = end;
  }
  if (!(positive > 0 && negative > 0)) return std::nullopt;
  return ordered / (positive * negative);
}

std::vector<ClassScores> by_class(const Answers& rows) {
  std::vector<double> occurring(rows.classes), answered(rows.classes), right(rows.classes);
  for (std::size_t r = 0; r < rows.truths.size(); ++r) {
    const double weight = rows.weights.empty() ? 1.0 : rows.weights[r];
    occurring[rows.truths[r]] += weight;
    answered[rows.answers[r]] += weight;
    if (rows.truths[r] == rows.answers[r]) right[rows.truths[r]] += weight;
  }
  std::vector<ClassScores> classes(rows.classes);
  for (std::size_t c = 0; c < rows.classes; ++c) {
    if (occurring[c] > 0) classes[c].recall = right[c] / occurring[c];
    if (answered[c] > 0) classes[c].precision = right[c] / answered[c];
  }
  return classes;
}

std::optional<double> balanced_accuracy(const std::vector<ClassScores>& classes) {
  double sum = 0, count = 0;
  for (const ClassScores& scores : classes) {
    if (!scores.recall) continue;
    sum += *scores.recall;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / count;
}

}  // namespace ztilde::metrics
