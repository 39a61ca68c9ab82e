// Batch normalisation as plain functions, for people with an engine of their own.
// x, y, d_x, d_y: [rows, channels] floats with a row stride (N·H·W rows for channels-last images).
// Per channel: gamma and beta float (empty: 1 and 0), statistics double, `variance` the population
// one (divides by rows). y may be x and d_x may be d_y, exactly; d_x must not be x. epsilon >= 0.
// Error(data) where sizes do not fit; no state, nothing printed. Formulas: docs/batch_norm.md.
// Ioffe & Szegedy 2015, arXiv:1502.03167, Algorithms 1 and 2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "ztilde/matrix_view.hpp"
#include "ztilde/network.hpp"

namespace ztilde::batch_norm {

// threads: how many run a call (0: all cores); the result has the same bits for any number. A calling
// thread keeps the helpers of its last call with more than one until it ends; Error(data) if none start.

using View = MatrixView<float>;
using ConstView = MatrixView<const float>;

// Mean and population variance of each channel over the rows. Requires rows >= 1.
void statistics(ConstView x, std::span<double> mean, std::span<double> variance, std::size_t threads = 1);

// Training form: takes the batch's statistics, then y = g(gamma · x_norm + beta).
// Writes mean and variance for backward and for the running statistics. Requires rows >= 2.
void forward(ConstView x, std::span<const float> gamma, std::span<const float> beta, double epsilon, View y,
             std::span<double> mean, std::span<double> variance, ActivationKind g = ActivationKind::identity,
             std::size_t threads = 1);

// Known statistics (inference, or a frozen layer): y = g(gamma (x - mean)/sqrt(variance + epsilon) + beta).
// Requires variance >= 0 and rows >= 0.
void normalise(ConstView x, std::span<const double> mean, std::span<const double> variance,
               std::span<const float> gamma, std::span<const float> beta, double epsilon, View y,
               ActivationKind g = ActivationKind::identity, std::size_t threads = 1);

// Backward of forward(). d_y: gradient with respect to y. Overwrites d_x; adds into d_gamma and
// d_beta (either may be empty: not wanted). x, mean, variance, gamma, beta, epsilon, g as given to
// forward (beta matters only where g is not the identity).
void backward(ConstView x, std::span<const double> mean, std::span<const double> variance,
              std::span<const float> gamma, std::span<const float> beta, double epsilon, ConstView d_y,
              View d_x, std::span<float> d_gamma, std::span<float> d_beta,
              ActivationKind g = ActivationKind::identity, std::size_t threads = 1);

// Backward of normalise(): the statistics are constants, d_x = gamma · inv_std · d_y.
void backward_known(ConstView x, std::span<const double> mean, std::span<const double> variance,
                    std::span<const float> gamma, std::span<const float> beta, double epsilon, ConstView d_y,
                    View d_x, std::span<float> d_gamma, std::span<float> d_beta,
                    ActivationKind g = ActivationKind::identity, std::size_t threads = 1);

// running = keep · running + (1 - keep) · batch, for mean and variance. `rows` made the batch's
// statistics; the unbiased convention (PyTorch's) multiplies the batch variance by rows/(rows - 1).
// PyTorch's momentum is 1 - keep. A batch with a NaN or an infinity changes nothing and returns
// false. Requires 0 <= keep <= 1, and rows >= 2 for unbiased.
bool update_running(std::span<const double> batch_mean, std::span<const double> batch_variance,
                    std::uint64_t rows, double keep, VarianceKind kind, std::span<double> running_mean,
                    std::span<double> running_variance);

// The same where the rows were weighted: the batch variance is multiplied by `factor`, 1 for the
// population variance, n / (n - 1) with n = (Σ w)² / Σ w² for the unbiased one. Requires factor > 0.
bool update_running(std::span<const double> batch_mean, std::span<const double> batch_variance, double factor,
                    double keep, std::span<double> running_mean, std::span<double> running_variance);

// The plain average of the statistics of all batches so far (PyTorch's momentum=None):
// running += (batch - running) / batches_so_far, where batches_so_far counts this one.
bool update_cumulative(std::span<const double> batch_mean, std::span<const double> batch_variance,
                       std::uint64_t rows, std::uint64_t batches_so_far, VarianceKind kind,
                       std::span<double> running_mean, std::span<double> running_variance);

// Exact statistics of two groups of rows together (Chan, Golub & LeVeque 1979): group b is pooled
// into group a. What makes population statistics right for sorted data too.
void pool(std::uint64_t rows_a, std::span<double> mean_a, std::span<double> variance_a, std::uint64_t rows_b,
          std::span<const double> mean_b, std::span<const double> variance_b);

}  // namespace ztilde::batch_norm
