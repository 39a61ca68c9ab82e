#include "model/objective.hpp"

namespace ztilde {

Objective objective_of(Task task, std::size_t outputs) {
  if (task == Task::regress) return {LossKind::squared_error};
  return {outputs == 1 ? LossKind::binary_cross_entropy : LossKind::softmax_cross_entropy};
}

std::size_t outputs_for(Task task, std::size_t classes) {
  return task == Task::regress || classes == 2 ? 1 : classes;
}

kernels::LossSums evaluate(const Objective& objective, const Batch& batch, std::size_t first_row,
                           MatrixView<const float> outputs, MatrixView<float> gradient) {
  const std::uint32_t* index = batch.row_index ? batch.row_index + first_row : nullptr;
  const float* targets = batch.row_index ? batch.targets : batch.targets + first_row;
  const double scale = 1 / static_cast<double>(batch.rows);
  switch (objective.kind) {
    case LossKind::softmax_cross_entropy:
      return kernels::softmax_cross_entropy(outputs, targets, index, scale, gradient);
    case LossKind::binary_cross_entropy:
      return kernels::binary_cross_entropy(outputs, targets, index, scale, gradient);
    case LossKind::squared_error:
      break;
  }
  return kernels::squared_error(outputs, targets, index, objective.target_mean, objective.target_std, scale,
                                gradient);
}

}  // namespace ztilde
