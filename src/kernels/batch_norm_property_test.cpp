// The identities that batch norm obeys, on matrices that rapidcheck makes up.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>

#include "kernels/kernels_test_support.hpp"
#include "ztilde/batch_norm.hpp"

namespace ztilde::batch_norm {
namespace {

using kernels::test::Guarded;
using kernels::test::kUnit;
using kernels::test::normal_matrix;
using kernels::test::normal_vector;

// A batch with its forward and backward pass, gamma 1.
struct Case {
  std::size_t rows, channels;
  double scale, epsilon;
  unsigned seed;
  Guarded x, y, d_y, d_x;
  std::vector<double> mean, variance;
  std::vector<float> gamma, d_gamma;

  Case(std::size_t rows_, std::size_t channels_, double scale_, double offset, double epsilon_share,
       unsigned seed_)
      : rows(rows_),
        channels(channels_),
        scale(scale_),
        epsilon(epsilon_share * scale * scale),
        seed(seed_),
        x(normal_matrix(rows, channels, offset * scale, scale, seed)),
        y(rows, channels),
        d_y(normal_matrix(rows, channels, 0.3, 1, seed + 1)),
        d_x(rows, channels),
        mean(channels),
        variance(channels),
        gamma(channels, 1.0f),
        d_gamma(channels, 0.0f) {}
  void run() {
    forward(x.cview(), gamma, {}, epsilon, y.view(), mean, variance);
    backward(x.cview(), mean, variance, gamma, {}, epsilon, d_y.cview(), d_x.view(), d_gamma, {});
  }
  double inv_std(std::size_t c) const { return 1 / std::sqrt(variance[c] + epsilon); }
};

Case any_case() {
  const auto rows = *rc::gen::inRange<std::size_t>(2, 400);
  const auto channels = *rc::gen::inRange<std::size_t>(1, 40);
  const auto scale = *rc::gen::element(1e-30, 1e-6, 1.0, 1e6, 1e18);
  const auto offset = *rc::gen::element(0.0, 1.0, -1e3, 1e5);
  const auto epsilon_share = *rc::gen::element(0.0, 1e-5, 0.5, 10.0);
  const auto seed = *rc::gen::inRange<unsigned>(0, 1u << 30);
  return {rows, channels, scale, offset, epsilon_share, seed};
}

// The identities hold for the exact numbers; each x_norm is off by at most 4 u (1 + |x_norm|), and
// |x_norm| <= sqrt(rows).
RC_GTEST_PROP(BatchNormProperties, x_norm_sums_to_zero_and_its_squares_to_the_share_of_the_variance, ()) {
  Case k = any_case();
  k.run();
  const auto m = static_cast<double>(k.rows);
  for (std::size_t c = 0; c < k.channels; ++c) {
    double sum = 0, squares = 0;
    for (std::size_t r = 0; r < k.rows; ++r) {
      sum += k.y(r, c);
      squares += double{k.y(r, c)} * k.y(r, c);
    }
    // Σ |x_norm| <= m and Σ |x_norm| (1 + |x_norm|) <= 2 m by Cauchy & Schwarz.
    RC_ASSERT(std::abs(sum) <= 8 * kUnit * m);
    const double share = k.variance[c] * k.inv_std(c) * k.inv_std(c);
    RC_ASSERT(std::abs(squares - m * share) <= 16 * kUnit * m);
  }
}

RC_GTEST_PROP(BatchNormProperties, input_gradients_sum_to_zero_and_are_orthogonal_to_x_norm_but_for_epsilon,
              ()) {
  Case k = any_case();
  k.run();
  const auto m = static_cast<double>(k.rows);
  for (std::size_t c = 0; c < k.channels; ++c) {
    double sum = 0, product = 0, size = 0, sum_d_x_norm = 0;
    for (std::size_t r = 0; r < k.rows; ++r) {
      const double x_norm = (double{k.x(r, c)} - k.mean[c]) * k.inv_std(c);
      sum += k.d_x(r, c);
      product += k.d_x(r, c) * x_norm;
      sum_d_x_norm += k.d_y(r, c) * x_norm;
      size = std::max(size, std::abs(double{k.d_y(r, c)}));
    }
    // d_x = inv_std (d - mean d - x_norm · mean(d x_norm)): each term is at most size · (1 + |x_norm|),
    // rounded a few times; the sums run over m of them, once more weighted with x_norm.
    const double error = 8 * kUnit * size * k.inv_std(c) * m;
    RC_ASSERT(std::abs(sum) <= 2 * error);
    const double left = k.inv_std(c) * sum_d_x_norm * k.epsilon * k.inv_std(c) * k.inv_std(c);
    RC_ASSERT(std::abs(product - left) <= 3 * error);
  }
}

RC_GTEST_PROP(BatchNormProperties, gamma_of_the_deviation_and_beta_of_the_mean_give_the_identity, ()) {
  Case k = any_case();
  std::vector<float> gamma(k.channels), beta(k.channels);
  statistics(k.x.cview(), k.mean, k.variance);
  for (std::size_t c = 0; c < k.channels; ++c) {
    gamma[c] = static_cast<float>(std::sqrt(k.variance[c] + k.epsilon));
    beta[c] = static_cast<float>(k.mean[c]);
  }
  normalise(k.x.cview(), k.mean, k.variance, gamma, beta, k.epsilon, k.y.view());
  for (std::size_t r = 0; r < k.rows; ++r) {
    for (std::size_t c = 0; c < k.channels; ++c) {
      const double distance = std::abs(k.x(r, c) - k.mean[c]);
      RC_ASSERT(std::abs(double{k.y(r, c)} - k.x(r, c)) <= 4 * kUnit * (distance + std::abs(k.mean[c])));
    }
  }
}

RC_GTEST_PROP(BatchNormProperties, permuting_rows_permutes_the_output, ()) {
  Case k = any_case();
  k.run();
  std::vector<std::size_t> order(k.rows);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::shuffle(order.begin(), order.end(), std::mt19937(k.seed));
  Case p = k;
  for (std::size_t r = 0; r < k.rows; ++r)
    std::copy_n(k.x.cview().row(order[r]), k.channels, p.x.view().row(r));
  p.run();
  for (std::size_t r = 0; r < k.rows; ++r) {
    for (std::size_t c = 0; c < k.channels; ++c) {
      // The sums are added in another order, in double: the coefficients move by a float at most.
      const double y = k.y(order[r], c);
      RC_ASSERT(std::abs(p.y(r, c) - y) <= 4 * kUnit * (1 + std::abs(y)));
    }
  }
}

// Multiples of 1/16 within ±64 and a shift by a whole number: x + shift is exact in float, so the
// statistics move by the shift exactly but for double rounding.
RC_GTEST_PROP(BatchNormProperties, adding_a_constant_to_a_channel_changes_nothing, ()) {
  const auto rows = *rc::gen::inRange<std::size_t>(2, 300);
  const auto shift = *rc::gen::inRange(-60000, 60000);
  const auto ticks = *rc::gen::container<std::vector<int>>(rows, rc::gen::inRange(-1024, 1025));
  Guarded x(rows, 1), moved(rows, 1), y(rows, 1), moved_y(rows, 1);
  for (std::size_t r = 0; r < rows; ++r) {
    x.view()(r, 0) = static_cast<float>(ticks[r]) / 16;
    moved.view()(r, 0) = x(r, 0) + static_cast<float>(shift);
  }
  std::vector<double> mean(1), variance(1), moved_mean(1), moved_variance(1);
  forward(x.cview(), {}, {}, 1e-5, y.view(), mean, variance);
  forward(moved.cview(), {}, {}, 1e-5, moved_y.view(), moved_mean, moved_variance);
  RC_ASSERT(std::abs(moved_mean[0] - mean[0] - shift) <= 0x1p-34);
  RC_ASSERT(std::abs(moved_variance[0] - variance[0]) <= 0x1p-45 * (1 + variance[0]));
  for (std::size_t r = 0; r < rows; ++r) {
    // centre may round to another float; what it lost is in the shift: 4 u of each term on both sides.
    const double centre_lost = 0x1p-8 / std::sqrt(variance[0] + 1e-5);  // half a float's spacing at 60,000
    RC_ASSERT(std::abs(double{moved_y(r, 0)} - y(r, 0)) <=
              8 * kUnit * (1 + std::abs(double{y(r, 0)}) + centre_lost));
  }
}

RC_GTEST_PROP(BatchNormProperties, two_rows_give_plus_and_minus_the_half_difference, ()) {
  const auto a = *rc::gen::inRange(-1000000, 1000000), b = *rc::gen::inRange(-1000000, 1000000);
  const double epsilon = *rc::gen::element(1e-5, 1.0, 1e6);
  const float x[2] = {static_cast<float>(a), static_cast<float>(b)};
  float y[2] = {kernels::test::kNaN, kernels::test::kNaN};
  double mean = 0, variance = 0;
  forward({x, 2, 1}, {}, {}, epsilon, {y, 2, 1}, {&mean, 1}, {&variance, 1});
  const double d = (double{x[0]} - x[1]) / 2, expected = d / std::sqrt(d * d + epsilon);
  RC_ASSERT(std::abs(y[0] - expected) <= 4 * kUnit);
  RC_ASSERT(std::abs(y[1] + expected) <= 4 * kUnit);
}

// Sorted chunks have means far apart: all of the variance may lie between them.
RC_GTEST_PROP(BatchNormProperties, pooling_chunks_gives_the_statistics_of_all_rows_also_when_they_are_sorted,
              (bool sorted)) {
  const auto rows = *rc::gen::inRange<std::size_t>(2, 600), chunk = *rc::gen::inRange<std::size_t>(1, 100);
  std::vector<float> x =
      normal_vector(rows, *rc::gen::element(0.0, 1e5), 1, *rc::gen::inRange<unsigned>(0, 1u << 30));
  if (sorted) std::sort(x.begin(), x.end());
  double mean = 0, variance = 0, pooled_mean = 0, pooled_variance = 0;
  statistics({x.data(), rows, 1}, {&mean, 1}, {&variance, 1});
  for (std::size_t first = 0; first < rows; first += chunk) {
    const std::size_t count = std::min(chunk, rows - first);
    double chunk_mean = 0, chunk_variance = 0;
    statistics({x.data() + first, count, 1}, {&chunk_mean, 1}, {&chunk_variance, 1});
    pool(first, {&pooled_mean, 1}, {&pooled_variance, 1}, count, {&chunk_mean, 1}, {&chunk_variance, 1});
  }
  // One double rounding for each of at most 600 merges, of a mean up to 1e5.
  RC_ASSERT(std::abs(pooled_mean - mean) <= 600 * 0x1p-53 * (1 + std::abs(mean)));
  RC_ASSERT(std::abs(pooled_variance - variance) <= 600 * 0x1p-53 * (10 + std::abs(mean)) * (1 + variance));
}

}  // namespace
}  // namespace ztilde::batch_norm
