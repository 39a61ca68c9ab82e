// Training at the edges: the smallest data, unusual ends of networks, more threads than work,
// numbers that break, data sets made by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "base/random.hpp"
#include "model/model_file.hpp"
#include "ztilde/error.hpp"
#include "ztilde/train.hpp"

namespace ztilde {
namespace {

Dataset some_rows(std::size_t rows, std::size_t classes) {
  Dataset data;
  data.rows = rows;
  data.columns = 2;
  const RandomStream stream(3, Purpose::initialise, 0, 0);
  for (std::size_t c = 0; c < classes; ++c) data.classes.push_back(std::to_string(c));
  for (std::size_t r = 0; r < rows; ++r) {
    data.floats.push_back(static_cast<float>(stream.normal(2 * r)));
    data.floats.push_back(static_cast<float>(r % 7));
    data.targets.push_back(static_cast<float>(r % classes));
  }
  return data;
}

TrainOptions short_options() {
  TrainOptions options;
  options.hidden = {8};
  options.batch = 64;
  options.epochs = 2;
  options.threads = 1;
  return options;
}

std::string refusal(const std::function<void()>& action, ErrorKind kind = ErrorKind::data) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

TEST(TrainLimits, a_model_that_its_last_step_broke_is_divergence_and_no_model) {
  const Dataset data = some_rows(100, 2);
  TrainOptions options = short_options();
  options.batch = 1000;
  options.epochs = 1;  // one step, whose result no other step sees
  for (const bool batch_norm : {true, false}) {
    for (const StatisticsSource statistics : {StatisticsSource::running, StatisticsSource::population}) {
      options.batch_norm = batch_norm;
      options.statistics = statistics;
      options.learning_rate = 3e38;
      EXPECT_THAT(refusal([&] { train(data, options); }, ErrorKind::diverged),
                  testing::StartsWith("training diverged at step 1: NaN or infinity in layer "));
    }
  }
}

TEST(TrainLimits, two_training_rows_and_one_validation_row_are_enough) {
  const TrainResult result = train(some_rows(2, 2), some_rows(1, 2), short_options());
  EXPECT_TRUE(std::isfinite(result.train_loss));
  EXPECT_TRUE(std::isfinite(result.valid_loss.value()));
}

TEST(TrainLimits, a_network_may_end_in_an_activation_or_in_batch_norm) {
  const Dataset data = some_rows(150, 3);
  for (const Layer& last :
       {Layer(Activation{ActivationKind::tanh}), Layer(BatchNorm{}), Layer(Dropout{0.1})}) {
    TrainOptions options = short_options();
    options.network = Network{2, {Dense{3, true}, last}};
    const TrainResult result = train(data, options);
    EXPECT_TRUE(std::isfinite(result.train_loss));
    EXPECT_EQ(predict(result.model, data, 2).probabilities.size(), 3 * 150u);
  }
}

TEST(TrainLimits, two_classes_may_have_an_output_each) {
  const Dataset data = some_rows(60, 2);
  TrainOptions options = short_options();
  options.network = Network{2, {Dense{2, true}}};
  const Model model = train(data, options).model;
  const Model loaded = model_file::from_bytes(model_file::to_bytes(model, "model"), "model");
  const Predictions predictions = predict(loaded, data, 1);
  for (std::size_t r = 0; r < data.rows; ++r) {
    EXPECT_NEAR(predictions.probabilities[2 * r] + predictions.probabilities[2 * r + 1], 1, 1e-6);
  }
}

TEST(TrainLimits, more_threads_than_blocks_give_the_same_bytes) {
  const Dataset data = some_rows(130, 3), valid = some_rows(301, 3);
  TrainOptions options = short_options();
  const std::string one = model_file::to_bytes(train(data, valid, options).model, "model");
  for (const std::size_t threads : {3, 17}) {
    options.threads = threads;
    EXPECT_EQ(one, model_file::to_bytes(train(data, valid, options).model, "model")) << threads;
  }
}

TEST(TrainLimits, rows_of_the_first_classes_alone_can_be_evaluated) {
  const TrainResult result = train(some_rows(120, 4), short_options());
  const Scores scores = evaluate(result.model, some_rows(50, 2), 1);
  ASSERT_EQ(scores.confusion.size(), 4 * 4u);
  std::uint64_t counted = 0;
  for (std::size_t c = 0; c < 2 * 4; ++c) counted += scores.confusion[c];
  EXPECT_EQ(counted, 50u);
}

TEST(TrainLimits, as_many_classes_as_a_column_of_names_has_need_no_square_of_them) {
  const Dataset data = some_rows(10000, kMostConfusedClasses + 1);
  TrainOptions options = short_options();
  options.epochs = 1;
  options.batch = 2500;
  const TrainResult result = train(data, options);
  const Scores scores = evaluate(result.model, data, 1);
  EXPECT_TRUE(scores.confusion.empty());
  EXPECT_GT(scores.loss, 0);
}

TEST(TrainLimits, a_data_set_whose_parts_do_not_fit_is_refused) {
  const TrainOptions options = short_options();
  const auto refusal_of = [&](const std::function<void(Dataset&)>& change) {
    Dataset data = some_rows(40, 2);
    change(data);
    return refusal([&] { train(data, options); });
  };
  EXPECT_EQ(refusal_of([](Dataset& data) { data.floats.pop_back(); }),
            "the data have 79 input numbers where their rows and columns ask for 80");
  EXPECT_EQ(refusal_of([](Dataset& data) { data.targets.pop_back(); }),
            "the data have 39 targets where their rows and columns ask for 40");
  EXPECT_EQ(refusal_of([](Dataset& data) { data.targets[3] = 2; }),
            "the target is 2 in row 3; it must be the index of one of 2 classes");
  EXPECT_EQ(refusal_of([](Dataset& data) { data.targets[3] = std::numeric_limits<float>::quiet_NaN(); }),
            "the target is nan in row 3; it must be the index of one of 2 classes");
  EXPECT_EQ(refusal_of([](Dataset& data) { data.floats[5] = std::numeric_limits<float>::infinity(); }),
            "input 1 is inf in row 2; fill it in or leave the row out");
  EXPECT_EQ(refusal_of([](Dataset& data) { data.columns = 0; }),
            "the data have no columns; give them at least one");
}

}  // namespace
}  // namespace ztilde
