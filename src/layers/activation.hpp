// Activation: a = g(z), element by element.  z, a: [rows, channels]
// relu and leaky_relu have the slope of their negative side at 0, as torch does.
#pragma once

#include "layers/fields.hpp"
#include "layers/scalar.hpp"
#include "ztilde/matrix_view.hpp"

namespace ztilde::layers {

constexpr std::string_view layer_name(const Activation&) { return "activation"; }

template <Is<Activation> L, class Visit>
void for_each_field(L& layer, Visit&& visit) {
  visit("kind", layer.kind, Limits{});
}

inline Shape output_shape(const Activation&, const Shape& input) { return input; }
inline std::vector<ParameterShape> parameters(const Activation&, const Shape&) { return {}; }
constexpr bool has_statistics(const Activation&) { return false; }

}  // namespace ztilde::layers

namespace ztilde::reference {

inline constexpr double kLeakySlope = 0.01;

// exp of a negative number only, so that it cannot overflow.
template <class T>
T sigmoid(const T& z) {
  using std::exp;
  if (real_part(z) >= 0) return T(1) / (T(1) + exp(-z));
  const T e = exp(z);
  return e / (T(1) + e);
}

// Φ(z), the normal distribution; erfc keeps the left tail that 1 + erf would cancel.
template <class T>
T normal_distribution(const T& z) {
  const T inv_sqrt2 = T(Real<T>{1} / std::numbers::sqrt2_v<Real<T>>);
  return T(Real<T>{0.5}) * complementary_error(T(-z * inv_sqrt2));
}

template <class T>
T activate(ActivationKind kind, const T& z) {
  using std::tanh;
  switch (kind) {
    case ActivationKind::identity:
      return z;
    case ActivationKind::relu:
      return real_part(z) > 0 ? z : T(0);
    case ActivationKind::leaky_relu:
      return real_part(z) > 0 ? z : number<T>(kLeakySlope) * z;
    case ActivationKind::sigmoid:
      return sigmoid(z);
    case ActivationKind::tanh:
      return tanh(z);
    case ActivationKind::silu:
      return z * sigmoid(z);
    case ActivationKind::gelu:
      return z * normal_distribution(z);
  }
  return z;
}

// g'(z).
template <class T>
T activation_slope(ActivationKind kind, const T& z) {
  using std::exp, std::tanh;
  switch (kind) {
    case ActivationKind::identity:
      return T(1);
    case ActivationKind::relu:
      return real_part(z) > 0 ? T(1) : T(0);
    case ActivationKind::leaky_relu:
      return real_part(z) > 0 ? T(1) : number<T>(kLeakySlope);
    case ActivationKind::sigmoid:
      return sigmoid(z) * sigmoid(T(-z));
    case ActivationKind::tanh:
      return (T(1) - tanh(z)) * (T(1) + tanh(z));
    case ActivationKind::silu:
      return sigmoid(z) + z * sigmoid(z) * sigmoid(T(-z));
    case ActivationKind::gelu: {
      const Real<T> inv_sqrt_2pi = std::numbers::inv_sqrtpi_v<Real<T>> / std::numbers::sqrt2_v<Real<T>>;
      const T density = T(inv_sqrt_2pi) * exp(T(Real<T>{-0.5}) * z * z);
      return normal_distribution(z) + z * density;
    }
  }
  return T(1);
}

template <class T>
void activation_forward(const Activation& layer, MatrixView<const T> z, MatrixView<T> a) {
  for (std::size_t r = 0; r < z.rows; ++r) {
    for (std::size_t c = 0; c < z.channels; ++c) a(r, c) = activate(layer.kind, z(r, c));
  }
}

// Overwrites d_z.
template <class T>
void activation_backward(const Activation& layer, MatrixView<const T> z, MatrixView<const T> d_a,
                         MatrixView<T> d_z) {
  for (std::size_t r = 0; r < z.rows; ++r) {
    for (std::size_t c = 0; c < z.channels; ++c)
      d_z(r, c) = d_a(r, c) * activation_slope(layer.kind, z(r, c));
  }
}

}  // namespace ztilde::reference
