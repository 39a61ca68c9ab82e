// Keeps what a training says of itself: in its log, for its report, and for who watches it.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "cli/outputs.hpp"
#include "cli/train_options.hpp"
#include "cli/training_log.hpp"
#include "cli/watch_server.hpp"
#include "report/run_log.hpp"

namespace ztilde::cli {

class RunRecorder {
 public:
  // Begins to be watched, where that is asked for: throws Error where the port is in use.
  RunRecorder(const TrainArguments& arguments, const Outputs& outputs);
  ~RunRecorder();

  // Whether anybody wants to know more than the losses.
  bool wants_norms() const;
  // Where a browser finds the page; "" where nobody may watch.
  std::string address() const;

  // run: of run_record.hpp. Opens the log or goes on with it. Throws Error(io).
  void begin(report::Json run, std::uint64_t resumed_steps);
  void point(const HistoryPoint& point);
  // The last line. Writes the report. Throws Error(io).
  void end(const report::Json& line);

  std::size_t log_lines() const { return log_.lines(); }
  const std::string& log_problem() const { return log_.problem(); }

 private:
  void take(report::Json line);

  const TrainArguments& arguments_;
  const Outputs& outputs_;
  TrainingLog log_;
  report::Json run_;     // until the first line has taken it
  std::mutex mutex_;     // of kept_ and ended_, which the watchers' threads read
  report::RunLog kept_;  // where there is a report or a watcher
  bool ended_ = false;
  std::unique_ptr<WatchServer> server_;  // last: it ends before what it reads
};

}  // namespace ztilde::cli
