// Gradients without cancellation, for tests: dF/dx_i = Im F(x + i h e_i) / h.
// F takes and gives std::complex<double> and is analytic where it is tried. h = 1e-30 is far below
// what the real parts can see, so nothing is truncated and nothing cancels.
#pragma once

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <vector>

#include "base/random.hpp"

namespace ztilde::testing {

using Complex = std::complex<double>;

inline std::vector<Complex> to_complex(const std::vector<double>& x) { return {x.begin(), x.end()}; }

template <class F>
std::vector<double> complex_step_gradient(const F& f, const std::vector<double>& x) {
  constexpr double h = 1e-30;
  std::vector<Complex> at = to_complex(x);
  std::vector<double> gradient(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    at[i] = {x[i], h};
    gradient[i] = f(at).imag() / h;
    at[i] = x[i];
  }
  return gradient;
}

// Standard normal numbers, the same on every machine.
inline std::vector<double> normal_numbers(std::size_t size, std::uint64_t seed, double spread = 1,
                                          double centre = 0) {
  const RandomStream stream(seed, Purpose::initialise, 0, 0);
  std::vector<double> x(size);
  for (std::size_t i = 0; i < size; ++i) x[i] = centre + spread * stream.normal(i);
  return x;
}

inline double largest(const std::vector<double>& x) {
  double most = 0;
  for (const double value : x) most = std::max(most, std::abs(value));
  return most;
}

inline double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return HUGE_VAL;
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(a[i] - b[i]);
    if (std::isnan(difference)) return HUGE_VAL;  // std::max would lose it
    most = std::max(most, difference);
  }
  return most;
}

}  // namespace ztilde::testing
