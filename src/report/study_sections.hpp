// The sections of a search's report, each null where the study has nothing for it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/study_page.hpp"

namespace ztilde::report {

Json study_outcome_section(const search::StudyContents& study);
Json study_options_section(const search::StudyContents& study);
Json study_region_section(const search::StudyContents& study);
Json study_trials_section(const search::StudyContents& study);
Json study_again_section(const search::StudyContents& study);

Json parallel_block(const search::StudyContents& study);

// What trials are shown by. Of numbers the loss is a mean square, which nobody can picture: where every
// trial knows its root, the rmse, that is shown; the order of the trials is the same.
struct StudyMeasure {
  bool of_numbers = false;
  const char* name() const { return of_numbers ? "rmse" : "loss"; }
  const char* axis() const { return of_numbers ? "validation rmse (target's unit)" : "validation loss"; }
  double of(const search::TrialPoint& point) const;
  // After its last epoch so far; nothing where there is none, or where training diverged.
  std::optional<double> of(const search::Trial& trial) const;
};
StudyMeasure measure_of(const search::StudyContents& study);

// "finished", "stopped early", "diverged", …
std::string state_words(search::TrialState state);
std::size_t count_of(const search::StudyContents& study, search::TrialState state);

// "trial 17"; trial 0 is "trial 0, the defaults" where it has them.
std::string name_of(const search::StudyContents& study, const search::Trial& trial);

// "--lr" without its dashes.
std::string bare_name(const std::string& option);

// Places in study.trials from the best: finished ones (finalists by their folds before all others), then by
// their results so far those that are not, then those without any.
std::vector<std::size_t> ranking(const search::StudyContents& study);

// Whether a logarithmic axis shows more: all are above 0, and some many times others.
bool spans_wide(const std::vector<double>& values);

}  // namespace ztilde::report
