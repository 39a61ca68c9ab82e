// What a network's outputs mean: which loss trains them, which numbers judge them.
#pragma once

#include <cstddef>

#include "kernels/loss_kernels.hpp"
#include "plan/batch.hpp"
#include "ztilde/dataset.hpp"

namespace ztilde {

enum class LossKind { softmax_cross_entropy, binary_cross_entropy, squared_error };

struct Objective {
  LossKind kind = LossKind::softmax_cross_entropy;
  // Targets of squared_error are trained as (target - mean) / std.
  double target_mean = 0;
  double target_std = 1;
};

// Two classes with one output are logistic regression; otherwise one output a class.
Objective objective_of(Task task, std::size_t outputs);
// The outputs a network needs for this task.
std::size_t outputs_for(Task task, std::size_t classes);

// Loss sums of a block of rows of a batch; writes the gradient of the batch's mean loss into
// gradient unless its data is null.
kernels::LossSums evaluate(const Objective& objective, const Batch& batch, std::size_t first_row,
                           MatrixView<const float> outputs, MatrixView<float> gradient);

}  // namespace ztilde
