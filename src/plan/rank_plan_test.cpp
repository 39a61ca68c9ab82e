// Ranks that share every batch: the same gradients, whatever their number.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "base/exchange.hpp"
#include "base/thread_transport.hpp"
#include "plan/inference_plan.hpp"
#include "plan/plan_test_networks.hpp"
#include "plan/population.hpp"
#include "plan/train_plan.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kRows = 150;  // at least five blocks

struct Found {
  std::vector<float> gradients;
  std::vector<double> statistics;
  bool operator==(const Found&) const = default;
};

// What one rank finds for the first batch, whose loss is the sum of all outputs times their place.
Found find(const Network& network, std::size_t threads, PlanRanks ranks, bool weighted) {
  const std::vector<float> parameters = testing_networks::random_parameters(network);
  std::vector<double> statistics = testing_networks::random_statistics(network);
  const std::vector<float> x = testing_networks::random_inputs(network, kRows);
  std::vector<float> weights(kRows);
  for (std::size_t r = 0; r < kRows; ++r) weights[r] = static_cast<float>(r % 3);
  Found found{std::vector<float>(parameters.size()), {}};
  TrainPlan plan(network, {kRows}, threads, parameters.data(), found.gradients.data(), statistics.data(), 3,
                 ranks);
  Batch batch{{nullptr, x.data(), network.inputs}, nullptr, kRows, nullptr};
  if (weighted) batch.weights = weights.data();
  Team team(threads);
  plan.begin(7);
  const Cut blocks = plan.blocks(kRows);
  team.run([&](const Worker& worker) {
    plan.forward(worker, batch);
    plan.for_own_blocks(worker, kRows, [&](std::size_t block) {
      const auto gradient = plan.output_gradient(blocks.first(block), blocks.size(block));
      for (std::size_t r = 0; r < gradient.rows; ++r) {
        for (std::size_t c = 0; c < gradient.channels; ++c)
          gradient(r, c) = std::sin(static_cast<float>((blocks.first(block) + r) * gradient.channels + c));
      }
    });
    plan.backward(worker, batch, [] { return true; });
  });
  std::vector<std::uint64_t> batches(statistic_slots(network).size());
  plan.update_running(kRows, statistics, batches);
  found.statistics = statistics;
  return found;
}

// What `find` gives on each rank, which it is told.
template <class Find>
auto on_ranks(std::size_t ranks, const Find& find) {
  ThreadRanks shared(ranks);
  std::vector<decltype(find(nullptr))> found(ranks);
  std::vector<std::thread> processes;
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    processes.emplace_back([&, rank] {
      Exchange exchange(shared.transport(rank), 20);
      found[rank] = find(&exchange);
      EXPECT_EQ(exchange.problem(), "");
      exchange.any(false);  // nobody leaves while others still wait for its messages
    });
  }
  for (std::thread& process : processes) process.join();
  return found;
}

std::vector<Found> find_on_ranks(const Network& network, std::size_t ranks, std::size_t threads,
                                 bool weighted, bool apart = false) {
  return on_ranks(ranks, [&](Exchange* exchange) {
    return find(network, threads, {exchange, apart}, weighted);
  });
}

class RankPlanOf : public testing::TestWithParam<testing_networks::Case> {};

TEST_P(RankPlanOf, has_the_same_gradients_on_any_number_of_ranks_and_threads) {
  const Network& network = GetParam().network;
  for (const bool weighted : {false, true}) {
    const Found one = find_on_ranks(network, 1, 1, weighted).front();
    for (const std::size_t ranks : {1, 2, 3, 4, 7}) {
      for (const Found& found : find_on_ranks(network, ranks, ranks % 2 + 1, weighted))
        ASSERT_EQ(found, one) << ranks << " ranks";
    }
    // Added up otherwise than by one process, but the same sums.
    const Found alone = find(network, 2, {}, weighted);
    EXPECT_EQ(one.statistics, alone.statistics);
    float largest = 0;
    for (const float each : alone.gradients) largest = std::max(largest, std::abs(each));
    for (std::size_t i = 0; i < alone.gradients.size(); ++i)
      ASSERT_NEAR(one.gradients[i], alone.gradients[i], 2e-5 * largest);
  }
}

INSTANTIATE_TEST_SUITE_P(RankPlan, RankPlanOf, testing::ValuesIn(testing_networks::with_images()),
                         [](const auto& network) {
                           std::string name = network.param.name;
                           std::ranges::replace(name, ' ', '_');
                           return name;
                         });

// In use, and measuring what is used: each rank makes a part, and all get what one process does.
TEST_P(RankPlanOf, in_use_gives_every_rank_what_one_process_gives) {
  const Network& network = GetParam().network;
  constexpr std::size_t kMany = 4500, kThreads = 2;  // more rows than are shared at one time
  const std::vector<float> parameters = testing_networks::random_parameters(network);
  const std::vector<double> statistics = testing_networks::random_statistics(network);
  const std::vector<float> x = testing_networks::random_inputs(network, kMany);
  std::vector<float> weights(kMany);
  for (std::size_t r = 0; r < kMany; ++r) weights[r] = static_cast<float>(r % 3);
  for (const bool weighted : {false, true}) {
    const Batch batch{
        {nullptr, x.data(), network.inputs}, nullptr, kMany, nullptr, weighted ? weights.data() : nullptr};
    const auto outputs = [&](Exchange* ranks) {
      Team team(kThreads);
      InferencePlan plan(network, kMany, kThreads, parameters.data(), statistics.data(), ranks);
      const std::size_t channels = plan.stages().back().outputs;
      std::vector<float> all(kMany * channels);
      plan.run(team, batch, [&](const Worker&, std::size_t, std::size_t first, kernels::View out) {
        for (std::size_t r = 0; r < out.rows; ++r)
          std::copy_n(out.row(r), channels, all.data() + (first + r) * channels);
      });
      return all;
    };
    const auto measured = [&](Exchange* ranks) {
      Team team(kThreads);
      std::vector<double> found = statistics;
      std::vector<std::uint64_t> batches(statistic_slots(network).size());
      EXPECT_FALSE(measure_population(network, parameters.data(), batch, team, found, batches, ranks));
      return found;
    };
    const std::vector<float> one = outputs(nullptr);
    const std::vector<double> population = measured(nullptr);
    for (const std::size_t ranks : {2, 3}) {
      for (const std::vector<float>& each : on_ranks(ranks, outputs)) ASSERT_EQ(each, one) << ranks;
      for (const std::vector<double>& each : on_ranks(ranks, measured)) ASSERT_EQ(each, population) << ranks;
    }
  }
}

// Normalised by each rank's rows: as two processes that each see half of the batch, whose gradients are added
// up.
TEST(RankPlan, ranks_that_are_apart_are_two_batches_with_one_gradient) {
  const Network network = dense_network({.inputs = 5, .outputs = 3, .hidden = {7, 6}});
  for (const bool weighted : {false, true}) {
    const std::vector<Found> together = find_on_ranks(network, 1, 1, weighted);
    const std::vector<Found> apart = find_on_ranks(network, 2, 2, weighted, true);
    EXPECT_EQ(apart[0], apart[1]);
    EXPECT_EQ(apart, find_on_ranks(network, 2, 1, weighted, true));
    EXPECT_NE(apart[0], together[0]);
  }
}

TEST(RankPlan, a_rank_without_rows_of_its_own_does_no_harm) {
  const Network network = dense_network({.inputs = 5, .outputs = 3, .hidden = {7}});
  const Found one = find_on_ranks(network, 1, 1, false).front();
  const std::vector<Found> found = find_on_ranks(network, 7, 1, false, true);
  EXPECT_NE(found.front(), one);
  for (const Found& each : found) EXPECT_EQ(each, found.front());
  for (const float gradient : found.front().gradients) EXPECT_TRUE(std::isfinite(gradient));
}

}  // namespace
}  // namespace ztilde
