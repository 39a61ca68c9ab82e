// Where a worker has its trials from, and tells what came of them: a study on this machine (study.hpp), or
// that of another rank (rank_desk.hpp).
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "search/study_contents.hpp"

namespace ztilde::search {

// What a worker is to do next.
struct Claim {
  // To train until `until_epoch`, from its checkpoint where there is one; nobody else has it.
  std::optional<Trial> trial;
  // Without a trial: whether none can come any more. Else others are running, and what they do, or their
  // death, may give one: ask again.
  bool done = false;
};

class Desk {
 public:
  virtual ~Desk() = default;
  virtual const StudyPlan& plan() const = 0;
  // A trial whose worker is dead or that was released, first of all; then one of a rung that is good enough
  // to go on (halving.hpp); then, where `may_begin`, a new one, up to trials_asked. `worker`: "host:process",
  // for people.
  virtual Claim claim(const std::string& worker, bool may_begin = true) = 0;
  // Of the trial that this object has claimed; throw Error(data) for any other. A point that is there already
  // is replaced.
  virtual void add_point(std::size_t trial, const TrialPoint& point) = 0;
  virtual void pause_at_rung(std::size_t trial) = 0;
  virtual void finish(std::size_t trial) = 0;
  virtual void fail(std::size_t trial, const std::string& message) = 0;
  virtual void release(std::size_t trial) = 0;  // waits for a worker again, its checkpoint kept
  // Of this process, while it has the trial.
  virtual std::string checkpoint_path(std::size_t trial) const = 0;
};

}  // namespace ztilde::search
