// The coefficients of batch norm's two affine maps, in double and rounded once.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/block_kernels.hpp"

namespace ztilde::kernels {

namespace {

// To the nearest float, the largest finite one where there is none nearer; NaN stays NaN.
float to_float(double value) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(value, -kLargest, kLargest));
}

double inverse_std(double variance, double epsilon) {
  const double inside = variance + epsilon;
  return inside == 0 ? 0 : 1 / std::sqrt(inside);
}

}  // namespace

void make_affine(std::size_t channels, const double* mean, const double* variance, double epsilon,
                 const float* gamma, const float* beta, float* centre, float* scale, float* shift,
                 double* inv_std) {
  for (std::size_t c = 0; c < channels; ++c) {
    const double inverse = inverse_std(variance[c], epsilon);
    centre[c] = to_float(mean[c]);
    scale[c] = to_float((gamma ? gamma[c] : 1.0) * inverse);
    const double lost = mean[c] - centre[c];
    shift[c] = to_float((beta ? beta[c] : 0.0) - lost * scale[c]);
    if (inv_std) inv_std[c] = inverse;
  }
}

void make_input_gradient(std::size_t channels, std::uint64_t rows, const double* mean, const double* variance,
                         double epsilon, const float* gamma, const double* sum_d, const double* sum_dx,
                         float* centre, float* scale, float* slope, float* offset, double* d_gamma) {
  for (std::size_t c = 0; c < channels; ++c) {
    const double inverse = inverse_std(variance[c], epsilon);
    centre[c] = to_float(mean[c]);
    const double lost = mean[c] - centre[c];
    const double sum_d_x_norm = inverse * (sum_dx[c] - lost * sum_d[c]);
    const double mean_d_x_norm = sum_d_x_norm / static_cast<double>(rows);
    // A constant channel: its gradient is defined as 0.
    scale[c] = to_float((gamma ? gamma[c] : 1.0) * inverse);
    slope[c] = to_float(-inverse * mean_d_x_norm);
    offset[c] = to_float(-sum_d[c] / static_cast<double>(rows) + inverse * mean_d_x_norm * lost);
    if (d_gamma) d_gamma[c] = sum_d_x_norm;
  }
}

}  // namespace ztilde::kernels
