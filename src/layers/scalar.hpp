// What the scalar templates ask of a number: double, long double or std::complex<double>, whose
// tiny imaginary part carries a derivative: F'(x) = Im F(x + ih) / h, free of cancellation.
// So they branch on the real part and write x * x, never abs or conj.
// Squire & Trapp 1998, "Using complex variables to estimate derivatives of real functions".
#pragma once

#include <cmath>
#include <complex>
#include <concepts>
#include <numbers>
#include <type_traits>

namespace ztilde::reference {

template <class T>
struct RealOf {
  using type = T;
};
template <class R>
struct RealOf<std::complex<R>> {
  using type = R;
};
template <class T>
using Real = typename RealOf<T>::type;

template <class T>
Real<T> real_part(const T& x) {
  if constexpr (std::floating_point<T>) {
    return x;
  } else {
    return x.real();
  }
}

// A size, a float or a double as a T.
template <class T, class Number>
T number(Number value) {
  return T(static_cast<Real<T>>(value));
}

// 1 - erf(x). <cmath> has no complex one; the first order in the imaginary part b is exact to
// O(b²), which is all that a complex step of 1e-30 can see.
template <class T>
T complementary_error(const T& x) {
  if constexpr (std::floating_point<T>) {
    return std::erfc(x);
  } else {
    const Real<T> a = x.real();
    const Real<T> slope = Real<T>{-2} * std::numbers::inv_sqrtpi_v<Real<T>> * std::exp(-a * a);
    return T(std::erfc(a), slope * x.imag());
  }
}

// 1 / sqrt(variance + epsilon), and 0 for a constant channel with epsilon 0, so that its x_norm is 0.
template <class T>
T inverse_std(const T& variance, double epsilon) {
  using std::sqrt;
  const T inside = variance + number<T>(epsilon);
  return real_part(inside) > 0 ? T(1) / sqrt(inside) : T(0);
}

}  // namespace ztilde::reference
