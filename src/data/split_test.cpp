#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

#include "base/test_support.hpp"
#include "ztilde/dataset.hpp"

namespace ztilde {
namespace {

Dataset classified(const std::vector<std::size_t>& sizes) {
  Dataset data;
  data.task = Task::classify;
  // Interleaved, so that a class is not a range of rows.
  std::vector<std::size_t> left = sizes;
  for (bool any = true; any;) {
    any = false;
    for (std::size_t c = 0; c < left.size(); ++c) {
      if (left[c] == 0) continue;
      --left[c];
      any = true;
      data.targets.push_back(static_cast<float>(c));
    }
  }
  data.rows = data.targets.size();
  return data;
}

Dataset plain(std::size_t rows) {
  Dataset data;
  data.rows = rows;
  data.task = Task::regress;
  data.targets.assign(rows, 0.5f);
  return data;
}

std::vector<std::size_t> held_out(const Dataset& data, const Split& split, std::size_t classes) {
  std::vector<std::size_t> counts(classes);
  for (const std::uint32_t row : split.valid) ++counts[static_cast<std::size_t>(data.targets[row])];
  return counts;
}

using Counts = std::vector<std::size_t>;

TEST(Split, parts_are_sorted_and_together_hold_every_row_once) {
  for (const Dataset& data : {classified({50, 30, 20, 7}), plain(107)}) {
    const Split split = split_rows(data, 0.25, 3);
    EXPECT_TRUE(std::ranges::is_sorted(split.train));
    EXPECT_TRUE(std::ranges::is_sorted(split.valid));
    std::set<std::uint32_t> all(split.train.begin(), split.train.end());
    all.insert(split.valid.begin(), split.valid.end());
    EXPECT_EQ(all.size(), 107u);
    EXPECT_EQ(*all.rbegin(), 106u);
    EXPECT_EQ(split.train.size() + split.valid.size(), 107u);
    EXPECT_EQ(split.valid.size(), 27u);  // 26.75
  }
}

TEST(Split, gives_each_class_its_share_and_the_rounding_to_the_largest_remainders) {
  const Dataset data = classified({50, 33, 14, 3});
  // 12.5, 8.25, 3.5, 0.75 of 25 in all: 12, 8, 3, 0 and one more for the classes 3 and 0.
  EXPECT_EQ(held_out(data, split_rows(data, 0.25, 1), 4), (Counts{13, 8, 3, 1}));
}

TEST(Split, leaves_every_class_a_row_to_train_on) {
  const Dataset data = classified({1, 1, 2, 6});
  EXPECT_EQ(held_out(data, split_rows(data, 0.9, 1), 4), (Counts{0, 0, 1, 5}));
  EXPECT_EQ(held_out(data, split_rows(data, 0.3, 1), 4), (Counts{0, 0, 1, 2}));
}

TEST(Split, takes_a_tenth_of_a_thousand_rows_of_any_mixture) {
  for (const Counts& sizes : {Counts{500, 500}, Counts{995, 5}, Counts{333, 333, 334}, Counts(100, 10)}) {
    EXPECT_EQ(split_rows(classified(sizes), 0.1, 1).valid.size(), 100u);
  }
}

TEST(Split, depends_on_the_seed_alone) {
  const Dataset data = classified({50, 50});
  EXPECT_EQ(split_rows(data, 0.2, 7).valid, split_rows(data, 0.2, 7).valid);
  EXPECT_NE(split_rows(data, 0.2, 7).valid, split_rows(data, 0.2, 8).valid);
}

TEST(Split, passes_over_a_class_index_without_rows) {
  Dataset data = classified({6, 6});
  for (float& target : data.targets) target *= 5;
  const Split split = split_rows(data, 0.5, 0);
  EXPECT_EQ(split.valid.size(), 6u);
}

TEST(Split, refuses_to_leave_a_side_empty) {
  const TemporaryFolder folder;
  const auto refusal = [&](const Dataset& data, double fraction) {
    return failure(folder, [&] { split_rows(data, fraction, 0); });
  };
  const std::string outside = " leaves no rows on one side; choose one between 0 and 1, both excluded";
  EXPECT_EQ(refusal(plain(10), 0), "data: a validation fraction of 0" + outside);
  EXPECT_EQ(refusal(plain(10), 1), "data: a validation fraction of 1" + outside);
  EXPECT_EQ(refusal(plain(10), -0.5), "data: a validation fraction of -0.5" + outside);
  EXPECT_EQ(refusal(plain(10), std::nan("")), "data: a validation fraction of nan" + outside);
  EXPECT_EQ(refusal(plain(4), 0.1),
            "data: a validation fraction of 0.1 of 4 rows holds out no row; choose a larger fraction, or 0 "
            "to train "
            "without validation");
  EXPECT_EQ(
      refusal(classified({1, 1, 1}), 0.5),
      "data: a validation fraction of 0.5 of 3 rows holds out no row (every class keeps a row for training); "
      "choose a larger fraction, or 0 to train without validation");
  EXPECT_EQ(refusal(plain(0), 0.5),
            "data: a validation fraction of 0.5 of 0 rows holds out no row; choose a larger fraction, or 0 "
            "to train "
            "without validation");
  EXPECT_EQ(split_rows(plain(10), 0.99, 0).train.size(), 1u);
}

}  // namespace
}  // namespace ztilde
