// The numbers that judge predictions: pure functions of truths, answers and weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ztilde/model.hpp"

namespace ztilde::metrics {

struct RankedRow {
  float score = 0;  // the larger, the more likely positive
  bool positive = false;
  double weight = 1;
};

// Area under the ROC curve: the share of pairs of a positive and a negative row that the score puts in
// order, a tie counting half, each pair by the product of its weights. Exact, by ranks; sorts `rows`.
// Empty where one side weighs nothing. Mann & Whitney 1947; Hanley & McNeil 1982.
std::optional<double> area_under_curve(std::span<RankedRow> rows);

// truths, answers: [rows] class indices below `classes`; weights: [rows], or empty for 1 each.
struct Answers {
  std::span<const std::uint32_t> truths, answers;
  std::span<const float> weights;
  std::size_t classes = 0;
};

// Recall and precision of each class: weight answered rightly over the weight of the class, and over the
// weight that was answered so. Empty where that is 0.
std::vector<ClassScores> by_class(const Answers& rows);

// The mean recall of the classes that occur.
std::optional<double> balanced_accuracy(const std::vector<ClassScores>& classes);

}  // namespace ztilde::metrics
