#include "search/study_contents.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace ztilde::search {
namespace {

Trial finished(std::size_t number, double loss) {
  Trial trial;
  trial.number = number;
  trial.state = TrialState::finished;
  trial.curve.emplace_back();
  trial.curve.back().valid_loss = loss;
  return trial;
}

TEST(StudyContents, the_best_trial_is_finished_and_has_the_least_loss) {
  StudyContents study;
  EXPECT_FALSE(best_trial(study));
  study.trials = {finished(0, 0.5), finished(1, 0.2), finished(2, 0.1), finished(3, 0.2)};
  study.trials[2].state = TrialState::paused;
  EXPECT_EQ(best_trial(study), 1u);
}

TEST(StudyContents, a_loss_that_is_no_number_is_never_the_best) {
  StudyContents study;
  study.trials = {finished(0, NAN), finished(1, HUGE_VAL), finished(2, 0.3), finished(3, 0.4)};
  EXPECT_EQ(best_trial(study), 2u);
  study.trials.resize(2);
  EXPECT_FALSE(best_trial(study));
}

TEST(StudyContents, finalists_are_compared_by_their_folds) {
  StudyContents study;
  study.trials = {finished(0, 0.1), finished(1, 0.2), finished(2, 0.3)};
  study.trials[1].folds_loss = 0.25;
  study.trials[2].folds_loss = 0.24;
  EXPECT_EQ(best_trial(study), 2u);
}

}  // namespace
}  // namespace ztilde::search
