// How much of a long work is done, on standard error: a bar drawn again and again on a terminal, elsewhere
// a line now and then.
#pragma once

#include <chrono>
#include <string>

#include "cli/progress.hpp"

namespace ztilde::cli {

class ProgressBar {
 public:
  ProgressBar(ProgressStyle style, bool quiet);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar() { finish(); }

  // 0 … 1 of all the work, and what is being done.
  void show(double done, const std::string& what);
  // A message of its own line; the bar makes way.
  void note(const std::string& line);
  // Takes the bar away.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  enum class Form { redrawn, lines, none };
  Form form_;
  bool quiet_, drawn_ = false;
  Clock::time_point start_ = Clock::now(), last_ = start_;
};

}  // namespace ztilde::cli
