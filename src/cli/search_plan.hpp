// A search's plan and rows, and the options of its trials as train reads them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/search_options.hpp"
#include "cli/streams.hpp"
#include "search/run_trial.hpp"
#include "search/study_contents.hpp"
#include "ztilde/dataset.hpp"
#include "ztilde/train.hpp"

namespace ztilde::cli {

struct SearchRows {
  Dataset data;
  std::optional<Dataset> valid;
  double valid_fraction = 0;
  std::string words;        // "iris.csv: 150 rows, 4 columns, 3 classes"
  std::string fingerprint;  // of all that trials are given beside their options
};

// As ztilde train reads them by these options. Throws as it does, for options that do not go together too:
// those with `some` values of what is searched.
SearchRows read_search_rows(const search::OptionTexts& fixed, const search::OptionTexts& some,
                            std::size_t threads, const Messages& messages);

// Which of the rows trials learn from. rows outlives the result.
search::TrialRows trial_rows(const SearchRows& rows, std::uint64_t seed);

// What one trial trains with; `options`: those that are fixed, and its own.
TrainOptions trial_options(const search::OptionTexts& options, const Dataset& data, std::size_t threads);

// The options as words of a command line of train.
std::vector<std::string> command_words(const search::OptionTexts& options);

// Reads the rows that the plan is for. Throws Error(data) where nothing is left to search.
search::StudyPlan plan_search(const OptionTable& table, const SearchArguments& arguments,
                              const Messages& messages, SearchRows& rows);

// Throws Error(data) where the study is of another search. Where files lie, and what they are called, may
// differ, if what is in them does not.
void require_same_search(const std::string& path, const search::StudyPlan& kept, search::StudyPlan given);

}  // namespace ztilde::cli
