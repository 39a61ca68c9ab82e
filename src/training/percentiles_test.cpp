#include "training/percentiles.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/random.hpp"

namespace ztilde {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;

TEST(Percentiles, are_numpys) {
  // np.percentile(x, [15, 50, 85]) of numpy 1.24.
  EXPECT_THAT(percentiles(std::vector<float>{4, 1, 3, 2}),
              ElementsAre(DoubleEq(1.45), DoubleEq(2.5), DoubleEq(3.55)));
  EXPECT_THAT(percentiles(std::vector<float>{-1, 7}), ElementsAre(DoubleEq(0.2), DoubleEq(3), DoubleEq(5.8)));
  EXPECT_THAT(percentiles(std::vector<float>{-2.5f}), ElementsAre(-2.5, -2.5, -2.5));
}

TEST(Percentiles, of_any_numbers_are_those_of_the_sorted_ones) {
  const RandomStream stream(3, Purpose::initialise, 0, 0);
  for (const std::size_t count : {1u, 2u, 3u, 5u, 64u, 1001u, 30000u}) {
    for (const double scale : {1e-30, 1e-3, 1.0, 1e30}) {
      for (const double centre : {0.0, 1e6}) {
        std::vector<float> numbers(count);
        for (std::size_t i = 0; i < count; ++i) {
          numbers[i] = static_cast<float>(scale * (stream.normal(i) + centre));
          if (i % 7 == 0) numbers[i] = i % 2 ? 0.0f : -0.0f;  // the same ones again and again
        }
        const std::array<double, 3> found = percentiles(numbers);
        std::vector<double> sorted(numbers.begin(), numbers.end());
        std::ranges::sort(sorted);
        for (std::size_t i = 0; i < found.size(); ++i) {
          ASSERT_EQ(found[i], percentile(sorted, kShares[i])) << count << ", " << scale << ", " << centre;
        }
      }
    }
  }
}

TEST(Percentiles, of_numbers_that_are_none_end) {
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(percentiles(std::vector<float>{nan, -infinity, 1, 2, infinity, nan, 3})[1], 3);
  EXPECT_TRUE(std::isnan(percentiles(std::vector<float>{nan, nan})[1]));
}

}  // namespace
}  // namespace ztilde
