#include "search/good_region.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "search/good_cells.hpp"
#include "search/sample_study_test_support.hpp"

namespace ztilde::search {
namespace {

// The chance of k of n, each with chance p.
double binomial(std::size_t n, std::size_t k, double p) {
  const double a = static_cast<double>(n), b = static_cast<double>(k);
  return std::exp(std::lgamma(a + 1) - std::lgamma(b + 1) - std::lgamma(a - b + 1) + b * std::log(p) +
                  (a - b) * std::log1p(-p));
}

Trial trial_with(std::size_t number, const std::string& norm, double accuracy) {
  Trial trial;
  trial.number = number;
  trial.options = {{"--lr", "0.01"}, {"--norm", norm}};
  trial.state = TrialState::finished;
  TrialPoint point;
  point.epoch = 9;
  point.valid_loss = 1 - accuracy;
  point.valid_accuracy = accuracy;
  trial.curve = {point};
  return trial;
}

StudyContents study_with(std::vector<Trial> trials) {
  StudyContents study;
  study.plan.epochs = 9;
  study.plan.dimensions = {*dimension_of("--lr", "1e-4..1:log"), *dimension_of("--norm", "batch,none")};
  study.trials = std::move(trials);
  return study;
}

TEST(WilsonInterval, has_the_values_of_the_formula) {
  // (k + z²/2 ± z √(k (n − k) / n + z²/4)) / (n + z²), by hand.
  EXPECT_NEAR(wilson_interval(0, 10).high, 0.27753, 1e-5);
  EXPECT_EQ(wilson_interval(0, 10).low, 0);
  EXPECT_NEAR(wilson_interval(5, 10).low, 0.23659, 1e-5);
  EXPECT_NEAR(wilson_interval(5, 10).high, 0.76341, 1e-5);
  EXPECT_EQ(wilson_interval(10, 10).high, 1);
  EXPECT_EQ(wilson_interval(0, 0).low, 0);
  EXPECT_EQ(wilson_interval(0, 0).high, 1);
}

TEST(RatioInterval, holds_the_true_ratio_as_often_as_it_says) {
  const std::size_t n = 30, m = 25;
  for (const auto& [p, q] : {std::pair(0.4, 0.2), {0.1, 0.1}, {0.8, 0.3}, {0.9, 0.9}}) {
    double held = 0;
    for (std::size_t a = 0; a <= n; ++a) {
      for (std::size_t b = 0; b <= m; ++b) {
        const Interval interval = ratio_interval(a, n, b, m);
        if (interval.low <= p / q && p / q <= interval.high) held += binomial(n, a, p) * binomial(m, b, q);
      }
    }
    // Counts are whole, so that it cannot be 95 % exactly.
    EXPECT_GT(held, 0.93) << p << " and " << q;
    EXPECT_LT(held, 0.99) << p << " and " << q;
  }
}

TEST(RatioInterval, holds_the_ratio_of_the_counts_and_turns_around_with_them) {
  for (const std::size_t n : {1u, 7u, 40u}) {
    for (std::size_t a = 0; a <= n; ++a) {
      for (std::size_t b = 0; b <= n; ++b) {
        const Interval there = ratio_interval(a, n, b, n), back = ratio_interval(b, n, a, n);
        const double ratio = static_cast<double>(a) / static_cast<double>(b);
        if (b > 0) {
          EXPECT_LE(there.low, ratio * (1 + 1e-12));
          EXPECT_GE(there.high, ratio * (1 - 1e-12));
        }
        EXPECT_EQ(there.low == 0, a == 0);
        EXPECT_EQ(std::isinf(there.high), b == 0);
        if (a > 0 && b > 0) {
          EXPECT_NEAR(there.low * back.high, 1, 1e-9) << a << " and " << b << " of " << n;
        }
      }
    }
  }
}

TEST(GoodRegion, counts_what_is_within_two_points_of_the_best_of_all) {
  const GoodRegion region = *good_region(
      study_with({trial_with(0, "batch", 0.90), trial_with(1, "batch", 0.88), trial_with(2, "batch", 0.879),
                  trial_with(3, "none", 0.89), trial_with(4, "none", 0.5)}));
  EXPECT_EQ(region.rule.measured, Measured::accuracy);
  EXPECT_EQ(region.rule.best, 0.90);
  EXPECT_EQ(group_of(region, "batch")->good, 2u);
  EXPECT_EQ(group_of(region, "batch")->trials, 3u);
  EXPECT_EQ(group_of(region, "none")->good, 1u) << "by the best of all, not by that of its own group";
  EXPECT_EQ(group_of(region, "layer"), nullptr);
}

TEST(GoodRegion, counts_diverged_trials_as_outside) {
  StudyContents study = study_with({trial_with(0, "batch", 0.9), trial_with(1, "none", 0.9)});
  study.trials[1].state = TrialState::diverged;
  const GoodRegion region = *good_region(study);
  EXPECT_EQ(group_of(region, "none")->good, 0u);
  EXPECT_EQ(group_of(region, "none")->trials, 1u);
  EXPECT_EQ(group_of(region, "none")->diverged, 1u);
  study.trials[0].state = TrialState::diverged;
  EXPECT_FALSE(good_region(study)) << "no trial has a result";
}

TEST(GoodRegion, does_not_count_defaults_but_measures_by_them) {
  StudyContents study = study_with({trial_with(0, "batch", 0.95), trial_with(1, "batch", 0.9)});
  study.plan.first = study.trials[0].options;
  const GoodRegion region = *good_region(study);
  EXPECT_EQ(region.rule.best, 0.95);
  EXPECT_EQ(group_of(region, "batch")->trials, 1u);
  EXPECT_EQ(group_of(region, "batch")->good, 0u);
}

TEST(GoodRegion, compares_after_the_epoch_that_all_have_reached) {
  StudyContents study = study_with({trial_with(0, "batch", 0.9), trial_with(1, "batch", 0.7)});
  // Better at last, but not after epoch 3, where the other was stopped.
  TrialPoint early = study.trials[0].curve[0];
  early.epoch = 3;
  early.valid_accuracy = 0.71;
  study.trials[0].curve.insert(study.trials[0].curve.begin(), early);
  study.trials[1].state = TrialState::paused;
  study.trials[1].curve[0].epoch = 3;
  study.trials.push_back(trial_with(2, "none", 0.7));
  study.trials[2].state = TrialState::running;
  study.trials[2].curve[0].epoch = 2;
  const GoodRegion region = *good_region(study);
  EXPECT_TRUE(region.rule.stopped_early);
  EXPECT_EQ(region.rule.epoch, 3u);
  EXPECT_EQ(region.rule.best, 0.71);
  EXPECT_EQ(group_of(region, "batch")->good, 2u);
  EXPECT_EQ(region.trials[2], Goodness::unknown) << "it has not come so far";
}

TEST(GoodRegion, makes_do_with_rmse_and_with_the_loss_alone) {
  StudyContents study =
      study_with({trial_with(0, "batch", 0), trial_with(1, "batch", 0), trial_with(2, "none", 0)});
  const double rmse[] = {2, 2.2, 2.21};
  for (std::size_t t = 0; t < 3; ++t) {
    study.trials[t].curve[0].valid_accuracy.reset();
    study.trials[t].curve[0].valid_loss = rmse[t] * rmse[t];
    study.trials[t].curve[0].valid_rmse = rmse[t];
  }
  const GoodRegion by_rmse = *good_region(study);
  EXPECT_EQ(by_rmse.rule.measured, Measured::rmse);
  EXPECT_EQ(group_of(by_rmse, "batch")->good, 2u);
  EXPECT_EQ(group_of(by_rmse, "none")->good, 0u);
  study.trials[2].curve[0].valid_rmse.reset();
  const GoodRegion by_loss = *good_region(study);
  EXPECT_EQ(by_loss.rule.measured, Measured::loss);
  EXPECT_EQ(group_of(by_loss, "batch")->good, 1u);
}

TEST(GoodRegion, without_a_search_for_the_norm_is_one_group) {
  const StudyContents study = sample_study({.searches_norm = false});
  const GoodRegion region = *good_region(study);
  ASSERT_EQ(region.groups.size(), 1u);
  EXPECT_EQ(region.groups[0].norm, "");
  EXPECT_EQ(region.groups[0].trials, 59u) << "all but the defaults";
}

TEST(GoodRegion, finds_the_share_of_a_volume_that_is_known) {
  // Good where the learning rate lies in a quarter of its range with batch norm, in an eighth without.
  StudyContents study = study_with({});
  for (std::size_t t = 0; t < 256; ++t) {
    Trial trial = trial_with(t, "", 0.5);
    trial.options = options_of(study.plan, t);
    const double decades = std::log10(std::strtod(trial.options[0].second.c_str(), nullptr)) + 4;
    const double wide = text_of(trial, "--norm") == "batch" ? 1 : 0.5;
    if (decades < wide) trial.curve[0].valid_accuracy = 0.9;
    study.trials.push_back(trial);
  }
  const GoodRegion region = *good_region(study);
  // A quasi-random sequence misses by a few points at most.
  EXPECT_NEAR(group_of(region, "batch")->share(), 0.25, 0.02);
  EXPECT_NEAR(group_of(region, "none")->share(), 0.125, 0.02);
}

TEST(GoodCells, are_of_learning_rate_and_batch_size_and_hold_every_drawn_trial_once) {
  const StudyContents study = sample_study();
  const GoodRegion region = *good_region(study);
  const GoodCells cells = *good_cells(study, region);
  EXPECT_EQ(cells.x.axis.option, "--lr");
  EXPECT_EQ(cells.y.names, (std::vector<std::string>{"64", "256", "1024"}));
  ASSERT_EQ(cells.maps.size(), 2u);
  for (std::size_t g = 0; g < 2; ++g) {
    std::size_t trials = 0, good = 0, diverged = 0;
    for (const auto& row : cells.maps[g].cells) {
      for (const GoodCell& cell : row) {
        trials += cell.trials;
        good += cell.good;
        diverged += cell.diverged;
      }
    }
    EXPECT_EQ(trials, region.groups[g].trials);
    EXPECT_EQ(good, region.groups[g].good);
    EXPECT_EQ(diverged, region.groups[g].diverged);
  }
}

TEST(GoodCells, are_of_other_options_where_these_are_not_searched) {
  StudyContents study = sample_study();
  const auto without = [&](std::vector<std::string> names) {
    StudyContents less = study;
    std::erase_if(less.plan.dimensions, [&](const Dimension& dimension) {
      return std::ranges::find(names, dimension.option) != names.end();
    });
    return good_cells(less, *good_region(less));
  };
  EXPECT_EQ(without({"--batch"})->y.axis.option, "--weight-decay");
  EXPECT_EQ(without({"--lr", "--batch", "--weight-decay"})->x.axis.label, "--hidden, width");
  EXPECT_EQ(without({"--lr", "--batch", "--weight-decay"})->y.axis.label, "--hidden, layers");
  EXPECT_FALSE(without({"--lr", "--batch", "--weight-decay", "--hidden"})) << "dropout alone is no map";
}

TEST(AxisParts, cut_evenly_by_the_logarithm_and_keep_what_lies_outside_at_the_ends) {
  const StudyPlan plan = sample_plan({});
  const std::vector<SpaceAxis> axes = axes_of(plan);
  const AxisParts rate = parts_of(axes[0], 4);
  EXPECT_EQ(rate.names, (std::vector<std::string>{"3.2e-4", "0.0032", "0.032", "0.32"}));
  EXPECT_EQ(rate.part_of(9e-4), 0u);
  EXPECT_EQ(rate.part_of(1.1e-3), 1u);
  EXPECT_EQ(rate.part_of(1), 3u);
  EXPECT_EQ(rate.part_of(0), 0u);
  EXPECT_EQ(rate.part_of(-1), 0u);
  EXPECT_EQ(rate.part_of(1e9), 3u);
  ASSERT_EQ(axes[4].label, "--hidden, layers");
  const AxisParts depth = parts_of(axes[4], 2);
  EXPECT_EQ(depth.names, (std::vector<std::string>{"1", "2", "3", "4", "5", "6"}));
  EXPECT_EQ(depth.part_of(6), 5u);
}

TEST(SpaceAxes, of_layers_are_two_unless_one_is_the_same_for_all) {
  StudyPlan plan;
  plan.dimensions = {*dimension_of("--hidden", "64..512x2"), *dimension_of("--net", "a,b")};
  const std::vector<SpaceAxis> axes = axes_of(plan);
  ASSERT_EQ(axes.size(), 2u);
  EXPECT_EQ(axes[0].label, "--hidden, width");
  EXPECT_FALSE(axes[1].of_numbers());
  Trial trial;
  trial.options = {{"--hidden", "100,100"}, {"--net", "b"}};
  EXPECT_EQ(place_on(axes[0], trial), 100);
  EXPECT_EQ(place_on(axes[1], trial), 1);
  trial.options = {{"--hidden", "none"}};
  EXPECT_FALSE(place_on(axes[0], trial));
  EXPECT_FALSE(place_on(axes[1], trial));
}

}  // namespace
}  // namespace ztilde::search
