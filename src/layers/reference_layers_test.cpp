// Each layer's scalar backward against the complex step of its own forward.
#include <gtest/gtest.h>

#include "layers/complex_step.hpp"
#include "layers/layer.hpp"

namespace ztilde {
namespace {

using testing::Complex;
using testing::complex_step_gradient;
using testing::largest;
using testing::largest_difference;
using testing::normal_numbers;
using Vector = std::vector<double>;

// Both sides are sums of some tens of terms in double, each good to 1e-16, and an entry may be what
// is left of larger ones: so errors are measured against the largest entry of the tensor.
constexpr double kTolerance = 1e-12;

template <class T>
T dot(const std::vector<T>& output, const Vector& weights) {
  T sum(0);
  for (std::size_t i = 0; i < weights.size(); ++i) sum += output[i] * weights[i];
  return sum;
}

template <class T>
MatrixView<const T> input(const std::vector<T>& x, std::size_t rows) {
  return {x.data(), rows, x.size() / rows};
}
template <class T>
MatrixView<T> output(std::vector<T>& x, std::size_t rows) {
  return {x.data(), rows, x.size() / rows};
}

// What a gradient is checked on: batch norm over [rows, channels], its loss a fixed weighted sum.
struct NormCase {
  BatchNorm layer;
  std::size_t rows;
  Vector x, gamma, beta, d_y;

  template <class T>
  T loss(const std::vector<T>& z, const std::vector<T>& g, const std::vector<T>& b) const {
    std::vector<T> mean(g.size()), variance(g.size()), y(z.size());
    reference::batch_statistics<T>(input(z, rows), mean, variance);
    reference::batch_norm_forward<T>(layer, input(z, rows), mean, variance, g, b, output(y, rows));
    return dot(y, d_y);
  }

  void expect_gradients_right() const {
    Vector mean(gamma.size()), variance(gamma.size()), d_x(x.size()), d_gamma(gamma.size()),
        d_beta(gamma.size());
    reference::batch_statistics<double>(input(x, rows), mean, variance);
    reference::batch_norm_backward<double>(layer, input(x, rows), mean, variance, gamma, input(d_y, rows),
                                           output(d_x, rows), d_gamma, d_beta);
    const auto cx = testing::to_complex(x), cg = testing::to_complex(gamma), cb = testing::to_complex(beta);
    const auto by_x = complex_step_gradient([&](const auto& z) { return loss(z, cg, cb); }, x);
    const auto by_gamma = complex_step_gradient([&](const auto& g) { return loss(cx, g, cb); }, gamma);
    const auto by_beta = complex_step_gradient([&](const auto& b) { return loss(cx, cg, b); }, beta);
    // With few rows d_x is what is left of terms as large as gamma · inv_std · d_y.
    double term = 0;
    for (std::size_t c = 0; c < gamma.size(); ++c) {
      term = std::max(term,
                      std::abs(gamma[c]) * reference::inverse_std(variance[c], layer.epsilon) * largest(d_y));
    }
    EXPECT_LE(largest_difference(d_x, by_x), kTolerance * term);
    EXPECT_LE(largest_difference(d_gamma, by_gamma), kTolerance * std::max(1.0, largest(by_gamma)));
    EXPECT_LE(largest_difference(d_beta, by_beta), kTolerance * largest(by_beta));
  }
};

NormCase norm_case(std::size_t rows, std::size_t channels, double epsilon) {
  return {{epsilon, 0.9, VarianceKind::population},
          rows,
          normal_numbers(rows * channels, 1, 2.0, 3.0),
          normal_numbers(channels, 2),
          normal_numbers(channels, 3),
          normal_numbers(rows * channels, 4)};
}

TEST(batch_norm, gradients_are_those_of_the_forward) {
  for (const double epsilon : {0.0, 1e-5, 1.0}) norm_case(9, 4, epsilon).expect_gradients_right();
}

TEST(batch_norm, gradients_are_right_for_two_rows) {
  for (const double epsilon : {0.0, 1e-5, 1.0}) norm_case(2, 4, epsilon).expect_gradients_right();
}

TEST(batch_norm, gradients_are_right_where_gamma_is_zero) {
  NormCase norm = norm_case(9, 4, 1e-5);
  norm.gamma[1] = 0;
  norm.expect_gradients_right();
}

TEST(batch_norm, constant_channel_gives_beta_exactly_and_a_right_gradient) {
  NormCase norm = norm_case(6400, 2, 1e-5);
  for (std::size_t r = 0; r < norm.rows; ++r) norm.x[r * 2] = 14.62;
  Vector mean(2), variance(2), y(norm.x.size());
  reference::batch_statistics<double>(input(norm.x, norm.rows), mean, variance);
  reference::batch_norm_forward<double>(norm.layer, input(norm.x, norm.rows), mean, variance, norm.gamma,
                                        norm.beta, output(y, norm.rows));
  EXPECT_EQ(mean[0], 14.62);
  EXPECT_EQ(variance[0], 0.0);
  for (std::size_t r = 0; r < norm.rows; ++r) ASSERT_EQ(y[r * 2], norm.beta[0]);

  NormCase small = norm_case(9, 2, 1e-5);
  for (std::size_t r = 0; r < small.rows; ++r) small.x[r * 2] = 14.62;
  small.expect_gradients_right();
}

TEST(batch_norm, constant_channel_with_epsilon_zero_gives_beta_and_no_gradient) {
  NormCase norm = norm_case(9, 1, 0.0);
  std::fill(norm.x.begin(), norm.x.end(), 14.62);
  const Vector mean{14.62}, variance{0.0};
  Vector y(9), d_x(9, HUGE_VAL), d_gamma(1), d_beta(1);
  reference::batch_norm_forward<double>(norm.layer, input(norm.x, 9), mean, variance, norm.gamma, norm.beta,
                                        output(y, 9));
  reference::batch_norm_backward<double>(norm.layer, input(norm.x, 9), mean, variance, norm.gamma,
                                         input(norm.d_y, 9), output(d_x, 9), d_gamma, d_beta);
  EXPECT_EQ(y, Vector(9, norm.beta[0]));
  EXPECT_EQ(largest(d_x), 0.0);
  EXPECT_EQ(d_gamma[0], 0.0);
}

TEST(batch_norm, statistics_of_a_column_far_from_zero_are_right) {
  // 1e9 + {0 … 9}: a sum of squares would have no digit left of the variance 8.25.
  Vector x(10), mean(1), variance(1);
  for (std::size_t r = 0; r < 10; ++r) x[r] = 1e9 + static_cast<double>(r);
  reference::batch_statistics<double>(input(x, 10), mean, variance);
  EXPECT_EQ(mean[0], 1e9 + 4.5);
  EXPECT_EQ(variance[0], 8.25);
}

TEST(batch_norm, running_statistics_keep_what_keep_says) {
  const Vector mean{4.0}, variance{6.0};
  Vector running_mean{0.0}, running_variance{1.0};
  reference::update_running<double>({1e-5, 0.75, VarianceKind::population}, 3, mean, variance, running_mean,
                                    running_variance);
  EXPECT_EQ(running_mean[0], 1.0);
  EXPECT_EQ(running_variance[0], 2.25);
  reference::update_running<double>({1e-5, 0.0, VarianceKind::unbiased}, 3, mean, variance, running_mean,
                                    running_variance);
  EXPECT_EQ(running_variance[0], 9.0);
}

TEST(dense, gradients_are_those_of_the_forward) {
  const std::size_t rows = 5, outputs = 3;
  const Vector x = normal_numbers(rows * 4, 1), w = normal_numbers(outputs * 4, 2),
               b = normal_numbers(outputs, 3);
  const Vector d_z = normal_numbers(rows * outputs, 4);
  const auto loss = [&](const auto& x_, const auto& w_, const auto& b_) {
    std::vector<Complex> z(rows * outputs);
    reference::dense_forward<Complex>(input(x_, rows), w_, b_, output(z, rows));
    return dot(z, d_z);
  };
  const auto cx = testing::to_complex(x), cw = testing::to_complex(w), cb = testing::to_complex(b);
  // Gradients of parameters are added to what is there; those of inputs replace it.
  Vector d_x(x.size(), HUGE_VAL), d_w(w.size(), 1.0), d_b(b.size(), 1.0);
  reference::dense_backward<double>(input(x, rows), w, input(d_z, rows), output(d_x, rows), d_w, d_b);
  for (double& d : d_w) d -= 1.0;
  for (double& d : d_b) d -= 1.0;
  const auto by_x = complex_step_gradient([&](const auto& at) { return loss(at, cw, cb); }, x);
  const auto by_w = complex_step_gradient([&](const auto& at) { return loss(cx, at, cb); }, w);
  const auto by_b = complex_step_gradient([&](const auto& at) { return loss(cx, cw, at); }, b);
  EXPECT_LT(largest_difference(d_x, by_x), kTolerance * largest(by_x));
  EXPECT_LT(largest_difference(d_w, by_w), kTolerance * largest(by_w));
  EXPECT_LT(largest_difference(d_b, by_b), kTolerance * largest(by_b));
}

TEST(standardise, gradient_is_that_of_the_forward_and_a_constant_column_becomes_0) {
  const std::size_t rows = 4;
  Vector x = normal_numbers(rows * 3, 1), mean{0.5, -1.0, 7.0}, variance{4.0, 0.25, 1.0};
  for (std::size_t r = 0; r < rows; ++r) x[r * 3 + 2] = 7.0;
  const Vector d_y = normal_numbers(x.size(), 2);
  const auto c_mean = testing::to_complex(mean), c_variance = testing::to_complex(variance);
  const auto loss = [&](const std::vector<Complex>& at) {
    std::vector<Complex> y(at.size());
    reference::standardise_forward<Complex>(input(at, rows), c_mean, c_variance, output(y, rows));
    return dot(y, d_y);
  };
  Vector y(x.size()), d_x(x.size(), HUGE_VAL);
  reference::standardise_forward<double>(input(x, rows), mean, variance, output(y, rows));
  reference::standardise_backward<double>(variance, input(d_y, rows), output(d_x, rows));
  EXPECT_LT(largest_difference(d_x, complex_step_gradient(loss, x)), kTolerance * largest(d_x));
  for (std::size_t r = 0; r < rows; ++r) EXPECT_EQ(y[r * 3 + 2], 0.0);
}

TEST(activation, slope_is_that_of_the_function) {
  Vector z;
  for (double at = -12.0; at <= 12.0; at += 0.375) z.push_back(at + 0.01);
  for (const auto& [kind, name] : layers::kActivationNames) {
    SCOPED_TRACE(name);
    for (const double at : z) {
      const double by_step = reference::activate<Complex>(kind, {at, 1e-30}).imag() / 1e-30;
      // tanh' of 12 is 1.5e-10, what is left of 1 - tanh: absolute there, relative elsewhere.
      EXPECT_NEAR(reference::activation_slope(kind, at), by_step, 1e-15 + 1e-14 * std::abs(by_step)) << at;
    }
  }
}

TEST(activation, values_are_the_textbook_ones) {
  using reference::activate;
  EXPECT_EQ(activate(ActivationKind::identity, -2.0), -2.0);
  EXPECT_EQ(activate(ActivationKind::relu, -2.0), 0.0);
  EXPECT_EQ(activate(ActivationKind::relu, 2.0), 2.0);
  EXPECT_EQ(activate(ActivationKind::leaky_relu, -2.0), -0.02);
  // log 3 makes the odds 3 to 1; a rounding in log and exp each.
  EXPECT_NEAR(activate(ActivationKind::sigmoid, std::log(3.0)), 0.75, 4e-16);
  EXPECT_NEAR(activate(ActivationKind::tanh, std::log(3.0)), 0.8, 4e-16);
  EXPECT_NEAR(activate(ActivationKind::silu, std::log(3.0)), 0.75 * std::log(3.0), 4e-16);
  // Φ(1) = 0.841344746068542948… (tables of the normal distribution).
  EXPECT_NEAR(activate(ActivationKind::gelu, 1.0), 0.841344746068542949, 4e-16);
  EXPECT_NEAR(activate(ActivationKind::gelu, -1.0), -0.158655253931457051, 4e-16);
}

TEST(activation, slope_at_zero_is_that_of_the_negative_side) {
  EXPECT_EQ(reference::activation_slope(ActivationKind::relu, 0.0), 0.0);
  EXPECT_EQ(reference::activation_slope(ActivationKind::leaky_relu, 0.0), 0.01);
}

TEST(activation, far_arguments_stay_finite) {
  for (const auto& [kind, name] : layers::kActivationNames) {
    for (const double at : {-1e4, 1e4}) {
      EXPECT_TRUE(std::isfinite(reference::activate(kind, at))) << name << at;
      EXPECT_TRUE(std::isfinite(reference::activation_slope(kind, at))) << name << at;
    }
  }
}

TEST(dropout, drops_by_the_bits_of_each_element_and_scales_the_rest) {
  const RandomStream stream(7, Purpose::dropout, 3, 11);
  const Vector x(6 * 5, 2.0);
  Vector y(x.size(), HUGE_VAL);
  reference::dropout<double>({0.25}, stream, input(x, 6), output(y, 6));
  std::size_t dropped = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const bool drop = stream.bits(i) < (std::uint32_t{1} << 30);
    EXPECT_EQ(y[i], drop ? 0.0 : 2.0 * (1.0 / 0.75));
    dropped += drop;
  }
  EXPECT_GT(dropped, 0u);
  EXPECT_LT(dropped, x.size());
  reference::dropout<double>({0.0}, stream, input(x, 6), output(y, 6));
  EXPECT_EQ(y, x);
}

}  // namespace
}  // namespace ztilde
