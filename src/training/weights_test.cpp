// Row weights and class weights in the loss of a whole training.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.hpp"
#include "base/test_support.hpp"
#include "training/class_weights.hpp"
#include "ztilde/train.hpp"

namespace ztilde {
namespace {

// Two overlapping clouds, one row in six of class "b"; for regression a sum of the inputs.
Dataset clouds(std::size_t rows, Task task = Task::classify) {
  Dataset data;
  data.rows = rows;
  data.columns = 2;
  data.column_names = {"x", "y"};
  data.task = task;
  if (task == Task::classify) data.classes = {"a", "b"};
  const RandomStream stream(21, Purpose::initialise, 0, 0);
  for (std::size_t r = 0; r < rows; ++r) {
    const float shift = r % 6 == 0 ? 0.8f : 0.0f;
    const auto x = static_cast<float>(stream.normal(2 * r)) + shift,
               y = static_cast<float>(stream.normal(2 * r + 1)) - shift;
    data.floats.insert(data.floats.end(), {x, y});
    data.targets.push_back(task == Task::regress ? 100 + 3 * x - y : r % 6 == 0 ? 1.0f : 0.0f);
  }
  return data;
}

// Row r of the data `weights[r]` times, next to each other.
Dataset repeated(const Dataset& data) {
  Dataset more = data;
  more.rows = 0;
  more.floats.clear();
  more.targets.clear();
  more.weights.clear();
  for (std::size_t r = 0; r < data.rows; ++r) {
    for (float times = data.weights[r]; times > 0; --times, ++more.rows) {
      more.floats.insert(more.floats.end(), {data.floats[2 * r], data.floats[2 * r + 1]});
      more.targets.push_back(data.targets[r]);
    }
  }
  return more;
}

// All rows in one batch and nothing measured on the inputs: the loss alone decides.
TrainOptions loss_alone() {
  TrainOptions options;
  options.hidden = {6};
  options.activation = ActivationKind::tanh;
  options.batch_norm = false;
  options.standardise = false;
  options.optimizer = OptimizerKind::momentum;
  options.schedule = ScheduleKind::constant;
  options.learning_rate = 0.1;
  options.batch = 10000;
  options.epochs = 30;
  options.valid_fraction = 0;
  options.threads = 2;
  return options;
}

// 30 steps of float sums in another order, each some 1e-7 apart; measured 1e-6 at most.
TEST(Weights, of_whole_numbers_train_as_that_many_rows_do) {
  for (const Task task : {Task::classify, Task::regress}) {
    Dataset data = clouds(120, task);
    for (std::size_t r = 0; r < data.rows; ++r) data.weights.push_back(static_cast<float>(r % 4));
    const TrainResult by_weight = train(data, loss_alone()), by_rows = train(repeated(data), loss_alone());
    ASSERT_EQ(by_weight.model.parameters.size(), by_rows.model.parameters.size());
    const double scale = task == Task::regress ? 100 : 1;  // the last bias is in the target's units
    for (std::size_t i = 0; i < by_rows.model.parameters.size(); ++i)
      EXPECT_NEAR(by_weight.model.parameters[i], by_rows.model.parameters[i], 2e-5 * scale) << i;
    EXPECT_NEAR(by_weight.train_loss, by_rows.train_loss, 1e-5 * by_rows.train_loss);
    for (std::size_t epoch = 0; epoch < 30; ++epoch) {
      const double expected = by_rows.history[epoch].train_loss;
      EXPECT_NEAR(by_weight.history[epoch].train_loss, expected, 1e-5 * expected);
    }
  }
}

TEST(Weights, of_one_change_no_bit) {
  Dataset data = clouds(200);
  TrainOptions options = loss_alone();
  options.batch = 32;
  options.valid_fraction = 0.2;
  const TrainResult plain = train(data, options);
  data.weights.assign(200, 1.0f);
  const TrainResult weighted = train(data, options);
  EXPECT_EQ(plain.model.parameters, weighted.model.parameters);
  EXPECT_EQ(plain.train_loss, weighted.train_loss);
  EXPECT_EQ(plain.valid_loss, weighted.valid_loss);
  EXPECT_EQ(plain.valid_accuracy, weighted.valid_accuracy);
}

TEST(Weights, of_zero_in_a_whole_batch_leave_the_training_sound) {
  Dataset data = clouds(60);
  data.weights.assign(60, 0.0f);
  data.weights[7] = 1;
  TrainOptions options = loss_alone();
  options.batch = 5;
  const TrainResult result = train(data, options);
  EXPECT_TRUE(std::isfinite(result.train_loss));
  EXPECT_LT(result.train_loss, result.history.front().train_loss);  // the one row is learnt
}

TEST(ClassWeights, train_as_row_weights_of_the_same_size_do) {
  Dataset data = clouds(200);
  TrainOptions options = loss_alone();
  options.class_weights.given = {{"b", 4}};
  const TrainResult by_class = train(data, options);
  options.class_weights = {};
  for (const float target : data.targets) data.weights.push_back(target == 1 ? 4.0f : 1.0f);
  const TrainResult by_row = train(data, options);
  EXPECT_EQ(by_class.model.parameters, by_row.model.parameters);
  EXPECT_EQ(by_class.train_loss, by_row.train_loss);
}

TEST(ClassWeights, are_in_the_losses_and_in_no_metric) {
  const Dataset data = clouds(240), valid = clouds(120);
  TrainOptions options = loss_alone();
  options.class_weights.balanced = true;
  const TrainResult result = train(data, valid, options);
  const Scores scores = evaluate(result.model, valid, 1);
  EXPECT_EQ(result.valid_scores->loss, scores.loss);
  EXPECT_EQ(result.valid_scores->accuracy, scores.accuracy);
  EXPECT_EQ(result.valid_scores->auc, scores.auc);
  EXPECT_GT(std::abs(*result.valid_loss - scores.loss), 0.01);
  // What they are for: the rare class is found more often.
  options.class_weights.balanced = false;
  const Scores plain = *train(data, valid, options).valid_scores;
  EXPECT_GT(*scores.by_class[1].recall, *plain.by_class[1].recall + 0.1);
}

// n / (classes · count) of 10, 5 and 1 rows: 16/30, 16/15, 16/3. A fourth class without rows is none.
TEST(ClassWeights, balanced_are_rows_over_classes_times_rows_of_the_class) {
  Dataset data;
  data.classes = {"a", "b", "c", "none"};
  for (const std::size_t count : {std::size_t{10}, std::size_t{5}, std::size_t{1}})
    data.targets.insert(data.targets.end(), count, static_cast<float>(count == 10 ? 0 : count == 5 ? 1 : 2));
  data.rows = 16;
  Batch rows{{}, nullptr, 16, data.targets.data()};
  const auto weights = [&] { return class_weights_for(data, rows, {.balanced = true, .given = {}}); };
  EXPECT_EQ(weights(), (std::vector<double>{16.0 / 30, 16.0 / 15, 16.0 / 3, 1}));
  EXPECT_EQ(rows_by_class(rows, 4), (std::vector<std::size_t>{10, 5, 1, 0}));
  // Rows count by their weights: the last one weighs 5, 20 in all.
  std::vector<float> by_row(16, 1.0f);
  by_row[15] = 5;
  rows.weights = by_row.data();
  EXPECT_EQ(weights(), (std::vector<double>{20.0 / 30, 20.0 / 15, 20.0 / 15, 1}));
}

TEST(ClassWeights, that_fit_no_class_are_refused) {
  const TemporaryFolder folder;
  const auto refusal = [&](const Dataset& data, ClassWeights weights) {
    TrainOptions options = loss_alone();
    options.class_weights = std::move(weights);
    return failure(folder, [&] { train(data, options); });
  };
  const Dataset data = clouds(60);
  EXPECT_EQ(refusal(data, {.balanced = false, .given = {{"B", 2}}}),
            "data: a class weight is given for 'B', which is no class of the target; did you mean b?");
  EXPECT_EQ(refusal(data, {.balanced = false, .given = {{"b", -2}}}),
            "data: the class weight of 'b' is -2; weights are 0 or more");
  EXPECT_EQ(refusal(data, {.balanced = false, .given = {{"a", 0}, {"b", 0}}}),
            "data: the training rows all weigh 0; give some of them or their classes a weight above 0");
  EXPECT_EQ(refusal(clouds(60, Task::regress), {.balanced = true, .given = {}}),
            "data: the target is numbers, and class weights need classes; leave them out");
}

}  // namespace
}  // namespace ztilde
