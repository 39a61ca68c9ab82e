// What resume promises: the bytes of an unbroken run.
#include <gtest/gtest.h>

#include "base/test_support.hpp"
#include "training/checkpoint_test_runs.hpp"

namespace ztilde {
namespace {

TEST(Resume, after_any_step_gives_the_bytes_of_an_unbroken_run_on_any_number_of_threads) {
  const Dataset data = some_rows(100);
  const TrainOptions options = small_options();
  const TrainResult unbroken = train(data, options);
  ASSERT_EQ(unbroken.steps, 5u * 4);
  for (std::uint64_t steps = 1; steps < unbroken.steps; ++steps) {
    const TemporaryFolder folder;
    const TrainResult first = train_until(data, options, folder / "c", steps);
    EXPECT_TRUE(first.interrupted);
    EXPECT_EQ(first.steps, steps);
    EXPECT_EQ(read_checkpoint_info(folder / "c").value().steps, steps);
    TrainOptions others = options;
    others.threads = 1 + steps % 3;
    const TrainResult second = train_until(data, others, folder / "c", kToTheEnd);
    EXPECT_FALSE(second.interrupted);
    EXPECT_EQ(bytes_of(second), bytes_of(unbroken)) << steps;
    ASSERT_EQ(second.history.size(), unbroken.history.size());
    for (std::size_t e = 0; e < second.history.size(); ++e) {
      EXPECT_EQ(second.history[e].train_loss, unbroken.history[e].train_loss) << steps << ", epoch " << e;
      EXPECT_EQ(second.history[e].valid_loss, unbroken.history[e].valid_loss) << steps << ", epoch " << e;
    }
    EXPECT_EQ(folder.files(), 1u);
  }
}

TEST(Resume, holds_for_every_optimiser_task_and_end_of_training) {
  for (const OptimizerKind optimizer : {OptimizerKind::sgd, OptimizerKind::momentum, OptimizerKind::nesterov,
                                        OptimizerKind::rmsprop, OptimizerKind::adam, OptimizerKind::adamw}) {
    for (const Task task : {Task::classify, Task::regress}) {
      const Dataset data = some_rows(90, task);
      TrainOptions options = small_options();
      options.optimizer = optimizer;
      options.schedule = ScheduleKind::onecycle;
      options.learning_rate = 0.01;
      options.statistics = task == Task::classify ? StatisticsSource::running : StatisticsSource::population;
      if (task == Task::regress) options.valid_fraction = 0;
      const TemporaryFolder folder;
      for (const std::uint64_t steps : {3, 5, 11}) train_until(data, options, folder / "c", steps);
      EXPECT_EQ(bytes_of(train_until(data, options, folder / "c", kToTheEnd)),
                bytes_of(train(data, options)));
    }
  }
}

TEST(Resume, holds_for_tables_with_categories_missing_numbers_and_weights) {
  const Dataset data = table_rows(90);
  TrainOptions options = small_options();
  options.quantile = true;
  options.class_weights.balanced = true;
  options.average_weights = 0.9;
  const TrainResult unbroken = train(data, options);
  for (const std::uint64_t first : {2, 5, 9}) {
    const TemporaryFolder folder;
    for (const std::uint64_t steps : {first, first + 4}) train_until(data, options, folder / "c", steps);
    EXPECT_EQ(bytes_of(train_until(data, options, folder / "c", kToTheEnd)), bytes_of(unbroken)) << first;
  }
}

TEST(Resume, holds_for_early_stopping_and_keeps_the_best_epoch) {
  const Dataset data = some_rows(60);
  TrainOptions options = small_options();
  options.epochs = 60;
  options.patience = 2;
  options.schedule = ScheduleKind::constant;
  options.learning_rate = 0.05;
  const TrainResult unbroken = train(data, options);
  ASSERT_TRUE(unbroken.stopped_early);
  for (std::uint64_t steps = 1; steps < unbroken.steps; steps += 2) {
    const TemporaryFolder folder;
    train_until(data, options, folder / "c", steps);
    const TrainResult second = train_until(data, options, folder / "c", kToTheEnd);
    EXPECT_TRUE(second.stopped_early);
    EXPECT_EQ(second.best_epoch, unbroken.best_epoch);
    EXPECT_EQ(bytes_of(second), bytes_of(unbroken)) << steps;
  }
}

TEST(Resume, holds_for_averaged_weights_and_smoothed_labels) {
  const Dataset data = some_rows(60);
  TrainOptions options = small_options();
  options.average_weights = 0.8;
  options.label_smoothing = 0.1;
  options.ghost = 8;
  for (const std::size_t patience : {0, 1}) {
    options.patience = patience;
    const TrainResult unbroken = train(data, options);
    for (std::uint64_t steps = 1; steps < unbroken.steps; ++steps) {
      const TemporaryFolder folder;
      train_until(data, options, folder / "c", steps);
      TrainOptions others = options;
      others.threads = 1 + steps % 3;
      const TrainResult second = train_until(data, others, folder / "c", kToTheEnd);
      EXPECT_EQ(bytes_of(second), bytes_of(unbroken)) << steps;
      for (std::size_t e = 0; e < second.history.size(); ++e)
        EXPECT_EQ(second.history[e].valid_loss, unbroken.history[e].valid_loss) << steps << ", epoch " << e;
    }
  }
}

TEST(Resume, of_a_run_that_came_to_its_end_gives_the_model_once_more) {
  const Dataset data = some_rows(60), valid = some_rows(20);
  TrainOptions options = small_options();
  const TemporaryFolder folder;
  options.checkpoint = {folder / "c", 3, true, ""};
  const std::string first = bytes_of(train(data, valid, options));
  TrainObserver observer;
  observer.on_point = [](const HistoryPoint&) { ADD_FAILURE() << "it trained again"; };
  EXPECT_EQ(bytes_of(train(data, valid, options, observer)), first);
}

}  // namespace
}  // namespace ztilde
