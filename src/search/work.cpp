#include "search/work.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>

#include "base/host_name.hpp"
#include "ztilde/error.hpp"

namespace ztilde::search {
namespace {

constexpr auto kBetweenQuestions = std::chrono::milliseconds(100);

bool asks(const std::function<bool()>& question, bool otherwise) { return question ? question() : otherwise; }

TrialOutcome run_stretch(Desk& desk, const WorkOptions& options, const RunTrial& run, Trial& trial) {
  const auto add_point = [&](const TrialPoint& point) {
    desk.add_point(trial.number, point);
    while (!trial.curve.empty() && trial.curve.back().epoch >= point.epoch) trial.curve.pop_back();
    trial.curve.push_back(point);
    if (options.on_point) options.on_point(trial, point);
  };
  const Trial claimed = trial;  // the one that grows is not the one that is shown
  try {
    return run({desk.plan(), claimed, desk.checkpoint_path(trial.number), trial.until_epoch, add_point,
                [&] { return asks(options.should_stop, false); }});
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::io) throw;
    return {TrialEnd::diverged, error.what()};
  }
}

// A trial that ended before its stretch did has run out of patience.
bool is_over(const StudyPlan& plan, const Trial& trial) {
  return trial.until_epoch >= plan.epochs || trial.curve.empty() ||
         trial.curve.back().epoch < trial.until_epoch;
}

void end_stretch(Desk& desk, Trial& trial, const TrialOutcome& outcome, WorkSummary& summary) {
  const std::size_t number = trial.number;
  if (outcome.end == TrialEnd::stopped) {
    trial.state = TrialState::waiting;
    return desk.release(number);
  }
  if (outcome.end == TrialEnd::reached && !is_over(desk.plan(), trial)) {
    trial.state = TrialState::paused;
    ++summary.paused;
    return desk.pause_at_rung(number);
  }
  if (outcome.end == TrialEnd::reached) {
    trial.state = TrialState::finished;
    ++summary.finished;
    desk.finish(number);
  } else {
    trial.state = TrialState::diverged;
    trial.message = outcome.message;
    ++summary.diverged;
    desk.fail(number, outcome.message);
  }
  std::error_code ignored;  // after its result is safe; one that stays is in nobody's way
  std::filesystem::remove(desk.checkpoint_path(number), ignored);
}

void run_and_record(Desk& desk, const WorkOptions& options, const RunTrial& run, Trial& trial,
                    WorkSummary& summary) {
  if (options.on_claim) options.on_claim(trial);
  TrialOutcome outcome;
  try {
    outcome = run_stretch(desk, options, run, trial);
  } catch (...) {
    try {
      desk.release(trial.number);
    } catch (const Error&) {
      // What went wrong first is what is told; the trial is free once this worker is gone.
    }
    throw;
  }
  end_stretch(desk, trial, outcome, summary);
  summary.stopped |= outcome.end == TrialEnd::stopped;
  if (options.on_end) options.on_end(trial);
}

}  // namespace

std::string this_worker() { return fmt::format("{}:{}", host_name(), ::getpid()); }

WorkSummary work(Desk& desk, const WorkOptions& options, const RunTrial& run) {
  const std::string worker = options.worker.empty() ? this_worker() : options.worker;
  WorkSummary summary;
  while (!summary.stopped) {
    if (asks(options.should_stop, false)) {
      summary.stopped = true;
      break;
    }
    Claim claim = desk.claim(worker, asks(options.may_begin, true));
    if (claim.done) break;
    if (claim.trial) {
      run_and_record(desk, options, run, *claim.trial, summary);
    } else {
      if (options.while_waiting) options.while_waiting();
      std::this_thread::sleep_for(kBetweenQuestions);
    }
  }
  return summary;
}

}  // namespace ztilde::search
