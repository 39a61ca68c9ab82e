// The processes of a search: started, watched, replaced when they are killed, and ended with this one.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "cli/search_crew.hpp"

namespace ztilde::cli {

class SearchWorkers : public SearchCrew {
 public:
  // arguments: of `ztilde search`, for a worker.
  SearchWorkers(std::vector<std::string> arguments, std::size_t count);
  SearchWorkers(const SearchWorkers&) = delete;
  SearchWorkers& operator=(const SearchWorkers&) = delete;
  ~SearchWorkers() override;  // asks them to end, and waits

  bool any_runs() override;
  void stop() override;
  int replaced() override;
  void has_come_further() override { deaths_ = 0; }
  const std::optional<Error>& failure() const override { return failure_; }

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
