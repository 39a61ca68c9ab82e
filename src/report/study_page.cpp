#include "report/study_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "base/text.hpp"
#include "report/blocks.hpp"
#include "report/study_sections.hpp"

namespace ztilde::report {
namespace {

using search::Trial;
using search::TrialState;

// "A search on adult.csv": what stands before the first colon of "adult.csv: 32,561 rows …".
std::string title_of(const search::StudyContents& study) {
  const std::string& words = study.plan.data_words;
  const std::size_t end = words.find(": ");
  return end == words.npos || end == 0 ? "A search" : "A search on " + words.substr(0, end);
}

std::string subtitle_of(const search::StudyContents& study) {
  std::vector<std::string> parts;
  const std::string& words = study.plan.data_words;
  const std::size_t end = words.find(": ");
  if (!words.empty()) parts.push_back(end == words.npos ? words : words.substr(end + 2));
  parts.push_back(counted(study.plan.dimensions.size(), "option") + " searched");
  parts.push_back(counted(study.plan.epochs, "epoch") + " a trial");
  return fmt::format("{}", fmt::join(parts, " · "));
}

int rank_of(const Trial& trial) {
  if (trial.state == TrialState::finished) return trial.folds_loss ? 0 : 1;
  if (trial.state == TrialState::diverged) return 4;
  return trial.loss() ? 2 : 3;
}

}  // namespace

double StudyMeasure::of(const search::TrialPoint& point) const {
  return of_numbers ? *point.valid_rmse : point.valid_loss;
}

std::optional<double> StudyMeasure::of(const Trial& trial) const {
  if (trial.state == TrialState::diverged || trial.curve.empty()) return std::nullopt;
  const double value = of(trial.curve.back());
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

StudyMeasure measure_of(const search::StudyContents& study) {
  std::size_t points = 0, with_rmse = 0;
  for (const Trial& trial : study.trials) {
    for (const search::TrialPoint& point : trial.curve) {
      ++points;
      with_rmse += point.valid_rmse ? 1 : 0;
    }
  }
  return {points > 0 && with_rmse == points};
}

std::string state_words(TrialState state) {
  switch (state) {
    case TrialState::waiting:
      return "waiting";
    case TrialState::running:
      return "running";
    case TrialState::paused:
      return "stopped early";
    case TrialState::finished:
      return "finished";
    case TrialState::diverged:
      return "diverged";
  }
  return "";
}

std::size_t count_of(const search::StudyContents& study, TrialState state) {
  return static_cast<std::size_t>(std::ranges::count(study.trials, state, &Trial::state));
}

std::string bare_name(const std::string& option) {
  const std::size_t start = option.find_first_not_of('-');
  return start == option.npos ? option : option.substr(start);
}

std::string name_of(const search::StudyContents& study, const Trial& trial) {
  const bool defaults = trial.number == 0 && !study.plan.first.empty();
  return fmt::format("trial {}{}", trial.number, defaults ? ", the defaults" : "");
}

std::vector<std::size_t> ranking(const search::StudyContents& study) {
  std::vector<std::size_t> order(study.trials.size());
  for (std::size_t t = 0; t < order.size(); ++t) order[t] = t;
  const auto key = [&](std::size_t t) {
    const Trial& trial = study.trials[t];
    const double score = trial.folds_loss ? *trial.folds_loss : trial.loss().value_or(INFINITY);
    // A loss that is no number has no place in an order.
    return std::tuple(rank_of(trial), std::isnan(score) ? INFINITY : score, t);
  };
  std::ranges::sort(order, {}, key);
  return order;
}

bool spans_wide(const std::vector<double>& values) {
  constexpr double kWideRange = 15;
  if (values.empty()) return false;
  const auto [least, most] = std::ranges::minmax(values);
  return least > 0 && most > kWideRange * least;
}

Json study_page(const search::StudyContents& study) {
  Json sections = Json::array();
  for (Json each : {study_outcome_section(study), study_options_section(study), study_region_section(study),
                    study_trials_section(study), study_again_section(study)}) {
    if (!each.is_null()) sections.push_back(std::move(each));
  }
  return {{"title", title_of(study)}, {"subtitle", subtitle_of(study)}, {"sections", sections}};
}

}  // namespace ztilde::report
