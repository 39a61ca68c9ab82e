// The passes of stand-alone batch norm over many rows at memory speed: rows in the order they lie
// in memory, a few at a time, prefetched into the second cache, stored past the caches where asked.
// Sums are those of block_kernels.hpp: in double, over blocks of kSumRows rows, each pooled in order.
// `work`: work_doubles(channels) doubles, aligned to a cache line. All views [rows, channels].
// What was measured and why not by columns: docs/performance.md.
#pragma once

#include <cstddef>

#include "kernels/block_kernels.hpp"

namespace ztilde::kernels {

constexpr std::size_t kSumRows = 128;

// Ten doubles a channel at most, the last vector filled up; a multiple of a cache line.
constexpr std::size_t work_doubles(std::size_t channels) { return 10 * (channels / 16 * 16 + 32); }

// mean[c] of the rows and m2[c] = Σ (x - mean)². A NaN or an infinity makes m2 NaN.
void statistics_pass(ConstView x, double* work, double* mean, double* m2);

// Where `stream`, the coefficients repeat: kRepeat more follow, element channels + i being element i.
constexpr std::size_t kRepeat = 16;
void repeat(float* coefficients, std::size_t channels);

// y = g(affine(x)); y may be x. `stream`: past the caches, for a y that would not stay there.
void normalise_pass(ConstView x, const Affine& affine, ActivationKind g, bool stream, View y);

// With d = d_y · g'(affine(x)): sum_d[c] = Σ d and sum_dx[c] = Σ d · (x - centre[c]). Where
// `keep_d`, d is written to d_x, which may be d_y.
void backward_sums_pass(ConstView x, const Affine& affine, ActivationKind g, ConstView d_y, bool keep_d,
                        View d_x, double* work, double* sum_d, double* sum_dx);

// d_x = scale · (d + slope · (x - centre) + offset), scale and centre being both maps', with
// d = d_y · g'(affine(x)). d_x may be d_y; g the identity: d_y is d already.
void input_gradient_pass(ConstView x, const Affine& affine, const InputGradient& gradient, ActivationKind g,
                         ConstView d_y, bool stream, View d_x);

// Whether computing the slope twice is cheaper than keeping d between the two backward passes.
bool is_cheap(ActivationKind g);

}  // namespace ztilde::kernels
