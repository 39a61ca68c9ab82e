// What a network's outputs mean: which loss trains them, which numbers judge them.
#pragma once

#include <cstddef>
#include <vector>

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
  // How often a row's loss counts, by its class; empty: once. Metrics know nothing of it.
  std::vector<double> class_weights = {};
  // Of a classification's targets, in what training minimises alone: 0 wherever a model is judged.
  double label_smoothing = 0;
};

// Two classes with one output are logistic regression; otherwise one output a class.
Objective objective_of(Task task, std::size_t outputs);
// The outputs a network needs for this task.
std::size_t outputs_for(Task task, std::size_t classes);

// What the batch's rows count for in its loss, Σ weight · class weight: its rows where none has one.
double loss_weight(const Objective& objective, const Batch& batch);

// Loss sums of a block of rows of a batch; writes the gradient of the batch's mean loss, Σ weight · loss /
// loss_weight(objective, batch), into gradient unless its data is null. Rows that all weigh 0 teach nothing.
kernels::LossSums evaluate(const Objective& objective, const Batch& batch, std::size_t first_row,
                           double batch_weight, MatrixView<const float> outputs, MatrixView<float> gradient);

}  // namespace ztilde
