#include "search/study_contents.hpp"

#include <algorithm>
#include <cmath>

namespace ztilde::search {

std::string text_of(const OptionTexts& options, const std::string& option) {
  const auto found = std::ranges::find(options, option, &OptionTexts::value_type::first);
  return found == options.end() ? "" : found->second;
}

std::optional<std::size_t> best_trial(const StudyContents& study) {
  std::optional<std::size_t> best;
  // Scores of folds and of one split are not of the same rows: finalists are compared among themselves.
  bool by_folds = false;
  for (const Trial& trial : study.trials) by_folds |= trial.folds_loss.has_value();
  const auto score = [&](const Trial& trial) { return by_folds ? trial.folds_loss : trial.loss(); };
  for (std::size_t t = 0; t < study.trials.size(); ++t) {
    const Trial& trial = study.trials[t];
    if (trial.state != TrialState::finished || !score(trial) || !std::isfinite(*score(trial))) continue;
    if (!best || *score(trial) < *score(study.trials[*best])) best = t;
  }
  return best;
}

}  // namespace ztilde::search
