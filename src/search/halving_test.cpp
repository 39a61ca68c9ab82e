#include "search/halving.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

namespace ztilde::search {
namespace {

using Epochs = std::vector<std::size_t>;

TEST(Halving, rungs_grow_by_the_reduction_and_lie_below_the_end) {
  EXPECT_EQ(rungs_of(27, 3, 1), (Epochs{1, 3, 9}));
  EXPECT_EQ(rungs_of(28, 3, 1), (Epochs{1, 3, 9, 27}));
  EXPECT_EQ(rungs_of(20, 4, 2), (Epochs{2, 8}));
  EXPECT_EQ(rungs_of(5, 2, 5), Epochs{});
  EXPECT_EQ(rungs_of(std::numeric_limits<std::size_t>::max(), 2, 1).size(), 64u);
}

StudyContents study_of(const Epochs& rungs, std::size_t reduction) {
  StudyContents study;
  study.plan.rungs = rungs;
  study.plan.reduction = reduction;
  study.plan.epochs = 27;
  return study;
}

Trial& add_trial(StudyContents& study, std::vector<std::pair<std::size_t, double>> curve,
                 TrialState state = TrialState::paused) {
  Trial& trial = study.trials.emplace_back();
  trial.number = study.trials.size() - 1;
  trial.state = state;
  for (const auto& [epoch, loss] : curve) {
    TrialPoint& point = trial.curve.emplace_back();
    point.epoch = epoch;
    point.valid_loss = loss;
  }
  return trial;
}

TEST(Halving, a_stretch_ends_at_the_next_rung_or_at_the_end) {
  const StudyContents study = study_of({1, 3, 9}, 3);
  EXPECT_EQ(next_stop(study.plan, 0), 1u);
  EXPECT_EQ(next_stop(study.plan, 1), 3u);
  EXPECT_EQ(next_stop(study.plan, 8), 9u);
  EXPECT_EQ(next_stop(study.plan, 9), 27u);
}

TEST(Halving, the_best_third_of_a_rung_goes_on) {
  StudyContents study = study_of({1, 3, 9}, 3);
  add_trial(study, {{1, 0.5}});
  add_trial(study, {{1, 0.4}});
  EXPECT_FALSE(promotable(study));  // of two there is no third
  add_trial(study, {{1, 0.6}});
  EXPECT_EQ(promotable(study), 1u);
  study.trials[1].state = TrialState::running;  // it goes on; the place is taken
  EXPECT_FALSE(promotable(study));
  for (const double loss : {0.45, 0.7, 0.8}) add_trial(study, {{1, loss}});
  EXPECT_EQ(promotable(study), 3u);  // second of six
}

TEST(Halving, the_highest_rung_comes_first) {
  StudyContents study = study_of({1, 3, 9}, 3);
  for (const double loss : {0.3, 0.2, 0.1}) add_trial(study, {{1, 0.9}, {3, loss}});
  for (const double loss : {0.01, 0.02, 0.03}) add_trial(study, {{1, loss}});
  EXPECT_EQ(promotable(study), 2u);
}

TEST(Halving, of_equals_the_first_goes_on) {
  StudyContents study = study_of({1}, 3);
  for (int i = 0; i < 3; ++i) add_trial(study, {{1, 0.5}});
  EXPECT_EQ(promotable(study), 0u);
}

TEST(Halving, the_loss_of_the_rung_counts_and_not_the_last_one) {
  StudyContents study = study_of({1}, 2);
  add_trial(study, {{1, 0.1}, {2, 9.0}, {27, 9.0}}, TrialState::finished);
  add_trial(study, {{1, 0.2}});
  EXPECT_FALSE(promotable(study));  // the one place of two is that of trial 0, which took it
}

TEST(Halving, a_trial_without_a_finite_loss_never_goes_on) {
  StudyContents study = study_of({1}, 2);
  for (const double loss : {NAN, INFINITY, NAN, INFINITY}) add_trial(study, {{1, loss}});
  EXPECT_FALSE(promotable(study));
  add_trial(study, {{1, 3.0}});
  EXPECT_EQ(promotable(study), 4u);
}

TEST(Halving, nothing_goes_on_where_stopping_is_off) {
  StudyContents study = study_of({}, 3);
  for (int i = 0; i < 9; ++i) add_trial(study, {{1, 0.5}});
  EXPECT_FALSE(promotable(study));
}

// Algorithm 2 played with one worker: whoever goes on is then among the best floor(n / reduction) of its
// rung, and while none was overtaken no more than that have gone on.
RC_GTEST_PROP(Halving, only_the_best_part_of_a_rung_has_gone_on, ()) {
  const std::size_t reduction = *rc::gen::inRange(2, 5);
  StudyContents study = study_of({1, 3, 9}, reduction);
  const auto losses = *rc::gen::container<std::vector<std::uint8_t>>(40, rc::gen::arbitrary<std::uint8_t>());
  std::size_t next = 0;
  while (next < losses.size()) {
    const std::optional<std::size_t> chosen = promotable(study);
    RC_ASSERT(chosen == promotable(study));
    if (!chosen) {
      add_trial(study, {{1, static_cast<double>(losses[next++])}});
      continue;
    }
    Trial& trial = study.trials[*chosen];
    const std::size_t rung = trial.curve.back().epoch;
    RC_ASSERT(trial.state == TrialState::paused);
    std::size_t arrived = 0, better = 0;
    for (const Trial& other : study.trials) {
      const auto at =
          std::find_if(other.curve.begin(), other.curve.end(), [&](auto& p) { return p.epoch == rung; });
      if (at == other.curve.end()) continue;
      ++arrived;
      better += at->valid_loss < trial.curve.back().valid_loss;
    }
    RC_ASSERT(better < arrived / reduction);
    TrialPoint point;
    point.epoch = next_stop(study.plan, rung);
    point.valid_loss = trial.curve.back().valid_loss;
    trial.curve.push_back(point);
    if (point.epoch == study.plan.epochs) trial.state = TrialState::finished;
  }
}

TEST(Halving, no_more_than_a_part_goes_on_while_losses_only_get_worse) {
  StudyContents study = study_of({1}, 3);
  std::size_t gone_on = 0;
  for (int i = 0; i < 30; ++i) {
    add_trial(study, {{1, i}});
    while (const auto chosen = promotable(study)) {
      study.trials[*chosen].state = TrialState::running;
      ++gone_on;
    }
    EXPECT_EQ(gone_on, study.trials.size() / 3);
  }
}

}  // namespace
}  // namespace ztilde::search
