#include "lab/data.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/test_support.hpp"
#include "data/rows_of.hpp"

namespace ztilde::lab {
namespace {

// Row r holds r; sorted by its class, as files often are.
Dataset numbered(std::size_t rows) {
  Dataset data;
  data.rows = rows;
  data.columns = 1;
  data.column_names = {"r"};
  data.classes = {"a", "b"};
  for (std::size_t r = 0; r < rows; ++r) {
    data.floats.push_back(static_cast<float>(r));
    data.targets.push_back(r < rows / 2 ? 0 : 1);
    data.weights.push_back(static_cast<float>(r + 1));
  }
  return data;
}

TEST(LabData, takes_whole_rows_in_the_order_asked_for) {
  const std::uint32_t rows[] = {7, 2};
  const Dataset taken = rows_of(numbered(10), rows);
  EXPECT_EQ(taken.rows, 2u);
  EXPECT_EQ(taken.floats, (std::vector<float>{7, 2}));
  EXPECT_EQ(taken.targets, (std::vector<float>{1, 0}));
  EXPECT_EQ(taken.weights, (std::vector<float>{8, 3}));
  EXPECT_EQ(taken.classes, numbered(10).classes);
  EXPECT_EQ(first_rows(numbered(10), 100).rows, 10u);
}

TEST(LabData, splits_own_rows_into_parts_that_share_none_and_lose_none) {
  const Data data = own_data(numbered(200), "t.csv", 3);
  EXPECT_EQ(data.train.rows, 120u);
  EXPECT_EQ(data.valid.rows, 40u);
  EXPECT_EQ(data.test.rows, 40u);
  std::multiset<float> all;
  for (const Dataset* part : {&data.train, &data.valid, &data.test})
    all.insert(part->floats.begin(), part->floats.end());
  const Dataset rows = numbered(200);
  EXPECT_EQ(all, std::multiset<float>(rows.floats.begin(), rows.floats.end()));
  // The first rows of a sorted file are a fair sample too.
  const Dataset first = first_rows(data.train, 40);
  const auto ones = std::ranges::count(first.targets, 1.0f);
  EXPECT_GT(ones, 8);
  EXPECT_LT(ones, 32);
  EXPECT_NE(own_data(numbered(200), "t.csv", 4).test.floats, data.test.floats);
  EXPECT_EQ(own_data(numbered(200), "t.csv", 3).test.floats, data.test.floats);
}

TEST(LabData, says_what_is_missing) {
  const TemporaryFolder folder;
  EXPECT_EQ(failure(folder, [&] { own_data(numbered(99), "t.csv", 0); }),
            "data: t.csv: 99 rows are too few to compare anything; the lab wants at least 100");
  EXPECT_EQ(
      failure(folder, [&] { fashion_mnist(0, folder / "none"); }),
      "io: none: the lab's images are not there; install Debian's package dataset-fashion-mnist, or give "
      "rows of your own with --data");
}

}  // namespace
}  // namespace ztilde::lab
