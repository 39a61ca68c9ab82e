// Layer by layer from the bottom, behind layers that are as they should be: do the stored statistics fit what
// the layer is given, and if not, why?
#include <algorithm>
#include <cmath>

#include "doctor/examination.hpp"

namespace ztilde::doctor {
namespace {

// Half a standard deviation, or a standard deviation a quarter larger or smaller, in the median channel:
// units then do other work than in training, whether or not the loss tells of this layer alone.
constexpr double kFarMean = 0.5, kFarDeviation = 1.25;
// Of what running statistics started from, so much is left at most where they are old enough: 2 % of a mean
// that is some standard deviations from 0 is as much as their noise.
constexpr double kMostStart = 0.02;
// So much is too young whatever these rows' loss says: other rows may not be as forgiving.
constexpr double kYoung = 0.1;
// A running mean that is noise by so many standard deviations of z, or a batch's variance that is so much too
// small, is what training with small batches does.
constexpr double kNoise = 0.05;

bool is_broken(const Model& model, const StatisticSlot& slot, std::size_t c) {
  const double mean = model.statistics[slot.offset + c];
  const double variance = model.statistics[slot.offset + slot.channels + c];
  return !std::isfinite(mean) || !std::isfinite(variance) || variance < 0;
}

std::vector<std::size_t> broken_channels(const Model& model, const StatisticSlot& slot) {
  std::vector<std::size_t> channels;
  for (std::size_t c = 0; c < slot.channels; ++c) {
    if (is_broken(model, slot, c)) channels.push_back(c);
  }
  return channels;
}

// running_mean where it is one of them, else running_var.
const char* broken_tensor(const Model& model, const StatisticSlot& slot, std::size_t c) {
  return std::isfinite(model.statistics[slot.offset + c]) ? "running_var" : "running_mean";
}

bool at_start(const Model& model, const StatisticSlot& slot) {
  for (std::size_t c = 0; c < slot.channels; ++c) {
    if (model.statistics[slot.offset + c] != 0 || model.statistics[slot.offset + slot.channels + c] != 1)
      return false;
  }
  return true;
}

// What a batch of m rows makes of a variance that divides by rows: (m − 1) / m, of images by their pixels.
double batch_share(const Examination& e, const NormMoments& norm) {
  const double numbers = static_cast<double>(e.record.batch * norm.pixels);
  return 1 - 1 / numbers;
}

// A layer, its statistics and what they are off by.
struct Case {
  const NormMoments& norm;
  Mismatch mismatch;
  std::uint64_t updates;
  bool running;
};

// The same factor m / (m − 1) in every channel, and means as they should be. Returns m, negative for the
// inverse factor; 0 where it is not so.
double mixed_up_rows(const Examination& e, const Case& is) {
  // Channels where epsilon hides nothing of the factor.
  std::vector<double> ratios, chances;
  for (std::size_t c = 0; c < is.norm.channels(); ++c) {
    if (is.norm.variance[c] < 100 * is.norm.fields.epsilon || is.norm.variance[c] == 0) continue;
    ratios.push_back(is.mismatch.log_ratio[c]);
    chances.push_back(is.mismatch.ratio_chance[c]);
  }
  if (ratios.size() < 2) return 0;
  double mean = 0;
  for (const double ratio : ratios) mean += ratio / static_cast<double>(ratios.size());
  std::vector<double> spread;
  for (const double ratio : ratios) spread.push_back(ratio - mean);
  // Rows that were held out of training are 10 % of them, and move a variance by 1 or 2 %.
  const double chance = std::hypot(median(chances), 0.02);
  if (root_mean_square(spread) > 2 * chance || root_mean_square(is.mismatch.mean) > 0.1) return 0;
  const bool biased = is.running && is.norm.fields.running_variance == VarianceKind::population;
  const double usual = biased ? std::log(batch_share(e, is.norm)) : 0;
  std::vector<double> candidates = {static_cast<double>(e.record.batch),
                                    static_cast<double>(e.record.batch * is.norm.pixels)};
  const double most = e.record.batch_known ? 4 : 8;
  for (double m = 2; m <= most; ++m) candidates.push_back(m);
  double best = 0, distance = std::max(chance, 0.02);
  for (const double m : candidates) {
    const double factor = std::log(m / (m - 1));
    if (factor < 2 * chance) continue;  // cannot be told from none
    for (const double sign : {1.0, -1.0}) {
      if (std::abs(mean - usual - sign * factor) >= distance || std::abs(mean) < 2 * chance ||
          std::abs(mean) < 4 * root_mean_square(spread))
        continue;
      distance = std::abs(mean - usual - sign * factor);
      best = sign * m;
    }
  }
  return best;
}

// Channels whose stored variance is below epsilon and which vary here: they were constant in training.
std::vector<std::size_t> once_constant(const Examination& e, const Case& is) {
  const std::vector<double>& statistics = e.work.model.statistics;
  const double limit = std::min(is.norm.fields.epsilon, 1e-3);
  std::vector<std::size_t> channels;
  for (const std::size_t c : is.mismatch.channels) {
    const double stored = statistics[is.norm.slot.offset + is.norm.channels() + c];
    if (stored <= limit && is.norm.variance[c] > 4 * stored) channels.push_back(c);
  }
  return channels;
}

void add_evidence(Finding& finding, const std::string& name, double value) {
  for (const auto& [known, number] : finding.evidence) {
    if (known == name) return;
  }
  finding.evidence.emplace_back(name, value);
}

// One finding for all layers with the same cause, with the evidence of the first.
Finding& joined(Examination& e, Cause cause, std::size_t layer) {
  if (Finding* finding = e.find(cause)) {
    if (std::ranges::find(finding->layers, layer) == finding->layers.end()) finding->layers.push_back(layer);
    return *finding;
  }
  return e.add(cause, {layer});
}

void describe(const Case& is, Finding& finding) {
  add_evidence(finding, "median_mean_distance", is.mismatch.distance.mean.median);
  add_evidence(finding, "most_mean_distance", is.mismatch.distance.mean.most);
  add_evidence(finding, "median_deviation_factor", is.mismatch.distance.deviation.median);
  add_evidence(finding, "most_deviation_factor", is.mismatch.distance.deviation.most);
  add_evidence(finding, "channels_beyond_chance", static_cast<double>(is.mismatch.channels.size()));
  add_evidence(finding, "channels", static_cast<double>(is.norm.channels()));
}

// Whether the distances are such as running statistics of the record's batches have.
bool is_noise_of_batches(const Examination& e, const Case& is) {
  if (!is.running || start_left(is.norm.fields.keep, is.updates) > kMostStart) return false;
  const double noise = median(is.mismatch.running_chance), bias = 1 - batch_share(e, is.norm);
  std::vector<double> in_noise;
  for (std::size_t c = 0; c < is.norm.channels(); ++c) {
    if (is.mismatch.running_chance[c] > 0)
      in_noise.push_back(is.mismatch.mean[c] / is.mismatch.running_chance[c]);
  }
  // Three times what chance gives: that is of normal numbers, and weights move meanwhile.
  return std::max(noise, bias) > kNoise && !in_noise.empty() && root_mean_square(in_noise) < 3;
}

// As far as batches of 4 rows take them: a finding whatever these rows' loss says, since the weights were
// learned under such noise.
bool is_conspicuous(const Case& is) {
  return is.mismatch.distance.mean.median > 2 * kNoise ||
         is.mismatch.distance.deviation.median > std::sqrt(4.0 / 3);
}

Finding& add_small_batches(Examination& e, const Case& is) {
  Finding& finding = joined(e, Cause::small_batches, is.norm.slot.layer);
  add_evidence(finding, "batch", static_cast<double>(e.record.batch));
  add_evidence(finding, "keep", is.norm.fields.keep);
  add_evidence(finding, "expected_mean_noise", median(is.mismatch.running_chance));
  add_evidence(finding, "expected_variance_share", batch_share(e, is.norm));
  describe(is, finding);
  return finding;
}

Finding& add_mismatch(Examination& e, const Case& is) {
  const std::size_t layer = is.norm.slot.layer;
  const double left = start_left(is.norm.fields.keep, is.updates);
  if (!e.inputs.empty()) {
    Finding& finding = joined(e, Cause::other_data, layer);
    finding.inputs = e.inputs;
    describe(is, finding);
    return finding;
  }
  if (is.running && left > kMostStart) {
    Finding& finding = joined(e, Cause::few_updates, layer);
    add_evidence(finding, "updates", static_cast<double>(is.updates));
    add_evidence(finding, "keep", is.norm.fields.keep);
    add_evidence(finding, "start_left", left);
    describe(is, finding);
    return finding;
  }
  if (is_noise_of_batches(e, is)) return add_small_batches(e, is);
  if (std::vector<std::size_t> channels = once_constant(e, is); !channels.empty()) {
    Finding& finding = e.add(Cause::low_variance, {layer});
    add_evidence(finding, "channels", static_cast<double>(channels.size()));
    add_evidence(finding, "epsilon", is.norm.fields.epsilon);
    add_evidence(finding, "variance_in_training",
                 e.work.model.statistics[is.norm.slot.offset + is.norm.channels() + channels[0]]);
    add_evidence(finding, "variance_here", is.norm.variance[channels[0]]);
    finding.channels = std::move(channels);
    return finding;
  }
  Finding& finding = joined(e, Cause::old_statistics, layer);
  if (finding.layers.size() == 1 && 2 * is.mismatch.channels.size() <= is.norm.channels())
    finding.channels = is.mismatch.channels;
  describe(is, finding);
  return finding;
}

void examine_norm(Examination& e, std::size_t norm) {
  const Case is = {
      e.work.measured.norms[norm], mismatch_of(e, norm),
      e.model.statistic_batches[slot_index(e.model.network, e.work.measured.norms[norm].slot.layer)],
      e.model.statistics_source == StatisticsSource::running};
  const std::size_t layer = is.norm.slot.layer;
  // The same factor everywhere is no chance, though that of each channel may be.
  const double rows = mixed_up_rows(e, is);
  if (!is.mismatch.beyond_chance() && rows == 0) return examine_epsilon(e, norm);

  Model changed = e.work.model;
  use_measured(is.norm, changed);
  Trial trial = e.tried(std::move(changed));
  const LossStep step = e.gain(trial);
  const auto settle = [&](Finding& finding) {
    add_step(finding.loss_step, step);
    e.work = std::move(trial);
  };
  if (at_start(e.model, is.norm.slot)) {
    Finding& finding = joined(e, Cause::frozen_statistics, layer);
    add_evidence(finding, "updates", static_cast<double>(is.updates));
    describe(is, finding);
    return settle(finding);
  }
  const bool far =
      is.mismatch.distance.mean.median > kFarMean || is.mismatch.distance.deviation.median > kFarDeviation;
  const LossStep harm = {-step.value, step.error};
  const bool young = is.running && start_left(is.norm.fields.keep, is.updates) > kYoung;
  const bool matters = e.matters(step, trial) || young || (far && !e.judge.matters(harm, e.work.losses.mean));
  // A factor of 1.1 of the variance is 5 % of what the layer gives.
  if (rows != 0 && (std::abs(rows) <= 10 || matters)) {
    Finding& finding = e.add(Cause::variance_kind, {layer});
    std::vector<double> ratios = is.mismatch.log_ratio;
    add_evidence(finding, "ratio", std::exp(median(ratios)));
    add_evidence(finding, "rows", std::abs(rows));
    add_evidence(finding, "expected_ratio", rows > 0 ? rows / (rows - 1) : (-rows - 1) / -rows);
    describe(is, finding);
    return settle(finding);
  }
  if (!matters && is.mismatch.beyond_chance() && is_noise_of_batches(e, is) && is_conspicuous(is)) {
    add_small_batches(e, is);
    return;
  }
  if (!matters || !is.mismatch.beyond_chance()) return examine_epsilon(e, norm);
  if (Finding* cause = e.changed_below(layer)) {
    if (cause->cause == Cause::other_data) cause->layers.push_back(layer);
    return settle(*cause);
  }
  settle(add_mismatch(e, is));
}

}  // namespace

void replace_broken_statistics(const Batch& batch, Team& team, Model& work, Diagnosis& diagnosis) {
  for (const StatisticSlot& slot : statistic_slots(work.network)) {
    Finding finding;
    finding.channels = broken_channels(work, slot);
    if (finding.channels.empty()) continue;
    finding.cause = Cause::not_finite;
    finding.layers = {slot.layer};
    finding.tensor = broken_tensor(work, slot, finding.channels[0]);
    const Measured measured = measure(work, batch, team);
    for (const NormMoments& norm : measured.norms) {
      if (norm.slot.layer == slot.layer) use_measured(norm, finding.channels, work);
    }
    diagnosis.findings.push_back(std::move(finding));
  }
}

void examine_statistics(Examination& e) {
  for (std::size_t norm = 0; norm < e.work.measured.norms.size(); ++norm) examine_norm(e, norm);
}

// Where all statistics fit and each batch's own are still better, training saw something that use does not.
void examine_batches(Examination& e) {
  // Above so many rows a batch's variance is less than 7 % too small.
  constexpr std::size_t kSmall = 16;
  if (!e.record.batch_known || e.record.batch > kSmall || e.find(Cause::small_batches)) return;
  LossStep total;
  for (const LayerDiagnosis& layer : e.diagnosis.layers) {
    total.value += layer.to_batch.value;
    total.error = std::hypot(total.error, layer.to_batch.error);
  }
  if (!e.judge.matters(total, e.diagnosis.loss_batch)) return;
  std::vector<LayerDiagnosis> sorted = e.diagnosis.layers;
  std::ranges::stable_sort(sorted, std::greater<>(),
                           [](const LayerDiagnosis& layer) { return layer.to_batch.value; });
  Finding& finding = e.add(Cause::small_batches, {});
  for (const LayerDiagnosis& layer : sorted) finding.layers.push_back(layer.layer);
  add_evidence(finding, "batch", static_cast<double>(e.record.batch));
  add_evidence(finding, "loss_with_batches_less_by", total.value);
}

}  // namespace ztilde::doctor
