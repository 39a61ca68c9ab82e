#include "ztilde/cross_validate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/random.hpp"
#include "base/test_support.hpp"
#include "data/split.hpp"

namespace ztilde {
namespace {

Dataset clouds(std::size_t rows, std::size_t classes) {
  Dataset data;
  data.rows = rows;
  data.columns = 2;
  const RandomStream stream(31, Purpose::initialise, 0, 0);
  for (std::size_t c = 0; c < classes; ++c) data.classes.push_back("class " + std::to_string(c));
  for (std::size_t r = 0; r < rows; ++r) {
    const std::size_t kind = r % classes;
    data.floats.push_back(static_cast<float>(stream.normal(2 * r) + 2.0 * static_cast<double>(kind)));
    data.floats.push_back(static_cast<float>(stream.normal(2 * r + 1)));
    data.targets.push_back(static_cast<float>(kind));
  }
  return data;
}

TrainOptions quick() {
  TrainOptions options;
  options.hidden = {8};
  options.epochs = 4;
  options.batch = 32;
  options.learning_rate = 0.02;
  options.threads = 2;
  return options;
}

const MetricSpread& metric(const CrossValidation& result, const std::string& name) {
  for (const MetricSpread& spread : result.metrics) {
    if (spread.name == name) return spread;
  }
  throw std::out_of_range(name);
}

TEST(CrossValidation, trains_on_all_other_rows_and_scores_a_folds_own) {
  const CrossValidation result = cross_validate(clouds(203, 3), quick(), 4);
  ASSERT_EQ(result.folds.size(), 4u);
  std::size_t rows = 0;
  for (const FoldResult& fold : result.folds) {
    EXPECT_EQ(fold.train_rows + fold.valid_rows, 203u);
    EXPECT_EQ(fold.scores.rows, fold.valid_rows);
    EXPECT_EQ(std::accumulate(fold.scores.confusion.begin(), fold.scores.confusion.end(), std::uint64_t{0}),
              fold.valid_rows);
    rows += fold.valid_rows;
  }
  EXPECT_EQ(rows, 203u);
}

// A fold is what train() makes of the other rows alone, and evaluate() of its own.
TEST(CrossValidation, is_what_train_and_evaluate_say_of_the_same_rows) {
  const Dataset data = clouds(120, 2);
  const auto parts = cut_into_folds(data, 3, 0);
  const auto some = [&](const std::vector<std::uint32_t>& rows) {
    Dataset part = data;
    part.rows = rows.size();
    part.floats.clear();
    part.targets.clear();
    for (const std::uint32_t row : rows) {
      part.floats.insert(part.floats.end(), {data.floats[2 * row], data.floats[2 * row + 1]});
      part.targets.push_back(data.targets[row]);
    }
    return part;
  };
  std::vector<std::uint32_t> others;
  for (std::uint32_t row = 0; row < 120; ++row) {
    if (!std::ranges::binary_search(parts[1], row)) others.push_back(row);
  }
  TrainOptions options = quick();
  const CrossValidation result = cross_validate(data, options, 3);
  options.valid_fraction = 0;
  const Scores scores = evaluate(train(some(others), options).model, some(parts[1]), 1);
  EXPECT_EQ(result.folds[1].scores.loss, scores.loss);
  EXPECT_EQ(result.folds[1].scores.auc, scores.auc);
}

TEST(CrossValidation, gives_mean_and_spread_of_each_metric) {
  const CrossValidation result = cross_validate(clouds(150, 2), quick(), 5);
  double sum = 0, squares = 0, least = 1, most = 0;
  for (const FoldResult& fold : result.folds) {
    sum += fold.scores.accuracy;
    least = std::min(least, fold.scores.accuracy);
    most = std::max(most, fold.scores.accuracy);
  }
  for (const FoldResult& fold : result.folds) squares += std::pow(fold.scores.accuracy - sum / 5, 2);
  const MetricSpread& accuracy = metric(result, "accuracy");
  EXPECT_EQ(accuracy.folds, 5u);
  EXPECT_NEAR(accuracy.mean, sum / 5, 1e-15);
  EXPECT_NEAR(accuracy.deviation, std::sqrt(squares / 4), 1e-15);
  EXPECT_EQ(accuracy.least, least);
  EXPECT_EQ(accuracy.most, most);
  std::vector<std::string> names;
  for (const MetricSpread& spread : result.metrics) names.push_back(spread.name);
  EXPECT_EQ(names, (std::vector<std::string>{"accuracy", "balanced_accuracy", "auc", "log_loss"}));
}

TEST(CrossValidation, has_the_same_bits_on_any_number_of_threads) {
  const Dataset data = clouds(200, 3);
  TrainOptions options = quick();
  options.threads = 1;
  const CrossValidation one = cross_validate(data, options, 3);
  for (const std::size_t threads : {2u, 4u}) {
    options.threads = threads;
    const CrossValidation many = cross_validate(data, options, 3);
    for (std::size_t i = 0; i < one.metrics.size(); ++i) {
      EXPECT_EQ(one.metrics[i].mean, many.metrics[i].mean);
      EXPECT_EQ(one.metrics[i].deviation, many.metrics[i].deviation);
    }
  }
}

TEST(CrossValidation, with_patience_stops_by_rows_that_no_fold_is_scored_with) {
  TrainOptions options = quick();
  options.patience = 2;
  options.valid_fraction = 0.2;
  std::size_t stopping_rows = 0;
  FoldObserver observer;
  observer.training.on_start = [&](const TrainPlanSummary& plan) { stopping_rows = plan.valid_rows; };
  const CrossValidation result = cross_validate(clouds(200, 2), options, 4, observer);
  for (const FoldResult& fold : result.folds) {
    EXPECT_EQ(fold.valid_rows, 50u);
    EXPECT_EQ(fold.train_rows, 120u);
    EXPECT_EQ(stopping_rows, 30u);
  }
}

TEST(CrossValidation, says_which_classes_some_folds_lack) {
  Dataset data = clouds(60, 2);
  data.classes.push_back("rare");
  for (const std::size_t row : {4, 17, 40}) data.targets[row] = 2;
  const CrossValidation result = cross_validate(data, quick(), 5);
  EXPECT_EQ(result.warnings,
            std::vector<std::string>{"class 'rare' has 3 rows, so 2 folds have none of it to validate with"});
  EXPECT_EQ(metric(result, "balanced_accuracy").folds, 5u);
}

TEST(CrossValidation, that_is_interrupted_keeps_the_folds_that_are_whole) {
  std::size_t fold = 0;
  FoldObserver observer;
  observer.on_fold = [&](std::size_t now) { fold = now; };
  observer.training.should_stop = [&] { return fold == 2; };
  const CrossValidation result = cross_validate(clouds(100, 2), quick(), 5, observer);
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.folds.size(), 2u);
  EXPECT_EQ(metric(result, "accuracy").folds, 2u);
}

TEST(CrossValidation, refuses_a_checkpoint) {
  const TemporaryFolder folder;
  TrainOptions options = quick();
  options.checkpoint.path = folder / "run.ckpt";
  EXPECT_EQ(failure(folder, [&] { cross_validate(clouds(30, 3), options, 3); }),
            "data: folds are several runs, and a checkpoint keeps one; give no checkpoint");
}

TEST(CrossValidation, refuses_folds_that_weigh_nothing) {
  const TemporaryFolder folder;
  Dataset data = clouds(20, 2);
  data.weights.assign(20, 0.0f);
  data.weights[3] = 1;
  EXPECT_THAT(failure(folder, [&] { cross_validate(data, quick(), 2); }),
              testing::MatchesRegex("data: the rows of fold . of 2 all weigh 0; give fewer folds"));
}

}  // namespace
}  // namespace ztilde
