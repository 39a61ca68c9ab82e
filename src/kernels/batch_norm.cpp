#include "ztilde/batch_norm.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "kernels/block_kernels.hpp"
#include "ztilde/error.hpp"

namespace ztilde::batch_norm {

namespace {

// Sums are taken over blocks of this many rows and pooled: part of what the result's bits depend on.
constexpr std::size_t kBlockRows = 128;

void require(bool condition, const std::string& message) {
  if (!condition) throw Error(ErrorKind::data, "batch norm: " + message);
}

std::string shape(std::size_t rows, std::size_t channels) {
  return "[" + std::to_string(rows) + ", " + std::to_string(channels) + "]";
}

void require_view(ConstView view, const char* name) {
  require(view.row_stride >= view.channels || view.rows <= 1,
          std::string(name) + " has a row stride of " + std::to_string(view.row_stride) + ", below its " +
              std::to_string(view.channels) + " channels");
  require(view.data != nullptr || view.rows == 0 || view.channels == 0, std::string(name) + " has no data");
}

void require_same_shape(ConstView x, ConstView other, const char* name) {
  require_view(other, name);
  require(
      other.rows == x.rows && other.channels == x.channels,
      std::string(name) + " is " + shape(other.rows, other.channels) + ", x is " + shape(x.rows, x.channels));
}

void require_size(std::size_t size, std::size_t channels, const char* name) {
  require(size == channels, std::string(name) + " has " + std::to_string(size) + " elements for " +
                                std::to_string(channels) + " channels");
}

template <class T>
void require_size_or_empty(std::span<T> array, std::size_t channels, const char* name) {
  if (!array.empty()) require_size(array.size(), channels, name);
}

void require_epsilon(double epsilon) {
  require(epsilon >= 0 && std::isfinite(epsilon),
          "epsilon is " + std::to_string(epsilon) + "; it must be 0 or a positive number");
}

void require_variances(std::span<const double> variance) {
  for (std::size_t c = 0; c < variance.size(); ++c) {
    require(variance[c] >= 0, "the variance of channel " + std::to_string(c) + " is " +
                                  std::to_string(variance[c]) + "; it must be 0 or a positive number");
  }
}

// What normalise, backward and backward_known have in common.
void require_known(ConstView x, std::span<const double> mean, std::span<const double> variance,
                   std::span<const float> gamma, std::span<const float> beta, double epsilon) {
  require_view(x, "x");
  require_size(mean.size(), x.channels, "mean");
  require_size(variance.size(), x.channels, "variance");
  require_size_or_empty(gamma, x.channels, "gamma");
  require_size_or_empty(beta, x.channels, "beta");
  require_epsilon(epsilon);
  require_variances(variance);
}

template <class T>
T* data_or_null(std::span<T> array) {
  return array.empty() ? nullptr : array.data();
}

// The affine map of one call.
struct AffineArrays {
  std::vector<float> values;
  kernels::Affine affine;

  AffineArrays(std::span<const double> mean, std::span<const double> variance, std::span<const float> gamma,
               std::span<const float> beta, double epsilon)
      : values(3 * mean.size()) {
    const std::size_t channels = mean.size();
    float* centre = values.data();
    float* scale = centre + channels;
    float* shift = scale + channels;
    kernels::make_affine(channels, mean.data(), variance.data(), epsilon, data_or_null(gamma),
                         data_or_null(beta), centre, scale, shift, nullptr);
    affine = {centre, scale, shift};
  }
};

template <class Visit>
void for_each_block(std::size_t rows, const Visit& visit) {
  for (std::size_t first = 0; first < rows; first += kBlockRows)
    visit(first, std::min(kBlockRows, rows - first));
}

struct BackwardSums {
  std::vector<double> d, dx;  // Σ d and Σ d · (x - centre)
};

// d_x ← d_y · g'(z_tilde), and the sums over all rows.
BackwardSums backward_sums(ConstView x, const kernels::Affine& affine, ConstView d_y, View d_x,
                           ActivationKind g) {
  const std::size_t channels = x.channels;
  BackwardSums sums{std::vector<double>(channels), std::vector<double>(channels)};
  std::vector<double> block_d(channels), block_dx(channels);
  for_each_block(x.rows, [&](std::size_t first, std::size_t count) {
    if (d_x.data != d_y.data) {
      for (std::size_t r = first; r < first + count; ++r) std::copy_n(d_y.row(r), channels, d_x.row(r));
    }
    kernels::normalise_activate_backward(x.block(first, count), affine, g, d_x.block(first, count),
                                         block_d.data(), block_dx.data());
    for (std::size_t c = 0; c < channels; ++c) {
      sums.d[c] += block_d[c];
      sums.dx[c] += block_dx[c];
    }
  });
  return sums;
}

void require_backward(ConstView x, ConstView d_y, View d_x, std::span<float> d_gamma,
                      std::span<float> d_beta) {
  require_same_shape(x, d_y, "d_y");
  require_same_shape(x, d_x, "d_x");
  require(d_x.data != d_y.data || d_x.row_stride == d_y.row_stride || x.rows <= 1,
          "d_x lies over d_y with another row stride");
  require(d_x.data != x.data || x.data == nullptr, "d_x lies over x, which is still needed");
  require_size_or_empty(d_gamma, x.channels, "d_gamma");
  require_size_or_empty(d_beta, x.channels, "d_beta");
}

}  // namespace

void statistics(ConstView x, std::span<double> mean, std::span<double> variance) {
  require_view(x, "x");
  require_size(mean.size(), x.channels, "mean");
  require_size(variance.size(), x.channels, "variance");
  require(x.rows >= 1, "statistics need at least 1 row");
  const std::size_t channels = x.channels;
  std::vector<float> shift(channels);
  std::vector<double> sum(channels), sum_squares(channels);
  for_each_block(x.rows, [&](std::size_t first, std::size_t count) {
    kernels::shifted_sums(x.block(first, count), shift.data(), sum.data(), sum_squares.data());
    const auto block_rows = static_cast<double>(count);
    const auto rows_before = static_cast<double>(first);
    const double share = block_rows / (rows_before + block_rows);
    for (std::size_t c = 0; c < channels; ++c) {
      const double offset = sum[c] / block_rows;
      // Σ d² - (Σ d)²/m is 0 or more but for rounding; NaN stays NaN.
      const double m2 = sum_squares[c] - sum[c] * offset;
      const double block_m2 = m2 < 0 ? 0 : m2;
      const double block_mean = double{shift[c]} + offset;
      if (first == 0) {
        mean[c] = block_mean;
        variance[c] = block_m2;
      } else {
        // variance holds M2 until the last block is in.
        const double delta = block_mean - mean[c];
        mean[c] += delta * share;
        variance[c] += block_m2 + delta * delta * rows_before * share;
      }
    }
  });
  for (double& v : variance) v /= static_cast<double>(x.rows);
}

void forward(ConstView x, std::span<const float> gamma, std::span<const float> beta, double epsilon, View y,
             std::span<double> mean, std::span<double> variance, ActivationKind g) {
  require_view(x, "x");
  require_same_shape(x, y, "y");
  require_size_or_empty(gamma, x.channels, "gamma");
  require_size_or_empty(beta, x.channels, "beta");
  require_epsilon(epsilon);
  require(x.rows >= 2, "training needs at least 2 rows, there " +
                           std::string(x.rows == 1 ? "is 1" : "are 0") + "; one row has no variance");
  statistics(x, mean, variance);
  const AffineArrays map(mean, variance, gamma, beta, epsilon);
  kernels::normalise_activate(x, map.affine, g, y);
}

void normalise(ConstView x, std::span<const double> mean, std::span<const double> variance,
               std::span<const float> gamma, std::span<const float> beta, double epsilon, View y,
               ActivationKind g) {
  require_known(x, mean, variance, gamma, beta, epsilon);
  require_same_shape(x, y, "y");
  const AffineArrays map(mean, variance, gamma, beta, epsilon);
  kernels::normalise_activate(x, map.affine, g, y);
}

void backward(ConstView x, std::span<const double> mean, std::span<const double> variance,
              std::span<const float> gamma, std::span<const float> beta, double epsilon, ConstView d_y,
              View d_x, std::span<float> d_gamma, std::span<float> d_beta, ActivationKind g) {
  require_known(x, mean, variance, gamma, beta, epsilon);
  require_backward(x, d_y, d_x, d_gamma, d_beta);
  require(x.rows >= 2, "training needs at least 2 rows");
  const std::size_t channels = x.channels;
  const AffineArrays map(mean, variance, gamma, beta, epsilon);
  const BackwardSums sums = backward_sums(x, map.affine, d_y, d_x, g);

  std::vector<float> coefficients(4 * channels);
  float* const centre = coefficients.data();
  float* const scale = centre + channels;
  float* const slope = scale + channels;
  float* const offset = slope + channels;
  std::vector<double> sum_d_x_norm(channels);
  kernels::make_input_gradient(channels, x.rows, mean.data(), variance.data(), epsilon, data_or_null(gamma),
                               sums.d.data(), sums.dx.data(), centre, scale, slope, offset,
                               sum_d_x_norm.data());
  kernels::input_gradient(x, {centre, scale, slope, offset}, d_x);
  for (std::size_t c = 0; c < d_gamma.size(); ++c) d_gamma[c] += static_cast<float>(sum_d_x_norm[c]);
  for (std::size_t c = 0; c < d_beta.size(); ++c) d_beta[c] += static_cast<float>(sums.d[c]);
}

void backward_known(ConstView x, std::span<const double> mean, std::span<const double> variance,
                    std::span<const float> gamma, std::span<const float> beta, double epsilon, ConstView d_y,
                    View d_x, std::span<float> d_gamma, std::span<float> d_beta, ActivationKind g) {
  require_known(x, mean, variance, gamma, beta, epsilon);
  require_backward(x, d_y, d_x, d_gamma, d_beta);
  const std::size_t channels = x.channels;
  const AffineArrays map(mean, variance, gamma, beta, epsilon);
  const BackwardSums sums = backward_sums(x, map.affine, d_y, d_x, g);
  // d_x = scale · d: an affine map of d around 0.
  const std::vector<float> zero(channels);
  kernels::normalise_activate(d_x, {zero.data(), map.affine.scale, zero.data()}, ActivationKind::identity,
                              d_x);
  for (std::size_t c = 0; c < d_gamma.size(); ++c) {
    const double inside = variance[c] + epsilon;
    const double inv_std = inside == 0 ? 0 : 1 / std::sqrt(inside);
    const double lost = mean[c] - map.affine.centre[c];
    d_gamma[c] += static_cast<float>(inv_std * (sums.dx[c] - lost * sums.d[c]));
  }
  for (std::size_t c = 0; c < d_beta.size(); ++c) d_beta[c] += static_cast<float>(sums.d[c]);
}

}  // namespace ztilde::batch_norm
