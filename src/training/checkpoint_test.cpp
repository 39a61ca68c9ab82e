// Checkpoints through the public API: when they are saved, what they refuse, and interruptions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <regex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/test_support.hpp"
#include "training/checkpoint_test_runs.hpp"

namespace ztilde {
namespace {

TEST(Checkpoint, of_a_table_with_other_categories_is_refused) {
  const TemporaryFolder folder;
  Dataset data = table_rows(90);
  TrainOptions options = small_options();
  train_until(data, options, folder / "c", 3);
  std::swap(data.column_info[1].categories[0], data.column_info[1].categories[1]);
  EXPECT_EQ(failure(folder, [&] { train_until(data, options, folder / "c", 5); }),
            "data: c: the checkpoint is of another run: the categories changed; give what that was begun "
            "with, or another --checkpoint");
}

TEST(Checkpoint, is_saved_every_so_many_steps_or_every_epoch_and_at_the_end) {
  const Dataset data = some_rows(100);
  const TemporaryFolder folder;
  const auto saved = [&](std::uint64_t every) {
    TrainOptions options = small_options();
    options.checkpoint = {folder / "c", every, false, ""};
    std::vector<std::uint64_t> steps;
    TrainObserver observer;
    observer.on_checkpoint = [&](std::uint64_t step) {
      steps.push_back(step);
      EXPECT_EQ(read_checkpoint_info(folder / "c").value().steps, step);
    };
    train(data, options, observer);
    return steps;
  };
  EXPECT_THAT(saved(0), testing::ElementsAre(5, 10, 15, 20));
  EXPECT_THAT(saved(7), testing::ElementsAre(7, 14, 20));
  EXPECT_THAT(saved(5), testing::ElementsAre(5, 10, 15, 20));
  EXPECT_THAT(saved(1000), testing::ElementsAre(20));
}

TEST(Checkpoint, changes_nothing_about_the_model) {
  const Dataset data = some_rows(100);
  TrainOptions options = small_options();
  const std::string without = bytes_of(train(data, options));
  const TemporaryFolder folder;
  options.checkpoint = {folder / "c", 1, false, "a note"};
  EXPECT_EQ(bytes_of(train(data, options)), without);
  EXPECT_EQ(read_checkpoint_info(folder / "c").value().note, "a note");
  EXPECT_FALSE(read_checkpoint_info(folder / "none").has_value());
}

TEST(Checkpoint, of_another_run_is_refused_saying_what_differs) {
  const TemporaryFolder folder;
  const Dataset data = some_rows(100), valid = some_rows(20);
  const TrainOptions options = small_options();
  train_until(data, options, folder / "c", 3);
  const auto refusal = [&](const std::function<void(Dataset&, TrainOptions&)>& change, bool apart = false) {
    Dataset other = data;
    TrainOptions others = options;
    others.checkpoint = {folder / "c", 0, true, ""};
    change(other, others);
    std::string text = failure(folder, [&] { apart ? train(other, valid, others) : train(other, others); });
    for (const char* words : {"data: c: the checkpoint is of another run: ",
                              "; give what that was begun with, or another --checkpoint"}) {
      EXPECT_NE(text.find(words), text.npos) << text;
      text.erase(text.find(words), std::string(words).size());
    }
    return text;
  };
  EXPECT_EQ(refusal([](Dataset& d, TrainOptions&) { d.floats[7] += 1; }), "the inputs changed");
  EXPECT_EQ(refusal([](Dataset& d, TrainOptions&) { d.targets[7] = 0; }), "the targets changed");
  EXPECT_EQ(refusal([](Dataset& d, TrainOptions&) { d.column_names[1] = "c"; }),
            "the names of the columns changed");
  EXPECT_EQ(refusal([](Dataset& d, TrainOptions&) { std::swap(d.classes[0], d.classes[1]); }),
            "the classes changed");
  EXPECT_EQ(refusal([](Dataset& d, TrainOptions&) { d.weights.assign(d.rows, 2.0f); }),
            "the weights changed");
  EXPECT_EQ(refusal([](Dataset&, TrainOptions& o) { o.class_weights.balanced = true; }),
            "--class-weights was none and is balanced");
  EXPECT_EQ(refusal([](Dataset&, TrainOptions& o) { o.label_smoothing = 0.1, o.average_weights = 0.5; }),
            "--label-smoothing was 0 and is 0.1, --average-weights was 0 and is 0.5");
  EXPECT_EQ(refusal([](Dataset& d, TrainOptions&) { d = some_rows(99); }),
            "the number of rows was 100 and is 99, the inputs changed, the targets changed");
  EXPECT_EQ(refusal([](Dataset&, TrainOptions&) {}, true), "the validation set was none and is given");
  EXPECT_EQ(refusal([](Dataset&, TrainOptions& o) { o.hidden = {8, 9}; }), "the network changed");
  EXPECT_EQ(refusal([](Dataset&, TrainOptions& o) { o.dropout = 0.3; }), "the network changed");
  EXPECT_EQ(refusal([](Dataset&, TrainOptions& o) { o.learning_rate = 0.5; }), "--lr was 0.002 and is 0.5");
  EXPECT_EQ(refusal([](Dataset&, TrainOptions& o) { o.seed = 1, o.epochs = 5; }),
            "--epochs was 4 and is 5, --seed was 0 and is 1");
  EXPECT_EQ(refusal([](Dataset&, TrainOptions& o) {
              o.seed = 1, o.epochs = 5, o.batch = 17, o.optimizer = OptimizerKind::sgd, o.warmup_steps = 1;
            }),
            "--optimizer was adamw and is sgd, --lr was 0.002 and is 0.1, --warmup was 0 and is 1, "
            "--weight-decay was 0.01 and is 0, and 3 more");
}

// Whoever adds an option finds out here that a checkpoint has to know it.
TEST(Checkpoint, compares_every_option_that_changes_the_result) {
  const auto content = [](const std::string& path) {
    std::ifstream file(std::string(ZTILDE_SOURCE_DIR) + path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  };
  const std::string header = content("/include/ztilde/train.hpp");
  const std::string compared = content("/src/training/run_identity.hpp");
  const std::size_t begin = header.find("struct TrainOptions {");
  const std::string body = header.substr(begin, header.find("\n};", begin) - begin);
  // The starting model and the network are compared as wholes, memory as the window that follows from it; the
  // last three change no bit.
  const std::string elsewhere =
      "from network hidden activation batch_norm norm_place epsilon keep standardise quantile "
      "one_hot_most dropout memory threads checkpoint rank_timeout ";
  const std::regex member("\n  [A-Za-z0-9:<>_ ]+ ([a-z_]+)(?: = [^;]+)?;");
  int members = 0;
  for (std::sregex_iterator match(body.begin(), body.end(), member), end; match != end; ++match, ++members) {
    const std::string name = (*match)[1];
    EXPECT_TRUE(elsewhere.find(name + " ") != elsewhere.npos ||
                compared.find("options." + name) != compared.npos)
        << name;
  }
  EXPECT_GE(members, 26);
}

TEST(Checkpoint, of_a_run_that_diverges_stays_as_of_the_last_sound_step) {
  const Dataset data = some_rows(100);
  TrainOptions options = small_options();
  options.batch_norm = false;
  options.clip_norm = 0;
  options.optimizer = OptimizerKind::sgd;
  options.learning_rate = 1e12;
  options.schedule = ScheduleKind::constant;
  const TemporaryFolder folder;
  options.checkpoint = {folder / "c", 1, true, ""};
  std::uint64_t saved = 0;
  TrainObserver observer;
  observer.on_checkpoint = [&](std::uint64_t steps) { saved = steps; };
  const std::string first = failure(folder, [&] { train(data, options, observer); });
  EXPECT_THAT(first, testing::StartsWith("diverged: training diverged at step "));
  ASSERT_GT(saved, 0u);
  EXPECT_EQ(read_checkpoint_info(folder / "c").value().steps, saved);
  const std::string checkpoint = folder.read("c");
  // From there it diverges again, in the same step.
  EXPECT_EQ(failure(folder, [&] { train(data, options, observer); }), first);
  EXPECT_EQ(folder.read("c"), checkpoint);
  EXPECT_EQ(folder.files(), 1u);
}

TEST(Checkpoint, is_not_written_of_a_model_that_its_last_step_broke) {
  const Dataset data = some_rows(100);
  TrainOptions options = small_options();
  options.learning_rate = 3e38;
  options.clip_norm = 0;
  const TemporaryFolder folder;
  options.checkpoint = {folder / "c", 1, false, ""};
  EXPECT_THAT(failure(folder, [&] { train(data, options); }),
              testing::StartsWith("diverged: training diverged at step 1: NaN or infinity in layer "));
  EXPECT_EQ(folder.files(), 0u);
}

TEST(Checkpoint, that_cannot_be_saved_ends_training_with_the_model_so_far_and_the_reason) {
  const Dataset data = some_rows(100);
  TrainOptions options = small_options();
  options.checkpoint.path = "/dev/full";
  const TrainResult result = train(data, options);
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.epochs, 1u);
  EXPECT_EQ(result.checkpoint_problem,
            "/dev/full: cannot be written (No space left on device); write to a file instead");
  EXPECT_FALSE(bytes_of(result).empty());
}

TEST(Checkpoint, is_locked_while_its_run_goes_on) {
  const Dataset data = some_rows(100);
  TrainOptions options = small_options();
  const TemporaryFolder folder;
  options.checkpoint.path = folder / "c";
  TrainObserver observer;
  std::string refusal;
  observer.on_start = [&](const TrainPlanSummary&) {
    refusal = failure(folder, [&] { train(data, options); });
  };
  train(data, options, observer);
  EXPECT_EQ(refusal, "data: c: process " + std::to_string(::getpid()) +
                         " is writing it; wait for its end, or choose another name");
}

TEST(Interruption, in_a_hurry_gives_the_last_steps_own_weights_where_an_average_would_take_long) {
  const Dataset data = some_rows(2000);
  TrainOptions options = small_options();
  options.batch = 400;
  options.epochs = 2;
  const auto interrupted = [&] {
    TrainObserver observer;
    std::uint64_t steps = 0;
    observer.should_stop = [&] {  // in the middle of the second epoch; two passes over all rows take 8 s
      std::this_thread::sleep_for(std::chrono::milliseconds(400));
      return ++steps == 6;
    };
    return train(data, options, observer);
  };
  TrainResult plain = interrupted();
  options.average_weights = 0.9;
  const TrainResult averaged = interrupted();
  EXPECT_EQ(plain.best_epoch, 1u);
  EXPECT_EQ(averaged.best_epoch, 2u);
  EXPECT_EQ(averaged.steps, 6u);
  EXPECT_EQ(averaged.model.statistics_source, StatisticsSource::running);
  EXPECT_EQ(averaged.valid_loss, std::nullopt);
  EXPECT_NE(averaged.history[0].valid_loss, plain.history[0].valid_loss);
}

TEST(Interruption, of_a_run_on_data_that_take_long_gives_a_model_without_a_pass_over_them) {
  const Dataset data = some_rows(2000);
  TrainOptions options = small_options();
  const TemporaryFolder folder;
  options.checkpoint.path = folder / "c";
  TrainObserver observer;
  // At this pace of at most 16 rows in 100 ms two passes over the rows take 25 s.
  observer.should_stop = [] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    return true;
  };
  const TrainResult result = train(data, options, observer);
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.steps, 1u);
  EXPECT_EQ(result.model.statistics_source, StatisticsSource::running);
  EXPECT_EQ(result.valid_loss, std::nullopt);
  EXPECT_FALSE(bytes_of(result).empty());
  options.checkpoint.resume = true;
  const std::string resumed = bytes_of(train(data, options));
  options.checkpoint = {};
  EXPECT_EQ(resumed, bytes_of(train(data, options)));
}

}  // namespace
}  // namespace ztilde
