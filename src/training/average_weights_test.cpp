// The saved model as an average over steps (TrainOptions::average_weights).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "base/test_support.hpp"
#include "model/model_file.hpp"
#include "training/session_test_support.hpp"
#include "training/test_tables.hpp"
#include "ztilde/train_session.hpp"

namespace ztilde {
namespace {

TrainOptions averaging(double keep) {
  TrainOptions options;
  options.hidden = {16, 16};
  options.batch = 64;
  options.epochs = 4;
  options.threads = 2;
  options.average_weights = keep;
  return options;
}

// From the definition, over the parameters after each step. Rounded to float once; double sums of 60 terms
// differ by far less.
TEST(AverageWeights, are_the_mean_of_the_weights_after_each_step) {
  const Dataset data = spirals(300);
  for (const double keep : {0.5, 0.9, 0.999}) {
    TrainSession session(data, averaging(keep));
    std::vector<std::vector<float>> after;
    for (int step = 1; step <= 60; ++step) {
      session.step(0.05);
      after.emplace_back(session.parameters().begin(), session.parameters().end());
      if (step > 3 && step < 60) continue;
      const std::vector<float> averaged = session.model_with_population_statistics().parameters;
      for (const ParameterSlot& slot : parameter_slots(session.network())) {
        for (std::size_t i = slot.offset; i < slot.offset + slot.size(); ++i) {
          double sum = 0, weights = 0, largest = 0;
          for (std::size_t s = 0; s < after.size(); ++s) {
            const double weight = std::pow(keep, static_cast<double>(after.size() - 1 - s));
            sum += weight * after[s][i];
            weights += weight;
            largest = std::max(largest, std::abs(double{after[s][i]}));
          }
          ASSERT_NEAR(averaged[i], sum / weights, 0x1p-24 * std::abs(sum / weights) + 1e-12 * largest)
              << "step " << step;
        }
      }
      if (step == 1) {
        EXPECT_EQ(averaged, after[0]);
      }
    }
    EXPECT_EQ(session.model().parameters, after.back()) << "with running statistics, the last step's";
  }
}

TEST(AverageWeights, before_the_first_step_are_the_first_weights) {
  const Dataset data = spirals(300);
  const TrainSession session(data, averaging(0.9));
  EXPECT_EQ(session.model_with_population_statistics().parameters, session.model().parameters);
}

TEST(AverageWeights, are_saved_with_population_statistics_of_their_own) {
  for (const Dataset& data : {spirals(300), linear(200)}) {
    const TrainOptions options = averaging(0.9);
    TrainSession session(data, options);
    while (session.steps() < 4 * session.steps_per_epoch()) session.step();
    const TrainResult trained = train(data, options);
    EXPECT_EQ(bytes(trained.model), bytes(session.model_with_population_statistics()));
    EXPECT_EQ(trained.model.statistics_source, StatisticsSource::population);
    EXPECT_TRUE(trained.running_error.empty()) << "running statistics were of other weights";
    TrainOptions plain = options;
    plain.average_weights = 0;
    const TrainResult without = train(data, plain);
    EXPECT_NE(without.model.parameters, trained.model.parameters);
    // Averaging takes no part in training itself.
    for (std::size_t epoch = 0; epoch < 4; ++epoch)
      EXPECT_EQ(trained.history[epoch].train_loss, without.history[epoch].train_loss);
  }
}

// So few rows are all measured on, so that an epoch's validation is of what would be saved after it.
TEST(AverageWeights, are_what_validation_and_patience_look_at) {
  const Dataset data = spirals(300), valid = spirals(90);
  for (const std::size_t patience : {0, 2}) {
    TrainOptions options = averaging(0.8);
    options.patience = patience;
    options.epochs = 30;
    options.learning_rate = 0.05;
    options.schedule = ScheduleKind::constant;
    const TrainResult result = train(data, valid, options);
    EXPECT_EQ(result.stopped_early, patience > 0);
    EXPECT_EQ(result.history[result.best_epoch - 1].valid_loss, result.valid_loss);
    EXPECT_EQ(result.valid_loss, evaluate(result.model, valid, 1).loss);
    if (patience > 0) {
      for (const HistoryPoint& point : result.history) EXPECT_GE(*point.valid_loss, *result.valid_loss);
    }
  }
}

TEST(AverageWeights, are_the_same_bytes_on_any_number_of_threads) {
  const Dataset data = spirals(301);
  TrainOptions options = averaging(0.95);
  options.label_smoothing = 0.1;
  options.ghost = 16;
  options.dropout = 0.2;
  options.clip_norm = 1;
  options.patience = 2;
  std::string one;
  for (const std::size_t threads : {1, 2, 4}) {
    options.threads = threads;
    const TrainResult result = train(data, options);
    const std::string here = model_file::to_bytes(result.model, "model");
    if (one.empty()) one = here;
    EXPECT_EQ(here, one) << threads;
  }
}

// A weight that creeps by 1e-5 of itself in a step: floats would stop following it.
TEST(AverageWeights, follow_changes_that_a_float_average_would_lose) {
  TrainOptions options = averaging(0.9999);
  options.batch_norm = false;
  options.valid_fraction = 0;
  options.optimizer = OptimizerKind::sgd;
  const Dataset data = spirals(300);
  TrainSession session(data, options);
  double sum = 0, weights = 0;
  for (int step = 0; step < 1000; ++step) {
    session.find_gradients();
    std::ranges::fill(session.gradients(), 0.0f);
    session.parameters()[0] = static_cast<float>(1 + 1e-5 * step);
    session.apply(0);
    sum = 0.9999 * sum + session.parameters()[0];
    weights = 0.9999 * weights + 1;
  }
  EXPECT_NEAR(session.model_with_population_statistics().parameters[0], sum / weights, 0x1p-24);
}

TEST(AverageWeights, that_do_not_fit_are_refused) {
  const auto refusal = [](const std::function<void(TrainOptions&)>& change) {
    TrainOptions options = averaging(0.9);
    change(options);
    return failure(TemporaryFolder(), [&] { train(spirals(60), options); });
  };
  EXPECT_EQ(refusal([](TrainOptions& o) { o.average_weights = 1; }),
            "data: an average that keeps 1 of itself is none; give --average-weights 0 up to less than 1");
  EXPECT_EQ(refusal([](TrainOptions& o) { o.average_weights = std::numeric_limits<double>::quiet_NaN(); }),
            "data: an average that keeps nan of itself is none; give --average-weights 0 up to less than 1");
  EXPECT_EQ(refusal([](TrainOptions& o) { o.statistics = StatisticsSource::running; }),
            "data: running statistics do not belong to averaged weights; leave out --statistics running or "
            "--average-weights");
  EXPECT_EQ(refusal([](TrainOptions& o) { o.statistics = StatisticsSource::running, o.batch_norm = false; }),
            "no error");
}

}  // namespace
}  // namespace ztilde
