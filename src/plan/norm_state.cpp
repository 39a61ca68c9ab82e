#include "plan/norm_state.hpp"

#include <algorithm>
#include <cmath>

namespace ztilde {

BlockSums::BlockSums(std::size_t blocks, std::size_t channels_, bool squares)
    : channels(channels_), sum(blocks * channels_) {
  if (!squares) return;
  shift = AlignedBuffer<float>(blocks * channels_);
  sum_squares = AlignedBuffer<double>(blocks * channels_);
}

std::size_t BlockSums::bytes() const {
  return shift.size() * sizeof(float) + (sum.size() + sum_squares.size()) * sizeof(double);
}

NormState::NormState(std::size_t channels_, double epsilon_, const float* gamma_, const float* beta_)
    : channels(channels_),
      epsilon(epsilon_),
      gamma(gamma_),
      beta(beta_),
      mean(channels_),
      variance(channels_),
      inv_std(channels_),
      centre(channels_),
      scale(channels_),
      shift(channels_),
      sum_d(channels_),
      sum_dx(channels_),
      d_gamma_exact(channels_),
      gradient_scale(channels_),
      gradient_slope(channels_),
      gradient_offset(channels_) {}

void NormState::refresh() {
  kernels::make_affine(channels, mean.data(), variance.data(), epsilon, gamma, beta, centre.data(),
                       scale.data(), shift.data(), inv_std.data());
}

void NormState::know(const double* known_mean, const double* known_variance) {
  std::copy_n(known_mean, channels, mean.data());
  std::copy_n(known_variance, channels, variance.data());
  known = true;
}

void RowWeights::sum_block(const Cut& blocks, std::size_t block) {
  double sum = 0, sum_squares = 0;
  for (std::size_t r = blocks.first(block); r < blocks.first(block) + blocks.size(block); ++r) {
    sum += of_row[r];
    sum_squares += static_cast<double>(of_row[r]) * of_row[r];
  }
  of_block[block] = sum;
  squares_of_block[block] = sum_squares;
}

void RowWeights::sum_all(const Cut& blocks) {
  total = squares = 0;
  for (std::size_t block = 0; block < blocks.parts; ++block) {
    total += of_block[block];
    squares += squares_of_block[block];
  }
}

std::size_t NormState::merge(BlockSums& sums, const Cut& blocks, PartRange range, const RowWeights& weights,
                             std::size_t pixels) {
  if (!known && range.first == range.end) {
    std::fill_n(mean.data(), channels, 0.0);
    std::fill_n(variance.data(), channels, 1.0);
  }
  if (known || range.first == range.end) {
    refresh();
    return channels;
  }
  double rows = 0;
  take(sums, blocks, range, weights, pixels, rows);
  return finish(rows);
}

void NormState::take(BlockSums& sums, const Cut& blocks, PartRange range, const RowWeights& weights,
                     std::size_t pixels, double& rows) {
  for (std::size_t block = range.first; block < range.end; ++block) {
    const double block_rows = weights.block_rows(blocks, block) * static_cast<double>(pixels);
    if (block_rows == 0) continue;
    kernels::merge_block(channels, rows, block_rows, sums.shift_of(block), sums.sum_of(block),
                         sums.squares_of(block), mean.data(), variance.data());
    rows += block_rows;
  }
}

std::size_t NormState::finish(double rows) {
  const kernels::MergedVariance found =
      kernels::finish_variance(channels, rows, mean.data(), variance.data());
  clamped += found.clamped;
  refresh();
  return found.first_broken;
}

void NormState::merge_backward(BlockSums& sums, const Cut& blocks, PartRange range, const RowWeights& weights,
                               std::size_t pixels) {
  std::fill_n(sum_d.data(), channels, 0.0);
  std::fill_n(sum_dx.data(), channels, 0.0);
  std::fill_n(d_gamma_exact.data(), channels, 0.0);
  std::size_t rows = 0;
  double total_weight = 0;
  for (std::size_t block = range.first; block < range.end; ++block) {
    rows += blocks.size(block);
    if (weights.used) total_weight += weights.of_block[block];
    for (std::size_t c = 0; c < channels; ++c) {
      sum_d[c] += sums.sum_of(block)[c];
      sum_dx[c] += sums.squares_of(block)[c];
    }
  }
  if (rows == 0) return;
  kernels::make_input_gradient(channels, rows * pixels, mean.data(), variance.data(), epsilon, gamma,
                               sum_d.data(), sum_dx.data(), centre.data(), gradient_scale.data(),
                               gradient_slope.data(), gradient_offset.data(), d_gamma_exact.data());
  // A row takes w / Σ w of what all rows share, where it takes 1 / rows without weights; its pixels take
  // the same share of that in both.
  const double share = weights.used ? static_cast<double>(rows) / total_weight : 1;
  for (std::size_t c = 0; weights.used && c < channels; ++c) {
    gradient_slope[c] = static_cast<float>(gradient_slope[c] * share);
    gradient_offset[c] = static_cast<float>(gradient_offset[c] * share);
  }
  if (known) {  // d_x = gamma · inv_std · d
    std::fill_n(gradient_slope.data(), channels, 0.0f);
    std::fill_n(gradient_offset.data(), channels, 0.0f);
  }
}

void merge_column_sums(BlockSums& sums, const Cut& blocks, float* total) {
  for (std::size_t c = 0; c < sums.channels; ++c) {
    double sum = 0;
    for (std::size_t block = 0; block < blocks.parts; ++block) sum += sums.sum_of(block)[c];
    total[c] = static_cast<float>(sum);
  }
}

}  // namespace ztilde
