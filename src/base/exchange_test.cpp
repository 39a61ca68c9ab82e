#include "base/exchange.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/cut.hpp"
#include "base/thread_transport.hpp"

namespace ztilde {
namespace {

using testing::HasSubstr;

void on_ranks(ThreadRanks& shared, std::size_t ranks, double seconds,
              const std::function<void(Exchange&)>& body) {
  std::vector<std::thread> threads;
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      Exchange exchange(shared.transport(rank), seconds);
      body(exchange);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// The sum of lanes of awkward floats, by so many ranks.
std::vector<float> sum_of_lanes(std::size_t lanes, std::size_t ranks, std::size_t floats) {
  const Cut dealt{lanes, ranks};
  std::vector<std::vector<float>> totals(ranks, std::vector<float>(floats));
  ThreadRanks shared(ranks);
  on_ranks(shared, ranks, 20, [&](Exchange& exchange) {
    LaneSum sum{.floats = floats,
                .own = nullptr,
                .total = totals[exchange.rank()].data(),
                .all = {},
                .of_rank = {},
                .lanes = lanes};
    std::vector<LaneRange> mine;
    for (std::size_t rank = 0; rank < ranks; ++rank) {
      const LaneRange own{dealt.first(rank), dealt.first(rank) + dealt.size(rank)};
      std::vector<LaneRange> nodes;
      whole_nodes({0, lanes}, own, nodes);
      if (rank == exchange.rank()) mine = nodes;
      sum.all.insert(sum.all.end(), nodes.begin(), nodes.end());
      sum.of_rank.push_back(nodes.size());
    }
    std::vector<float> own(mine.size() * floats), levels((tree_depth(lanes) + 1) * floats);
    for (std::size_t n = 0; n < mine.size(); ++n) {
      const auto known = [&](LaneRange node, std::size_t level) -> const float* {
        if (node.lanes() > 1) return nullptr;
        for (std::size_t i = 0; i < floats; ++i)
          levels[level * floats + i] = std::sin(static_cast<float>(node.first * floats + i)) * 1e3f;
        return levels.data() + level * floats;
      };
      sum_of_node(mine[n], 0, known, [&](const float* left, const float* right, std::size_t level) {
        for (std::size_t i = 0; i < floats; ++i) levels[level * floats + i] = left[i] + right[i];
        return levels.data() + level * floats;
      });
      std::copy_n(levels.data(), floats, own.data() + n * floats);
    }
    sum.own = own.data();
    exchange.begin_sum(sum);
    EXPECT_TRUE(exchange.finish_sums()) << exchange.problem();
    exchange.any(false);
  });
  for (const std::vector<float>& total : totals) EXPECT_EQ(total, totals.front());
  return totals.front();
}

TEST(Exchange, sums_have_the_same_bits_on_any_number_of_ranks) {
  for (const std::size_t lanes : {1, 5, 8, 13}) {
    const std::vector<float> one = sum_of_lanes(lanes, 1, 1000);
    for (const std::size_t ranks : {2, 3, 4, 8}) EXPECT_EQ(sum_of_lanes(lanes, ranks, 1000), one) << lanes;
  }
}

TEST(Exchange, more_ranks_than_numbers_or_lanes_do_no_harm) {
  EXPECT_EQ(sum_of_lanes(2, 4, 3), sum_of_lanes(2, 1, 3));
}

TEST(Exchange, every_rank_gets_the_parts_of_all) {
  ThreadRanks shared(3);
  shared.delay(1, 2, 50);
  on_ranks(shared, 3, 20, [](Exchange& exchange) {
    std::vector<int> numbers(7);
    const std::vector<std::size_t> ends = {0, 2 * sizeof(int), 7 * sizeof(int)};  // the first has nothing
    const std::size_t first = exchange.rank() == 0 ? 0 : ends[exchange.rank() - 1] / sizeof(int);
    for (std::size_t i = first; i < ends[exchange.rank()] / sizeof(int); ++i)
      numbers[i] = static_cast<int>(i + 1);
    EXPECT_TRUE(exchange.gather({{reinterpret_cast<std::byte*>(numbers.data()), ends}}));
    EXPECT_THAT(numbers, testing::ElementsAre(1, 2, 3, 4, 5, 6, 7));
    EXPECT_TRUE(exchange.any(exchange.rank() == 2));
    EXPECT_FALSE(exchange.any(false));
    const std::string word = exchange.rank() == 0 ? "what the first one has" : "";
    EXPECT_EQ(exchange.of_first(word), "what the first one has");
    EXPECT_EQ(exchange.of_first(""), "");
  });
}

TEST(Exchange, a_rank_that_stops_answering_is_named_and_nobody_waits_on) {
  ThreadRanks shared(3);
  shared.stop(1);
  on_ranks(shared, 3, 1, [](Exchange& exchange) {
    exchange.any(false);
    EXPECT_TRUE(exchange.failed());
    if (exchange.rank() != 1) {
      EXPECT_THAT(exchange.problem(), HasSubstr("rank 1"));
    }
    EXPECT_FALSE(exchange.finish_sums());  // at once
  });
}

TEST(Exchange, a_rank_that_dies_is_named) {
  ThreadRanks shared(2);
  on_ranks(shared, 2, 20, [&](Exchange& exchange) {
    exchange.any(false);
    if (exchange.rank() == 1) return shared.vanish(1);
    exchange.any(false);
    EXPECT_THAT(exchange.problem(), HasSubstr("rank 1"));
  });
}

}  // namespace
}  // namespace ztilde
