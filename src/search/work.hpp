// A worker: takes what a study gives it, runs it, writes down what comes, until there is no more.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "search/desk.hpp"
#include "search/study_contents.hpp"

namespace ztilde::search {

enum class TrialEnd { reached, stopped, diverged };

struct TrialOutcome {
  TrialEnd end = TrialEnd::reached;
  std::string message = {};  // of diverged
};

// One stretch of one trial: from its checkpoint, where there is such a file, to the end of `until_epoch`, of
// plan.epochs in all.
struct TrialRun {
  const StudyPlan& plan;
  const Trial& trial;
  std::string checkpoint;
  std::size_t until_epoch = 0;
  std::function<void(const TrialPoint&)> on_point;  // at the end of each epoch
  std::function<bool()> should_stop;                // asked after every step: stopped, with a checkpoint
};
// Trains. Error(diverged) and Error(data) that it throws are an outcome too: diverged, with its words. Any
// other ends work(), the trial released.
using RunTrial = std::function<TrialOutcome(const TrialRun&)>;

// All may be empty.
struct WorkOptions {
  std::string worker;                 // "host:process"; empty: of this process
  std::function<bool()> should_stop;  // true: the trial waits for another worker, and work() returns
  std::function<bool()> may_begin;    // false: begins no new trial, but goes on with those there are
  std::function<void(const Trial&)> on_claim;
  std::function<void(const Trial&, const TrialPoint&)> on_point;
  std::function<void(const Trial&)> on_end;  // of a stretch; the trial with its new state
  std::function<void()> while_waiting;       // several times a second while only others have something to do
};

struct WorkSummary {
  std::size_t finished = 0, paused = 0, diverged = 0;  // stretches that ended so
  bool stopped = false;                                // by should_stop
};

WorkSummary work(Desk& desk, const WorkOptions& options, const RunTrial& run);

// "host:process" of this process.
std::string this_worker();

}  // namespace ztilde::search
