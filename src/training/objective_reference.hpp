// Scalar losses, each the weighted mean over rows, followed at once by its gradient; for any number type
// of layers/scalar.hpp. out, d_out: [rows, outputs]; targets: [rows]; weights: [rows], or empty for 1 each.
// Backward overwrites d_out. The contract is that of kernels/loss_kernels.hpp with scale = 1 / Σ weights,
// written from the definition: the target of every class, and −Σ target · log p.
#pragma once

#include <span>

#include "layers/activation.hpp"
#include "layers/scalar.hpp"
#include "ztilde/matrix_view.hpp"

namespace ztilde::reference {

inline double weight_of(std::span<const double> weights, std::size_t r) {
  return weights.empty() ? 1 : weights[r];
}
inline double total_weight(std::span<const double> weights, std::size_t rows) {
  double total = 0;
  for (std::size_t r = 0; r < rows; ++r) total += weight_of(weights, r);
  return total;
}

// log Σ exp of one row, with the largest logit subtracted first.
template <class T>
T log_sum_exp(MatrixView<const T> out, std::size_t r) {
  using std::exp, std::log;
  T largest = out(r, 0);
  for (std::size_t c = 1; c < out.channels; ++c) {
    if (real_part(out(r, c)) > real_part(largest)) largest = out(r, c);
  }
  T sum(0);
  for (std::size_t c = 0; c < out.channels; ++c) sum += exp(out(r, c) - largest);
  return largest + log(sum);
}

// What class c of `classes` should get where the row's is `target`.
inline double smoothed(float target, std::size_t c, std::size_t classes, double smoothing) {
  const bool own = c == static_cast<std::size_t>(target);
  return (own ? 1 - smoothing : 0) + smoothing / static_cast<double>(classes);
}

// −Σ target · log softmax(out); targets[r] is a class index.
template <class T>
T softmax_cross_entropy(MatrixView<const T> out, std::span<const float> targets,
                        std::span<const double> weights = {}, double smoothing = 0) {
  T loss(0);
  for (std::size_t r = 0; r < out.rows; ++r) {
    const T log_sum = log_sum_exp(out, r);
    T row(0);
    for (std::size_t c = 0; c < out.channels; ++c) {
      const double target = smoothed(targets[r], c, out.channels, smoothing);
      if (target > 0) row += number<T>(target) * (log_sum - out(r, c));
    }
    loss += number<T>(weight_of(weights, r)) * row;
  }
  return loss / number<T>(total_weight(weights, out.rows));
}
template <class T>
void softmax_cross_entropy_backward(MatrixView<const T> out, std::span<const float> targets,
                                    MatrixView<T> d_out, std::span<const double> weights = {},
                                    double smoothing = 0) {
  using std::exp;
  const double total = total_weight(weights, out.rows);
  for (std::size_t r = 0; r < out.rows; ++r) {
    const T log_sum = log_sum_exp(out, r), share = number<T>(weight_of(weights, r) / total);
    for (std::size_t c = 0; c < out.channels; ++c) {
      const double target = smoothed(targets[r], c, out.channels, smoothing);
      d_out(r, c) = share * (exp(out(r, c) - log_sum) - number<T>(target));
    }
  }
}

// One logit z of two classes: log(1 + exp(−|z|)) + max(z, 0) − z · target of class 1.
template <class T>
T binary_cross_entropy(MatrixView<const T> out, std::span<const float> targets,
                       std::span<const double> weights = {}, double smoothing = 0) {
  using std::exp, std::log;
  T loss(0);
  for (std::size_t r = 0; r < out.rows; ++r) {
    const T z = out(r, 0);
    const bool positive = real_part(z) > 0;
    loss += number<T>(weight_of(weights, r)) * (log(T(1) + exp(positive ? -z : z)) + (positive ? z : T(0)) -
                                                z * number<T>(smoothed(targets[r], 1, 2, smoothing)));
  }
  return loss / number<T>(total_weight(weights, out.rows));
}
template <class T>
void binary_cross_entropy_backward(MatrixView<const T> out, std::span<const float> targets,
                                   MatrixView<T> d_out, std::span<const double> weights = {},
                                   double smoothing = 0) {
  const double total = total_weight(weights, out.rows);
  for (std::size_t r = 0; r < out.rows; ++r) {
    const double target = smoothed(targets[r], 1, 2, smoothing);
    d_out(r, 0) = number<T>(weight_of(weights, r) / total) * (sigmoid(out(r, 0)) - number<T>(target));
  }
}

// One output; (out − (target − target_mean) / target_std)².
template <class T>
T squared_error(MatrixView<const T> out, std::span<const float> targets, double target_mean,
                double target_std, std::span<const double> weights = {}) {
  T loss(0);
  for (std::size_t r = 0; r < out.rows; ++r) {
    const T error = out(r, 0) - number<T>((double{targets[r]} - target_mean) / target_std);
    loss += number<T>(weight_of(weights, r)) * (error * error);
  }
  return loss / number<T>(total_weight(weights, out.rows));
}
template <class T>
void squared_error_backward(MatrixView<const T> out, std::span<const float> targets, double target_mean,
                            double target_std, MatrixView<T> d_out, std::span<const double> weights = {}) {
  const double total = total_weight(weights, out.rows);
  for (std::size_t r = 0; r < out.rows; ++r) {
    const T error = out(r, 0) - number<T>((double{targets[r]} - target_mean) / target_std);
    d_out(r, 0) = number<T>(weight_of(weights, r) / total) * (error + error);
  }
}

}  // namespace ztilde::reference
