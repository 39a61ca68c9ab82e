#include "ztilde/batch_norm.hpp"

#include <algorithm>
#include <string>

#include "kernels/block_kernels_reference.hpp"
#include "kernels/kernels_test_support.hpp"
#include "ztilde/error.hpp"

namespace ztilde::batch_norm {
namespace {

using kernels::test::Guarded;
using kernels::test::kActivations;
using kernels::test::kChannels;
using kernels::test::kInfinity;
using kernels::test::kNaN;
using kernels::test::kRows;
using kernels::test::kUnit;
using kernels::test::normal_matrix;
using kernels::test::normal_vector;
using kernels::test::on_every_target;

// Two passes in long double: right for every offset and scale that float inputs can have.
struct Statistics {
  long double mean = 0, variance = 0;
};
Statistics exact_statistics(ConstView x, std::size_t c) {
  Statistics s;
  for (std::size_t r = 0; r < x.rows; ++r) s.mean += x(r, c);
  s.mean /= static_cast<long double>(x.rows);
  for (std::size_t r = 0; r < x.rows; ++r) s.variance += (x(r, c) - s.mean) * (x(r, c) - s.mean);
  s.variance /= static_cast<long double>(x.rows);
  return s;
}

struct Fitted {
  explicit Fitted(std::size_t channels) : mean(channels), variance(channels) {}
  std::vector<double> mean, variance;
};

TEST(BatchNorm, forward_equals_the_exact_result_for_every_shape_offset_and_scale) {
  for (const double ratio : {0.0, 1e3, 1e7}) {
    for (const double scale : {1e-30, 1.0, 1e18}) {
      for (const std::size_t channels : kChannels) {
        const std::vector<float> gamma = normal_vector(channels, 1, 0.5, 21),
                                 beta = normal_vector(channels, 0, 1, 22);
        for (const std::size_t rows : kRows) {
          const Guarded x = normal_matrix(rows, channels, ratio * scale, scale, 23);
          Guarded y(rows, channels);
          Fitted f(channels);
          forward(x.cview(), gamma, beta, 0, y.view(), f.mean, f.variance);
          ASSERT_TRUE(y.guards_intact());
          for (std::size_t c = 0; c < channels; ++c) {
            const Statistics exact = exact_statistics(x.cview(), c);
            const auto sigma = static_cast<double>(std::sqrt(exact.variance));
            // Double sums: an offset of 1e7 σ costs 1e7 · 2^-53 of σ.
            ASSERT_NEAR(f.mean[c], static_cast<double>(exact.mean), 0x1p-50 * ((1 + ratio) * scale + sigma));
            ASSERT_NEAR(f.variance[c], static_cast<double>(exact.variance),
                        static_cast<double>(rows + 8) * 0x1p-53 * 16 * static_cast<double>(exact.variance) +
                            0x1p-50 * ratio * scale * sigma);
            if (exact.variance == 0) continue;  // two rows may be equal at an offset of 1e7 σ
            for (std::size_t r = 0; r < rows; ++r) {
              const double x_norm = static_cast<double>((x(r, c) - exact.mean) / std::sqrt(exact.variance));
              // x - centre, scale, product, sum: 4 roundings; the last term is the mean's part in double.
              const double terms = std::abs(gamma[c]) * (std::abs(x_norm) + 1) + std::abs(beta[c]);
              ASSERT_NEAR(y(r, c), gamma[c] * x_norm + beta[c], 4 * kUnit * terms + 0x1p-48 * ratio)
                  << ratio << ' ' << scale << ' ' << rows << ' ' << r << ' ' << c;
            }
          }
        }
      }
    }
  }
}

TEST(BatchNorm, backward_equals_the_exact_result_for_every_activation_offset_and_scale) {
  constexpr double kEpsilonShare = 0.01;  // epsilon in units of σ², so that every scale sees it
  for (const double ratio : {0.0, 1e3, 1e7}) {
    for (const double scale : {1e-30, 1.0, 1e18}) {
      for (const auto& [rows, channels] :
           {std::pair<std::size_t, std::size_t>{2, 3}, {5, 17}, {130, 64}, {257, 33}}) {
        const std::vector<float> gamma = normal_vector(channels, 1, 0.5, 31),
                                 beta = normal_vector(channels, 0, 1, 32);
        const Guarded x = normal_matrix(rows, channels, ratio * scale, scale, 33),
                      d_y = normal_matrix(rows, channels, 0, 1, 34);
        const double epsilon = kEpsilonShare * scale * scale, m = static_cast<double>(rows);
        for (const ActivationKind g :
             {ActivationKind::identity, ActivationKind::tanh, ActivationKind::gelu}) {
          on_every_target([&] {
            Fitted f(channels);
            Guarded y(rows, channels), d_x(rows, channels);
            forward(x.cview(), gamma, beta, epsilon, y.view(), f.mean, f.variance, g);
            std::vector<float> d_gamma(channels, 0.5f), d_beta(channels, 0.25f);
            backward(x.cview(), f.mean, f.variance, gamma, beta, epsilon, d_y.cview(), d_x.view(), d_gamma,
                     d_beta, g);
            ASSERT_TRUE(d_x.guards_intact());
            for (std::size_t c = 0; c < channels; ++c) {
              const double inv_std = 1 / std::sqrt(f.variance[c] + epsilon);
              std::vector<double> x_norm(rows), d(rows);
              double sum_d = 0, sum_dx = 0, size = 0;
              for (std::size_t r = 0; r < rows; ++r) {
                x_norm[r] = (x(r, c) - f.mean[c]) * inv_std;
                d[r] = d_y(r, c) *
                       kernels::reference::activation_slope<double>(g, gamma[c] * x_norm[r] + beta[c]);
                sum_d += d[r];
                sum_dx += d[r] * x_norm[r];
                size = std::max(size,
                                std::abs(double{d_y(r, c)}) * (1 + std::abs(gamma[c]) + std::abs(beta[c])));
              }
              // Each d carries the slope's error, at most 12 u of `size` (z's three roundings through
              // g'' <= 1, and g's own); the sums carry it rows times.
              const double error = 24 * kUnit * size + 0x1p-48 * ratio * size;
              ASSERT_NEAR(d_beta[c], 0.25 + sum_d, error * m + kUnit);
              ASSERT_NEAR(d_gamma[c], 0.5 + sum_dx, 4 * error * m + kUnit);
              const double slope = std::abs(gamma[c]) * inv_std;
              for (std::size_t r = 0; r < rows; ++r) {
                const double expected = kernels::reference::input_gradient<double>(d[r], x_norm[r], m, sum_d,
                                                                                   sum_dx, gamma[c], inv_std);
                ASSERT_NEAR(d_x(r, c), expected, slope * error * (2 + x_norm[r] * x_norm[r]))
                    << ratio << ' ' << scale << ' ' << r << ' ' << c;
              }
            }
          });
        }
      }
    }
  }
}

TEST(BatchNorm, known_statistics_pass_the_gradient_through_the_scale) {
  constexpr std::size_t kCount = 140, kWidth = 19;
  const Guarded x = normal_matrix(kCount, kWidth, 2, 3, 41), d_y = normal_matrix(kCount, kWidth, 0, 1, 42);
  const std::vector<double> mean(kWidth, 2.5), variance(kWidth, 4);
  const std::vector<float> gamma = normal_vector(kWidth, 1, 1, 43), beta = normal_vector(kWidth, 0, 1, 44);
  for (const ActivationKind g : kActivations) {
    Guarded y(kCount, kWidth), d_x(kCount, kWidth);
    std::vector<float> d_gamma(kWidth, 0), d_beta(kWidth, 0);
    normalise(x.cview(), mean, variance, gamma, beta, 0.5, y.view(), g);
    backward_known(x.cview(), mean, variance, gamma, beta, 0.5, d_y.cview(), d_x.view(), d_gamma, d_beta, g);
    const double inv_std = 1 / std::sqrt(4.5);
    for (std::size_t c = 0; c < kWidth; ++c) {
      double sum_d = 0, sum_dx = 0, size = 0;
      for (std::size_t r = 0; r < kCount; ++r) {
        const double x_norm = (x(r, c) - 2.5) * inv_std, z = gamma[c] * x_norm + beta[c];
        const double error = 6 * kUnit * (std::abs(gamma[c] * x_norm) + std::abs(beta[c]));
        ASSERT_NEAR(y(r, c), kernels::reference::activation(g, z),
                    1.13 * error + 8 * kUnit * std::abs(z) + 8 * kUnit);
        const double d = d_y(r, c) * kernels::reference::activation_slope(g, z);
        ASSERT_NEAR(d_x(r, c), gamma[c] * inv_std * d, std::abs(gamma[c] * d_y(r, c)) * (error + 12 * kUnit));
        sum_d += d;
        sum_dx += d * x_norm;
        size += std::abs(d_y(r, c)) * (1 + std::abs(x_norm)) * (error + 12 * kUnit);
      }
      ASSERT_NEAR(d_beta[c], sum_d, size);
      ASSERT_NEAR(d_gamma[c], sum_dx, size);
    }
  }
}

TEST(BatchNorm, in_place_gives_the_same_bits) {
  Guarded x = normal_matrix(300, 21, 1, 2, 51), y(300, 21), d_y = normal_matrix(300, 21, 0, 1, 52),
          d_x(300, 21);
  Fitted f(21);
  forward(x.cview(), {}, {}, 1e-5, y.view(), f.mean, f.variance, ActivationKind::silu);
  backward(x.cview(), f.mean, f.variance, {}, {}, 1e-5, d_y.cview(), d_x.view(), {}, {},
           ActivationKind::silu);
  backward(x.cview(), f.mean, f.variance, {}, {}, 1e-5, d_y.cview(), d_y.view(), {}, {},
           ActivationKind::silu);
  forward(x.cview(), {}, {}, 1e-5, x.view(), f.mean, f.variance, ActivationKind::silu);
  for (std::size_t r = 0; r < 300; ++r) {
    for (std::size_t c = 0; c < 21; ++c) {
      ASSERT_EQ(x(r, c), y(r, c));
      ASSERT_EQ(d_y(r, c), d_x(r, c));
    }
  }
}

// PyTorch 1.13 on CPUs gives 0.18 here.
TEST(BatchNorm, a_constant_column_gives_exactly_beta_and_no_gamma_gradient) {
  const std::vector<float> gamma = {1.7f, -2}, beta = {0.3f, -1e-7f};
  for (const double epsilon : {0.0, 1e-5}) {
    for (const float constant : {14.62f, 1e-30f, -3e30f, 0.0f, 16777217.0f}) {
      on_every_target([&] {
        Guarded x(6400, 2, constant), y(6400, 2), d_x(6400, 2), d = normal_matrix(6400, 2, 0, 1, 61);
        double mean_d[2] = {0, 0};
        for (std::size_t r = 0; r < 6400; ++r) {
          for (std::size_t c = 0; c < 2; ++c) mean_d[c] += d(r, c) / 6400.0;
        }
        Fitted f(2);
        std::vector<float> d_gamma(2, 0);
        forward(x.cview(), gamma, beta, epsilon, y.view(), f.mean, f.variance);
        backward(x.cview(), f.mean, f.variance, gamma, beta, epsilon, d.cview(), d_x.view(), d_gamma, {});
        for (std::size_t c = 0; c < 2; ++c) {
          ASSERT_EQ(f.mean[c], double{constant});
          ASSERT_EQ(f.variance[c], 0);
          ASSERT_EQ(d_gamma[c], 0);
          for (std::size_t r = 0; r < 6400; ++r) {
            ASSERT_EQ(y(r, c), beta[c]);
            // The derivative of beta is not 0: rows that differ would move apart at once.
            const double scale = epsilon > 0 ? gamma[c] / std::sqrt(epsilon) : 0;
            ASSERT_NEAR(d_x(r, c), scale * (d(r, c) - mean_d[c]),
                        8 * kUnit * std::abs(scale) * (std::abs(d(r, c)) + 1));
          }
        }
      });
    }
  }
}

// One-pass float statistics give a variance of -216 here, PyTorch is off by 4.1.
TEST(BatchNorm, a_mean_of_ten_thousand_deviations_over_65536_rows_is_right) {
  const Guarded x = normal_matrix(65536, 4, 1e4, 1, 71);
  Guarded y(65536, 4);
  Fitted f(4);
  forward(x.cview(), {}, {}, 0, y.view(), f.mean, f.variance);
  for (std::size_t c = 0; c < 4; ++c) {
    const Statistics exact = exact_statistics(x.cview(), c);
    // 512 blocks are merged, each rounding the mean to 2^-53 of 1e4.
    EXPECT_NEAR(f.mean[c], static_cast<double>(exact.mean), 512 * 0x1p-53 * 1e4);
    EXPECT_NEAR(f.variance[c], static_cast<double>(exact.variance), 512 * 0x1p-53 * 1e4);
    for (std::size_t r = 0; r < 65536; ++r) {
      const double expected = static_cast<double>((x(r, c) - exact.mean) / std::sqrt(exact.variance));
      ASSERT_NEAR(y(r, c), expected, 4 * kUnit * (1 + std::abs(expected)));
    }
  }
}

TEST(BatchNorm, a_scale_of_1e19_is_right_and_not_silently_zero) {
  const Guarded x = normal_matrix(500, 3, 0, 1e19, 81);
  Guarded y(500, 3);
  Fitted f(3);
  forward(x.cview(), {}, {}, 1e-5, y.view(), f.mean, f.variance);
  for (std::size_t r = 0; r < 500; ++r) {
    for (std::size_t c = 0; c < 3; ++c) {
      const Statistics exact = exact_statistics(x.cview(), c);
      const double expected = static_cast<double>((x(r, c) - exact.mean) / std::sqrt(exact.variance));
      ASSERT_NEAR(y(r, c), expected, 4 * kUnit * (1 + std::abs(expected)));
    }
  }
}

// The first row of a block is the point that distances are taken from.
TEST(BatchNorm, an_outlier_in_the_first_row_costs_no_more_than_double_rounding) {
  Guarded x = normal_matrix(256, 1, 0, 1, 91);
  x.view()(0, 0) = 1e7f;
  Fitted f(1);
  statistics(x.cview(), f.mean, f.variance);
  const Statistics exact = exact_statistics(x.cview(), 0);
  EXPECT_NEAR(f.mean[0], static_cast<double>(exact.mean), 1e-15 * 1e7);
  // Σ d² is at most 128 times M2 here, and is a sum of 128 rounded numbers.
  EXPECT_NEAR(f.variance[0], static_cast<double>(exact.variance),
              128 * 128 * 0x1p-53 * static_cast<double>(exact.variance));
}

TEST(BatchNorm, a_nan_or_an_infinity_shows_in_its_channel_and_nowhere_else) {
  for (const float trouble : {kNaN, kInfinity, -kInfinity}) {
    Guarded x = normal_matrix(300, 18, 0, 1, 95), y(300, 18);
    x.view()(200, 17) = trouble;
    Fitted f(18);
    forward(x.cview(), {}, {}, 1e-5, y.view(), f.mean, f.variance, ActivationKind::relu);
    EXPECT_TRUE(std::isnan(f.variance[17]));
    EXPECT_TRUE(std::isnan(y(0, 17)));
    for (std::size_t c = 0; c < 17; ++c)
      EXPECT_TRUE(std::isfinite(f.variance[c]) && std::isfinite(y(200, c)));
  }
}

template <class Call>
void expect_data_error(const Call& call, const std::string& part) {
  try {
    call();
    ADD_FAILURE() << "no error; expected one with: " << part;
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

TEST(BatchNorm, what_cannot_work_is_refused_with_one_clear_line) {
  const Guarded x = normal_matrix(4, 3, 0, 1, 99);
  Guarded y(4, 3), narrow(4, 2), one(1, 3);
  Fitted f(3), g(2);
  const std::vector<float> two(2, 1);
  const double nan = std::nan("");
  expect_data_error([&] { forward(x.cview(), two, {}, 0, y.view(), f.mean, f.variance); },
                    "gamma has 2 elements for 3 channels");
  expect_data_error([&] { forward(x.cview(), {}, {}, -1, y.view(), f.mean, f.variance); }, "epsilon is -1");
  expect_data_error([&] { forward(x.cview(), {}, {}, nan, y.view(), f.mean, f.variance); }, "epsilon is nan");
  expect_data_error([&] { forward(x.cview(), {}, {}, 0, narrow.view(), f.mean, f.variance); },
                    "y is [4, 2], x is [4, 3]");
  expect_data_error([&] { forward(x.cview(), {}, {}, 0, y.view(), g.mean, f.variance); },
                    "mean has 2 elements");
  expect_data_error([&] { forward(one.cview(), {}, {}, 0, one.view(), f.mean, f.variance); },
                    "at least 2 rows");
  expect_data_error([&] { statistics({}, {}, {}); }, "at least 1 row");
  f.variance[1] = -1e-9;
  expect_data_error([&] { normalise(x.cview(), f.mean, f.variance, {}, {}, 0, y.view()); },
                    "the variance of channel 1");
  f.variance[1] = nan;
  expect_data_error([&] { normalise(x.cview(), f.mean, f.variance, {}, {}, 0, y.view()); },
                    "the variance of channel 1");
  f.variance[1] = 0;
  expect_data_error(
      [&] { backward(x.cview(), f.mean, f.variance, {}, {}, 0, narrow.cview(), y.view(), {}, {}); },
      "d_y is [4, 2]");
  expect_data_error(
      [&] {
        normalise({x.cview().data, 4, 3, 2}, f.mean, f.variance, {}, {}, 0, y.view());
      },
      "row stride of 2");
  normalise({}, {}, {}, {}, {}, 0, {});
  EXPECT_TRUE(y.guards_intact());
}

}  // namespace
}  // namespace ztilde::batch_norm
