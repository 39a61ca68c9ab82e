#include "data/window_order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "data/shuffle.hpp"

namespace ztilde {
namespace {

struct Epoch {
  std::vector<std::uint32_t> order;
  std::vector<std::size_t> ends;
};

Epoch epoch_of(const std::vector<std::uint32_t>& rows, const WindowOrder& how, std::uint64_t seed,
               std::uint64_t epoch) {
  Epoch made{std::vector<std::uint32_t>(rows.size()), {}};
  made.ends = shuffle_in_windows(rows, how, seed, epoch, made.order);
  return made;
}

// All rows but those of every fifth block and every 7th row.
std::vector<std::uint32_t> some_rows(std::uint32_t rows, std::uint32_t block_rows) {
  std::vector<std::uint32_t> some;
  for (std::uint32_t row = 0; row < rows; ++row)
    if (row / block_rows % 5 != 2 && row % 7 != 3) some.push_back(row);
  return some;
}

TEST(WindowOrder, an_epoch_has_every_row_once) {
  for (const std::size_t window : {1, 2, 3, 10, 100}) {
    const std::vector<std::uint32_t> rows = some_rows(1003, 16);
    Epoch made = epoch_of(rows, {16, window}, 3, 1);
    EXPECT_EQ(made.ends.back(), rows.size());
    std::ranges::sort(made.order);
    EXPECT_EQ(made.order, rows) << window;
  }
}

TEST(WindowOrder, a_window_has_the_rows_of_no_more_blocks_than_it_may) {
  const std::vector<std::uint32_t> rows = some_rows(1003, 16);
  const Epoch made = epoch_of(rows, {16, 4}, 3, 1);
  std::set<std::uint32_t> met;
  std::size_t begin = 0;
  for (const std::size_t end : made.ends) {
    std::set<std::uint32_t> blocks;
    for (std::size_t r = begin; r < end; ++r) blocks.insert(made.order[r] / 16);
    EXPECT_LE(blocks.size(), 4u);
    EXPECT_GE(blocks.size(), 3u);  // nearly as many in each
    for (const std::uint32_t block : blocks) EXPECT_TRUE(met.insert(block).second) << "in two windows";
    begin = end;
  }
}

TEST(WindowOrder, one_window_is_the_order_of_rows_in_memory) {
  const std::vector<std::uint32_t> rows = some_rows(1003, 16);
  std::vector<std::uint32_t> expected(rows.size());
  shuffle(rows, 9, 4, expected);
  EXPECT_EQ(epoch_of(rows, {16, 1000}, 9, 4).order, expected);
}

TEST(WindowOrder, windows_and_rows_differ_from_epoch_to_epoch_and_depend_on_nothing_else) {
  const std::vector<std::uint32_t> rows = some_rows(1003, 16);
  const auto blocks_of_first = [](const Epoch& made) {
    std::set<std::uint32_t> blocks;
    for (std::size_t r = 0; r < made.ends[0]; ++r) blocks.insert(made.order[r] / 16);
    return blocks;
  };
  const Epoch first = epoch_of(rows, {16, 4}, 3, 0), second = epoch_of(rows, {16, 4}, 3, 1);
  EXPECT_NE(blocks_of_first(first), blocks_of_first(second));
  EXPECT_EQ(epoch_of(rows, {16, 4}, 3, 1).order, second.order);
  EXPECT_NE(epoch_of(rows, {16, 4}, 4, 1).order, second.order);
}

}  // namespace
}  // namespace ztilde
