// What must hold for batch norm whatever the numbers are (docs/numerics.md), on the scalar reference.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numeric>

#include "layers/complex_step.hpp"
#include "plan/reference_plan.hpp"

namespace ztilde {
namespace {

using testing::largest;
using testing::largest_difference;
using testing::normal_numbers;
using Vector = std::vector<double>;

// Rounding of one operation. Sums of m terms are allowed m of them, the worst case.
constexpr double kUlp = 2.3e-16;

// One channel of batch norm, forward and backward. One is enough: channels do not know each other.
struct Norm {
  double epsilon, gamma, beta;
  Vector x, d_y;
  double mean = 0, variance = 0, inv_std = 0, d_gamma = 0, d_beta = 0;
  Vector x_norm = {}, y = {}, d_x = {};

  double rows() const { return static_cast<double>(x.size()); }
  double std_ratio() const { return epsilon / (variance + epsilon); }
  // How many roundings x itself is worth, seen from its spread.
  double conditioning() const { return 1 + largest(x) * inv_std; }

  void run() {
    const BatchNorm layer{epsilon, 0.9, VarianceKind::population};
    const MatrixView<const double> in(x.data(), x.size(), 1);
    const auto forward = [&](double g, double b, Vector& out) {
      out.resize(x.size());
      reference::batch_norm_forward<double>(layer, in, {&mean, 1}, {&variance, 1}, {&g, 1}, {&b, 1},
                                            {out.data(), x.size(), 1});
    };
    reference::batch_statistics<double>(in, {&mean, 1}, {&variance, 1});
    inv_std = reference::inverse_std(variance, epsilon);
    forward(1, 0, x_norm);
    forward(gamma, beta, y);
    d_gamma = d_beta = 0;
    d_x.assign(x.size(), HUGE_VAL);
    reference::batch_norm_backward<double>(layer, in, {&mean, 1}, {&variance, 1}, {&gamma, 1},
                                           {d_y.data(), x.size(), 1}, {d_x.data(), x.size(), 1},
                                           {&d_gamma, 1}, {&d_beta, 1});
  }
};

Norm any_norm(std::size_t least_rows = 3) {
  const auto rows = *rc::gen::inRange<std::size_t>(least_rows, 60);
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const double spread = *rc::gen::element(1e-3, 0.1, 1.0, 50.0);
  const double centre = *rc::gen::element(0.0, -1.0, 100.0);
  const double epsilon = *rc::gen::element(0.0, 1e-5, 1e-3, 1.0);
  Norm norm{epsilon, normal_numbers(1, seed + 1)[0], normal_numbers(1, seed + 2)[0],
            normal_numbers(rows, seed, spread, centre), normal_numbers(rows, seed + 3)};
  norm.run();
  return norm;
}

double sum(const Vector& x) { return std::accumulate(x.begin(), x.end(), 0.0); }
double dot(const Vector& a, const Vector& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

RC_GTEST_PROP(identities, x_norm_sums_to_zero, ()) {
  const Norm n = any_norm();
  RC_ASSERT(std::abs(sum(n.x_norm)) <= n.rows() * n.rows() * kUlp * n.conditioning());
}

RC_GTEST_PROP(identities, squares_of_x_norm_sum_to_rows_times_variance_over_variance_plus_epsilon, ()) {
  const Norm n = any_norm();
  const double expected = n.rows() * n.variance / (n.variance + n.epsilon);
  RC_ASSERT(std::abs(dot(n.x_norm, n.x_norm) - expected) <= 4 * n.rows() * kUlp * expected);
}

RC_GTEST_PROP(identities, d_x_sums_to_zero, ()) {
  const Norm n = any_norm();
  const double term = std::abs(n.gamma) * n.inv_std * largest(n.d_y);
  RC_ASSERT(std::abs(sum(n.d_x)) <= 4 * n.rows() * n.rows() * kUlp * n.conditioning() * term);
}

RC_GTEST_PROP(identities, d_x_is_orthogonal_to_x_norm_but_for_epsilon, ()) {
  const Norm n = any_norm();
  const double expected = n.gamma * n.inv_std * n.d_gamma * n.std_ratio();
  const double term = std::abs(n.gamma) * n.inv_std * largest(n.d_y);
  RC_ASSERT(std::abs(dot(n.d_x, n.x_norm) - expected) <=
            4 * n.rows() * n.rows() * kUlp * n.conditioning() * term);
}

RC_GTEST_PROP(identities, gamma_std_and_beta_mean_undo_the_norm, ()) {
  Norm n = any_norm();
  n.gamma = std::sqrt(n.variance + n.epsilon);
  n.beta = n.mean;
  n.run();
  RC_ASSERT(largest_difference(n.y, n.x) <= 8 * kUlp * largest(n.x));
}

RC_GTEST_PROP(identities, permuting_rows_permutes_output_and_gradient, ()) {
  const Norm n = any_norm();
  std::vector<std::size_t> order(n.x.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const RandomStream stream(*rc::gen::arbitrary<std::uint32_t>(), Purpose::shuffle, 0, 0);
  for (std::size_t i = order.size(); i-- > 1;) {
    std::swap(order[i], order[stream.below(static_cast<std::uint32_t>(i + 1), i)]);
  }
  const auto permuted = [&](const Vector& x) {
    Vector result;
    for (const std::size_t i : order) result.push_back(x[i]);
    return result;
  };
  Norm other = n;
  other.x = permuted(n.x);
  other.d_y = permuted(n.d_y);
  other.run();
  // The sums are added in another order.
  const double rounding = 8 * n.rows() * kUlp * n.conditioning();
  RC_ASSERT(largest_difference(other.y, permuted(n.y)) <=
            rounding * (std::abs(n.gamma) * largest(n.x_norm) + std::abs(n.beta)));
  const double term =
      std::abs(n.gamma) * n.inv_std * largest(n.d_y) * (1 + largest(n.x_norm) * largest(n.x_norm));
  RC_ASSERT(largest_difference(other.d_x, permuted(n.d_x)) <= rounding * term);
}

RC_GTEST_PROP(identities, adding_a_constant_to_a_channel_changes_nothing, ()) {
  Norm n = any_norm();
  // On a grid, so that the addition itself is exact.
  for (double& x : n.x) x = std::round(x * 1048576) / 1048576;
  n.run();
  RC_PRE(n.variance > 0);
  Norm other = n;
  const double constant = static_cast<double>(*rc::gen::inRange(-100000, 100000));
  for (double& x : other.x) x += constant;
  other.run();
  const double rounding = 8 * n.rows() * kUlp * (n.conditioning() + other.conditioning());
  const double most = largest(n.x_norm);
  RC_ASSERT(largest_difference(other.y, n.y) <=
            rounding * (std::abs(n.gamma) * most + std::abs(n.gamma) + std::abs(n.beta)));
  RC_ASSERT(largest_difference(other.d_x, n.d_x) <=
            rounding * std::abs(n.gamma) * n.inv_std * largest(n.d_y) * (1 + most * most));
}

RC_GTEST_PROP(identities, two_rows_become_plus_and_minus_one_but_for_epsilon, ()) {
  Norm n = any_norm(2);
  n.x.resize(2);
  n.d_y.resize(2);
  n.run();
  const double d = (n.x[0] - n.x[1]) / 2;
  RC_PRE(d != 0);
  const double expected = d / std::sqrt(d * d + n.epsilon);
  RC_ASSERT(std::abs(n.x_norm[0] - expected) <= 8 * kUlp * n.conditioning());
  RC_ASSERT(std::abs(n.x_norm[1] + expected) <= 8 * kUlp * n.conditioning());
}

// [rows, 3] → Dense 4 → BatchNorm → activation → Dense 2, its loss a fixed weighted sum.
struct Network2 {
  Network network;
  Vector x, parameters, d_output, output, gradient;
  std::vector<ParameterSlot> slots;
  Vector batch_statistics;

  void run() {
    ReferencePlan<double> plan(network);
    output = plan.forward_training(x, x.size() / 3, parameters, Vector(8), 0, 0);
    gradient.assign(parameters.size(), 0);
    plan.backward(d_output, gradient);
    batch_statistics = plan.batch_statistics();
  }
  std::span<double> tensor(Vector& arena, std::size_t slot) {
    return std::span(arena).subspan(slots[slot].offset, slots[slot].size());
  }
  static double norm(std::span<const double> x) {
    return std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0));
  }
};

Network2 any_network(bool bias, double epsilon) {
  const auto rows = *rc::gen::inRange<std::size_t>(6, 40);
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  Network2 n{{3, {Dense{4, bias}, BatchNorm{epsilon}, Activation{ActivationKind::silu}, Dense{2}}},
             normal_numbers(rows * 3, seed),
             {},
             normal_numbers(rows * 2, seed + 1),
             {},
             {},
             {},
             {}};
  n.slots = parameter_slots(n.network);
  n.parameters = normal_numbers(parameter_arena_size(n.network), seed + 2);
  n.run();
  // A channel that hardly varies magnifies every rounding, and the bounds below do not count that.
  for (std::size_t c = 0; c < 4; ++c) RC_PRE(n.batch_statistics[4 + c] > 1e-4);
  return n;
}

// Rounding through these networks is 1e-16 times some tens of terms, times 1 / std <= 100 and its
// square in the gradient.
constexpr double kNetworkTolerance = 1e-10;

RC_GTEST_PROP(identities, bias_before_the_norm_has_no_gradient, ()) {
  Network2 n = any_network(true, *rc::gen::element(0.0, 1e-5, 1.0));
  RC_ASSERT(Network2::norm(n.tensor(n.gradient, 1)) <= kNetworkTolerance * Network2::norm(n.gradient));
}

RC_GTEST_PROP(identities, scaling_the_weights_leaves_the_output_and_divides_the_gradient, ()) {
  Network2 n = any_network(false, 0.0);
  Network2 scaled = n;
  const double a = *rc::gen::element(0.01, 0.3, 7.0, 1000.0);
  for (double& w : scaled.tensor(scaled.parameters, 0)) w *= a;
  scaled.run();
  RC_ASSERT(largest_difference(scaled.output, n.output) <= kNetworkTolerance * largest(n.output));
  for (double& d : scaled.tensor(scaled.gradient, 0)) d *= a;
  RC_ASSERT(largest_difference(scaled.gradient, n.gradient) <= kNetworkTolerance * largest(n.gradient));
}

// ⟨w_j, ∇w_j⟩ = gamma · d_gamma · epsilon / (variance + epsilon): exactly 0 at epsilon 0.
RC_GTEST_PROP(identities, weights_are_orthogonal_to_their_gradient_but_for_epsilon, ()) {
  const double epsilon = *rc::gen::element(0.0, 1e-8, 1e-3, 1.0);
  Network2 n = any_network(false, epsilon);
  for (std::size_t c = 0; c < 4; ++c) {
    const auto w = n.tensor(n.parameters, 0).subspan(3 * c, 3);
    const auto d_w = n.tensor(n.gradient, 0).subspan(3 * c, 3);
    const double product = std::inner_product(w.begin(), w.end(), d_w.begin(), 0.0);
    const double expected = n.tensor(n.parameters, 1)[c] * n.tensor(n.gradient, 1)[c] * epsilon /
                            (n.batch_statistics[4 + c] + epsilon);
    RC_ASSERT(std::abs(product - expected) <= kNetworkTolerance * largest(n.gradient) * Network2::norm(w));
  }
}

// Batch norm of an image batch [N, C, H, W] written for itself, by Algorithm 1 and by the chain rule
// through variance and mean, as the paper has it; never through a matrix of rows.
struct ImageNorm {
  std::size_t images, channels, height, width;
  std::size_t at(std::size_t n, std::size_t c, std::size_t h, std::size_t w) const {
    return ((n * channels + c) * height + h) * width + w;
  }
  template <class F>
  void for_each_pixel(F f) const {
    for (std::size_t n = 0; n < images; ++n) {
      for (std::size_t h = 0; h < height; ++h) {
        for (std::size_t w = 0; w < width; ++w) f(n, h, w);
      }
    }
  }

  void run(const Vector& x, const Vector& gamma, const Vector& beta, double epsilon, const Vector& d_y,
           Vector& y, Vector& d_x, Vector& d_gamma, Vector& d_beta) const {
    const double m = static_cast<double>(images * height * width);
    for (std::size_t c = 0; c < channels; ++c) {
      double mean = 0, variance = 0, d_variance = 0, d_mean = 0;
      for_each_pixel([&](auto n, auto h, auto w) { mean += x[at(n, c, h, w)] / m; });
      for_each_pixel([&](auto n, auto h, auto w) { variance += std::pow(x[at(n, c, h, w)] - mean, 2) / m; });
      const double std = std::sqrt(variance + epsilon);
      for_each_pixel([&](auto n, auto h, auto w) {
        const std::size_t i = at(n, c, h, w);
        y[i] = gamma[c] * (x[i] - mean) / std + beta[c];
        d_gamma[c] += d_y[i] * (x[i] - mean) / std;
        d_beta[c] += d_y[i];
        d_variance += d_y[i] * gamma[c] * (x[i] - mean) * -0.5 / (std * std * std);
        d_mean -= d_y[i] * gamma[c] / std;
      });
      for_each_pixel([&](auto n, auto h, auto w) {
        const std::size_t i = at(n, c, h, w);
        d_x[i] = d_y[i] * gamma[c] / std + d_variance * 2 * (x[i] - mean) / m + d_mean / m;
      });
    }
  }
};

RC_GTEST_PROP(identities, norm_over_rows_of_pixels_is_convolutional_batch_norm, ()) {
  const ImageNorm image{*rc::gen::inRange<std::size_t>(1, 4), *rc::gen::inRange<std::size_t>(1, 4),
                        *rc::gen::inRange<std::size_t>(1, 6), *rc::gen::inRange<std::size_t>(3, 6)};
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const std::size_t channels = image.channels, rows = image.images * image.height * image.width;
  const Vector x = normal_numbers(rows * channels, seed, 2.0, 1.0),
               d_y = normal_numbers(rows * channels, seed + 1);
  const Vector gamma = normal_numbers(channels, seed + 2), beta = normal_numbers(channels, seed + 3);
  Vector y(x.size()), d_x(x.size()), d_gamma(channels), d_beta(channels);
  image.run(x, gamma, beta, 1e-5, d_y, y, d_x, d_gamma, d_beta);

  // Channels last: row (n·H + h)·W + w.
  const auto channels_last = [&](const Vector& chw) {
    Vector result;
    image.for_each_pixel([&](auto n, auto h, auto w) {
      for (std::size_t c = 0; c < channels; ++c) result.push_back(chw[image.at(n, c, h, w)]);
    });
    return result;
  };
  const BatchNorm layer{1e-5, 0.9, VarianceKind::population};
  const Vector x_rows = channels_last(x), d_y_rows = channels_last(d_y);
  Vector mean(channels), variance(channels), y_rows(x.size()), d_x_rows(x.size()), d_gamma_rows(channels),
      d_beta_rows(channels);
  const MatrixView<const double> in(x_rows.data(), rows, channels), d_out(d_y_rows.data(), rows, channels);
  reference::batch_statistics<double>(in, mean, variance);
  reference::batch_norm_forward<double>(layer, in, mean, variance, gamma, beta,
                                        {y_rows.data(), rows, channels});
  reference::batch_norm_backward<double>(layer, in, mean, variance, gamma, d_out,
                                         {d_x_rows.data(), rows, channels}, d_gamma_rows, d_beta_rows);
  // Three pixels may lie close together, and the paper's form multiplies by 1 / std³ <= 1e7.5.
  double most = 0;
  for (std::size_t c = 0; c < channels; ++c) most = std::max(most, reference::inverse_std(variance[c], 1e-5));
  const double rounding = 32 * static_cast<double>(rows) * kUlp * (1 + 10 * most);
  RC_ASSERT(largest_difference(y_rows, channels_last(y)) <= rounding * (largest(gamma) * 10 + largest(beta)));
  RC_ASSERT(largest_difference(d_gamma_rows, d_gamma) <= rounding * largest(d_y) * 10);
  RC_ASSERT(largest_difference(d_beta_rows, d_beta) <= rounding * largest(d_y));
  RC_ASSERT(largest_difference(d_x_rows, channels_last(d_x)) <=
            rounding * largest(gamma) * largest(d_y) * most * 10);
}

}  // namespace
}  // namespace ztilde
