// What `ztilde search` can be told: what train can, with ranges where values stand.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "cli/train_options.hpp"
#include "search/study_contents.hpp"

namespace ztilde::cli {

inline constexpr const char* kUsualStudy = "search.study";
inline constexpr std::uint64_t kUsualTrials = 30;
// Of the processes that a search starts; no help tells of it.
inline constexpr const char* kWorkerOption = "--as-process-of-a-search";

struct SearchArguments {
  TrainArguments train;                       // of an option that is searched, one of its values
  std::vector<search::Dimension> dimensions;  // that were given
  std::string study = kUsualStudy;
  std::uint64_t trials = 0;  // 0: not given
  double seconds = 0;        // of --time; 0: no end
  std::uint64_t workers = 1;
  bool stops_early = true;
  bool is_worker = false;  // this process is one that a search started
};

// Binds every option to a member of `arguments`, which must outlive the table.
OptionTable search_options(SearchArguments& arguments);

// Throws Error(data) for options that contradict each other. Reads no file.
void check_search_options(const OptionTable& table, const SearchArguments& arguments);

// The options of train that were given and are the same for every trial, those aside that a study keeps by
// itself; paths in full, so that they mean the same from any folder.
search::OptionTexts fixed_options(const OptionTable& table, const SearchArguments& arguments);

}  // namespace ztilde::cli
