// What the tests of the kernels share: guarded matrices, shapes, and each SIMD target in turn.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "kernels/block_kernels.hpp"

namespace ztilde::kernels::test {

constexpr double kUnit = 0x1p-24;  // what rounding to float costs, relatively
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kGuard = 12345.675f;

inline const std::vector<std::size_t> kChannels = {1, 3, 15, 16, 17, 64, 251, 257};
inline const std::vector<std::size_t> kRows = {2, 3, 4, 5, 8, 17, 64, 128, 255, 256, 257};
inline const std::vector<ActivationKind> kActivations = {
    ActivationKind::identity, ActivationKind::relu, ActivationKind::leaky_relu, ActivationKind::sigmoid,
    ActivationKind::tanh,     ActivationKind::silu, ActivationKind::gelu};

// Runs body() once on every target that is compiled in and runs here.
template <class Body>
void on_every_target(const Body& body) {
  for (std::int64_t left = supported_targets(); left != 0; left &= left - 1) {
    const std::int64_t target = left & -left;
    SCOPED_TRACE("target " + std::to_string(target));
    force_target(target);
    body();
    force_target(0);
    if (::testing::Test::HasFailure()) return;
  }
}

// [rows, channels] inside a larger array of guard values, which must survive; unaligned by design.
class Guarded {
 public:
  Guarded(std::size_t rows, std::size_t channels, float fill = kNaN, std::size_t gap = 3)
      : rows_(rows), channels_(channels), stride_(channels + gap), values_(1 + rows * stride_ + 16, kGuard) {
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < channels; ++c) view()(r, c) = fill;
    }
  }
  View view() { return {values_.data() + 1, rows_, channels_, stride_}; }
  ConstView cview() const { return {values_.data() + 1, rows_, channels_, stride_}; }
  float operator()(std::size_t r, std::size_t c) const { return cview()(r, c); }
  bool guards_intact() const {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const bool inside = i >= 1 && i - 1 < rows_ * stride_ && (i - 1) % stride_ < channels_;
      if (!inside && values_[i] != kGuard) return false;
    }
    return true;
  }

 private:
  std::size_t rows_, channels_, stride_;
  std::vector<float> values_;
};

// Normal numbers: channel c has this mean and standard deviation.
inline Guarded normal_matrix(std::size_t rows, std::size_t channels, double mean, double deviation,
                             unsigned seed) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal;
  Guarded m(rows, channels);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < channels; ++c)
      m.view()(r, c) = static_cast<float>(mean + deviation * normal(engine));
  }
  return m;
}

inline std::vector<float> normal_vector(std::size_t n, double mean, double deviation, unsigned seed) {
  const Guarded m = normal_matrix(1, n, mean, deviation, seed);
  return {m.cview().row(0), m.cview().row(0) + n};
}

inline bool same_bits(float a, float b) { return (std::isnan(a) && std::isnan(b)) || a == b; }

}  // namespace ztilde::kernels::test
