#include "doctor/row_losses.hpp"

#include <algorithm>
#include <cmath>

namespace ztilde::doctor {
namespace {

// Standard errors that a step must have: chance gives as much once in 30,000, and a model of 50 layers has
// 50 steps.
constexpr double kErrors = 4;
// A step must be such a share of the loss that is left. Two trainings that differ in their seed alone differ
// by more.
constexpr double kShare = 0.02;
// And so much at all: with targets, in nats (or in variances of the target), which changes probabilities by
// 0.2 %; without, where what is compared with is itself uncertain, more.
constexpr double kLeastLabelled = 0.002, kLeastUnlabelled = 0.01;

double log_sum_exp(const float* output, std::size_t count) {
  const double largest = *std::max_element(output, output + count);
  double sum = 0;
  for (std::size_t c = 0; c < count; ++c) sum += std::exp(output[c] - largest);
  return largest + std::log(sum);
}

// log(1 + exp(z)).
double softplus(double z) { return std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z))); }

double variance_of(const std::vector<float>& numbers) {
  double mean = 0, spread = 0;
  for (const float number : numbers) mean += number / static_cast<double>(numbers.size());
  for (const float number : numbers) spread += (number - mean) * (number - mean);
  return spread / static_cast<double>(numbers.size());
}

// Kullback-Leibler divergence of the answers from those of the reference.
double divergence(const float* reference, const float* output, std::size_t count) {
  if (count == 1) {
    const double p = 1 / (1 + std::exp(-double{reference[0]}));
    const double gain = double{reference[0]} - output[0];
    return p * gain - softplus(reference[0]) + softplus(output[0]);
  }
  const double total = log_sum_exp(reference, count), other = log_sum_exp(output, count);
  double sum = 0;
  for (std::size_t c = 0; c < count; ++c) {
    const double p = std::exp(reference[c] - total);
    if (p > 0) sum += p * ((reference[c] - total) - (output[c] - other));
  }
  return sum;
}

}  // namespace

Judge::Judge(const Model& model, const Dataset& rows, std::vector<float> reference)
    : task_(model.task),
      outputs_(layer_outputs(model.network).back()),
      rows_(rows),
      reference_(std::move(reference)) {
  least_ = labelled() ? kLeastLabelled : kLeastUnlabelled;
  if (task_ == Task::regress) least_ *= variance_of(labelled() ? rows.targets : reference_);
}

double Judge::loss(const float* output, std::size_t row) const {
  const float* reference = labelled() ? nullptr : reference_.data() + row * outputs_;
  if (task_ == Task::regress) {
    const double difference = output[0] - double{labelled() ? rows_.targets[row] : reference[0]};
    return difference * difference;
  }
  if (!labelled()) return divergence(reference, output, outputs_);
  const auto target = static_cast<std::size_t>(rows_.targets[row]);
  if (outputs_ == 1) return softplus(target == 1 ? -double{output[0]} : double{output[0]});
  return log_sum_exp(output, outputs_) - output[target];
}

RowLosses Judge::losses(const std::vector<float>& outputs) const {
  RowLosses losses;
  double total = 0, sum = 0;
  for (std::size_t r = 0; r < rows_.rows; ++r) {
    losses.of_row.push_back(loss(outputs.data() + r * outputs_, r));
    sum += weight(r) * losses.of_row.back();
    total += weight(r);
  }
  losses.mean = sum / total;
  return losses;
}

LossStep Judge::step(const RowLosses& before, const RowLosses& after) const {
  double total = 0, squares = 0, spread = 0;
  const double mean = before.mean - after.mean;
  for (std::size_t r = 0; r < rows_.rows; ++r) {
    const double difference = before.of_row[r] - after.of_row[r] - mean;
    total += weight(r);
    squares += weight(r) * weight(r);
    spread += weight(r) * difference * difference;
  }
  return {mean, std::sqrt(spread / total * squares) / total};
}

bool Judge::matters(const LossStep& step, double loss_after) const {
  return step.value > kErrors * step.error && step.value > std::max(least_, kShare * loss_after);
}

}  // namespace ztilde::doctor
