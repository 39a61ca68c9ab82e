#include "search/study.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "search/study_test_support.hpp"

namespace ztilde::search {
namespace {

Trial claimed(Study& study) {
  const Claim claim = study.claim("here:1");
  EXPECT_TRUE(claim.trial);
  return claim.trial.value_or(Trial{});
}

TEST(Study, a_plan_comes_back_as_it_was) {
  const TemporaryFolder folder;
  const StudyPlan plan = some_plan({1, 3});
  (void)Study::create(folder / "a.study", plan, 7);
  const StudyContents study = read_study(folder / "a.study");
  EXPECT_TRUE(differences(study.plan, plan).empty());
  EXPECT_EQ(study.plan.seed, plan.seed);
  EXPECT_EQ(study.plan.first, plan.first);
  EXPECT_EQ(study.plan.dimensions, plan.dimensions);
  EXPECT_EQ(study.plan.rungs, plan.rungs);
  EXPECT_EQ(study.trials_asked, 7u);
  EXPECT_TRUE(study.trials.empty());
}

TEST(Study, a_trial_keeps_what_it_was_told) {
  const TemporaryFolder folder;
  Study study = Study::create(folder / "a.study", some_plan(), 0);
  for (int i = 0; i < 3; ++i) (void)claimed(study);
  TrialPoint point = point_at(1, 0.1 + 0.2);
  point.valid_accuracy.reset();
  point.valid_rmse = 1e-300;
  study.add_point(0, point);
  study.add_point(0, point_at(2, std::numeric_limits<double>::infinity()));
  study.add_point(0, point_at(2, 0.25));  // again, after a worker's death
  study.finish(0);
  study.fail(1, "NaN in layer 1");
  study.set_fold_losses(0, {0.5, 0.25});
  const StudyContents contents = read_study(folder / "a.study");
  const Trial& trial = contents.trials.at(0);
  EXPECT_EQ(trial.state, TrialState::finished);
  EXPECT_EQ(trial.options, some_plan().first);
  EXPECT_EQ(trial.seed, some_plan().seed);
  EXPECT_EQ(trial.worker, "here:1");
  EXPECT_EQ(trial.until_epoch, 9u);
  ASSERT_EQ(trial.curve.size(), 2u);
  EXPECT_EQ(trial.curve[0].valid_loss, 0.1 + 0.2);
  EXPECT_FALSE(trial.curve[0].valid_accuracy);
  EXPECT_EQ(trial.curve[0].valid_rmse, 1e-300);
  EXPECT_EQ(trial.curve[1].valid_loss, 0.25);
  EXPECT_EQ(trial.folds_loss, 0.375);
  EXPECT_EQ(trial.fold_losses, (std::vector<double>{0.5, 0.25}));
  EXPECT_EQ(contents.trials.at(1).state, TrialState::diverged);
  EXPECT_EQ(contents.trials.at(1).message, "NaN in layer 1");
  EXPECT_EQ(contents.trials.at(2).state, TrialState::running);
}

TEST(Study, gives_released_trials_first_then_those_of_rungs_then_new_ones) {
  const TemporaryFolder folder;
  Study study = Study::create(folder / "a.study", some_plan({1, 3}), 5);
  for (const double loss : {0.3, 0.1, 0.2}) {
    const Trial trial = claimed(study);
    EXPECT_EQ(trial.until_epoch, 1u);
    study.add_point(trial.number, point_at(1, loss));
    study.pause_at_rung(trial.number);
  }
  const Trial promoted = claimed(study);
  EXPECT_EQ(promoted.number, 1u);
  EXPECT_EQ(promoted.until_epoch, 3u);
  EXPECT_EQ(promoted.curve.size(), 1u);
  EXPECT_EQ(claimed(study).number, 3u);
  study.release(1);
  const Trial again = claimed(study);
  EXPECT_EQ(again.number, 1u);
  EXPECT_EQ(again.until_epoch, 3u);
  EXPECT_EQ(claimed(study).number, 4u);
  const Claim none = study.claim("here:1");
  EXPECT_FALSE(none.trial);
  EXPECT_FALSE(none.done);  // what runs may give a promotion
  study.fail(1, "");
  study.fail(3, "");
  study.fail(4, "");
  EXPECT_TRUE(study.claim("here:1").done);
  study.ask_for(6);
  EXPECT_EQ(claimed(study).number, 5u);
}

TEST(Study, stops_all_but_the_first_trial_early_where_the_plan_says_so) {
  const TemporaryFolder folder;
  StudyPlan plan = some_plan({1, 3});
  plan.first_to_end = true;
  Study study = Study::create(folder / "a.study", plan, 5);
  EXPECT_TRUE(study.plan().first_to_end);
  EXPECT_EQ(claimed(study).until_epoch, plan.epochs);
  EXPECT_EQ(claimed(study).until_epoch, 1u);
  // What it came to on its way is what others are compared with.
  study.add_point(0, point_at(1, 0.1));
  study.add_point(1, point_at(1, 0.2));
  study.pause_at_rung(1);
  const Trial third = claimed(study);
  study.add_point(third.number, point_at(1, 0.3));
  study.pause_at_rung(third.number);
  EXPECT_EQ(claimed(study).number, 3u);  // of three the best is the first, which needs no promotion
}

TEST(Study, begins_none_where_it_may_not) {
  const TemporaryFolder folder;
  Study study = Study::create(folder / "a.study", some_plan(), 0);
  EXPECT_TRUE(study.claim("here:1", false).done);
  (void)claimed(study);
  study.release(0);
  EXPECT_TRUE(study.claim("here:1", false).trial);
}

TEST(Study, asks_for_no_fewer_trials_than_are_there) {
  const TemporaryFolder folder;
  Study study = Study::create(folder / "a.study", some_plan(), 9);
  for (int i = 0; i < 3; ++i) (void)claimed(study);
  study.ask_for(2);
  EXPECT_EQ(study.contents().trials_asked, 3u);
  study.ask_for(0);
  EXPECT_EQ(study.contents().trials_asked, 0u);
}

TEST(Study, only_who_claimed_a_trial_may_write_it) {
  const TemporaryFolder folder;
  Study study = Study::create(folder / "a.study", some_plan(), 9);
  Study other = Study::open(folder / "a.study");
  (void)claimed(study);
  EXPECT_EQ(claimed(other).number, 1u);
  const std::string refusal = "data: a.study: trial 0 is not this worker's; claim it first";
  EXPECT_EQ(failure(folder, [&] { other.add_point(0, point_at(1, 1)); }), refusal);
  EXPECT_EQ(failure(folder, [&] { other.finish(0); }), refusal);
  EXPECT_EQ(failure(folder, [&] { other.pause_at_rung(0); }), refusal);
  EXPECT_EQ(failure(folder, [&] { other.fail(0, ""); }), refusal);
  EXPECT_EQ(failure(folder, [&] { other.release(0); }), refusal);
  EXPECT_EQ(failure(folder, [&] { other.set_fold_losses(0, {1}); }),
            "data: a.study: trial 0 is not finished; folds are for those that are");
  study.finish(0);
  EXPECT_NE(failure(folder, [&] { study.add_point(0, point_at(1, 1)); }), "no error");
  EXPECT_TRUE(study.contents().trials[0].curve.empty());
}

TEST(Study, a_worker_that_leaves_in_order_frees_its_trial_and_takes_its_files_away) {
  const TemporaryFolder folder;
  {
    Study study = Study::create(folder / "a.study", some_plan(), 9);
    (void)claimed(study);
    EXPECT_EQ(study.contents().trials[0].state, TrialState::running);
    EXPECT_TRUE(std::filesystem::exists(folder / "a.study.d/worker-1"));
  }
  EXPECT_EQ(read_study(folder / "a.study").trials[0].state, TrialState::waiting);
  EXPECT_TRUE(std::filesystem::is_empty(folder / "a.study.d"));
}

TEST(Study, nothing_stays_beside_a_study_that_nobody_has_open) {
  const TemporaryFolder folder;
  (void)Study::create(folder / "a.study", some_plan(), 9);
  (void)read_study(folder / "a.study");
  tidy_study(folder / "a.study");
  EXPECT_EQ(folder.files(), 1u);
  tidy_study(folder / "none.study");
  EXPECT_EQ(folder.files(), 1u);
}

TEST(Study, workers_by_another_name_of_the_file_have_the_same_locks) {
  const TemporaryFolder folder;
  Study study = Study::create(folder / "a.study", some_plan(), 9);
  (void)claimed(study);
  std::filesystem::create_symlink(folder / "a.study", folder / "b.study");
  Study other = Study::open(folder / "b.study");
  EXPECT_EQ(claimed(other).number, 1u);
  EXPECT_EQ(other.checkpoint_path(3), study.checkpoint_path(3));
}

TEST(Study, says_what_another_search_does_differently) {
  const StudyPlan kept = some_plan({1, 3});
  const auto words = [&](const auto& change) {
    StudyPlan given = kept;
    change(given);
    const std::vector<std::string> found = differences(kept, given);
    return found.empty() ? std::string() : found.front();
  };
  EXPECT_EQ(words([](StudyPlan&) {}), "");
  EXPECT_EQ(words([](StudyPlan& plan) { plan.version = "2"; }), "ztilde is 1.2.3 in the study and 2 here");
  EXPECT_EQ(words([](StudyPlan& plan) { plan.data_fingerprint = "x"; }),
            "the values of the data are not those of the study");
  EXPECT_EQ(words([](StudyPlan& plan) {
              plan.data_fingerprint = "x";
              plan.data_words = "b.csv: 11 rows";
            }),
            "the data are a.csv: 10 rows in the study and b.csv: 11 rows here");
  EXPECT_EQ(words([](StudyPlan& plan) { plan.fixed[1].second = "none"; }),
            "--norm is batch in the study and none here");
  EXPECT_EQ(words([](StudyPlan& plan) { plan.dimensions[2] = *dimension_of("--batch", "8,16"); }),
            "--batch is 16,32 in the study and 8,16 here");
  EXPECT_EQ(words([](StudyPlan& plan) { plan.dimensions.pop_back(); }),
            "--batch is 16,32 in the study and not given here");
  EXPECT_EQ(words([](StudyPlan& plan) { std::swap(plan.dimensions[0], plan.dimensions[1]); }),
            "ranges stand in another order in the study");
  EXPECT_EQ(words([](StudyPlan& plan) { plan.first[0].second = "0.1"; }),
            "the defaults are not those of the study");
  EXPECT_EQ(words([](StudyPlan& plan) { plan.epochs = 10; }), "--epochs is 9 in the study and 10 here");
  EXPECT_EQ(words([](StudyPlan& plan) { plan.rungs.clear(); }),
            "stopping early is after epochs 1, 3 in the study and off here");
  EXPECT_EQ(words([](StudyPlan& plan) { plan.task = Task::regress; }),
            "the task is another one in the study");
  const TemporaryFolder folder;
  StudyPlan given = kept;
  given.seed = 1;
  EXPECT_EQ(
      failure(folder, [&] { require_same_plan(folder / "a.study", kept, given); }),
      "data: a.study: --seed is 18364758544493064720 in the study and 1 here; repeat the search as it began, "
      "or give another study");
}

TEST(Study, same_results_sees_every_bit_of_a_result_and_no_time) {
  const TemporaryFolder folder;
  const StudyContents study = unbroken(folder, some_plan(), 3);
  const auto same_after = [&](const auto& change) {
    StudyContents other = study;
    change(other.trials[1]);
    return same_results(study, other);
  };
  EXPECT_TRUE(same_after([](Trial& trial) {
    trial.worker = "elsewhere";
    trial.began = trial.ended = trial.curve[0].seconds = 7;
  }));
  EXPECT_FALSE(same_after(
      [](Trial& trial) { trial.curve[3].valid_loss = std::nextafter(trial.curve[3].valid_loss, 9); }));
  EXPECT_FALSE(same_after([](Trial& trial) { trial.curve[3].train_loss += 1e-12; }));
  EXPECT_FALSE(same_after([](Trial& trial) { trial.curve.pop_back(); }));
  EXPECT_FALSE(same_after([](Trial& trial) { trial.options[0].second += "0"; }));
  EXPECT_FALSE(same_after([](Trial& trial) { ++trial.seed; }));
  EXPECT_FALSE(same_after([](Trial& trial) { trial.state = TrialState::waiting; }));
  EXPECT_FALSE(same_after([](Trial& trial) { trial.folds_loss = 1; }));
}

}  // namespace
}  // namespace ztilde::search
