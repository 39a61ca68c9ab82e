#include "model/objective.hpp"

namespace ztilde {

Objective objective_of(Task task, std::size_t outputs) {
  if (task == Task::regress) return {.kind = LossKind::squared_error};
  return {.kind = outputs == 1 ? LossKind::binary_cross_entropy : LossKind::softmax_cross_entropy};
}

std::size_t outputs_for(Task task, std::size_t classes) {
  return task == Task::regress || classes == 2 ? 1 : classes;
}

double loss_weight(const Objective& objective, const Batch& batch) {
  if (batch.weights == nullptr && objective.class_weights.empty()) return static_cast<double>(batch.rows);
  const kernels::LossWeights weights{
      batch.weights, objective.class_weights.empty() ? nullptr : objective.class_weights.data()};
  double sum = 0;
  for (std::size_t r = 0; r < batch.rows; ++r) {
    const std::size_t row = batch.row_index ? batch.row_index[r] : r;
    sum += weights.of(row, batch.targets[row]);
  }
  return sum;
}

kernels::LossSums evaluate(const Objective& objective, const Batch& batch, std::size_t first_row,
                           double batch_weight, MatrixView<const float> outputs, MatrixView<float> gradient) {
  const std::uint32_t* index = batch.row_index ? batch.row_index + first_row : nullptr;
  const std::size_t skip = batch.row_index ? 0 : first_row;
  const float* targets = batch.targets + skip;
  const kernels::LossWeights weights{
      batch.weights ? batch.weights + skip : nullptr,
      objective.class_weights.empty() ? nullptr : objective.class_weights.data()};
  const double scale = batch_weight > 0 ? 1 / batch_weight : 0;
  switch (objective.kind) {
    case LossKind::softmax_cross_entropy:
      return kernels::softmax_cross_entropy(outputs, targets, index, scale, gradient, weights,
                                            objective.label_smoothing);
    case LossKind::binary_cross_entropy:
      return kernels::binary_cross_entropy(outputs, targets, index, scale, gradient, weights,
                                           objective.label_smoothing);
    case LossKind::squared_error:
      break;
  }
  return kernels::squared_error(outputs, targets, index, objective.target_mean, objective.target_std, scale,
                                gradient, weights);
}

}  // namespace ztilde
