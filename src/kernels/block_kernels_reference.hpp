// Scalar twins of block_kernels.hpp in any real number type: what the kernels mean, element by
// element, without blocks, vectors or care for speed. The tests compare against them in double.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>

#include "base/random.hpp"
#include "ztilde/matrix_view.hpp"
#include "ztilde/network.hpp"

namespace ztilde::kernels::reference {

template <class T>
T activation(ActivationKind kind, T z) {
  if (std::isnan(z)) return z;
  const T e = std::exp(-std::abs(z));
  const T sigmoid = (z < 0 ? e : T{1}) / (1 + e);
  switch (kind) {
    case ActivationKind::identity:
      return z;
    case ActivationKind::relu:
      return z > 0 ? z : T{0};
    case ActivationKind::leaky_relu:
      return z > 0 ? z : static_cast<T>(0.01) * z;
    case ActivationKind::sigmoid:
      return sigmoid;
    case ActivationKind::tanh:
      return std::tanh(z);
    case ActivationKind::silu:
      return sigmoid == 0 ? T{0} : z * sigmoid;
    case ActivationKind::gelu: {
      const T below = std::erfc(-z / std::numbers::sqrt2_v<T>) / 2;
      return below == 0 ? T{0} : z * below;
    }
  }
  return z;
}

template <class T>
T activation_slope(ActivationKind kind, T z) {
  if (std::isnan(z)) return z;
  const T e = std::exp(-std::abs(z));
  const T sigmoid = (z < 0 ? e : T{1}) / (1 + e);
  const T sigmoid_slope = e / ((1 + e) * (1 + e));
  switch (kind) {
    case ActivationKind::identity:
      return T{1};
    case ActivationKind::relu:
      return z > 0 ? T{1} : T{0};
    case ActivationKind::leaky_relu:
      return z > 0 ? T{1} : static_cast<T>(0.01);
    case ActivationKind::sigmoid:
      return sigmoid_slope;
    case ActivationKind::tanh:
      return 4 * e * e / ((1 + e * e) * (1 + e * e));
    case ActivationKind::silu:
      return sigmoid_slope == 0 ? sigmoid : sigmoid + z * sigmoid_slope;
    case ActivationKind::gelu: {
      const T density = std::exp(-z * z / 2) * std::numbers::inv_sqrtpi_v<T> / std::numbers::sqrt2_v<T>;
      const T below = std::erfc(-z / std::numbers::sqrt2_v<T>) / 2;
      return density == 0 ? below : below + z * density;
    }
  }
  return T{1};
}

// The affine map of one channel.
template <class T>
struct Affine {
  T centre{0}, scale{1}, shift{0};
  T operator()(T x) const { return (x - centre) * scale + shift; }
};

// y = gamma (x - mean) / sqrt(variance + epsilon) + beta; 0/0 is 0.
template <class T>
Affine<T> make_affine(T mean, T variance, T epsilon, T gamma, T beta) {
  const T inside = variance + epsilon;
  return {mean, inside == 0 ? T{0} : gamma / std::sqrt(inside), beta};
}

template <class T>
struct Sums {
  T first{0}, sum{0}, other{0};
};

// {shift, Σ (x - shift), Σ (x - shift)²} of channel c, shift = the first row.
template <class T>
Sums<T> shifted_sums(MatrixView<const float> x, std::size_t c) {
  Sums<T> sums{static_cast<T>(x(0, c))};
  for (std::size_t r = 0; r < x.rows; ++r) {
    const T d = static_cast<T>(x(r, c)) - sums.first;
    sums.sum += d;
    sums.other += d * d;
  }
  return sums;
}

// {shift, Σ w (x - shift), Σ w (x - shift)²} of channel c, shift = the first row that counts.
template <class T>
Sums<T> weighted_sums(MatrixView<const float> x, const float* weights, std::size_t c) {
  std::size_t first = 0;
  while (first + 1 < x.rows && weights[first] == 0) ++first;
  Sums<T> sums{static_cast<T>(x(first, c))};
  for (std::size_t r = 0; r < x.rows; ++r) {
    if (weights[r] == 0) continue;
    const T w = static_cast<T>(weights[r]), d = static_cast<T>(x(r, c)) - sums.first;
    sums.sum += w * d;
    sums.other += w * d * d;
  }
  return sums;
}

// {centre, Σ d, Σ d · (x - centre)} of channel c, d being the gradient after the activation's slope.
template <class T>
Sums<T> backward_sums(MatrixView<const float> x, MatrixView<const float> d, T centre, std::size_t c) {
  Sums<T> sums{centre};
  for (std::size_t r = 0; r < x.rows; ++r) {
    sums.sum += static_cast<T>(d(r, c));
    sums.other += static_cast<T>(d(r, c)) * (static_cast<T>(x(r, c)) - centre);
  }
  return sums;
}

// The input gradient of batch norm for one element, from the sums over all rows.
template <class T>
T input_gradient(T d, T x_norm, T rows, T sum_d, T sum_d_x_norm, T gamma, T inv_std) {
  return gamma * inv_std / rows * (rows * d - sum_d - x_norm * sum_d_x_norm);
}

inline bool is_dropped(double probability, const RandomStream& stream, std::uint64_t element) {
  return stream.bits(element) < probability * 0x1p32;
}

}  // namespace ztilde::kernels::reference
