#include "doctor/row_losses.hpp"

#include <algorithm>
#include <cmath>

#include "model/row_scores.hpp"

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
  if (!labelled()) {
    const float* reference = reference_.data() + row * outputs_;
    return task_ == Task::regress ? row_loss(task_, output, outputs_, *reference)
                                  : divergence(reference, output, outputs_);
  }
  return row_loss(task_, output, outputs_, rows_.targets[row]);
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
  const PairedDifference step =
      paired_difference(rows_.rows, rows_.weights.empty() ? nullptr : rows_.weights.data(),
                        [&](std::size_t r) { return before.of_row[r] - after.of_row[r]; });
  return {step.mean, step.standard_error};
}

bool Judge::matters(const LossStep& step, double loss_after) const {
  return step.value > kErrors * step.error && step.value > std::max(least_, kShare * loss_after);
}

}  // namespace ztilde::doctor
