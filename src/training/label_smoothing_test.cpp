// Smoothed targets in the loss of a whole training.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/test_support.hpp"
#include "data/shuffle.hpp"
#include "training/session_test_support.hpp"
#include "training/test_tables.hpp"
#include "ztilde/reference.hpp"
#include "ztilde/train_session.hpp"

namespace ztilde {
namespace {

// The first two arms of the spirals: one sigmoid output.
Dataset two_arms(std::size_t rows) {
  const Dataset all = spirals(rows);
  Dataset data = all;
  data.rows = 0;
  data.classes = {"0", "1"};
  data.floats.clear();
  data.targets.clear();
  for (std::size_t r = 0; r < all.rows; ++r) {
    if (all.targets[r] > 1) continue;
    data.floats.insert(data.floats.end(), &all.floats[3 * r], &all.floats[3 * r] + 3);
    data.targets.push_back(all.targets[r]);
    ++data.rows;
  }
  return data;
}

TrainOptions one_batch() {
  TrainOptions options;
  options.hidden = {16, 16};
  options.batch = 1000;
  options.standardise = false;
  options.valid_fraction = 0;
  options.label_smoothing = 0.2;
  return options;
}

// One batch of 24 rows, whole and in two groups. Floats against doubles: 1e-4 of a tensor's largest entry.
TEST(LabelSmoothing, gradients_are_those_of_the_reference) {
  for (Dataset data : {spirals(24), two_arms(36)}) {
    for (std::size_t i = 0; i < data.floats.size(); i += 3) data.floats[i] -= 1000;
    for (const std::size_t group : {24, 12}) {
      TrainOptions options = one_batch();
      options.ghost = group;
      TrainSession session(data, options);
      const std::vector<double> parameters(session.parameters().begin(), session.parameters().end());
      const double loss = session.find_gradients();

      std::vector<std::uint32_t> rows(session.split().train), order(rows.size());
      ASSERT_EQ(rows.size(), 24u);
      shuffle(rows, options.seed, 0, order);
      double expected_loss = 0;
      std::vector<double> expected(parameters.size()), of_group(parameters.size());
      for (std::size_t first = 0; first < 24; first += group) {
        std::vector<double> inputs;
        std::vector<float> targets;
        for (std::size_t r = first; r < first + group; ++r) {
          const float* row = &data.floats[3 * order[r]];
          inputs.insert(inputs.end(), row, row + 3);
          targets.push_back(data.targets[order[r]]);
        }
        const double share = static_cast<double>(group) / 24;
        expected_loss +=
            share * reference::loss_and_gradient(session.network(), Task::classify, parameters, inputs,
                                                 targets, of_group, options.label_smoothing);
        for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += share * of_group[i];
      }
      EXPECT_NEAR(loss, expected_loss, 1e-5 * expected_loss);
      expect_gradients(session, expected);
    }
  }
}

// The smoothed loss cannot fall below the entropy of its target, 0.639 of {0.8, 0.1, 0.1}; the plain one,
// which all but history.train_loss tell, can.
TEST(LabelSmoothing, is_in_the_loss_that_is_minimised_alone) {
  const Dataset data = spirals(300), valid = spirals(150);
  TrainOptions options = one_batch();
  options.standardise = true;
  options.label_smoothing = 0.3;
  options.batch = 30;
  options.epochs = 40;
  options.learning_rate = 0.01;
  const TrainResult result = train(data, valid, options);
  const double floor = -0.8 * std::log(0.8) - 0.2 * std::log(0.1);
  for (const HistoryPoint& point : result.history) EXPECT_GT(point.train_loss, floor);
  EXPECT_LT(result.history.back().train_loss, floor + 0.1);
  EXPECT_LT(result.train_loss, floor - 0.2);
  EXPECT_LT(*result.history.back().valid_loss, floor - 0.2);
  EXPECT_EQ(result.train_loss, evaluate(result.model, data, 1).loss);
  EXPECT_EQ(*result.valid_loss, evaluate(result.model, valid, 1).loss);
}

TEST(LabelSmoothing, counts_by_class_and_row_weights_like_every_loss) {
  Dataset data = two_arms(300);
  TrainOptions options = one_batch();
  options.batch = 32;
  options.epochs = 3;
  options.class_weights.given = {{"1", 4}};
  const TrainResult by_class = train(data, options);
  options.class_weights = {};
  for (const float target : data.targets) data.weights.push_back(target == 1 ? 4.0f : 1.0f);
  options.batch_norm = false;
  const TrainResult by_row = train(data, options);
  data.weights.clear();
  options.class_weights.given = {{"1", 4}};
  EXPECT_EQ(train(data, options).model.parameters, by_row.model.parameters);
  EXPECT_NE(by_class.model.parameters, by_row.model.parameters) << "batch norm knows of row weights";
}

TEST(LabelSmoothing, of_none_changes_no_bit_and_some_changes_them) {
  const Dataset data = spirals(200);
  TrainOptions options = one_batch();
  options.epochs = 2;
  const TrainResult some = train(data, options);
  options.label_smoothing = 0;
  const TrainResult none = train(data, options);
  options.label_smoothing = -0.0;
  EXPECT_EQ(train(data, options).model.parameters, none.model.parameters);
  EXPECT_NE(some.model.parameters, none.model.parameters);
}

TEST(LabelSmoothing, that_leaves_no_target_or_has_no_classes_is_refused) {
  const auto refusal = [](const Dataset& data, double smoothing) {
    TrainOptions options = one_batch();
    options.label_smoothing = smoothing;
    return failure(TemporaryFolder(), [&] { train(data, options); });
  };
  EXPECT_EQ(refusal(spirals(60), 1),
            "data: a label smoothing of 1 leaves no target; give --label-smoothing 0 up to less than 1");
  EXPECT_EQ(refusal(spirals(60), -0.1),
            "data: a label smoothing of -0.1 leaves no target; give --label-smoothing 0 up to less than 1");
  EXPECT_EQ(refusal(spirals(60), std::numeric_limits<double>::quiet_NaN()),
            "data: a label smoothing of nan leaves no target; give --label-smoothing 0 up to less than 1");
  EXPECT_EQ(refusal(linear(60), 0.1),
            "data: the target is numbers, and label smoothing needs classes; leave it out");
  EXPECT_EQ(refusal(linear(60), 0), "no error");
}

}  // namespace
}  // namespace ztilde
