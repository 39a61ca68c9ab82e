// How far a search is and the best so far, on standard error: on a terminal one line that is drawn again and
// again, elsewhere a line for each new best and one now and then.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "cli/progress.hpp"
#include "search/study_contents.hpp"

namespace ztilde::cli {

// Epochs that a study still takes, by what stopping early is to leave of its trials; empty: nobody knows.
std::optional<double> epochs_left(const search::StudyContents& study);
double epochs_done(const search::StudyContents& study);

class SearchProgress {
 public:
  // seconds: of --time, 0 for no end.
  SearchProgress(ProgressStyle style, bool quiet, double seconds);
  SearchProgress(const SearchProgress&) = delete;
  SearchProgress& operator=(const SearchProgress&) = delete;
  ~SearchProgress() { finish(); }

  void show(const search::StudyContents& study);
  // The same line with other words.
  void show(const std::string& words);
  // A message of its own line; the progress line makes way.
  void note(const std::string& line);
  // Takes the progress line away.
  void finish();
  double seconds() const;  // since the beginning

 private:
  using Clock = std::chrono::steady_clock;
  enum class Form { redrawn, lines, none };
  double seconds_left(const search::StudyContents& study) const;  // below 0: nobody knows
  std::string line_of(const search::StudyContents& study, std::size_t width) const;
  void draw(const std::string& line);

  Form form_;
  bool quiet_, drawn_ = false;
  double end_;
  Clock::time_point begin_ = Clock::now();
  double last_line_ = 0;
  std::optional<double> epochs_before_;  // done when this search began to look
  std::optional<std::size_t> told_best_;
};

}  // namespace ztilde::cli
