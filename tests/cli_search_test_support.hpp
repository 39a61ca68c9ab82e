// Searches of small networks in small tables, for the tests of ztilde search.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "search/study.hpp"
#include "tests/cli_test_support.hpp"

namespace ztilde::cli_test {

using search::StudyContents;
using search::Trial;
using search::TrialState;

using Words = std::vector<std::string>;

inline const TemporaryFolder& tables() {
  static const TemporaryFolder folder;
  static const bool done = [] {
    folder.write("flowers.csv", flowers());
    folder.write("houses.csv", houses());
    return true;
  }();
  EXPECT_TRUE(done);
  return folder;
}

// A search of small networks over few epochs.
inline Words quick_search(const std::string& data, const std::string& study, Words more = {}) {
  Words words = {"search",   "--data",     (tables() / data), "--study", study,      "--lr", "1e-4..1:log",
                 "--hidden", "4..16x1..2", "--batch",         "16,32",   "--epochs", "6",    "--quiet"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

inline StudyContents study_in(const TemporaryFolder& folder, const std::string& name) {
  return search::read_study(folder / name);
}

inline std::size_t ended(const StudyContents& study) {
  return static_cast<std::size_t>(std::ranges::count_if(study.trials, [](const Trial& trial) {
    return trial.state != TrialState::waiting && trial.state != TrialState::running;
  }));
}

}  // namespace ztilde::cli_test
