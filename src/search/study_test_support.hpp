// Studies, trainings that only count epochs, and processes, for the tests of the room.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/files.hpp"
#include "base/random.hpp"
#include "base/test_support.hpp"
#include "search/halving.hpp"
#include "search/space.hpp"
#include "search/study.hpp"
#include "search/work.hpp"

namespace ztilde::search {

inline StudyPlan some_plan(std::vector<std::size_t> rungs = {}) {
  StudyPlan plan;
  plan.version = "1.2.3";
  plan.fixed = {{"--target", "kind"}, {"--norm", "batch"}};
  plan.dimensions = {*dimension_of("--lr", "1e-4..1e-1:log"), *dimension_of("--hidden", "8..64x1..3"),
                     *dimension_of("--batch", "16,32")};
  plan.data_words = "a.csv: 10 rows";
  plan.data_fingerprint = "0123";
  plan.seed = 0xFEDCBA9876543210u;  // more than SQLite's integers hold
  plan.epochs = 9;
  plan.rungs = std::move(rungs);
  plan.first = {{"--lr", "0.002"}, {"--hidden", "32,32"}, {"--batch", "32"}};
  return plan;
}

inline TrialPoint point_at(std::size_t epoch, double valid_loss) {
  TrialPoint point;
  point.epoch = epoch;
  point.train_loss = valid_loss / 3;
  point.valid_loss = valid_loss;
  point.valid_accuracy = 1 - valid_loss / 7;
  point.seconds = 0.5 * static_cast<double>(epoch);
  return point;
}

// What a training of this trial would come to.
inline double loss_of(const Trial& trial, std::size_t epoch) {
  const RandomStream stream(trial.seed, Purpose::probe, 0, epoch);
  return std::strtod(trial.options.front().second.c_str(), nullptr) +
         stream.uniform(0) / static_cast<double>(epoch);
}

// Counts epochs in its checkpoint, and holds a lock of its own on the trial: throws Error(io) where another
// process runs it too.
inline TrialOutcome count_epochs(const TrialRun& run) {
  const int twin = ::open((run.checkpoint + ".twin").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (twin < 0 || ::flock(twin, LOCK_EX | LOCK_NB) != 0) {
    ::close(twin);
    throw Error(ErrorKind::io, "two processes run one trial");
  }
  std::size_t done = 0;
  if (std::filesystem::exists(run.checkpoint)) done = std::stoul(read_file(run.checkpoint));
  TrialOutcome outcome;
  while (done < run.until_epoch) {
    if (run.should_stop()) {
      outcome.end = TrialEnd::stopped;
      break;
    }
    ++done;
    run.on_point(point_at(done, loss_of(run.trial, done)));
    write_file_atomically(run.checkpoint, fmt::format("{}", done));
  }
  ::close(twin);
  return outcome;
}

// A process that does `action` and ends with 0, or 1 where it threw.
template <class Action>
pid_t start_process(const Action& action) {
  const pid_t process = ::fork();
  if (process != 0) return process;
  int code = 0;
  try {
    action();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    code = 1;
  }
  ::_exit(code);
}

inline pid_t start_worker(const std::string& path) {
  return start_process([&] {
    Study study = Study::open(path);
    (void)work(study, {}, count_epochs);
  });
}

// Its exit code, or minus its signal.
inline int end_of(pid_t process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// The same study by one worker without a break.
inline StudyContents unbroken(const TemporaryFolder& folder, const StudyPlan& plan, std::size_t trials) {
  Study study = Study::create(folder / "unbroken.study", plan, trials);
  (void)work(study, {}, count_epochs);
  return study.contents();
}

}  // namespace ztilde::search
