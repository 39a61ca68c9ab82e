// Training on rows that stay on disk: what it is equal to, and what ends it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/test_support.hpp"
#include "data/on_disk.hpp"
#include "data/store_test_support.hpp"
#include "data/window_order.hpp"
#include "training/checkpoint_test_runs.hpp"
#include "training/prepare.hpp"
#include "training/train_rows.hpp"
#include "training/trainer.hpp"
#include "training/windows.hpp"
#include "ztilde/error.hpp"
#include "ztilde/pack.hpp"
#include "ztilde/train_session.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kRows = 14000, kColumns = 1000, kBlockRows = 64;
constexpr std::size_t kMemory = std::size_t{90} << 20;  // the inputs take 53 MB, a window a quarter of this

// Wide rows, so that few of them are more than half of the memory. The class shows in the first columns.
Dataset wide_rows(Task task = Task::classify) {
  Dataset data;
  data.rows = kRows;
  data.columns = kColumns;
  data.task = task;
  data.target_name = "kind";
  if (task == Task::classify) data.classes = {"x", "y", "z"};
  for (std::size_t c = 0; c < kColumns; ++c) data.column_names.push_back("c" + std::to_string(c));
  data.floats.resize(kRows * kColumns);
  std::uint32_t state = 7;
  for (std::size_t r = 0; r < kRows; ++r) {
    const auto target = static_cast<float>(r * 7 % 3);
    for (std::size_t c = 0; c < kColumns; ++c) {
      state = state * 1664525u + 1013904223u;
      data.floats[r * kColumns + c] = static_cast<float>(state >> 16) / 32768 - 1 + (c < 30 ? target : 0);
    }
    data.targets.push_back(task == Task::classify ? target : 10 + 3 * target);
  }
  return data;
}

const Dataset& rows_in_memory() {
  static const Dataset data = wide_rows();
  return data;
}
const Dataset& rows_on_disk() {
  static const Dataset data = in_store(rows_in_memory(), kBlockRows);
  return data;
}

TrainOptions disk_options() {
  TrainOptions options;
  options.hidden = {8};
  options.batch = 100;
  options.epochs = 2;
  options.threads = 2;
  options.valid_fraction = 0.1;
  options.memory = kMemory;
  return options;
}

// So many are held out that the others are one window.
TrainOptions one_window() {
  TrainOptions options = disk_options();
  options.valid_fraction = 0.6;
  return options;
}

// Without the thresholds of drift, which are learned from a sample that is smaller where it must be copied.
std::string bytes_without_drift(const TrainResult& result) {
  Model model = result.model;
  model.drift.reset();
  return model_file::to_bytes(model, "model");
}

TrainResult in_memory(const Dataset& data, const Dataset& stored, const TrainOptions& options) {
  return train_rows(data, split_blocks(stored, options.valid_fraction, options.seed), options, {});
}

void expect_same_training(const TrainResult& disk, const TrainResult& memory) {
  EXPECT_TRUE(disk.model.parameters == memory.model.parameters);
  ASSERT_EQ(disk.history.size(), memory.history.size());
  for (std::size_t e = 0; e < disk.history.size(); ++e) {
    EXPECT_EQ(disk.history[e].train_loss, memory.history[e].train_loss);
    EXPECT_EQ(disk.history[e].valid_loss, memory.history[e].valid_loss);
  }
  EXPECT_EQ(disk.model.training.rows, memory.model.training.rows);
}

TEST(DiskTraining, with_one_window_gives_the_bits_of_training_in_memory) {
  const TrainOptions options = one_window();
  ASSERT_TRUE(stays_on_disk(rows_on_disk(), options));
  TrainOptions running = options;
  running.statistics = StatisticsSource::running;
  const TrainResult disk = train(rows_on_disk(), running);
  const TrainResult memory = in_memory(rows_in_memory(), rows_on_disk(), running);
  expect_same_training(disk, memory);
  EXPECT_TRUE(bytes_without_drift(disk) == bytes_without_drift(memory));
  EXPECT_GT(*disk.valid_accuracy, 0.6);  // a third by chance
}

TEST(DiskTraining, measures_the_population_that_memory_has_but_for_rounding) {
  const TrainOptions options = one_window();
  const TrainResult disk = train(rows_on_disk(), options);
  const TrainResult memory = in_memory(rows_in_memory(), rows_on_disk(), options);
  expect_same_training(disk, memory);
  ASSERT_EQ(disk.model.statistics.size(), memory.model.statistics.size());
  // Sums of some thousand float products that were rounded in another order: 1e-7 each, less in the mean.
  for (std::size_t i = 0; i < disk.model.statistics.size(); ++i)
    EXPECT_NEAR(disk.model.statistics[i], memory.model.statistics[i],
                1e-6 * (1 + std::abs(memory.model.statistics[i])));
  EXPECT_NEAR(disk.train_loss, memory.train_loss, 1e-5);
}

TEST(DiskTraining, in_windows_is_the_loop_of_steps_in_their_order) {
  TrainOptions options = disk_options();
  options.valid_fraction = 0;
  options.statistics = StatisticsSource::running;
  const TrainResult disk = train(rows_on_disk(), options);

  const WindowOrder windows = window_order(rows_on_disk(), options);
  Team team(1);
  PreparedRun run = prepare_run(rows_in_memory(), nullptr, options, team);
  const BatchPlan plan = run.batcher.plan();
  Trainer trainer(run.model, run.minimised, run.optimiser, plan, 0, team, options.seed);
  const Batch all = run.batcher.all();
  std::vector<std::uint32_t> order(all.rows);
  for (std::uint64_t epoch = 0; epoch < options.epochs; ++epoch) {
    const auto ends = shuffle_in_windows({all.row_index, all.rows}, windows, options.seed, epoch, order);
    EXPECT_EQ(ends.size(), 3u);
    for (std::size_t b = 0; b < plan.batches; ++b) {
      Batch batch = all;
      batch.row_index = order.data() + plan.first_row(b);
      batch.rows = plan.size(b);
      trainer.step(batch, run.schedule.at(trainer.steps()));
    }
  }
  EXPECT_TRUE(disk.model.parameters == trainer.model.parameters);
  EXPECT_TRUE(disk.model.statistics == trainer.model.statistics);
}

TEST(DiskTraining, has_the_same_bits_on_any_number_of_threads) {
  TrainOptions options = disk_options();
  options.epochs = 1;
  options.average_weights = 0.9;
  options.threads = 1;
  const std::string one = bytes_of(train(rows_on_disk(), options));
  for (const std::size_t threads : {2, 4}) {
    options.threads = threads;
    EXPECT_TRUE(bytes_of(train(rows_on_disk(), options)) == one) << threads;
  }
}

TEST(DiskTraining, goes_on_from_a_checkpoint_to_the_same_bits) {
  const TrainOptions options = disk_options();
  const TrainResult unbroken = train(rows_on_disk(), options);
  for (const std::uint64_t steps : {60, 126}) {
    const TemporaryFolder folder;
    EXPECT_EQ(train_until(rows_on_disk(), options, folder / "c", steps).steps, steps);
    const TrainResult second = train_until(rows_on_disk(), options, folder / "c", kToTheEnd);
    EXPECT_TRUE(bytes_of(second) == bytes_of(unbroken)) << steps;
  }
}

TEST(DiskTraining, is_not_continued_with_other_windows_or_from_memory) {
  const TemporaryFolder folder;
  TrainOptions options = disk_options();
  train_until(rows_on_disk(), options, folder / "c", 5);
  options.memory = kMemory + (std::size_t{8} << 20);
  const std::string other = failure(folder, [&] { train_until(rows_on_disk(), options, folder / "c", 9); });
  EXPECT_NE(other.find("the window of rows that are shuffled was 5"), std::string::npos) << other;
  const std::string memory =
      failure(folder, [&] { train_until(rows_in_memory(), options, folder / "c", 9); });
  EXPECT_NE(memory.find("and is all"), std::string::npos) << memory;
}

TEST(DiskTraining, knows_weights_classes_categories_and_missing_numbers) {
  Dataset data = rows_in_memory();
  data.column_info.resize(kColumns);
  for (std::size_t c = 0; c < kColumns; ++c) data.column_info[c].name = data.column_names[c];
  data.column_info[40] = {"c40", ColumnKind::categorical, {}};
  data.column_info[41] = {"c41", ColumnKind::categorical, {"a", "b", "c"}};
  for (int c = 0; c < 30; ++c) data.column_info[40].categories.push_back("k" + std::to_string(c));
  data.rules.missing = MissingUse::indicator;
  for (std::size_t r = 0; r < kRows; ++r) {
    data.floats[r * kColumns + 40] = static_cast<float>(r % 31);
    data.floats[r * kColumns + 41] = static_cast<float>(r % 4);
    if (r % 5 == 0) data.floats[r * kColumns + 50] = std::nanf("");
    data.weights.push_back(static_cast<float>(r % 3));
  }
  const Dataset stored = in_store(data, kBlockRows);
  TrainOptions options = one_window();
  options.statistics = StatisticsSource::running;
  options.class_weights.balanced = true;
  options.epochs = 1;
  const TrainResult disk = train(stored, options), memory = in_memory(data, stored, options);
  expect_same_training(disk, memory);
  EXPECT_TRUE(bytes_without_drift(disk) == bytes_without_drift(memory));
}

TEST(DiskTraining, takes_images_with_augmentation_and_numbers_as_targets) {
  Dataset images = rows_in_memory();
  images.floats.clear();
  images.column_names.clear();
  images.rows = 50000;
  images.columns = 1024;
  images.image_width = images.image_height = 32;
  images.bytes.resize(images.rows * images.columns);
  images.targets.clear();
  for (std::size_t i = 0; i < images.bytes.size(); ++i)
    images.bytes[i] = static_cast<std::uint8_t>(i * 2654435761u >> 13);
  for (std::size_t r = 0; r < images.rows; ++r) images.targets.push_back(static_cast<float>(r % 3));
  const Dataset stored = in_store(images, 256);
  TrainOptions options = one_window();
  options.epochs = 1;
  options.statistics = StatisticsSource::running;
  options.augment = {.flip = true, .shift = 2, .cutout = 4};
  EXPECT_TRUE(bytes_without_drift(train(stored, options)) ==
              bytes_without_drift(in_memory(images, stored, options)));

  const Dataset numbers = wide_rows(Task::regress);
  const Dataset numbers_stored = in_store(numbers, kBlockRows);
  options.augment = {};
  EXPECT_TRUE(bytes_without_drift(train(numbers_stored, options)) ==
              bytes_without_drift(in_memory(numbers, numbers_stored, options)));
}

TEST(DiskTraining, step_by_step_gives_the_model_of_train_whatever_is_measured_in_between) {
  TrainOptions options = disk_options();
  options.epochs = 1;
  options.valid_fraction = 0;
  const TrainResult trained = train(rows_on_disk(), options);
  TrainSession session(rows_on_disk(), options);
  for (std::size_t step = 0; step < session.steps_per_epoch(); ++step) {
    session.step();
    if (step == 20) session.model_with_population_statistics();
  }
  const Model model = session.model_with_population_statistics();
  EXPECT_TRUE(model.parameters == trained.model.parameters);
  EXPECT_TRUE(model.statistics == trained.model.statistics);
}

TEST(DiskTraining, a_store_that_fits_is_read_and_trains_as_in_memory) {
  TrainOptions options = disk_options();
  options.epochs = 1;
  const std::string memory = bytes_of(train(rows_in_memory(), options));
  options.memory = std::size_t{1} << 30;
  EXPECT_TRUE(bytes_of(train(rows_on_disk(), options)) == memory);
  options.memory = 0;
  EXPECT_TRUE(bytes_of(train(rows_on_disk(), options)) == memory);
}

TEST(DiskTraining, refuses_what_it_cannot_do) {
  const TemporaryFolder folder;
  const auto problem = [&](TrainOptions options) {
    return failure(folder, [&] { train(rows_on_disk(), options); });
  };
  TrainOptions options = disk_options();
  options.quantile = true;
  EXPECT_NE(problem(options).find("quantiles need all numbers"), std::string::npos) << problem(options);
  options = disk_options();
  options.batch = 10000;
  EXPECT_NE(problem(options).find("fewer than a batch of 10,000"), std::string::npos) << problem(options);
  options = disk_options();
  options.hidden = {2000};
  EXPECT_NE(problem(options).find("two windows of rows, and --memory is"), std::string::npos)
      << problem(options);
  const TrainOptions none;
  EXPECT_NE(failure(folder, [&] { evaluate({}, rows_on_disk()); }), "");
  EXPECT_NE(failure(folder, [&] { predict(train(rows_on_disk(), one_window()).model, rows_on_disk()); })
                .find("the inputs are on disk"),
            std::string::npos);
}

// Packs the rows, trains with a checkpoint every 20 steps and lets `harm` have the file after 50.
std::string trained_on_harmed_file(const std::function<void(const std::string&)>& harm, const Model& expected,
                                   const TrainOptions& given) {
  const TemporaryFolder folder;
  const std::string path = folder / "p";
  pack_rows(rows_in_memory(), path, {.order = PackOrder::kept});
  const Dataset data = open_packed(path);
  TrainOptions options = given;
  options.checkpoint.path = folder / "c";
  options.checkpoint.every_steps = 20;
  std::uint64_t steps = 0, saved = 0;
  TrainObserver observer;
  observer.should_stop = [&] {
    if (++steps == 50) harm(path);
    return false;
  };
  observer.on_checkpoint = [&](std::uint64_t at) { saved = at; };
  const std::string words = failure(folder, [&] { train(data, options, observer); });
  EXPECT_GE(saved, 40u);
  EXPECT_EQ(read_checkpoint_info(folder / "c").value().steps, saved);
  // What was saved goes on, once the file is whole again, to the model of a run without harm.
  pack_rows(rows_in_memory(), path, {.order = PackOrder::kept});
  options.checkpoint.resume = true;
  EXPECT_TRUE(train(open_packed(path), options).model.parameters == expected.parameters);
  return words;
}

TEST(DiskTraining, a_file_that_is_cut_or_changed_is_an_error_and_the_checkpoint_good) {
  const TrainOptions options = disk_options();
  const Model expected = [&] {
    const TemporaryFolder folder;
    pack_rows(rows_in_memory(), folder / "p", {.order = PackOrder::kept});
    return train(open_packed(folder / "p"), options).model;
  }();
  const std::string cut = trained_on_harmed_file(
      [](const std::string& path) { ASSERT_EQ(::truncate(path.c_str(), 5'000'000), 0); }, expected, options);
  EXPECT_TRUE(cut.starts_with("data: p: changed while block ")) << cut;

  const auto flip_unseen = [](const std::string& path) {
    struct stat before {};
    ASSERT_EQ(::stat(path.c_str(), &before), 0);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    // One byte of every block.
    for (std::streamoff at = 4096 + 100; at < 53'000'000; at += 200'000) {
      file.seekg(at);
      const int byte = file.get();
      file.seekp(at);
      file.put(static_cast<char>(byte ^ 16));
    }
    file.close();
    const timespec times[] = {before.st_atim, before.st_mtim};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  };
  const std::string flipped = trained_on_harmed_file(flip_unseen, expected, options);
  // Whether it meets the byte or, before the time is set back, that somebody wrote.
  EXPECT_TRUE(flipped.starts_with("data: p: block ") || flipped.starts_with("data: p: changed while block "))
      << flipped;
}

}  // namespace
}  // namespace ztilde
