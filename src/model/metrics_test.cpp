#include "model/metrics.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.hpp"

namespace ztilde {
namespace {

using metrics::area_under_curve;
using metrics::RankedRow;

double area(std::vector<RankedRow> rows) { return area_under_curve(rows).value(); }

std::vector<RankedRow> random_rows(std::size_t count, std::uint64_t seed, std::uint32_t distinct_scores) {
  const RandomStream stream(seed, Purpose::initialise, 0, 0);
  std::vector<RankedRow> rows(count);
  for (std::size_t r = 0; r < count; ++r) {
    rows[r] = {static_cast<float>(stream.below(distinct_scores, 3 * r)) - 5.0f,
               stream.below(3, 3 * r + 1) == 0, 0.25 * (1 + stream.below(8, 3 * r + 2))};
  }
  rows[0].positive = true;
  rows[1].positive = false;
  return rows;
}

// Every pair of a positive and a negative row, as the definition has it.
double area_by_pairs(const std::vector<RankedRow>& rows) {
  double ordered = 0, all = 0;
  for (const RankedRow& positive : rows) {
    for (const RankedRow& negative : rows) {
      if (!positive.positive || negative.positive) continue;
      const double weight = positive.weight * negative.weight;
      all += weight;
      if (positive.score > negative.score) ordered += weight;
      if (positive.score == negative.score) ordered += weight / 2;
    }
  }
  return ordered / all;
}

// Positives 0.35 and 0.8, negatives 0.1 and 0.4: 3 of 4 pairs in order.
TEST(AreaUnderCurve, is_the_share_of_pairs_in_order) {
  EXPECT_EQ(area({{0.1f, false}, {0.4f, false}, {0.35f, true}, {0.8f, true}}), 0.75);
  EXPECT_EQ(area({{0, false}, {1, true}}), 1.0);
  EXPECT_EQ(area({{0, true}, {1, false}}), 0.0);
}

// Weights are multiples of a quarter and the sums stay below 2^53: both ways are exact but for the division.
TEST(AreaUnderCurve, is_what_the_pairs_say_with_ties_and_weights) {
  for (const std::uint32_t distinct : {1u, 2u, 10u, 1000u}) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      const auto rows = random_rows(60, seed, distinct);
      EXPECT_EQ(area(rows), area_by_pairs(rows)) << distinct << " " << seed;
    }
  }
}

TEST(AreaUnderCurve, of_reversed_scores_is_one_minus_it) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    auto rows = random_rows(200, seed, 40);
    const double forward = area(rows);
    for (RankedRow& row : rows) row.score = -row.score;
    EXPECT_NEAR(area(rows), 1 - forward, 1e-15);  // two divisions, each rounded once
  }
}

TEST(AreaUnderCurve, of_scores_that_are_all_the_same_is_a_half) {
  EXPECT_EQ(area(random_rows(50, 1, 1)), 0.5);
}

TEST(AreaUnderCurve, does_not_change_when_scores_are_stretched_but_stay_in_order) {
  auto rows = random_rows(200, 3, 30);
  const double before = area(rows);
  for (RankedRow& row : rows) row.score = std::exp(row.score);
  EXPECT_EQ(area(rows), before);
}

TEST(AreaUnderCurve, is_absent_where_one_side_weighs_nothing) {
  std::vector<RankedRow> rows = {{1, true}, {2, true}}, weightless = {{1, true}, {2, false, 0}}, none;
  EXPECT_FALSE(area_under_curve(rows).has_value());
  EXPECT_FALSE(area_under_curve(weightless).has_value());
  EXPECT_FALSE(area_under_curve(none).has_value());
}

// Truths 0 0 0 1 1 2, answers 0 0 1 1 0 0: class 0 is found 2 times of 3 and 2 of 4 answers "0" are
// right; class 1 1 of 2 and 1 of 2; class 2 is never found and never answered; class 3 never occurs.
TEST(ClassScores, are_recall_and_precision_by_class_and_absent_where_nothing_is_counted) {
  const std::vector<std::uint32_t> truths = {0, 0, 0, 1, 1, 2}, answers = {0, 0, 1, 1, 0, 0};
  const auto classes = metrics::by_class({truths, answers, {}, 4});
  EXPECT_EQ(classes[0].recall, 2.0 / 3);
  EXPECT_EQ(classes[0].precision, 2.0 / 4);
  EXPECT_EQ(classes[1].recall, 0.5);
  EXPECT_EQ(classes[1].precision, 0.5);
  EXPECT_EQ(classes[2].recall, 0.0);
  EXPECT_FALSE(classes[2].precision.has_value());
  EXPECT_FALSE(classes[3].recall.has_value());
  EXPECT_FALSE(classes[3].precision.has_value());
  EXPECT_EQ(metrics::balanced_accuracy(classes), (2.0 / 3 + 0.5 + 0) / 3);
}

// The same rows weighing 1 2 1 4 4 1: class 0 is found with 3 of 4, class 1 with 4 of 8.
TEST(ClassScores, count_weights) {
  const std::vector<std::uint32_t> truths = {0, 0, 0, 1, 1, 2}, answers = {0, 0, 1, 1, 0, 0};
  const std::vector<float> weights = {1, 2, 1, 4, 4, 1};
  const auto classes = metrics::by_class({truths, answers, weights, 3});
  EXPECT_EQ(classes[0].recall, 0.75);
  EXPECT_EQ(classes[0].precision, 3.0 / 8);
  EXPECT_EQ(metrics::balanced_accuracy(classes), (0.75 + 0.5 + 0) / 3);
}

}  // namespace
}  // namespace ztilde
