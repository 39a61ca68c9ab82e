#include "doctor/examination.hpp"

#include <algorithm>
#include <cmath>

namespace ztilde::doctor {

Trial Examination::tried(Model changed) const {
  Trial trial{std::move(changed), {}, {}};
  trial.measured = measure(trial.model, batch, team);
  trial.losses = judge.losses(trial.measured.outputs);
  return trial;
}

Finding& Examination::add(Cause cause, std::vector<std::size_t> layers) {
  Finding finding;
  finding.cause = cause;
  finding.layers = std::move(layers);
  diagnosis.findings.push_back(std::move(finding));
  return diagnosis.findings.back();
}

Finding* Examination::find(Cause cause) {
  const auto found = std::ranges::find(diagnosis.findings, cause, &Finding::cause);
  return found == diagnosis.findings.end() ? nullptr : &*found;
}

Finding* Examination::changed_below(std::size_t layer) {
  Finding* nearest = nullptr;
  for (Finding& finding : diagnosis.findings) {
    const bool changes = finding.cause == Cause::zero_gamma || finding.cause == Cause::frozen_parameters ||
                         finding.cause == Cause::other_data;
    if (!changes || finding.layers.empty() || finding.layers[0] >= layer) continue;
    if (!nearest || finding.layers[0] > nearest->layers[0]) nearest = &finding;
  }
  return nearest;
}

void add_step(std::optional<LossStep>& sum, const LossStep& step) {
  const LossStep before = sum.value_or(LossStep{});
  sum = {before.value + step.value, std::hypot(before.error, step.error)};
}

void use_measured(const NormMoments& measured, Model& model) {
  std::ranges::copy(measured.mean,
                    model.statistics.begin() + static_cast<std::ptrdiff_t>(measured.slot.offset));
  std::ranges::copy(
      measured.variance,
      model.statistics.begin() + static_cast<std::ptrdiff_t>(measured.slot.offset + measured.channels()));
  model.statistic_batches[slot_index(model.network, measured.slot.layer)] = 1;
}

void use_measured(const NormMoments& measured, const std::vector<std::size_t>& channels, Model& model) {
  for (const std::size_t c : channels) {
    model.statistics[measured.slot.offset + c] = measured.mean[c];
    model.statistics[measured.slot.offset + measured.channels() + c] = measured.variance[c];
  }
}

std::size_t slot_index(const Network& network, std::size_t layer) {
  const std::vector<StatisticSlot> slots = statistic_slots(network);
  return static_cast<std::size_t>(std::ranges::find(slots, layer, &StatisticSlot::layer) - slots.begin());
}

Mismatch mismatch_of(const Examination& e, std::size_t norm) {
  const NormMoments& measured = e.work.measured.norms[norm];
  const std::span<const double> stored =
      std::span(e.work.model.statistics).subspan(measured.slot.offset, 2 * measured.channels());
  return mismatch(measured, stored,
                  e.work.model.statistic_batches[slot_index(e.model.network, measured.slot.layer)],
                  e.model.statistics_source, e.record, e.work.measured.rows);
}

}  // namespace ztilde::doctor
