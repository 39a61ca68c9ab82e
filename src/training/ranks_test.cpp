// Training by several ranks: the same model as by one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "base/test_support.hpp"
#include "base/thread_transport.hpp"
#include "training/test_tables.hpp"
#include "ztilde/error.hpp"
#include "ztilde/train.hpp"

namespace ztilde {
namespace {

TrainOptions options_of(std::size_t ranks) {
  TrainOptions options;
  options.hidden = {24, 16};
  options.epochs = 10;
  options.batch = 96;
  options.dropout = 0.1;
  options.threads = ranks % 2 + 1;
  return options;
}

// Each rank's model; stop_at: the last rank asks for a stop after so many steps.
std::vector<TrainResult> train_on(std::size_t ranks, const TrainOptions& given, std::uint64_t stop_at = 0,
                                  const Dataset& data = spirals(600)) {
  std::vector<TrainResult> results(ranks);
  ThreadRanks shared(ranks);
  std::vector<std::thread> processes;
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    processes.emplace_back([&, rank] {
      TrainOptions options = given;
      options.transport = shared.transport(rank);
      TrainObserver observer;
      std::uint64_t steps = 0;
      observer.should_stop = [&] { return ++steps == stop_at && rank + 1 == ranks; };
      results[rank] = train(data, options, observer);
    });
  }
  for (std::thread& process : processes) process.join();
  return results;
}

TEST(Ranks, train_the_model_of_one_rank_bit_for_bit) {
  for (const std::size_t ghost : {0, 40}) {
    TrainOptions options = options_of(1);
    options.ghost = ghost;
    const TrainResult one = train_on(1, options).front();
    EXPECT_GT(one.valid_accuracy, 0.5);
    for (const std::size_t ranks : {2, 3, 4}) {
      for (const TrainResult& each : train_on(ranks, options)) {
        EXPECT_EQ(each.model.parameters, one.model.parameters) << ranks;
        EXPECT_EQ(each.model.statistics, one.model.statistics) << ranks;
        EXPECT_EQ(each.train_loss, one.train_loss);
        EXPECT_EQ(each.valid_loss, one.valid_loss);
      }
    }
  }
}

// Images through convolutions, a shortcut and pooling; a table of categories that is trained.
TEST(Ranks, train_every_kind_of_network_bit_for_bit) {
  const Conv2d conv{6, 3, 1, 1, false, false};
  const Activation relu{ActivationKind::relu};
  TrainOptions of_images = options_of(1);
  of_images.network = Network{30,
                              {Standardise{}, conv, BatchNorm{}, relu, conv, BatchNorm{}, Add{3}, relu,
                               MaxPool{}, Flatten{}, Dense{8, false}, BatchNorm{}, relu, Dense{1}},
                              6,
                              5};
  of_images.augment = {true, 1, 2};
  of_images.epochs = 3;
  TrainOptions of_table = options_of(1);
  of_table.epochs = 30;
  std::pair<Dataset, TrainOptions> cases[] = {{images(400), of_images}, {categories(600), of_table}};
  for (auto& [data, options] : cases) {
    const TrainResult one = train_on(1, options, 0, data).front();
    EXPECT_GT(one.valid_accuracy, 0.8);
    for (const std::size_t ranks : {2, 3, 4}) {
      options.threads = ranks % 2 + 1;
      for (const TrainResult& each : train_on(ranks, options, 0, data)) {
        EXPECT_EQ(each.model.parameters, one.model.parameters) << ranks;
        EXPECT_EQ(each.model.statistics, one.model.statistics) << ranks;
      }
    }
    options.synchronised_statistics = false;
    const std::vector<TrainResult> apart = train_on(2, options, 0, data);
    EXPECT_GT(apart[0].valid_accuracy, 0.8);
    EXPECT_EQ(apart[0].model.parameters, apart[1].model.parameters);
    EXPECT_NE(apart[0].model.parameters, one.model.parameters);
  }
}

// Two ranks with statistics of their own do what ghost batch norm does with two groups: batches of 128 rows
// are four blocks, two for each.
TEST(Ranks, with_statistics_of_their_own_train_as_ghost_groups_do) {
  TrainOptions options = options_of(1);
  options.batch = 128;
  options.dropout = 0;
  options.epochs = 1;
  const TrainResult together = train_on(1, options).front();
  options.synchronised_statistics = false;
  const std::vector<TrainResult> apart = train_on(2, options);
  EXPECT_EQ(apart[0].model.parameters, apart[1].model.parameters);
  EXPECT_EQ(apart[0].model.statistics, apart[1].model.statistics);
  options.synchronised_statistics = true;
  options.ghost = 64;
  const TrainResult ghost = train_on(2, options).front();
  const auto distance = [&](const TrainResult& other) {
    double sum = 0;
    for (std::size_t i = 0; i < other.model.parameters.size(); ++i)
      sum += std::abs(other.model.parameters[i] - apart[0].model.parameters[i]);
    return sum / static_cast<double>(other.model.parameters.size());
  };
  EXPECT_LT(distance(ghost), 1e-5);
  EXPECT_GT(distance(together), 1e-4);
}

TEST(Ranks, a_run_goes_on_with_other_ranks_to_the_same_bits) {
  const TrainResult whole = train_on(1, options_of(1)).front();
  const TemporaryFolder folder;
  TrainOptions options = options_of(2);
  options.checkpoint.path = folder / "run.ckpt";
  options.checkpoint.every_steps = 1;
  options.checkpoint.resume = true;
  for (const TrainResult& stopped : train_on(2, options, 7)) {
    EXPECT_TRUE(stopped.interrupted);
    EXPECT_EQ(stopped.steps, 7u);
  }
  for (const TrainResult& each : train_on(3, options)) {
    EXPECT_EQ(each.model.parameters, whole.model.parameters);
    EXPECT_EQ(each.model.statistics, whole.model.statistics);
  }
}

TEST(Ranks, a_rank_that_stops_answering_ends_the_others_and_is_named) {
  const Dataset data = spirals(600);
  ThreadRanks shared(3);
  std::vector<std::string> messages(3);
  std::vector<std::shared_ptr<Transport>> transports;  // all there until all have said so
  for (std::size_t rank = 0; rank < 3; ++rank) transports.emplace_back(shared.transport(rank));
  std::vector<std::thread> processes;
  for (std::size_t rank = 0; rank < 3; ++rank) {
    processes.emplace_back([&, rank] {
      TrainOptions options = options_of(1);
      options.transport = transports[rank];
      options.rank_timeout = rank == 2 ? 4 : 2;
      TrainObserver observer;
      std::uint64_t steps = 0;
      observer.should_stop = [&] {
        if (rank == 2 && ++steps == 3) shared.stop(2);
        return false;
      };
      try {
        train(data, options, observer);
      } catch (const Error& error) {
        messages[rank] = error.what();
      }
    });
  }
  for (std::thread& process : processes) process.join();
  for (const std::size_t rank : {0, 1})
    EXPECT_THAT(messages[rank], testing::StartsWith("rank 2 (a thread) has not answered for 2 s"));
}

}  // namespace
}  // namespace ztilde
