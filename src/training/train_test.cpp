#include "ztilde/train.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "model/model_file.hpp"
#include "training/test_tables.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

TrainOptions small_options() {
  TrainOptions options;
  options.hidden = {32, 32};
  options.batch = 64;
  options.epochs = 15;
  options.threads = 2;
  options.learning_rate = 0.01;
  return options;
}

std::string message_of(const std::function<void()>& action, ErrorKind kind = ErrorKind::data) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

TEST(Train, learns_spirals_with_batch_norm_in_both_places_and_without) {
  const Dataset data = spirals(1500);
  for (const bool batch_norm : {true, false}) {
    for (const NormPlace place : {NormPlace::before, NormPlace::after}) {
      TrainOptions options = small_options();
      options.batch_norm = batch_norm;
      options.norm_place = place;
      const TrainResult result = train(data, options);
      // Without the hidden layers a line reaches about 0.45 here.
      EXPECT_GT(*result.valid_accuracy, 0.9);
      EXPECT_GT(evaluate(result.model, data, 1).accuracy, 0.9);
    }
  }
}

TEST(Train, every_optimiser_learns_with_its_default_rate) {
  const Dataset data = spirals(1500);
  for (const OptimizerKind kind : {OptimizerKind::sgd, OptimizerKind::momentum, OptimizerKind::nesterov,
                                   OptimizerKind::rmsprop, OptimizerKind::adam, OptimizerKind::adamw}) {
    TrainOptions options = small_options();
    options.optimizer = kind;
    options.learning_rate.reset();
    options.epochs = 30;
    EXPECT_GT(*train(data, options).valid_accuracy, 0.85) << static_cast<int>(kind);
  }
}

TEST(Train, linear_regression_finds_the_line_in_the_targets_own_units) {
  const Dataset data = linear(2000);
  TrainOptions options = small_options();
  options.hidden = {};
  options.epochs = 60;
  options.weight_decay = 0;
  const TrainResult result = train(data, options);
  const std::vector<float> at = outputs(result.model, {0, 0, 1, 0, 0, 1}, 1);
  EXPECT_NEAR(at[0], 3e5, 30);
  EXPECT_NEAR(at[1] - at[0], 1e4, 30);
  EXPECT_NEAR(at[2] - at[0], -2e4, 30);
  const Scores scores = evaluate(result.model, data, 1);
  EXPECT_GT(scores.r2, 0.99999);
  EXPECT_NEAR(scores.loss, scores.rmse * scores.rmse, 1e-9 * scores.loss);
  EXPECT_NEAR(*result.valid_rmse, scores.rmse, 0.3 * scores.rmse);
}

TEST(Train, the_model_is_byte_identical_on_any_number_of_threads) {
  const Dataset data = spirals(1001);
  TrainOptions options = small_options();
  options.epochs = 3;
  options.dropout = 0.2;
  options.clip_norm = 1;
  options.threads = 1;
  const std::string one = model_file::to_bytes(train(data, options).model, "model");
  for (const std::size_t threads : {2u, 4u}) {
    options.threads = threads;
    EXPECT_EQ(one, model_file::to_bytes(train(data, options).model, "model")) << threads;
  }
  options.seed = 1;
  EXPECT_NE(one, model_file::to_bytes(train(data, options).model, "model"));
}

TEST(Train, two_classes_are_one_logit_and_probabilities_of_both_sum_to_1) {
  Dataset data = spirals(900);
  data.classes = {"in", "out"};
  for (float& target : data.targets) target = target == 0 ? 0.0f : 1.0f;
  const TrainResult result = train(data, small_options());
  EXPECT_EQ(layer_outputs(result.model.network).back(), 1u);
  const Predictions predictions = predict(result.model, data, 2);
  for (std::size_t r = 0; r < data.rows; ++r) {
    ASSERT_NEAR(predictions.probabilities[2 * r] + predictions.probabilities[2 * r + 1], 1, 1e-6);
    ASSERT_EQ(predictions.values[r],
              predictions.probabilities[2 * r + 1] > predictions.probabilities[2 * r] ? 1 : 0);
  }
}

TEST(Train, patience_stops_and_keeps_the_best_epoch) {
  const Dataset data = spirals(200);
  TrainOptions options = small_options();
  options.epochs = 200;
  options.patience = 3;
  options.schedule = ScheduleKind::constant;
  options.learning_rate = 0.03;
  const TrainResult result = train(data, options);
  ASSERT_TRUE(result.stopped_early);
  EXPECT_EQ(result.epochs, result.best_epoch + 3);
  double best = result.history.front().valid_loss.value();
  for (const HistoryPoint& point : result.history) best = std::min(best, *point.valid_loss);
  EXPECT_EQ(best, *result.history[result.best_epoch - 1].valid_loss);
}

TEST(Train, an_interruption_ends_after_the_step_with_a_usable_model) {
  const Dataset data = spirals(600);
  TrainObserver observer;
  int steps = 0;
  observer.should_stop = [&] { return ++steps == 20; };
  const TrainResult result = train(data, small_options(), observer);
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.steps, 20u);
  EXPECT_EQ(predict(result.model, data, 1).values.size(), 600u);
}

TEST(Train, divergence_is_named_by_layer_and_step) {
  Dataset data = linear(300);
  TrainOptions options = small_options();
  options.optimizer = OptimizerKind::sgd;
  options.learning_rate = 1e30;
  EXPECT_THAT(message_of([&] { train(data, options); }, ErrorKind::diverged),
              testing::StartsWith("training diverged at step "));
}

TEST(Train, population_statistics_are_those_of_all_training_rows) {
  const Dataset data = spirals(500);
  TrainOptions options = small_options();
  options.valid_fraction = 0;
  options.standardise = false;
  options.network = Network{3, {BatchNorm{}, Dense{3, true}}};
  const TrainResult result = train(data, options);
  for (std::size_t c = 0; c < 3; ++c) {
    double mean = 0, variance = 0;
    for (std::size_t r = 0; r < 500; ++r) mean += data.floats[3 * r + c] / 500.0;
    for (std::size_t r = 0; r < 500; ++r) variance += std::pow(data.floats[3 * r + c] - mean, 2) / 500;
    EXPECT_NEAR(result.model.statistics[c], mean, 1e-9 * std::abs(mean) + 1e-12);
    EXPECT_NEAR(result.model.statistics[3 + c], variance, 1e-8 * variance);
  }
}

TEST(Train, what_cannot_work_is_refused_before_the_first_step) {
  Dataset data = spirals(100);
  bool started = false;
  TrainObserver observer;
  observer.on_start = [&](const TrainPlanSummary&) { started = true; };
  TrainOptions options = small_options();
  options.batch = 1;
  EXPECT_THAT(message_of([&] { train(data, options, observer); }), testing::HasSubstr("batch"));
  options = small_options();
  options.network = Network{4, {Dense{3, true}}};
  EXPECT_EQ(message_of([&] { train(data, options, observer); }),
            "the network takes 4 inputs, the data have 3; set \"inputs\" to 3");
  options.network = Network{3, {Dense{5, true}}};
  EXPECT_EQ(
      message_of([&] { train(data, options, observer); }),
      "the network ends with 5 outputs, classification into 3 classes needs 3; set the last dense layer's "
      "\"outputs\" to 3");
  data.classes = {"0"};
  EXPECT_THAT(message_of([&] { train(data, small_options(), observer); }),
              testing::HasSubstr("one class only"));
  EXPECT_FALSE(started);
}

TEST(Train, constant_columns_are_named_once_and_become_0) {
  Dataset data = spirals(300);
  for (std::size_t r = 0; r < 300; ++r) data.floats[3 * r + 2] = 14.62f;
  std::vector<std::string> warnings;
  TrainObserver observer;
  observer.on_start = [&](const TrainPlanSummary& summary) { warnings = summary.warnings; };
  const TrainResult result = train(data, small_options(), observer);
  EXPECT_EQ(warnings,
            std::vector<std::string>{"1 column is constant in the training rows and becomes 0: noise"});
  EXPECT_EQ(result.model.statistics[3 + 2], 1.0);
}

}  // namespace
}  // namespace ztilde
