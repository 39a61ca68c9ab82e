// Was a layer trained with another epsilon? Its own statistics cannot tell; what the layers above it were
// given in training can, and the loss, whose slope by gamma is 0 where training ended: another factor of the
// layer's outputs makes it no better.
#include <algorithm>
#include <cmath>
#include <map>

#include "doctor/examination.hpp"

namespace ztilde::doctor {
namespace {

// Of the distances of the layer above, so much goes away at least where epsilon is their cause.
constexpr double kExplained = 0.5;
// Where so much does, a loss that is better beyond chance will do, however little.
constexpr double kExplainedWell = 0.25, kErrors = 4;
// Distances above that are so many standard errors, over all channels, are more than chance, also where
// channels go together.
constexpr double kFarErrors = 3;
// Where no layer above tells, the loss must be better by so much of what is left of it, unless the record or
// the other layers name the epsilon.
constexpr double kShareAlone = 0.05;

// With why it is one: the record of the training, most of the other layers, or a default that systems have.
struct Candidate {
  double epsilon;
  bool named;
};

std::vector<Candidate> candidates(const Examination& e, std::size_t layer) {
  std::vector<Candidate> all;
  const double now = std::get<BatchNorm>(e.model.network.layers[layer]).epsilon;
  const auto add = [&](double epsilon, bool named) {
    if (epsilon != now && std::ranges::find(all, epsilon, &Candidate::epsilon) == all.end())
      all.push_back({epsilon, named});
  };
  if (e.record.epsilon) add(*e.record.epsilon, true);
  std::map<double, std::size_t> others;
  for (std::size_t i = 0; i < e.model.network.layers.size(); ++i) {
    if (const auto* norm = std::get_if<BatchNorm>(&e.model.network.layers[i]); norm && i != layer)
      ++others[norm->epsilon];
  }
  const auto most = std::ranges::max_element(others, {}, [](const auto& pair) { return pair.second; });
  if (most != others.end()) add(most->first, true);
  for (const double usual : {1e-5, 1e-3, 1e-4}) add(usual, false);
  return all;
}

// How far the next norm's stored statistics are from those measured, over its channels.
double distance_above(const Examination& e, const Trial& trial, std::size_t norm) {
  const NormMoments& above = trial.measured.norms[norm + 1];
  const std::span<const double> stored =
      std::span(trial.model.statistics).subspan(above.slot.offset, 2 * above.channels());
  const Mismatch found =
      mismatch(above, stored, e.model.statistic_batches[slot_index(e.model.network, above.slot.layer)],
               e.model.statistics_source, e.record, trial.measured.rows);
  double sum = 0;
  for (std::size_t c = 0; c < above.channels(); ++c)
    sum += found.mean[c] * found.mean[c] + found.log_ratio[c] * found.log_ratio[c] / 4;
  return std::sqrt(sum / static_cast<double>(above.channels()));
}

}  // namespace

void examine_epsilon(Examination& e, std::size_t norm) {
  const NormMoments& measured = e.work.measured.norms[norm];
  const std::size_t layer = measured.slot.layer;
  const std::vector<double>& variances = measured.variance;
  const bool above = norm + 1 < e.work.measured.norms.size();
  const double now = measured.fields.epsilon;
  const double before = above ? distance_above(e, e.work, norm) : 0;
  if (above) {
    const Mismatch given = mismatch_of(e, norm + 1);
    const double errors = std::max(root_mean_square(given.mean_errors), root_mean_square(given.ratio_errors));
    if (!given.beyond_chance() && errors < kFarErrors) return;  // it is given what it was given in training
  }
  std::optional<Trial> best;
  double best_score = 0;
  LossStep best_step;
  for (const Candidate& candidate : candidates(e, layer)) {
    // Changes nothing where the variances are far above both.
    const double scale = std::max(now, candidate.epsilon);
    if (std::ranges::all_of(variances, [&](double variance) { return variance > 1000 * scale; })) continue;
    Model changed = e.work.model;
    std::get<BatchNorm>(changed.network.layers[layer]).epsilon = candidate.epsilon;
    Trial trial = e.tried(std::move(changed));
    const LossStep step = e.gain(trial);
    const bool helps = e.matters(step, trial);
    double score = 0;
    if (above) {
      const double after = distance_above(e, trial, norm);
      const bool better = helps || (after < kExplainedWell * before && step.value > kErrors * step.error);
      if (after > kExplained * before || (e.judge.labelled() && !better)) continue;
      score = 1 - after / before;
    } else {
      if (!helps || !e.judge.labelled()) continue;
      if (!candidate.named && step.value < kShareAlone * trial.losses.mean) continue;
      score = step.value;
    }
    // Those that are as good stand in the order of how likely they are.
    if (best && score < 1.02 * best_score) continue;
    best = std::move(trial);
    best_score = score;
    best_step = step;
  }
  if (!best) return;
  Finding& finding = e.add(Cause::epsilon, {layer});
  if (e.judge.labelled()) finding.loss_step = best_step;
  const double other = std::get<BatchNorm>(best->model.network.layers[layer]).epsilon;
  finding.evidence = {{"epsilon", now}, {"better_epsilon", other}, {"median_variance", median(variances)}};
  if (above) {
    finding.evidence.emplace_back("distance_of_next_norm", before);
    finding.evidence.emplace_back("distance_with_better_epsilon", distance_above(e, *best, norm));
  }
  if (e.record.epsilon == other) finding.evidence.emplace_back("recorded_epsilon", other);
  e.work = std::move(*best);
}

}  // namespace ztilde::doctor
