// Training on augmented images: the same bits however it runs, and nothing but the steps sees them.
#include <gtest/gtest.h>

#include "base/test_support.hpp"
#include "training/test_tables.hpp"
#include "ztilde/train.hpp"
#include "ztilde/train_session.hpp"

namespace ztilde {
namespace {

TrainOptions options() {
  TrainOptions given;
  given.hidden = {16};
  given.batch = 16;
  given.epochs = 3;
  given.threads = 1;
  given.augment = {true, 1, 2};
  return given;
}

TEST(Augmentation, gives_the_same_model_for_any_number_of_threads) {
  const Dataset data = images();
  for (const std::size_t ghost : {0u, 5u}) {
    TrainOptions given = options();
    given.ghost = ghost;
    const Model one = train(data, given).model;
    for (const std::size_t threads : {2u, 4u}) {
      given.threads = threads;
      const Model other = train(data, given).model;
      EXPECT_EQ(other.parameters, one.parameters);
      EXPECT_EQ(other.statistics, one.statistics);
    }
  }
}

TEST(Augmentation, changes_what_is_learned_by_each_of_its_kinds) {
  const Dataset data = images();
  std::vector<std::vector<float>> learned;
  for (const Augmentation& augment :
       {Augmentation{}, Augmentation{true, 0, 0}, Augmentation{false, 1, 0}, Augmentation{false, 0, 2}}) {
    TrainOptions given = options();
    given.augment = augment;
    learned.push_back(train(data, given).model.parameters);
  }
  for (std::size_t i = 0; i < learned.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(learned[i], learned[j]) << i << " " << j;
  }
}

TEST(Augmentation, resumes_to_the_bits_of_an_unbroken_run_in_the_middle_of_an_epoch) {
  const Dataset data = images();
  const Model unbroken = train(data, options()).model;
  const TemporaryFolder folder;
  TrainOptions given = options();
  given.checkpoint.path = folder / "run.ckpt";
  given.checkpoint.resume = true;
  int steps = 0;
  TrainObserver observer;
  observer.should_stop = [&] { return ++steps >= 8; };
  EXPECT_TRUE(train(data, given, observer).interrupted);
  const Model resumed = train(data, given).model;
  EXPECT_EQ(resumed.parameters, unbroken.parameters);
  EXPECT_EQ(resumed.statistics, unbroken.statistics);
  given.augment.shift = 2;
  EXPECT_NE(failure(folder, [&] { train(data, given); }).find("--shift was 1 and is 2"), std::string::npos);
}

// Where no step moves anything, whatever is measured afterwards is as without augmentation.
TEST(Augmentation, is_not_seen_by_validation_and_statistics) {
  const Dataset data = images();
  TrainOptions still = options();
  still.learning_rate = 1e-45;  // the least float above 0
  still.optimizer = OptimizerKind::sgd;
  const TrainResult with = train(data, still);
  still.augment = {};
  const TrainResult without = train(data, still);
  ASSERT_EQ(with.model.parameters, without.model.parameters);
  EXPECT_EQ(with.model.statistics, without.model.statistics);
  EXPECT_EQ(with.valid_loss, without.valid_loss);
  EXPECT_EQ(with.train_loss, without.train_loss);
  EXPECT_NE(with.history[0].train_loss, without.history[0].train_loss);
}

TEST(Augmentation, is_in_the_steps_of_a_session_too) {
  const Dataset data = images();
  TrainOptions given = options();
  TrainSession with(data, given);
  given.augment = {};
  TrainSession without(data, given);
  EXPECT_NE(with.step(), without.step());
}

TEST(Augmentation, is_refused_where_it_makes_no_sense) {
  const TemporaryFolder folder;
  const auto complaint = [&](const Dataset& data, const Augmentation& augment) {
    TrainOptions given = options();
    given.augment = augment;
    return failure(folder, [&] { train(data, given); });
  };
  Dataset flat = images();
  flat.image_width = flat.image_height = 0;
  EXPECT_EQ(
      complaint(flat, {.flip = true}),
      "data: --flip, --shift and --cutout change images, and these rows have no width and height; leave "
      "them out");
  Dataset odd = images();
  odd.image_width = 7;
  EXPECT_EQ(
      complaint(odd, {.flip = true}),
      "data: the data have images of 7 × 5 pixels and 30 numbers in a row, which is not a whole number of "
      "channels");
  EXPECT_EQ(complaint(images(), {.shift = 5}),
            "data: --shift 5 may push images of 6 × 5 pixels out of sight; give less than 5");
  EXPECT_EQ(complaint(images(), {.cutout = 6}),
            "data: --cutout 6 is larger than images of 6 × 5 pixels; give at most 5");
}

}  // namespace
}  // namespace ztilde
