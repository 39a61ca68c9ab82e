// What happens to one block of rows while it is in cache, apart from the matrix products.
// Pure functions: they allocate nothing, know nothing of threads, and their result depends on
// their arguments only. `x`, `y`, `d` are [rows, channels] views with a row stride; per-channel
// arrays have `channels` elements. Unless said otherwise y may alias x exactly.
// Implementations in *.cpp (Highway, one dispatch table); scalar twins in block_kernels_reference.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/random.hpp"
#include "ztilde/matrix_view.hpp"
#include "ztilde/network.hpp"

namespace ztilde::kernels {

using View = MatrixView<float>;
using ConstView = MatrixView<const float>;

// x ↦ (x - centre) * scale + shift, per channel. `centre` is the mean rounded to float; what the
// rounding lost is part of `shift`, so means up to 1e7 standard deviations come out right.
struct Affine {
  const float* centre = nullptr;
  const float* scale = nullptr;
  const float* shift = nullptr;
};

// Builds an Affine for y = gamma (x - mean) / sqrt(variance + epsilon) + beta in double, rounding
// once. gamma and beta may be null (1 and 0). Where variance + epsilon is 0, the scale is 0.
// Also writes inv_std (1 / sqrt(variance + epsilon), 0 where that is infinite) unless null.
// What exceeds the floats becomes the largest one: a standard deviation below 3e-39 is taken for 3e-39.
void make_affine(std::size_t channels, const double* mean, const double* variance, double epsilon,
                 const float* gamma, const float* beta, float* centre, float* scale, float* shift,
                 double* inv_std);

// y = g(affine(x)).
void normalise_activate(ConstView x, const Affine& affine, ActivationKind g, View y);
// y = g(x).
void activate(ConstView x, ActivationKind g, View y);
// out = g(affine_x(x) + affine_y(y)); an affine map whose centre is null leaves its argument as it is.
void add_activate(ConstView x, const Affine& affine_x, ConstView y, const Affine& affine_y, ActivationKind g,
                  View out);
// y += x.
void add(ConstView x, View y);
// Input rows gathered by index, converted and standardised:
// y[r, c] = affine(source[row_index[r] * source_stride + c]), y.rows indices, y.channels columns.
// affine.centre == nullptr: plain conversion. row_index == nullptr: rows 0 … y.rows - 1.
void gather(const std::uint8_t* source, std::size_t source_stride, const std::uint32_t* row_index,
            const Affine& affine, View y);
void gather(const float* source, std::size_t source_stride, const std::uint32_t* row_index,
            const Affine& affine, View y);

// Per channel over the block's rows, accumulated in double:
//   sum[c] = Σ (x - shift[c]),  sum_squares[c] = Σ (x - shift[c])², with shift = the block's first row.
// moved: where x is written besides, past the caches; whole cache lines a row, and none of x. Empty: nowhere.
void shifted_sums(ConstView x, float* shift, double* sum, double* sum_squares, View moved = {});

// The same where rows count by weights [rows], at least 0: sum = Σ w (x - shift), sum_squares =
// Σ w (x - shift)², with shift = the first row that counts.
void weighted_sums(ConstView x, const float* weights, float* shift, double* sum, double* sum_squares);

// Takes one more block into mean and m2, the sum of squared distances from the mean (Chan, Golub &
// LeVeque 1979). rows: those taken before; 0 overwrites. The block's sums are those of shifted_sums, or of
// weighted_sums with the sums of weights for rows; block_rows is above 0.
void merge_block(std::size_t channels, double rows, double block_rows, const float* shift, const double* sum,
                 const double* squares, double* mean, double* m2);
// m2 ← m2 / rows, the variance; 0 where rounding left less.
struct MergedVariance {
  std::size_t first_broken;  // the first channel whose mean or variance is not finite, or `channels`
  std::uint64_t clamped;     // channels that rounding left below 0
};
MergedVariance finish_variance(std::size_t channels, double rows, const double* mean, double* m2);

// sum[c] = Σ_r d[r, c] in double.
void column_sums(ConstView d, double* sum);

// Backward through g(affine(x)): d ← d · g'(affine(x)), and in double
//   sum_d[c] = Σ d,  sum_dx[c] = Σ d · (x - centre[c]).
// Where y.data is not null it also writes y = g(affine(x)), as normalise_activate does. y is not x.
// Where moved.data is not null the new d goes there instead, past the caches; whole cache lines a row, and no
// y.
void normalise_activate_backward(ConstView x, const Affine& affine, ActivationKind g, View d, double* sum_d,
                                 double* sum_dx, View y = {}, View moved = {});
// Backward through g: d ← d · g'(x).
void activate_backward(ConstView x, ActivationKind g, View d);
// The input gradient of batch norm: d ← scale[c] · (d + slope[c] · (x - centre[c]) + offset[c]).
// With scale outside, all coefficients are floats for every standard deviation from 1e-38 to 1e38.
struct InputGradient {
  const float* centre = nullptr;
  const float* scale = nullptr;
  const float* slope = nullptr;
  const float* offset = nullptr;
};
void input_gradient(ConstView x, const InputGradient& gradient, View d);
// The same where rows count by weights [rows]: d ← scale · (d + w · (slope · (x - centre) + offset)).
void weighted_input_gradient(ConstView x, const float* weights, const InputGradient& gradient, View d);

// Builds an InputGradient from the batch's statistics and the sums over all its rows that
// normalise_activate_backward takes: sum_d = Σ d and sum_dx = Σ d · (x - centre). gamma may be null.
// Also writes d_gamma = Σ d · x_norm unless null. A constant channel has
// d_gamma 0; its input gradient is gamma / sqrt(epsilon) · (d - mean of d), and 0 where epsilon is 0.
void make_input_gradient(std::size_t channels, std::uint64_t rows, const double* mean, const double* variance,
                         double epsilon, const float* gamma, const double* sum_d, const double* sum_dx,
                         float* centre, float* scale, float* slope, float* offset, double* d_gamma);

// x ← x / (1 - probability) where kept, 0 where dropped. Element (r, c) of x is element
// (first_row + r) * stream_channels + first_channel + c of the stream, where stream_channels 0 means
// x.channels; dropped where bits < probability · 2^32. Its own backward pass (with d for x).
void dropout(View x, double probability, const RandomStream& stream, std::uint64_t first_row,
             std::size_t first_channel = 0, std::size_t stream_channels = 0);

// Index of a running target by name, for tests that visit each: Highway targets compiled in and
// supported here. force_target(0) goes back to choosing the best.
std::int64_t supported_targets();
void force_target(std::int64_t target);

}  // namespace ztilde::kernels
