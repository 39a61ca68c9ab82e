// Losses on a block of rows: the gradient of the mean loss over the batch, and the block's sums.
// `out`: [rows, outputs] logits or values. target of block row r: targets[row_index[r]]
// (row_index null: targets[r]). d_out = d(loss)/d(out) · scale, with scale = 1 / batch rows.
// d_out may alias out exactly; d_out.data null: no gradient wanted.
#pragma once

#include <cstdint>

#include "ztilde/matrix_view.hpp"

namespace ztilde::kernels {

struct LossSums {
  double loss = 0;            // Σ over rows; NaN or infinity where an output is
  std::uint64_t correct = 0;  // rows whose largest output (logit sign) is the target's class
};

// Softmax and cross-entropy, −log p[target], with the largest logit subtracted. outputs >= 2.
LossSums softmax_cross_entropy(MatrixView<const float> out, const float* targets,
                               const std::uint32_t* row_index, double scale, MatrixView<float> d_out);
// One logit; class 1 has probability sigmoid(out): log(1 + exp(−|z|)) + max(z, 0) − z·target.
LossSums binary_cross_entropy(MatrixView<const float> out, const float* targets,
                              const std::uint32_t* row_index, double scale, MatrixView<float> d_out);
// One output; (out − (target − target_mean) / target_std)². correct is 0.
LossSums squared_error(MatrixView<const float> out, const float* targets, const std::uint32_t* row_index,
                       double target_mean, double target_std, double scale, MatrixView<float> d_out);
// Probabilities in place of logits: softmax over outputs >= 2, or sigmoid of one.
void probabilities(MatrixView<float> out);

}  // namespace ztilde::kernels
