#include "model/row_scores.hpp"

namespace ztilde {

double softplus(double z) { return std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z))); }

double log_sum_exp(const float* row, std::size_t outputs) {
  const double largest = *std::max_element(row, row + outputs);
  double sum = 0;
  for (std::size_t c = 0; c < outputs; ++c) sum += std::exp(row[c] - largest);
  return largest + std::log(sum);
}

double row_loss(Task task, const float* row, std::size_t outputs, float target) {
  if (task == Task::regress) return (double{row[0]} - target) * (double{row[0]} - target);
  if (outputs == 1) return softplus(target == 1 ? -double{row[0]} : double{row[0]});
  return log_sum_exp(row, outputs) - row[static_cast<std::size_t>(target)];
}

}  // namespace ztilde
