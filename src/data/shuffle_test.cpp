#include "data/shuffle.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

namespace ztilde {
namespace {

using Rows = std::vector<std::uint32_t>;

Rows shuffled(const Rows& rows, std::uint64_t seed, std::uint64_t epoch) {
  Rows out(rows.size());
  shuffle(rows, seed, epoch, out);
  return out;
}

Rows counting(std::size_t size) {
  Rows rows(size);
  std::iota(rows.begin(), rows.end(), 100u);
  return rows;
}

TEST(Shuffle, is_fisher_yates_with_the_numbers_of_its_stream) {
  for (std::size_t size = 0; size < 70; ++size) {
    Rows expected = counting(size);
    const RandomStream stream(17, Purpose::shuffle, 0, 3);
    for (std::uint32_t i = static_cast<std::uint32_t>(size); i-- > 1;) {
      std::swap(expected[i], expected[stream.below(i + 1, i)]);
    }
    EXPECT_EQ(shuffled(counting(size), 17, 3), expected);
  }
}

TEST(Shuffle, keeps_every_row_and_depends_on_seed_and_epoch) {
  const Rows rows = counting(1000);
  const Rows first = shuffled(rows, 1, 0);
  Rows sorted = first;
  std::ranges::sort(sorted);
  EXPECT_EQ(sorted, rows);
  EXPECT_NE(first, rows);
  EXPECT_EQ(shuffled(rows, 1, 0), first);
  EXPECT_NE(shuffled(rows, 1, 1), first);
  EXPECT_NE(shuffled(rows, 2, 0), first);
}

TEST(Shuffle, works_in_place) {
  Rows rows = counting(50);
  const Rows expected = shuffled(rows, 5, 6);
  shuffle(rows, 5, 6, rows);
  EXPECT_EQ(rows, expected);
}

// A golden order: a change of it changes every training run.
TEST(Shuffle, gives_the_order_it_always_gave) {
  Rows rows(10);
  std::iota(rows.begin(), rows.end(), 0u);
  EXPECT_EQ(shuffled(rows, 0, 0), (Rows{0, 1, 6, 8, 9, 2, 5, 7, 4, 3}));
}

TEST(Shuffle, makes_all_orders_about_equally_often) {
  constexpr int kEpochs = 24000, kOrders = 24;
  std::map<Rows, double> counts;
  for (std::uint64_t epoch = 0; epoch < kEpochs; ++epoch) ++counts[shuffled(Rows{0, 1, 2, 3}, 8, epoch)];
  ASSERT_EQ(counts.size(), static_cast<std::size_t>(kOrders));
  double chi_square = 0;
  for (const auto& [order, count] : counts) chi_square += (count - 1000) * (count - 1000) / 1000;
  EXPECT_LT(chi_square, 49.7);  // the 99.9 % point for 23 degrees of freedom
}

}  // namespace
}  // namespace ztilde
