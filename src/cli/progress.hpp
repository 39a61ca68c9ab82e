// Training's progress on standard error: on a terminal one line that is drawn again and again,
// elsewhere a line now and then.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "ztilde/train.hpp"

namespace ztilde::cli {

enum class ProgressStyle { automatic, always, never };
void add_progress_option(OptionTable& table, ProgressStyle& style, std::string help);

// A part of a line; those of the highest rank go first where it is too narrow, and 0 stays.
struct LinePart {
  std::string text;
  int rank = 0;
};
std::string fitted(const std::vector<LinePart>& parts, std::size_t width);

// Which of several trainings this is, from 1.
struct FoldNumber {
  std::size_t fold = 1, folds = 1;
};

class Progress {
 public:
  Progress(ProgressStyle style, bool quiet);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { finish(); }

  void start(const TrainPlanSummary& plan, std::size_t epochs, FoldNumber fold = {});
  void point(const HistoryPoint& point);
  // A message of its own line; the progress line makes way.
  void note(const std::string& line);
  // Takes the progress line away.
  void finish();

 private:
  enum class Form { redrawn, lines, none };
  Form form_;
  bool quiet_;
  bool drawn_ = false;
  std::size_t epochs_ = 0;
  std::uint64_t steps_ = 0;  // of the whole training
  FoldNumber fold_;
  double last_line_ = 0;
  HistoryPoint last_end_;  // the last end of an epoch, for its validation scores
};

}  // namespace ztilde::cli
