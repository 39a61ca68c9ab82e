// search --folds: the best trials of a study once more, by cross-validation on all rows.
#pragma once

#include <cstddef>

#include "cli/search_plan.hpp"
#include "cli/search_progress.hpp"
#include "search/study.hpp"

namespace ztilde::cli {

inline constexpr std::size_t kFinalists = 3;

// Scores the best finished trials into the study, all on the same folds; those that have so many already are
// left. Returns the signal that ended it early, 0 for none.
int score_finalists(search::Study& study, const search::StudyPlan& plan, const SearchRows& rows,
                    std::size_t folds, std::size_t threads, SearchProgress& progress);

}  // namespace ztilde::cli
