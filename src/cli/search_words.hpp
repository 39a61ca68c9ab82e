// What a study holds, in words and as JSON.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "search/study_contents.hpp"

namespace ztilde::cli {

struct TrialCounts {
  std::size_t waiting = 0, running = 0, paused = 0, finished = 0, diverged = 0;
  // Of those begun, how many are at an end for now.
  std::size_t ended() const { return paused + finished + diverged; }
};
TrialCounts count_trials(const search::StudyContents& study);
// "30: 12 finished, 17 stopped early, 1 diverged".
std::string count_words(const search::StudyContents& study);

// "--lr 0.004 --hidden 64,64", for a shell.
std::string option_words(const search::OptionTexts& options);

// Trials by number, best first: finished ones, then those that may still go on, those that diverged last.
std::vector<std::size_t> ranking(const search::StudyContents& study);
// One line a trial; with options on lines of their own where `width` is too small.
std::string trial_table(const search::StudyContents& study, std::size_t width);
// What the study is, and of which rows.
std::string study_words(const search::StudyContents& study, const std::string& path, std::size_t width);
// The best trial and what it gains.
std::string best_words(const search::StudyContents& study, const std::string& path, std::size_t width);

nlohmann::ordered_json study_object(const search::StudyContents& study, const std::string& path);

}  // namespace ztilde::cli
