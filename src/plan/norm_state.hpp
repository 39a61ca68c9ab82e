// The numbers of one normalisation while a plan runs: statistics, the affine map they give, and
// the coefficients of its backward pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/cut.hpp"
#include "kernels/block_kernels.hpp"
#include "tensor/aligned_buffer.hpp"

namespace ztilde {

// How the rows of a batch count in its statistics: all alike, or by their weights.
struct RowWeights {
  bool used = false;  // in this batch
  AlignedBuffer<float> of_row;
  AlignedBuffer<double> of_block, squares_of_block;  // Σ w and Σ w²
  double total = 0, squares = 0;                     // of all rows

  RowWeights() = default;
  RowWeights(std::size_t rows, std::size_t blocks)
      : of_row(rows), of_block(blocks), squares_of_block(blocks) {}
  // Sums the weights of a block's rows, once they are in of_row; then, for all blocks, the totals.
  void sum_block(const Cut& blocks, std::size_t block);
  void sum_all(const Cut& blocks);
  double block_rows(const Cut& blocks, std::size_t block) const {
    return used ? of_block[block] : static_cast<double>(blocks.size(block));
  }
  std::size_t bytes() const {
    return of_row.size() * sizeof(float) + (of_block.size() + squares_of_block.size()) * sizeof(double);
  }
};

// Per-channel sums of each block of rows, merged in the order of the blocks by whoever arrives last.
struct BlockSums {
  std::size_t channels = 0;
  AlignedBuffer<float> shift;
  AlignedBuffer<double> sum, sum_squares;

  BlockSums() = default;
  BlockSums(std::size_t blocks, std::size_t channels_, bool squares);
  float* shift_of(std::size_t block) { return shift.data() + block * channels; }
  double* sum_of(std::size_t block) { return sum.data() + block * channels; }
  double* squares_of(std::size_t block) { return sum_squares.data() + block * channels; }
  std::size_t bytes() const;
};

struct NormState {
  std::size_t channels = 0;
  double epsilon = 0;
  const float* gamma = nullptr;  // null: 1, 0
  const float* beta = nullptr;
  bool known = false;         // mean and variance are given, whatever the rows
  std::uint64_t clamped = 0;  // variances that came out below 0 and were set to 0

  AlignedBuffer<double> mean, variance, inv_std;
  AlignedBuffer<float> centre, scale, shift;
  AlignedBuffer<double> sum_d, sum_dx, d_gamma_exact;
  AlignedBuffer<float> gradient_scale, gradient_slope, gradient_offset;

  NormState() = default;
  NormState(std::size_t channels, double epsilon, const float* gamma, const float* beta);

  kernels::Affine affine(std::size_t first_channel = 0) const {
    if (channels == 0) return {};
    return {centre.data() + first_channel, scale.data() + first_channel, shift.data() + first_channel};
  }
  kernels::InputGradient input_gradient() const {
    return {centre.data(), gradient_scale.data(), gradient_slope.data(), gradient_offset.data()};
  }
  // The affine map of mean and variance as they stand.
  void refresh();
  // From now on mean and variance are these, [channels] each, and constants of the backward pass.
  void know(const double* mean, const double* variance);
  // mean and variance of the rows whose block sums these are (Chan, Golub & LeVeque 1979), unless they are
  // known, then refresh(). Returns the first channel that is not finite, or `channels`. pixels: of each row.
  std::size_t merge(BlockSums& sums, const Cut& blocks, const RowWeights& weights, std::size_t pixels = 1) {
    return merge(sums, blocks, {0, blocks.parts}, weights, pixels);
  }
  // Of the rows of these blocks alone; without any, mean 0 and variance 1.
  std::size_t merge(BlockSums& sums, const Cut& blocks, PartRange range, const RowWeights& weights,
                    std::size_t pixels);
  // The same in parts: takes more blocks into mean and `variance`, which is the sum of squared distances
  // until finish(). rows: the (weighted) pixels taken so far.
  void take(BlockSums& sums, const Cut& blocks, const RowWeights& weights, std::size_t pixels, double& rows) {
    take(sums, blocks, {0, blocks.parts}, weights, pixels, rows);
  }
  void take(BlockSums& sums, const Cut& blocks, PartRange range, const RowWeights& weights,
            std::size_t pixels, double& rows);
  std::size_t finish(double rows);
  // From Σ d and Σ d·(x - centre) of the blocks whose rows share the statistics: d_gamma_exact, d of beta in
  // sum_d, and input_gradient().
  void merge_backward(BlockSums& sums, const Cut& blocks, PartRange range, const RowWeights& weights,
                      std::size_t pixels);
};

// total[c] = Σ over blocks of sum_of(block)[c], rounded once.
void merge_column_sums(BlockSums& sums, const Cut& blocks, float* total);

}  // namespace ztilde
