// One process of a search, which runs trials until there are no more.
#pragma once

#include "cli/search_options.hpp"
#include "cli/search_plan.hpp"
#include "cli/verbs.hpp"
#include "search/work.hpp"

namespace ztilde::cli {

// Trains the trials of this plan, on rows that outlive it.
search::RunTrial trial_runner(const SearchRows& rows, const search::StudyPlan& plan, std::size_t threads);

Outcome run_search_worker(const OptionTable& table, const SearchArguments& arguments);

}  // namespace ztilde::cli
