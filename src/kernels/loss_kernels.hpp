// Losses on a block of rows: the gradient of the mean loss over the batch, and the block's sums.
// `out`: [rows, outputs] logits or values. target of block row r: targets[row_index[r]]
// (row_index null: targets[r]); weights likewise. d_out = d(loss)/d(out) · scale · the row's weight, with
// scale = 1 / the batch's weights. d_out may alias out exactly; d_out.data null: no gradient wanted.
// smoothing s: a row's target is s / classes for every class and 1 − s more for its own.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ztilde/matrix_view.hpp"

namespace ztilde::kernels {

// What a row counts for: its own weight times that of its class. Null stands for all 1.
struct LossWeights {
  const float* by_row = nullptr;     // by row of the source, as targets
  const double* by_class = nullptr;  // by class index; null for numbers

  double of(std::size_t row, float target) const {
    return (by_row ? double{by_row[row]} : 1.0) *
           (by_class ? by_class[static_cast<std::size_t>(target)] : 1.0);
  }
};

struct LossSums {
  double loss = 0;  // Σ weight · loss over rows; NaN or infinity where an output is
  std::uint64_t correct =
      0;  // rows, whatever their weight, whose largest output (logit sign) is the target's class
};

// Softmax and cross-entropy, −Σ target[c] · log p[c], with the largest logit subtracted. outputs >= 2.
LossSums softmax_cross_entropy(MatrixView<const float> out, const float* targets,
                               const std::uint32_t* row_index, double scale, MatrixView<float> d_out,
                               const LossWeights& weights = {}, double smoothing = 0);
// One logit of two classes; class 1 has probability sigmoid(out):
// log(1 + exp(−|z|)) + max(z, 0) − z·target, where the target is that of class 1.
LossSums binary_cross_entropy(MatrixView<const float> out, const float* targets,
                              const std::uint32_t* row_index, double scale, MatrixView<float> d_out,
                              const LossWeights& weights = {}, double smoothing = 0);
// One output; (out − (target − target_mean) / target_std)². correct is 0.
LossSums squared_error(MatrixView<const float> out, const float* targets, const std::uint32_t* row_index,
                       double target_mean, double target_std, double scale, MatrixView<float> d_out,
                       const LossWeights& weights = {});
// Probabilities in place of logits: softmax over outputs >= 2, or sigmoid of one.
void probabilities(MatrixView<float> out);

}  // namespace ztilde::kernels
