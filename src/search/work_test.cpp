#include "search/work.hpp"

#include <gtest/gtest.h>

#include "search/run_trial.hpp"
#include "search/study_test_support.hpp"
#include "training/checkpoint_test_runs.hpp"

namespace ztilde::search {
namespace {

TEST(Work, runs_all_that_were_asked_for_and_leaves_no_checkpoint) {
  const TemporaryFolder folder;
  Study study = Study::create(folder / "a.study", some_plan(), 4);
  std::size_t points = 0, claims = 0, ends = 0;
  WorkOptions options;
  options.on_claim = [&](const Trial&) { ++claims; };
  options.on_point = [&](const Trial& trial, const TrialPoint& point) {
    ++points;
    EXPECT_EQ(trial.curve.back().epoch, point.epoch);
  };
  options.on_end = [&](const Trial& trial) { ends += trial.state == TrialState::finished; };
  const WorkSummary summary = work(study, options, count_epochs);
  EXPECT_EQ(summary.finished, 4u);
  EXPECT_EQ(claims, 4u);
  EXPECT_EQ(ends, 4u);
  EXPECT_EQ(points, 36u);
  EXPECT_FALSE(summary.stopped);
  for (std::size_t t = 0; t < 4; ++t) EXPECT_FALSE(std::filesystem::exists(study.checkpoint_path(t)));
  EXPECT_EQ(work(study, options, count_epochs).finished, 0u);
}

TEST(Work, pauses_at_rungs_and_goes_on_with_the_best) {
  const TemporaryFolder folder;
  Study study = Study::create(folder / "a.study", some_plan({1, 3}), 9);
  const WorkSummary summary = work(study, {}, count_epochs);
  EXPECT_GE(summary.finished, 1u);
  std::size_t paused = 0;
  for (const Trial& trial : study.contents().trials) {
    paused += trial.state == TrialState::paused;
    EXPECT_EQ(std::filesystem::exists(study.checkpoint_path(trial.number)),
              trial.state == TrialState::paused);
  }
  EXPECT_EQ(paused + summary.finished, 9u);
}

TEST(Work, a_stop_frees_the_trial_and_a_later_worker_comes_to_the_same_end) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.study";
  Study study = Study::create(path, some_plan(), 3);
  for (int i = 0; i < 5; ++i) {
    int questions = 0;
    WorkOptions options;
    options.should_stop = [&] { return ++questions > 4; };
    EXPECT_TRUE(work(study, options, count_epochs).stopped);
    for (const Trial& trial : study.contents().trials) EXPECT_NE(trial.state, TrialState::running);
  }
  EXPECT_EQ(study.contents().trials.size(), 2u);  // three epochs each time, but for where one ended
  EXPECT_FALSE(work(study, {}, count_epochs).stopped);
  EXPECT_TRUE(same_results(study.contents(), unbroken(folder, some_plan(), 3)));
}

TEST(Work, what_diverges_is_noted_and_the_next_one_runs) {
  const TemporaryFolder folder;
  Study study = Study::create(folder / "a.study", some_plan(), 4);
  const WorkSummary summary = work(study, {}, [](const TrialRun& run) -> TrialOutcome {
    if (run.trial.number == 1) return {TrialEnd::diverged, "by itself"};
    if (run.trial.number == 2) throw Error(ErrorKind::diverged, "NaN");
    if (run.trial.number == 3) throw Error(ErrorKind::data, "does not go together");
    return count_epochs(run);
  });
  EXPECT_EQ(summary.finished, 1u);
  EXPECT_EQ(summary.diverged, 3u);
  const StudyContents contents = study.contents();
  EXPECT_EQ(contents.trials[1].message, "by itself");
  EXPECT_EQ(contents.trials[2].message, "NaN");
  EXPECT_EQ(contents.trials[3].message, "does not go together");
}

TEST(Work, a_full_disk_ends_it_and_frees_the_trial) {
  const TemporaryFolder folder;
  Study study = Study::create(folder / "a.study", some_plan(), 4);
  const RunTrial full = [](const TrialRun&) -> TrialOutcome { throw Error(ErrorKind::io, "disk full"); };
  EXPECT_EQ(failure(folder, [&] { (void)work(study, {}, full); }), "io: disk full");
  EXPECT_EQ(study.contents().trials.at(0).state, TrialState::waiting);
}

TEST(Work, waits_for_what_others_run) {
  const TemporaryFolder folder;
  Study study = Study::create(folder / "a.study", some_plan(), 1);
  Study other = Study::open(folder / "a.study");
  ASSERT_TRUE(other.claim("other:1").trial);
  int waits = 0;
  WorkOptions options;
  options.while_waiting = [&] {
    if (++waits == 2) other.release(0);
  };
  EXPECT_EQ(work(study, options, count_epochs).finished, 1u);
  EXPECT_EQ(waits, 2);
}

// Real trainings from here on.
StudyPlan tiny_plan(std::vector<std::size_t> rungs) {
  StudyPlan plan;
  plan.dimensions = {*dimension_of("--lr", "1e-3..1e-1:log")};
  plan.seed = 3;
  plan.epochs = 4;
  plan.reduction = 2;
  plan.rungs = std::move(rungs);
  return plan;
}

RunTrial trainings(const TrialRows& rows) {
  return [&rows](const TrialRun& run) {
    TrainOptions options = small_options();
    options.learning_rate = std::strtod(run.trial.options[0].second.c_str(), nullptr);
    return run_trial_with(rows, options, run);
  };
}

TEST(Work, trainings_that_are_broken_off_anywhere_come_to_the_same_bits) {
  const TemporaryFolder folder;
  const Dataset data = some_rows(80);
  const TrialRows rows = split_for_trials(data, 0.2, 3);
  Study whole = Study::create(folder / "a.study", tiny_plan({}), 2);
  EXPECT_EQ(work(whole, {}, trainings(rows)).finished, 2u);
  Study broken = Study::create(folder / "b.study", tiny_plan({}), 2);
  WorkSummary summary;
  int stretches = 0;
  do {
    int questions = 0;
    WorkOptions options;
    options.should_stop = [&] { return ++questions > 4; };  // three steps or so; an epoch has four
    summary = work(broken, options, trainings(rows));
  } while (summary.stopped && ++stretches < 100);
  EXPECT_GT(stretches, 5);
  EXPECT_LT(stretches, 100);
  const StudyContents contents = whole.contents();
  EXPECT_EQ(contents.trials[0].curve.size(), 4u);
  EXPECT_TRUE(same_results(contents, broken.contents()));
}

TEST(Work, a_training_stopped_at_rungs_has_the_curve_of_one_that_was_not) {
  const TemporaryFolder folder;
  const Dataset data = some_rows(80);
  const TrialRows rows = split_for_trials(data, 0.2, 3);
  Study whole = Study::create(folder / "a.study", tiny_plan({}), 4);
  (void)work(whole, {}, trainings(rows));
  Study halved = Study::create(folder / "b.study", tiny_plan({1, 2}), 4);
  const WorkSummary summary = work(halved, {}, trainings(rows));
  EXPECT_GE(summary.finished, 1u);
  EXPECT_GE(summary.paused, 4u);
  const StudyContents expected = whole.contents(), found = halved.contents();
  for (std::size_t t = 0; t < 4; ++t) {
    EXPECT_EQ(found.trials[t].curve.size(), found.trials[t].until_epoch);
    for (std::size_t i = 0; i < found.trials[t].curve.size(); ++i) {
      EXPECT_EQ(found.trials[t].curve[i].valid_loss, expected.trials[t].curve[i].valid_loss);
      EXPECT_EQ(found.trials[t].curve[i].train_loss, expected.trials[t].curve[i].train_loss);
    }
  }
}

TEST(Work, trial_0_is_the_training_that_train_would_do) {
  const TemporaryFolder folder;
  const Dataset data = some_rows(80);
  const TrialRows rows = split_for_trials(data, 0.2, 3);
  Study study = Study::create(folder / "a.study", tiny_plan({}), 1);
  (void)work(study, {}, trainings(rows));
  const Trial trial = study.contents().trials.at(0);
  TrainOptions options = small_options();
  options.learning_rate = std::strtod(trial.options[0].second.c_str(), nullptr);
  options.seed = 3;
  const TrainResult alone = train(data, options);
  ASSERT_EQ(trial.curve.size(), alone.history.size());
  for (std::size_t i = 0; i < trial.curve.size(); ++i)
    EXPECT_EQ(trial.curve[i].valid_loss, alone.history[i].valid_loss);
}

TEST(Work, a_training_that_was_killed_before_its_end_was_noted_is_not_done_again) {
  const TemporaryFolder folder;
  const Dataset data = some_rows(80);
  const TrialRows rows = split_for_trials(data, 0.2, 3);
  Study study = Study::create(folder / "a.study", tiny_plan({}), 1);
  const Trial trial = study.claim("here:1").trial.value();
  std::size_t points = 0;
  const TrialRun run{
      study.plan(), trial, study.checkpoint_path(0), 4, [&](const TrialPoint&) { ++points; }, {}};
  EXPECT_EQ(trainings(rows)(run).end, TrialEnd::reached);
  EXPECT_EQ(points, 4u);
  EXPECT_EQ(trainings(rows)(run).end, TrialEnd::reached);
  EXPECT_EQ(points, 4u);
}

// Training tells of an epoch that it broke off as of a whole one.
TEST(Work, an_epoch_that_a_full_disk_broke_off_is_no_point) {
  const TemporaryFolder folder;
  const Dataset data = some_rows(80);
  const TrialRows rows = split_for_trials(data, 0.2, 3);
  Study study = Study::create(folder / "a.study", tiny_plan({}), 1);
  const Trial trial = study.claim("here:1").trial.value();
  std::filesystem::create_directory(folder / "lost");
  std::size_t points = 0, steps = 0;
  const TrialRun run{study.plan(),
                     trial,
                     folder / "lost/checkpoint",
                     4,
                     [&](const TrialPoint&) { ++points; },
                     [&] {
                       if (++steps < 6) return false;  // an epoch has four
                       std::filesystem::remove_all(folder / "lost");
                       return true;
                     }};
  EXPECT_EQ(failure(folder, [&] { (void)trainings(rows)(run); }).substr(0, 20), "io: lost/checkpoint:");
  EXPECT_EQ(points, 1u);
}

TEST(Work, a_training_that_runs_out_of_patience_is_finished) {
  const TemporaryFolder folder;
  const Dataset data = some_rows(80);
  const TrialRows rows = split_for_trials(data, 0.2, 3);
  StudyPlan plan = tiny_plan({20});
  plan.epochs = 60;
  Study study = Study::create(folder / "a.study", plan, 1);
  const WorkSummary summary = work(study, {}, [&](const TrialRun& run) {
    TrainOptions options = small_options();
    options.learning_rate = 1;
    options.patience = 1;
    return run_trial_with(rows, options, run);
  });
  EXPECT_EQ(summary.finished, 1u);
  EXPECT_LT(study.contents().trials.at(0).curve.size(), 20u);
}

}  // namespace
}  // namespace ztilde::search
