// The processes of a search: started, watched, replaced when they are killed, and ended with this one.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "ztilde/error.hpp"

namespace ztilde::cli {

class SearchWorkers {
 public:
  // arguments: of `ztilde search`, for a worker.
  SearchWorkers(std::vector<std::string> arguments, std::size_t count);
  SearchWorkers(const SearchWorkers&) = delete;
  SearchWorkers& operator=(const SearchWorkers&) = delete;
  ~SearchWorkers();  // asks them to end, and waits

  // Takes note of those that ended. False: none is left.
  bool any_runs();
  // Asks all to keep what they do in a checkpoint and end.
  void stop();

  // The signal of a worker that was killed since the last question, and was replaced; 0 for none.
  int replaced();
  // The study has come further: what killed workers does not kill all of them.
  void has_come_further() { deaths_ = 0; }
  // Why one could not go on; the others are asked to stop then.
  const std::optional<Error>& failure() const { return failure_; }

 private:
  struct Process {
    pid_t id = 0;
    int errors = -1;  // what it says on standard error
  };
  Process start();
  void take_end(Process process, int status);
  void die(int signal);
  void give_up(ErrorKind kind, const std::string& words);

  std::vector<std::string> arguments_;
  std::vector<Process> processes_;
  std::size_t most_deaths_, deaths_ = 0;
  int replaced_ = 0;
  bool stopping_ = false;
  std::optional<Error> failure_;
};

}  // namespace ztilde::cli
