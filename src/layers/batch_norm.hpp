// BatchNorm: z_tilde = gamma (z - mean) / sqrt(variance + epsilon) + beta, per channel.
//   z, z_tilde: [rows, channels];  gamma, beta, mean, variance: [channels]
// variance is the population one (divides by rows).
// Ioffe & Szegedy 2015, arXiv:1502.03167, Algorithm 1.
#pragma once

#include <span>

#include "layers/fields.hpp"
#include "layers/scalar.hpp"
#include "ztilde/matrix_view.hpp"

namespace ztilde::layers {

constexpr std::string_view layer_name(const BatchNorm&) { return "batch_norm"; }

template <Is<BatchNorm> L, class Visit>
void for_each_field(L& layer, Visit&& visit) {
  visit("epsilon", layer.epsilon, Limits{.least = 0});
  visit("keep", layer.keep, Limits{.least = 0, .most = 1});
  visit("running_variance", layer.running_variance, Limits{});
}

inline Shape output_shape(const BatchNorm&, const Shape& input) { return input; }
inline std::vector<ParameterShape> parameters(const BatchNorm&, const Shape& input) {
  return {{"weight", input.channels}, {"bias", input.channels}};
}
constexpr bool has_statistics(const BatchNorm&) { return true; }

}  // namespace ztilde::layers

namespace ztilde::reference {

// Two passes, and sums of differences from the first row: a constant channel comes out with exactly
// its value as mean and with variance 0, however many rows there are.
template <class T>
void batch_statistics(MatrixView<const T> z, std::span<T> mean, std::span<T> variance) {
  const T rows = number<T>(z.rows);
  for (std::size_t c = 0; c < z.channels; ++c) {
    const T first = z(0, c);
    T sum(0);
    for (std::size_t r = 0; r < z.rows; ++r) sum += z(r, c) - first;
    mean[c] = first + sum / rows;
    T squares(0);
    for (std::size_t r = 0; r < z.rows; ++r) squares += (z(r, c) - mean[c]) * (z(r, c) - mean[c]);
    variance[c] = squares / rows;
  }
}

// The same where rows count by weights [rows].
template <class T>
void weighted_batch_statistics(MatrixView<const T> z, std::span<const double> weights, std::span<T> mean,
                               std::span<T> variance) {
  T whole(0);
  for (std::size_t r = 0; r < z.rows; ++r) whole += number<T>(weights[r]);
  for (std::size_t c = 0; c < z.channels; ++c) {
    const T first = z(0, c);
    T sum(0);
    for (std::size_t r = 0; r < z.rows; ++r) sum += number<T>(weights[r]) * (z(r, c) - first);
    mean[c] = first + sum / whole;
    T squares(0);
    for (std::size_t r = 0; r < z.rows; ++r) {
      squares += number<T>(weights[r]) * ((z(r, c) - mean[c]) * (z(r, c) - mean[c]));
    }
    variance[c] = squares / whole;
  }
}

// With known statistics; in training they are those that batch_statistics found.
template <class T>
void batch_norm_forward(const BatchNorm& layer, MatrixView<const T> z, std::span<const T> mean,
                        std::span<const T> variance, std::span<const T> gamma, std::span<const T> beta,
                        MatrixView<T> z_tilde) {
  for (std::size_t c = 0; c < z.channels; ++c) {
    const T inv_std = inverse_std(variance[c], layer.epsilon);
    for (std::size_t r = 0; r < z.rows; ++r) {
      z_tilde(r, c) = gamma[c] * ((z(r, c) - mean[c]) * inv_std) + beta[c];
    }
  }
}

// Backward where mean and variance are those of z itself. Overwrites d_z; adds into d_gamma, d_beta.
// weights: those of the statistics, or empty.
template <class T>
void batch_norm_backward(const BatchNorm& layer, MatrixView<const T> z, std::span<const T> mean,
                         std::span<const T> variance, std::span<const T> gamma, MatrixView<const T> d_z_tilde,
                         MatrixView<T> d_z, std::span<T> d_gamma, std::span<T> d_beta,
                         std::span<const double> weights = {}) {
  T rows = number<T>(z.rows);
  if (!weights.empty()) {
    rows = T(0);
    for (const double weight : weights) rows += number<T>(weight);
  }
  for (std::size_t c = 0; c < z.channels; ++c) {
    const T inv_std = inverse_std(variance[c], layer.epsilon);
    T sum_d(0), sum_d_z_norm(0);
    for (std::size_t r = 0; r < z.rows; ++r) {
      sum_d += d_z_tilde(r, c);
      sum_d_z_norm += d_z_tilde(r, c) * ((z(r, c) - mean[c]) * inv_std);
    }
    d_gamma[c] += sum_d_z_norm;
    d_beta[c] += sum_d;
    for (std::size_t r = 0; r < z.rows; ++r) {
      const T z_norm = (z(r, c) - mean[c]) * inv_std;
      const T weight = weights.empty() ? T(1) : number<T>(weights[r]);
      d_z(r, c) =
          gamma[c] * inv_std / rows * (rows * d_z_tilde(r, c) - weight * (sum_d + z_norm * sum_d_z_norm));
    }
  }
}

// running = keep · running + (1 - keep) · batch. Requires rows >= 2 for the unbiased variance.
template <class T>
void update_running(const BatchNorm& layer, std::size_t rows, std::span<const T> mean,
                    std::span<const T> variance, std::span<T> running_mean, std::span<T> running_variance) {
  const T keep = number<T>(layer.keep), take = T(1) - keep;
  const T unbias =
      layer.running_variance == VarianceKind::unbiased ? number<T>(rows) / number<T>(rows - 1) : T(1);
  for (std::size_t c = 0; c < mean.size(); ++c) {
    running_mean[c] = keep * running_mean[c] + take * mean[c];
    running_variance[c] = keep * running_variance[c] + take * (variance[c] * unbias);
  }
}

}  // namespace ztilde::reference
