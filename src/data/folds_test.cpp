#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/test_support.hpp"
#include "data/split.hpp"

namespace ztilde {
namespace {

// Rows sorted by class, the worst case for folds that are ranges of rows.
Dataset classified(const std::vector<std::size_t>& sizes) {
  Dataset data;
  for (std::size_t c = 0; c < sizes.size(); ++c) {
    data.classes.push_back("class " + std::to_string(c));
    data.targets.insert(data.targets.end(), sizes[c], static_cast<float>(c));
  }
  data.rows = data.targets.size();
  return data;
}

Dataset numbers(std::size_t rows) {
  Dataset data;
  data.rows = rows;
  data.task = Task::regress;
  data.targets.assign(rows, 0.5f);
  return data;
}

TEST(Folds, hold_every_row_exactly_once) {
  for (const Dataset& data : {classified({50, 30, 20, 7}), classified({2, 2}), numbers(107)}) {
    for (const std::size_t folds : {std::size_t{2}, std::size_t{3}, std::size_t{4}}) {
      const auto parts = cut_into_folds(data, folds, 3);
      ASSERT_EQ(parts.size(), folds);
      std::multiset<std::uint32_t> seen;
      for (const auto& part : parts) {
        EXPECT_TRUE(std::ranges::is_sorted(part));
        seen.insert(part.begin(), part.end());
      }
      ASSERT_EQ(seen.size(), data.rows);
      std::uint32_t expected = 0;
      for (const std::uint32_t row : seen) ASSERT_EQ(row, expected++);
    }
  }
}

TEST(Folds, have_the_same_rows_of_each_class_and_in_all_but_for_one) {
  const std::vector<std::size_t> sizes = {503, 31, 20, 7, 2};
  const Dataset data = classified(sizes);
  for (const std::size_t folds : {std::size_t{2}, std::size_t{5}, std::size_t{7}, std::size_t{10}}) {
    for (const auto& part : cut_into_folds(data, folds, 1)) {
      EXPECT_NEAR(static_cast<double>(part.size()), 563.0 / static_cast<double>(folds), 1);
      std::vector<std::size_t> counts(sizes.size());
      for (const std::uint32_t row : part) ++counts[static_cast<std::size_t>(data.targets[row])];
      for (std::size_t c = 0; c < sizes.size(); ++c) {
        EXPECT_LT(std::abs(static_cast<double>(counts[c]) -
                           static_cast<double>(sizes[c]) / static_cast<double>(folds)),
                  1);
      }
    }
  }
}

TEST(Folds, depend_on_the_seed_alone_and_are_no_ranges_of_rows) {
  const Dataset data = numbers(100);
  EXPECT_EQ(cut_into_folds(data, 5, 7), cut_into_folds(data, 5, 7));
  EXPECT_NE(cut_into_folds(data, 5, 7), cut_into_folds(data, 5, 8));
  const auto first = cut_into_folds(data, 2, 7).front();
  EXPECT_GT(first.back() - first.front(), 60u);
  // Nor the rows that split_rows() holds out with the same seed.
  EXPECT_NE(split_rows(data, 0.5, 7).valid, first);
}

TEST(Folds, refuse_what_cannot_validate) {
  const TemporaryFolder folder;
  const auto refusal = [&](const Dataset& data, std::size_t folds) {
    return failure(folder, [&] { cut_into_folds(data, folds, 0); });
  };
  EXPECT_EQ(refusal(numbers(9), 1), "data: 1 fold cannot validate each other; give at least 2");
  EXPECT_EQ(refusal(numbers(9), 10), "data: 10 folds of 9 rows would leave some empty; give at most 9");
  EXPECT_EQ(refusal(classified({9, 1}), 3),
            "data: class 'class 1' has 1 row, and folds need 2 of each class, one to learn from and one to "
            "validate with; leave it out or give more rows");
  EXPECT_EQ(refusal(numbers(9), 9), "no error");
  EXPECT_EQ(refusal(classified({9, 0, 2}), 5), "no error");
}

TEST(Split, of_some_rows_is_that_of_a_data_set_of_these_alone) {
  const Dataset data = classified({30, 30, 30});
  std::vector<std::uint32_t> odd;
  for (std::uint32_t row = 1; row < 90; row += 2) odd.push_back(row);
  const Split some = split_these_rows(data, odd, 0.2, 5),
              alone = split_rows(classified({15, 15, 15}), 0.2, 5);
  ASSERT_EQ(some.valid.size(), 9u);
  for (std::size_t i = 0; i < 9; ++i) EXPECT_EQ(some.valid[i], odd[alone.valid[i]]);
}

}  // namespace
}  // namespace ztilde
