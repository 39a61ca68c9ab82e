#include "lab/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace ztilde::lab {
namespace {

TEST(Seeds, mean_deviation_and_interval_are_those_of_the_books) {
  const std::vector<double> values = {2, 4, 4, 4, 6};
  EXPECT_DOUBLE_EQ(mean(values), 4);
  EXPECT_DOUBLE_EQ(deviation(values), std::sqrt(2));
  EXPECT_NEAR(interval(values), 2.776 * std::sqrt(2.0 / 5), 1e-12);
  EXPECT_DOUBLE_EQ(median(std::vector<double>{9, 1, 5}), 5);
  EXPECT_DOUBLE_EQ(median(std::vector<double>{9, 1, 5, 6}), 5.5);
  EXPECT_EQ(deviation(std::vector<double>{3}), 0);
  EXPECT_EQ(interval(std::vector<double>{3}), 0);
  EXPECT_TRUE(std::isnan(mean(std::vector<double>{})));
}

TEST(Numbers, are_told_to_two_digits) {
  EXPECT_EQ(two_digits(0), "0");
  EXPECT_EQ(two_digits(0.00031623), "0.00032");
  EXPECT_EQ(two_digits(3.1623), "3.2");
  EXPECT_EQ(two_digits(9.96), "10");
  EXPECT_EQ(two_digits(99.7), "100");
  EXPECT_EQ(two_digits(371.1), "370");
  EXPECT_EQ(two_digits(-44'440), "-44,000");
  EXPECT_EQ(two_digits(3.563e6), "3,600,000");
  EXPECT_EQ(two_digits(1.525e11), "1.5e11");
  EXPECT_EQ(two_digits(1.2e-7), "1.2e-07");
}

TEST(Seeds, pairs_count_as_pairs) {
  // The seeds differ more from each other than the arms do.
  const Paired result = paired(std::vector<double>{11, 21, 31}, std::vector<double>{10, 20, 31});
  EXPECT_EQ(result.pairs, 3u);
  EXPECT_EQ(result.wins, 2u);
  EXPECT_NEAR(result.mean, 2.0 / 3, 1e-12);
  EXPECT_NEAR(result.interval, 4.303 / 3, 1e-12);  // deviation 1/√3, of the mean 1/3
}

}  // namespace
}  // namespace ztilde::lab
