#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "ztilde/batch_norm.hpp"
#include "ztilde/error.hpp"

namespace ztilde::batch_norm {
namespace {

using Numbers = std::vector<double>;

TEST(RunningStatistics, keep_weighs_the_old_value) {
  Numbers mean = {1, 2}, variance = {3, 4};
  EXPECT_TRUE(
      update_running(Numbers{5, 6}, Numbers{7, 8}, 2, 0.75, VarianceKind::population, mean, variance));
  EXPECT_EQ(mean, (Numbers{0.75 * 1 + 0.25 * 5, 0.75 * 2 + 0.25 * 6}));
  EXPECT_EQ(variance, (Numbers{0.75 * 3 + 0.25 * 7, 0.75 * 4 + 0.25 * 8}));
}

TEST(RunningStatistics, the_unbiased_kind_keeps_rows_over_rows_minus_one_times_the_variance) {
  Numbers mean = {0}, variance = {0};
  EXPECT_TRUE(update_running(Numbers{1}, Numbers{8}, 5, 0, VarianceKind::unbiased, mean, variance));
  EXPECT_EQ(variance[0], 10);
  EXPECT_TRUE(update_cumulative(Numbers{1}, Numbers{8}, 5, 1, VarianceKind::unbiased, mean, variance));
  EXPECT_EQ(variance[0], 10);
}

TEST(RunningStatistics, a_batch_that_is_not_finite_changes_nothing) {
  for (const double trouble : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    for (const bool in_mean : {true, false}) {
      Numbers mean = {1, 2}, variance = {3, 4};
      const Numbers batch_mean = {5, in_mean ? trouble : 6}, batch_variance = {7, in_mean ? 8 : trouble};
      EXPECT_FALSE(
          update_running(batch_mean, batch_variance, 9, 0.9, VarianceKind::population, mean, variance));
      EXPECT_FALSE(
          update_cumulative(batch_mean, batch_variance, 9, 3, VarianceKind::population, mean, variance));
      EXPECT_EQ(mean, (Numbers{1, 2}));
      EXPECT_EQ(variance, (Numbers{3, 4}));
    }
  }
}

TEST(RunningStatistics, cumulative_is_the_plain_average_of_all_batches) {
  Numbers mean = {99}, variance = {std::nan("")};  // what was there before the first batch does not matter
  for (std::uint64_t batch = 1; batch <= 8; ++batch) {
    const auto value = static_cast<double>(batch);
    EXPECT_TRUE(update_cumulative(Numbers{value}, Numbers{value * value}, 2, batch, VarianceKind::population,
                                  mean, variance));
  }
  EXPECT_NEAR(mean[0], 4.5, 1e-14);
  EXPECT_NEAR(variance[0], 204.0 / 8, 1e-13);
}

TEST(RunningStatistics, what_cannot_work_is_refused) {
  Numbers one = {1}, two = {1, 2}, also = {3};
  EXPECT_THROW(update_running(two, one, 2, 0.9, VarianceKind::population, one, also), Error);
  EXPECT_THROW(update_running(one, one, 2, 1.1, VarianceKind::population, one, also), Error);
  EXPECT_THROW(update_running(one, one, 2, std::nan(""), VarianceKind::population, one, also), Error);
  EXPECT_THROW(update_running(one, one, 1, 0.9, VarianceKind::unbiased, one, also), Error);
  EXPECT_THROW(update_running(one, one, 0.0, 0.9, one, also), Error);
  EXPECT_THROW(update_cumulative(one, one, 2, 0, VarianceKind::population, one, also), Error);
  EXPECT_THROW(pool(1, two, one, 1, one, one), Error);
}

TEST(RunningStatistics, pooling_with_an_empty_group_keeps_the_other) {
  Numbers mean = {std::nan("")}, variance = {7};
  pool(0, mean, variance, 3, Numbers{2}, Numbers{5});
  EXPECT_EQ(mean[0], 2);
  EXPECT_EQ(variance[0], 5);
  pool(3, mean, variance, 0, Numbers{std::nan("")}, Numbers{0});
  EXPECT_EQ(mean[0], 2);
  EXPECT_EQ(variance[0], 5);
}

}  // namespace
}  // namespace ztilde::batch_norm
