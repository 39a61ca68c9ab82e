#include "training/memory_needed.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ztilde/error.hpp"

namespace ztilde {
namespace {

TEST(MemoryNeeded, counts_parameters_their_gradients_the_optimisers_state_and_the_batch) {
  const Network network{10, {Dense{20, true}, Dense{5, true}}};
  const std::size_t parameters = 10 * 20 + 20 + 20 * 5 + 5;
  TrainOptions options;
  options.batch = 16;
  EXPECT_EQ(memory_needed(network, 1000, false, options), 4.0 * (4 * parameters + 2 * 16 * (20 + 5)));
  options.optimizer = OptimizerKind::sgd;
  EXPECT_EQ(memory_needed(network, 1000, false, options), 4.0 * (2 * parameters + 2 * 16 * (20 + 5)));
  EXPECT_EQ(memory_needed(network, 8, false, options), 4.0 * (2 * parameters + 2 * 8 * (20 + 5)));
}

TEST(MemoryNeeded, counts_the_best_model_the_packed_weights_and_a_checkpoint_that_is_read) {
  const Network network{10, {Dense{20, true}}};
  const std::size_t parameters = 10 * 20 + 20;
  TrainOptions options;
  options.batch = 16;
  EXPECT_EQ(memory_needed(network, 1000, true, options), 4.0 * (6 * parameters + 2 * 16 * 20));
  options.checkpoint.resume = true;
  EXPECT_EQ(memory_needed(network, 1000, true, options), 4.0 * (9 * parameters + 2 * 16 * 20));
  EXPECT_EQ(memory_needed(network, 1000, false, options), 4.0 * (7 * parameters + 2 * 16 * 20));
}

TEST(MemoryNeeded, counts_an_average_in_double_and_the_averaged_model) {
  const Network network{10, {Dense{20, true}}};
  const std::size_t parameters = 10 * 20 + 20;
  TrainOptions options;
  options.batch = 16;
  options.average_weights = 0.9;
  EXPECT_EQ(memory_needed(network, 1000, false, options), 4.0 * (6 * parameters + 2 * 16 * 20));
  EXPECT_EQ(memory_needed(network, 1000, true, options), 4.0 * (9 * parameters + 2 * 16 * 20));
  options.checkpoint.resume = true;
  EXPECT_EQ(memory_needed(network, 1000, true, options), 4.0 * (14 * parameters + 2 * 16 * 20));
}

// 128 MB are 3.2e7 floats: two stages of 20,000 outputs for 800 rows.
TEST(MemoryNeeded, the_averaged_model_is_measured_on_as_many_rows_as_fit) {
  const TrainOptions options;
  const auto rows_for = [&](std::size_t width, std::size_t rows) {
    return average_probe_rows(dense_network({.inputs = 3, .outputs = 2, .hidden = {width, width}}), rows,
                              options);
  };
  EXPECT_EQ(rows_for(20'000, 60'000), 800u);
  EXPECT_EQ(rows_for(200'000, 60'000), 512u);
  EXPECT_EQ(rows_for(20, 60'000), 4096u);
  EXPECT_EQ(rows_for(20, 300), 300u);
}

TEST(MemoryNeeded, population_statistics_keep_two_stages_for_all_rows) {
  const Network network = dense_network({.inputs = 3, .outputs = 2, .hidden = {30, 20, 10}});
  TrainOptions options;
  options.optimizer = OptimizerKind::sgd;
  const auto parameters = static_cast<double>(parameter_count(network));
  EXPECT_EQ(memory_needed(network, 60000, false, options), 4 * (parameters + 60000.0 * (30 + 20)));
  options.statistics = StatisticsSource::running;
  EXPECT_EQ(memory_needed(network, 60000, false, options),
            4 * (2 * parameters + 2 * 256.0 * (30 + 20 + 10 + 2)));
}

TEST(MemoryNeeded, a_network_that_no_machine_holds_is_refused_before_it_is_begun) {
  Dataset data;
  data.rows = 4;
  data.columns = 1;
  data.floats = {1, 2, 3, 4};
  data.targets = {0, 1, 0, 1};
  data.classes = {"a", "b"};
  TrainOptions options;
  options.hidden = {10'000'000, 10'000'000};
  options.valid_fraction = 0;
  try {
    train(data, options);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_THAT(error.what(),
                testing::HasSubstr("100,000,060,000,001 parameters, 4 rows and batches of up to 4 need "
                                   "1600001.6 GB of memory with the data, and "));
  }
}

}  // namespace
}  // namespace ztilde
