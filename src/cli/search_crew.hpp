// Who runs the trials of a search: processes of this machine (search_workers.hpp), or ranks
// (search_ranks.hpp).
#pragma once

#include <optional>

#include "ztilde/error.hpp"

namespace ztilde::cli {

class SearchCrew {
 public:
  virtual ~SearchCrew() = default;
  // Sees to what they ask, and takes note of those that ended. False: none is left.
  virtual bool any_runs() = 0;
  // Asks all to keep what they do in a checkpoint and end.
  virtual void stop() = 0;
  // The signal of a worker that was killed since the last question, and was replaced; 0 for none.
  virtual int replaced() = 0;
  // The study has come further: what killed workers does not kill all of them.
  virtual void has_come_further() = 0;
  // Why one could not go on; the others are asked to stop then.
  virtual const std::optional<Error>& failure() const = 0;
};

}  // namespace ztilde::cli
