// The files that a training writes: locked against other processes, and what a resumed run may replace.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "base/output_lock.hpp"
#include "cli/train_options.hpp"

namespace ztilde::cli {

class Outputs {
 public:
  // Throws Error for what could not be written, is being written by another process, or exists and
  // may not be replaced: without --force that is whatever the run that is resumed has not begun itself.
  explicit Outputs(const TrainArguments& arguments);

  // What the run goes on from; empty for one that begins.
  const std::optional<CheckpointInfo>& resumed() const { return resumed_; }
  // Whether the log is the resumed run's own, to be continued.
  bool continues_log() const { return continues_log_; }
  // Which files the run writes, for its checkpoint to remember.
  const std::string& note() const { return note_; }

 private:
  std::optional<CheckpointInfo> resumed_;
  bool continues_log_ = false;
  std::string note_;
  std::deque<OutputLock> locks_;
};

// A command line, quoted for a shell.
std::string shell_command(const std::string& verb, const std::vector<std::string>& arguments);

// The command line that goes on from where this one was interrupted, quoted for a shell.
std::string resume_command(const std::vector<std::string>& arguments, const TrainArguments& parsed);

}  // namespace ztilde::cli
