#include <gtest/gtest.h>

#include "kernels/block_kernels_reference.hpp"
#include "kernels/kernels_test_support.hpp"

namespace ztilde::kernels::test {
namespace {

// Around one and several vectors of doubles.
constexpr std::size_t kCounts[] = {1, 3, 7, 8, 9, 16, 21};
constexpr double kWideUnit = 0x1p-53;

std::vector<double> doubles(std::size_t n, double mean, double deviation, unsigned seed) {
  const std::vector<float> values = normal_vector(n, 0, 1, seed);
  std::vector<double> result;
  for (const float value : values) result.push_back(mean + deviation * value);
  return result;
}

TEST(Affine, equals_the_reference_rounded_once) {
  for (const std::size_t n : kCounts) {
    for (const double offset : {0.0, 1.0, 1e7}) {
      for (const double size : {1e-20, 1.0, 1e15}) {
        const std::vector<double> mean = doubles(n, offset * size, size, 1);
        std::vector<double> variance = doubles(n, 0, size, 2);
        for (double& v : variance) v *= v;
        const std::vector<float> gamma = normal_vector(n, 1, 1, 3), beta = normal_vector(n, 0, 1, 4);
        on_every_target([&] {
          std::vector<float> centre(n + 1, kGuard), scale(n + 1, kGuard), shift(n + 1, kGuard);
          std::vector<double> inv_std(n + 1, kGuard);
          make_affine(n, mean.data(), variance.data(), 1e-5, gamma.data(), beta.data(), centre.data(),
                      scale.data(), shift.data(), inv_std.data());
          ASSERT_TRUE(centre[n] == kGuard && scale[n] == kGuard && shift[n] == kGuard &&
                      inv_std[n] == kGuard);
          for (std::size_t c = 0; c < n; ++c) {
            const auto exact =
                reference::make_affine<long double>(mean[c], variance[c], 1e-5L, gamma[c], beta[c]);
            const auto at_scale = static_cast<double>(exact.scale);
            ASSERT_EQ(centre[c], static_cast<float>(mean[c]));
            ASSERT_NEAR(scale[c], at_scale, kUnit * (1 + 1e-6) * std::abs(at_scale));
            ASSERT_NEAR(inv_std[c] * std::sqrt(variance[c] + 1e-5), 1, 4 * kWideUnit);
            // shift makes up for what rounding the mean lost, times the scale that is used.
            const double expected = beta[c] - (mean[c] - double{centre[c]}) * scale[c];
            ASSERT_NEAR(shift[c], expected, kUnit * (1 + 1e-6) * std::abs(expected));
          }
        });
      }
    }
  }
}

TEST(Affine, has_scale_0_where_the_variance_and_epsilon_are_0_and_never_infinity) {
  const std::vector<double> mean(9, 2.5), variance = {0, 1e-300, 1e-80, 1, 0, 1, 1, 1, 0};
  on_every_target([&] {
    std::vector<float> centre(9), scale(9), shift(9);
    std::vector<double> inv_std(9);
    make_affine(9, mean.data(), variance.data(), 0, nullptr, nullptr, centre.data(), scale.data(),
                shift.data(), inv_std.data());
    EXPECT_EQ(scale[0], 0);
    EXPECT_EQ(inv_std[8], 0);
    EXPECT_EQ(scale[8], 0);
    EXPECT_EQ(scale[1], std::numeric_limits<float>::max());
    EXPECT_EQ(scale[2], std::numeric_limits<float>::max());
    EXPECT_EQ(scale[3], 1);
    EXPECT_EQ(shift[3], 0);
  });
}

TEST(Affine, input_gradient_equals_the_reference) {
  constexpr std::uint64_t kBatch = 60;
  for (const std::size_t n : kCounts) {
    const std::vector<double> mean = doubles(n, 3e6, 1, 1), sum_d = doubles(n, 0, 5, 5),
                              sum_dx = doubles(n, 0, 7, 6);
    std::vector<double> variance = doubles(n, 0, 2, 2);
    for (double& v : variance) v *= v;
    const std::vector<float> gamma = normal_vector(n, 1, 1, 3);
    on_every_target([&] {
      std::vector<float> centre(n), scale(n), slope(n), offset(n + 1, kGuard);
      std::vector<double> d_gamma(n + 1, kGuard);
      make_input_gradient(n, kBatch, mean.data(), variance.data(), 1e-5, gamma.data(), sum_d.data(),
                          sum_dx.data(), centre.data(), scale.data(), slope.data(), offset.data(),
                          d_gamma.data());
      ASSERT_TRUE(offset[n] == kGuard && d_gamma[n] == kGuard);
      for (std::size_t c = 0; c < n; ++c) {
        const double inverse = 1 / std::sqrt(variance[c] + 1e-5), lost = mean[c] - double{centre[c]};
        const double sum_d_x_norm = inverse * (sum_dx[c] - lost * sum_d[c]);
        const double terms = inverse * (std::abs(sum_dx[c]) + std::abs(lost * sum_d[c]));
        ASSERT_NEAR(d_gamma[c], sum_d_x_norm, 8 * kWideUnit * terms);
        // d_x for some d and x, through the coefficients and by the definition.
        const double d = 0.75, distance = 1.25;
        const double exact = reference::input_gradient<double>(d, (distance - lost) * inverse, kBatch,
                                                               sum_d[c], sum_d_x_norm, gamma[c], inverse);
        const double result = scale[c] * (d + slope[c] * distance + offset[c]);
        const double parts =
            std::abs(scale[c]) * (std::abs(d) + std::abs(slope[c] * distance) + std::abs(offset[c]));
        // Scale, slope and offset are rounded once each.
        ASSERT_NEAR(result, exact, 3 * kUnit * parts);
      }
    });
  }
}

TEST(MergeBlock, blocks_give_the_mean_and_variance_of_all_rows) {
  for (const std::size_t n : kCounts) {
    for (const double offset : {0.0, 1e7}) {
      const Guarded x = normal_matrix(70, n, offset, 1, 7);
      const std::vector<std::size_t> sizes = {32, 1, 37};
      on_every_target([&] {
        std::vector<double> mean(n + 1, kGuard), m2(n + 1, kGuard);
        std::size_t before = 0;
        for (const std::size_t size : sizes) {
          std::vector<float> shift(n);
          std::vector<double> sum(n), squares(n);
          shifted_sums(x.cview().block(before, size), shift.data(), sum.data(), squares.data());
          merge_block(n, static_cast<double>(before), static_cast<double>(size), shift.data(), sum.data(),
                      squares.data(), mean.data(), m2.data());
          before += size;
        }
        const MergedVariance found = finish_variance(n, 70, mean.data(), m2.data());
        ASSERT_EQ(found.first_broken, n);
        ASSERT_EQ(found.clamped, 0u);
        ASSERT_TRUE(mean[n] == kGuard && m2[n] == kGuard);
        for (std::size_t c = 0; c < n; ++c) {
          const auto sums = reference::shifted_sums<long double>(x.cview(), c);
          const long double shifted_mean = sums.sum / 70;
          const long double variance = sums.other / 70 - shifted_mean * shifted_mean;
          // One rounding a merge of the mean, 2^-53 of it; differences from it to the square.
          const double of_mean = 8 * kWideUnit * (std::abs(offset) + 5);
          ASSERT_NEAR(mean[c], static_cast<double>(sums.first + shifted_mean), of_mean);
          ASSERT_NEAR(m2[c], static_cast<double>(variance), 100 * kWideUnit + 10 * of_mean);
        }
      });
    }
  }
}

TEST(MergeBlock, names_the_first_channel_that_is_not_finite_and_clamps_what_rounding_left_below_0) {
  for (const std::size_t broken : {std::size_t{0}, std::size_t{6}, std::size_t{9}}) {
    on_every_target([&] {
      std::vector<double> mean(10, 1.0), m2(10, 4.0);
      m2[2] = -1e-20;
      m2[broken] = std::numeric_limits<double>::quiet_NaN();
      mean[9] = std::numeric_limits<double>::infinity();
      const MergedVariance found = finish_variance(10, 2, mean.data(), m2.data());
      EXPECT_EQ(found.first_broken, broken);
      EXPECT_EQ(found.clamped, 1u);
      EXPECT_EQ(m2[2], 0);
      EXPECT_EQ(m2[3], 2);
    });
  }
}

}  // namespace
}  // namespace ztilde::kernels::test
