// A study that ranks work on: what one process would come to, with no disk in common.
#include "search/rank_desk.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <thread>

#include "base/files.hpp"
#include "base/test_support.hpp"
#include "base/thread_transport.hpp"
#include "search/study.hpp"
#include "search/study_test_support.hpp"
#include "search/work.hpp"
#include "ztilde/error.hpp"

namespace ztilde::search {
namespace {

// Trains by writing the epochs it has done into its checkpoint, which has to be there where it goes on.
TrialOutcome pretend(const TrialRun& run) {
  std::size_t done = 0;
  if (std::filesystem::exists(run.checkpoint)) done = std::stoul(read_file(run.checkpoint));
  EXPECT_EQ(done, run.trial.curve.empty() ? 0 : run.trial.curve.back().epoch);
  for (std::size_t epoch = done + 1; epoch <= run.until_epoch; ++epoch) {
    TrialPoint point;
    point.epoch = epoch;
    point.valid_loss = 1.0 / static_cast<double>(epoch) + 0.1 * static_cast<double>(run.trial.number % 5);
    point.train_loss = point.valid_loss / 3;
    run.on_point(point);
  }
  write_file_atomically(run.checkpoint, std::to_string(run.until_epoch));
  if (run.trial.number == 3) throw Error(ErrorKind::diverged, "step 7: the loss is NaN");
  return {};
}

StudyContents search_on_ranks(const std::string& path, const StudyPlan& plan, std::size_t ranks,
                              std::size_t trials) {
  (void)Study::create(path, plan, trials);
  ThreadRanks shared(ranks);
  std::vector<std::thread> workers;
  for (std::size_t rank = 1; rank < ranks; ++rank) {
    workers.emplace_back([&, rank] {
      const auto transport = shared.transport(rank);
      RankDesk desk(*transport, plan);
      WorkOptions options;
      options.worker = "rank " + std::to_string(rank);
      work(desk, options, pretend);
      desk.leave();
    });
  }
  const auto transport = shared.transport(0);
  DeskServer server(*transport, path);
  while (!server.is_done()) {
    server.answer(false);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (std::thread& worker : workers) worker.join();
  return read_study(path);
}

TEST(RankDesk, ranks_come_to_the_study_of_one_worker) {
  const TemporaryFolder folder;
  const StudyPlan plan = some_plan();
  Study one = Study::create(folder / "one", plan, 12);
  work(one, {}, pretend);
  const StudyContents study = search_on_ranks(folder / "ranks", plan, 4, 12);
  EXPECT_TRUE(same_results(study, one.contents()));
  EXPECT_EQ(study.trials[3].state, TrialState::diverged);
  EXPECT_EQ(study.trials[3].message, "step 7: the loss is NaN");
  std::set<std::string> workers;
  for (const Trial& trial : study.trials) workers.insert(trial.worker);
  EXPECT_GT(workers.size(), 1u);
}

TEST(RankDesk, a_paused_trial_goes_on_from_its_checkpoint_on_any_rank) {
  const TemporaryFolder folder;
  const StudyPlan plan = some_plan({1, 3});
  const StudyContents study = search_on_ranks(folder / "study", plan, 3, 9);
  std::size_t finished = 0, paused = 0;
  for (const Trial& trial : study.trials) {
    finished += trial.state == TrialState::finished;
    paused += trial.state == TrialState::paused;
  }
  EXPECT_GE(finished, 1u);
  EXPECT_GE(paused, 1u);
  for (const Trial& trial : study.trials) {
    const bool kept =
        std::filesystem::exists(folder / ("study.d/trial-" + std::to_string(trial.number) + ".checkpoint"));
    EXPECT_EQ(kept, trial.state == TrialState::paused) << trial.number;
  }
}

TEST(RankDesk, what_rank_0_refuses_is_thrown_on_the_rank_that_asked) {
  const TemporaryFolder folder;
  const StudyPlan plan = some_plan();
  (void)Study::create(folder / "study", plan, 3);
  ThreadRanks shared(2);
  std::thread worker([&] {
    const auto transport = shared.transport(1);
    RankDesk desk(*transport, plan);
    try {
      desk.finish(2);
      ADD_FAILURE() << "no trial of this rank's";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      EXPECT_THAT(error.what(), testing::HasSubstr("trial 2 is not this worker's"));
    }
    EXPECT_TRUE(desk.stopped());
    desk.leave();
  });
  const auto transport = shared.transport(0);
  DeskServer server(*transport, folder / "study");
  while (!server.is_done()) server.answer(true);
  worker.join();
}

}  // namespace
}  // namespace ztilde::search
