// evaluate(): models whose outputs are their inputs, so that every number can be worked out by hand.
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.hpp"
#include "base/test_support.hpp"
#include "ztilde/model.hpp"

namespace ztilde {
namespace {

Model identity_model(std::size_t outputs, std::vector<std::string> classes) {
  Model model;
  model.network = {outputs, {Dense{outputs, false}}};
  model.parameters.resize(parameter_arena_size(model.network));
  for (std::size_t i = 0; i < outputs; ++i) model.parameters[i * outputs + i] = 1;
  model.task = classes.empty() ? Task::regress : Task::classify;
  model.classes = std::move(classes);
  return model;
}

Dataset rows_of(const Model& model, std::vector<float> outputs, std::vector<float> targets) {
  Dataset data;
  data.rows = targets.size();
  data.columns = model.network.inputs;
  data.floats = std::move(outputs);
  data.targets = std::move(targets);
  data.task = model.task;
  data.classes = model.classes;
  return data;
}

std::vector<std::string> names(const std::vector<Metric>& metrics) {
  std::vector<std::string> names;
  for (const Metric& metric : metrics) names.push_back(metric.name);
  return names;
}

const Model kBinary = identity_model(1, {"no", "yes"});

// Logits -2 -1 -1 1 3 0.5 with truths 0 0 1 1 1 0. Answers 0 0 0 1 1 1: 4 of 6 right, 2 of 3 of either
// class. Pairs: -1 beats -2 and ties -1, 1 and 3 beat all: 1.5 + 3 + 3 of 9.
TEST(Scores, of_two_classes_are_those_worked_out_by_hand) {
  const Dataset data = rows_of(kBinary, {-2, -1, -1, 1, 3, 0.5f}, {0, 0, 1, 1, 1, 0});
  const Scores scores = evaluate(kBinary, data, 1);
  EXPECT_EQ(scores.accuracy, 4.0 / 6);
  EXPECT_NEAR(*scores.balanced_accuracy, 2.0 / 3, 1e-16);
  EXPECT_EQ(*scores.auc, 7.5 / 9);
  const auto cost = [](double z, double y) { return std::log1p(std::exp(z)) - z * y; };
  const double loss = (cost(-2, 0) + cost(-1, 0) + cost(-1, 1) + cost(1, 1) + cost(3, 1) + cost(0.5, 0)) / 6;
  EXPECT_NEAR(scores.loss, loss, 1e-14);
  EXPECT_EQ(scores.confusion, (std::vector<std::uint64_t>{2, 1, 1, 2}));
  EXPECT_EQ(names(metrics_of(Task::classify, scores)),
            (std::vector<std::string>{"accuracy", "balanced_accuracy", "auc", "log_loss"}));
}

// The same rows weighing 1 1 2 1 1 3: right are 1 + 1 + 1 + 1 of 9; class 0 2 of 5, class 1 2 of 4.
// Pairs by weight: the row of 2 beats 1 and ties 1, the others beat 5 each: 2 · 1.5 + 5 + 5 of 4 · 5.
TEST(Scores, count_rows_by_their_weights) {
  Dataset data = rows_of(kBinary, {-2, -1, -1, 1, 3, 0.5f}, {0, 0, 1, 1, 1, 0});
  data.weights = {1, 1, 2, 1, 1, 3};
  const Scores scores = evaluate(kBinary, data, 1);
  EXPECT_EQ(scores.accuracy, 4.0 / 9);
  EXPECT_NEAR(*scores.balanced_accuracy, (2.0 / 5 + 2.0 / 4) / 2, 1e-16);
  EXPECT_EQ(*scores.auc, 13.0 / 20);
  const auto cost = [](double z, double y) { return std::log1p(std::exp(z)) - z * y; };
  const double loss =
      (cost(-2, 0) + cost(-1, 0) + 2 * cost(-1, 1) + cost(1, 1) + cost(3, 1) + 3 * cost(0.5, 0)) / 9;
  EXPECT_NEAR(scores.loss, loss, 1e-14);
  EXPECT_EQ(scores.rows, 6u);
}

// Three classes, outputs the logarithms of probabilities:
//   truth 0: 0.6 0.3 0.1    truth 0: 0.2 0.5 0.3    truth 1: 0.3 0.6 0.1    truth 2: 0.1 0.2 0.7
// Recalls 1/2, 1, 1. Class 0: 0.6 beats 2 of 2, 0.2 beats 1 of 2, 3 of 4 pairs; class 1: 0.6 beats
// all 3; class 2: 0.7 beats all 3. (3/4 + 1 + 1) / 3.
TEST(Scores, of_three_classes_average_each_against_the_others) {
  const Model model = identity_model(3, {"a", "b", "c"});
  std::vector<float> outputs;
  for (const double p : {0.6, 0.3, 0.1, 0.2, 0.5, 0.3, 0.3, 0.6, 0.1, 0.1, 0.2, 0.7})
    outputs.push_back(static_cast<float>(std::log(p)));
  const Scores scores = evaluate(model, rows_of(model, outputs, {0, 0, 1, 2}), 1);
  EXPECT_EQ(scores.accuracy, 0.75);
  EXPECT_NEAR(*scores.balanced_accuracy, 2.5 / 3, 1e-16);
  EXPECT_NEAR(*scores.auc, 2.75 / 3, 1e-16);
  // Logarithms rounded to float, 6e-8 each, four of them averaged.
  EXPECT_NEAR(scores.loss, -(std::log(0.6) + std::log(0.2) + std::log(0.6) + std::log(0.7)) / 4, 1e-6);
}

TEST(Scores, leave_out_what_an_absent_class_leaves_undefined) {
  const Model model = identity_model(3, {"a", "b", "c"});
  // No row of class 2, and none that is taken for it: the others alone are averaged.
  const Scores two = evaluate(model, rows_of(model, {2, 1, 0, 1, 2, 0, 2, 1, 0}, {0, 1, 1}), 1);
  EXPECT_FALSE(two.by_class[2].recall.has_value());
  EXPECT_NEAR(*two.balanced_accuracy, (1 + 0.5) / 2, 1e-16);
  EXPECT_EQ(*two.auc, 0.75);  // either class: one pair in order, one a tie
  const Scores one = evaluate(kBinary, rows_of(kBinary, {1, 2}, {1, 1}), 1);
  EXPECT_FALSE(one.auc.has_value());
  EXPECT_EQ(*one.balanced_accuracy, 1.0);
  EXPECT_EQ(names(metrics_of(Task::classify, one)),
            (std::vector<std::string>{"accuracy", "balanced_accuracy", "log_loss"}));
}

// Errors 1 -1 2 0 on targets 1 2 3 6: mean 3, spread 4 + 1 + 0 + 9.
TEST(Scores, of_numbers_are_those_worked_out_by_hand) {
  const Model model = identity_model(1, {});
  Dataset data = rows_of(model, {2, 1, 5, 6}, {1, 2, 3, 6});
  Scores scores = evaluate(model, data, 1);
  EXPECT_EQ(scores.loss, 6.0 / 4);
  EXPECT_EQ(scores.rmse, std::sqrt(6.0 / 4));
  EXPECT_EQ(scores.mae, 1);
  EXPECT_EQ(*scores.r2, 1 - 6.0 / 14);
  // Weighing 1 1 2 0: mean (1 + 2 + 6) / 4, squared errors 1 + 1 + 8.
  data.weights = {1, 1, 2, 0};
  scores = evaluate(model, data, 1);
  EXPECT_EQ(scores.loss, 10.0 / 4);
  EXPECT_EQ(scores.mae, 6.0 / 4);
  EXPECT_EQ(*scores.r2, 1 - 10.0 / (1.25 * 1.25 + 0.25 * 0.25 + 2 * 0.75 * 0.75));
  data.targets = {3, 3, 3, 3};
  EXPECT_FALSE(evaluate(model, data, 1).r2.has_value());
}

// A row of weight k is k rows. Only sums in another order separate the two.
TEST(Scores, a_weight_counts_as_rows_do) {
  const Model model = identity_model(4, {"a", "b", "c", "d"});
  const RandomStream stream(5, Purpose::initialise, 0, 0);
  Dataset weighted = rows_of(model, {}, {}), repeated = weighted;
  for (std::size_t r = 0; r < 300; ++r) {
    const std::uint32_t times = stream.below(4, 2 * r);
    weighted.weights.push_back(static_cast<float>(times));
    for (std::uint32_t copy = 0; copy <= times; ++copy) {
      Dataset& data = copy == 0 ? weighted : repeated;
      data.targets.push_back(static_cast<float>(stream.below(4, 2 * r + 1)));
      for (std::size_t o = 0; o < 4; ++o)
        data.floats.push_back(static_cast<float>(stream.normal(10000 + 4 * r + o)));
      ++data.rows;
    }
  }
  const Scores by_weight = evaluate(model, weighted, 1), by_rows = evaluate(model, repeated, 1);
  EXPECT_EQ(by_weight.accuracy, by_rows.accuracy);
  EXPECT_NEAR(by_weight.loss, by_rows.loss, 1e-13);
  EXPECT_NEAR(*by_weight.auc, *by_rows.auc, 1e-15);
  EXPECT_NEAR(*by_weight.balanced_accuracy, *by_rows.balanced_accuracy, 1e-15);
}

TEST(Scores, have_the_same_bits_on_any_number_of_threads) {
  const Model model = identity_model(7, {"a", "b", "c", "d", "e", "f", "g"});
  const RandomStream stream(6, Purpose::initialise, 0, 0);
  Dataset data = rows_of(model, {}, {});
  data.rows = 2000;
  for (std::size_t i = 0; i < 7 * data.rows; ++i) data.floats.push_back(static_cast<float>(stream.normal(i)));
  for (std::size_t r = 0; r < data.rows; ++r) {
    data.targets.push_back(static_cast<float>(stream.below(7, 90000 + r)));
    data.weights.push_back(static_cast<float>(stream.uniform(99000 + r)));
  }
  const Scores one = evaluate(model, data, 1);
  for (const std::size_t threads : {2u, 3u}) {
    const Scores many = evaluate(model, data, threads);
    EXPECT_EQ(one.loss, many.loss);
    EXPECT_EQ(one.accuracy, many.accuracy);
    EXPECT_EQ(one.auc, many.auc);
    EXPECT_EQ(one.balanced_accuracy, many.balanced_accuracy);
  }
}

TEST(Scores, refuse_weights_that_are_none) {
  const TemporaryFolder folder;
  Dataset data = rows_of(kBinary, {1, 2}, {0, 1});
  const auto refusal = [&](std::vector<float> weights) {
    data.weights = std::move(weights);
    return failure(folder, [&] { evaluate(kBinary, data, 1); });
  };
  EXPECT_EQ(refusal({1, -1}), "data: the weight is -1 in row 1; weights are 0 or more");
  EXPECT_EQ(refusal({std::nanf(""), 1}), "data: the weight is nan in row 0; weights are 0 or more");
  EXPECT_EQ(refusal({0, 0}), "data: all weights are 0; give some rows a weight above 0");
  EXPECT_EQ(refusal({1}), "data: the data have 1 weights where their rows and columns ask for 2");
}

}  // namespace
}  // namespace ztilde
