// The report of ztilde/monitor.hpp: distances of the statistics of some rows, each with its threshold.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/text.hpp"
#include "layers/layer.hpp"
#include "model/drift_json.hpp"
#include "model/drift_statistics.hpp"
#include "model/scoring.hpp"
#include "ztilde/error.hpp"
#include "ztilde/monitor.hpp"

namespace ztilde {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kFalseAlarms = 0.01;
// Numbers read from a file and stored in float or double differ by rounding.
constexpr double kRounding = 1e-5;

// z that a normal number exceeds in size with this probability.
double normal_limit(double probability) {
  double low = 0, high = 40;
  for (int halvings = 0; halvings < 60; ++halvings) {
    const double middle = (low + high) / 2;
    (std::erfc(middle / std::numbers::sqrt2) > probability ? low : high) = middle;
  }
  return high;
}

// Normal numbers, independent rows, and channels that all do the same, as the worst case.
DriftThresholds assumed_thresholds(const Model& model, const DriftLayout& layout) {
  const double tests =
      static_cast<double>(2 * layout.input_channels() + layout.share_count + 2 * layout.layers.size());
  const double limit = normal_limit(kFalseAlarms / tests);
  // Of |N(0, 1)|.
  const double mean = std::sqrt(2 / std::numbers::pi), deviation = std::sqrt(1 - mean * mean);
  DriftThresholds thresholds;
  thresholds.rows = std::max<std::uint64_t>(model.training.rows, 2);
  thresholds.sizes = {1};
  thresholds.mean_limits = thresholds.deviation_limits = {limit};
  thresholds.layer_limits = {(limit - mean) / deviation};
  // Kurtosis 3, and 15 of the squares.
  const ColumnDrift column{{1, std::sqrt(3)}, {std::sqrt(2), std::sqrt(15)}, 0, 0};
  thresholds.columns.assign(layout.input_channels(), column);
  for (const DriftShares& shares : layout.shares)
    if (!shares.of_missing()) thresholds.category_offsets.push_back(0);
  const double half = std::sqrt(0.5);
  for (const DriftChannels& channels : layout.layers) {
    thresholds.layers.push_back(
        {channels.layer, {0, {mean}, {deviation}}, {0, {mean * half}, {deviation * half}}});
  }
  return thresholds;
}

std::string column_name(const Model& model, std::size_t column) {
  if (!model.column_names.empty()) return model.column_names[column];
  return model.network.input_shape().pixels() > 1 ? fmt::format("channel {}", column)
                                                  : fmt::format("input {}", column);
}

double finite_or_infinite(double distance) { return std::isfinite(distance) ? distance : kInfinity; }

class Comparison {
 public:
  Comparison(const Model& model, const DriftLayout& layout, const DriftThresholds& thresholds,
             const DriftSums& sums)
      : model_(model),
        layout_(layout),
        thresholds_(thresholds),
        sums_(sums),
        rows_(rows_against(sums.effective_rows(),
                           static_cast<double>(std::max(model.training.rows, thresholds.rows)))),
        sizes_(thresholds.sizes, sums.effective_rows()),
        held_out_rows_(rows_against(sums.effective_rows(), static_cast<double>(thresholds.rows))),
        against_held_out_(thresholds.sizes, held_out_rows_) {}

  std::vector<DriftFinding> run() {
    for (std::size_t c = 0; c < layout_.input_channels(); ++c) compare_column(c);
    std::size_t missing = 0, categories = 0;
    for (const DriftShares& shares : layout_.shares) {
      if (!shares.of_missing()) {
        compare_categories(shares, thresholds_.category_offsets[categories++]);
      } else if (!thresholds_.missing.empty()) {
        compare_missing(shares, thresholds_.missing[missing++]);
      }
    }
    if (!thresholds_.layers.empty())
      for (std::size_t l = 0; l < layout_.layers.size(); ++l) compare_layer(l);
    std::ranges::stable_sort(findings_, std::ranges::greater(), &DriftFinding::ratio);
    return std::move(findings_);
  }

 private:
  DriftFinding finding(DriftKind kind, std::size_t column) const {
    DriftFinding of;
    of.kind = kind;
    of.place = column;
    of.name = column_name(model_, column);
    return of;
  }

  // A variance needs two rows.
  bool has_deviations(const DriftChannels& channels) const {
    return channels.pixels > 1 || sums_.effective_rows() > 1.5;
  }

  void compare_column(std::size_t c) {
    const DriftChannels& inputs = layout_.inputs.front();
    const ColumnDrift& column = thresholds_.columns[c];
    const double inv_std = inputs.inv_std[c], unit = 1 / inv_std, m = sums_.mean(c);
    const double variance = sums_.variance(c),
                 rounding = kRounding * (1 + std::abs(inputs.mean[c]) * inv_std);
    if (column.constant()) {
      DriftFinding of = finding(DriftKind::constant, layout_.columns[c]);
      of.stored = inputs.mean[c];
      of.now = inputs.mean[c] + m * unit;
      of.distance = sums_.changed[c] / sums_.weight;
      const double training = std::max(static_cast<double>(model_.training.rows), rows_);
      of.threshold = noise_distance(sizes_.limit(thresholds_.mean_limits), share_noise(0, training), rows_);
      findings_.push_back(std::move(of));
      return;
    }
    DriftFinding of_mean = finding(DriftKind::mean, layout_.columns[c]);
    of_mean.stored = inputs.mean[c];
    of_mean.now = inputs.mean[c] + m * unit;
    of_mean.distance = finite_or_infinite(std::abs(m));
    of_mean.threshold = rounding + column.mean_offset +
                        noise_distance(sizes_.limit(thresholds_.mean_limits), column.mean, rows_);
    findings_.push_back(std::move(of_mean));
    // Variance 1 is also what is stored for a constant column.
    const bool stays_constant = inputs.variance[c] == 1 && variance == 0 && std::abs(m) <= rounding;
    if (!has_deviations(inputs) || stays_constant) return;
    DriftFinding of = finding(DriftKind::deviation, layout_.columns[c]);
    of.stored = unit;
    of.now = unit * std::sqrt(variance);
    of.distance = finite_or_infinite(std::abs(std::sqrt(variance) - 1));
    const double most = rounding + column.variance_offset +
                        noise_distance(sizes_.limit(thresholds_.deviation_limits), column.variance, rows_);
    // Where no variance at all may be chance, a threshold no distance reaches.
    const double below = most < 1 ? 1 - std::sqrt(1 - most) : most;
    of.threshold = variance < 1 ? below : std::sqrt(1 + most) - 1;
    findings_.push_back(std::move(of));
  }

  void compare_missing(const DriftShares& shares, double stored) {
    DriftFinding of = finding(DriftKind::missing, shares.column);
    of.stored = stored;
    of.now = sums_.share(shares.first);
    of.distance = std::abs(of.now - stored);
    of.threshold = share_threshold(stored, static_cast<double>(thresholds_.rows), 0, held_out_rows_);
    findings_.push_back(std::move(of));
  }

  // offset: in standard deviations of a row's share.
  double share_threshold(double share, double rows_of_it, double offset, double rows) const {
    const DriftNoise noise = share_noise(share, rows_of_it);
    return kRounding + offset * noise.deviation +
           noise_distance(sizes_.limit(thresholds_.mean_limits), noise, rows);
  }

  void compare_categories(const DriftShares& shares, double offset) {
    const double rows = static_cast<double>(std::max(model_.training.rows, thresholds_.rows));
    DriftFinding worst = finding(DriftKind::category, shares.column);
    for (std::size_t i = 0; i < shares.count; ++i) {
      DriftFinding of = worst;
      of.stored = shares.frequency[i];
      of.now = sums_.share(shares.first + i);
      of.distance = std::abs(of.now - of.stored);
      of.threshold = share_threshold(of.stored, rows, offset, rows_);
      of.channel = i;
      of.unseen = i + 1 == shares.count;
      of.category = "";
      if (!of.unseen && shares.column < model_.column_info.size())
        of.category = model_.column_info[shares.column].categories[i];
      if (i == 0 || of.ratio() > worst.ratio()) worst = std::move(of);
    }
    findings_.push_back(std::move(worst));
  }

  void compare_layer(std::size_t l) {
    const DriftChannels& channels = layout_.layers[l];
    const LayerDistances distances = layer_distances(sums_, channels);
    const double limit = sizes_.limit(thresholds_.layer_limits);
    const auto add = [&](DriftKind kind, double distance, const SampledDistance& sampled,
                         const auto& of_channel) {
      DriftFinding of;
      of.kind = kind;
      of.place = channels.layer;
      of.name = layers::label(model_.network, channels.layer);
      of.distance = finite_or_infinite(distance);
      of.threshold = kRounding + sizes_.mean(sampled) + limit * against_held_out_.deviation(sampled);
      for (std::size_t c = 0; c < channels.count; ++c) {
        const double here = finite_or_infinite(of_channel(c));
        if (here > of.channel_distance) {
          of.channel = c;
          of.channel_distance = here;
        }
      }
      findings_.push_back(std::move(of));
    };
    add(DriftKind::layer_means, distances.mean, thresholds_.layers[l].mean,
        [&](std::size_t c) { return std::abs(sums_.mean(channels.first + c)); });
    if (!has_deviations(channels)) return;
    add(DriftKind::layer_deviations, distances.deviation, thresholds_.layers[l].deviation,
        [&](std::size_t c) { return deviation_distance(sums_, channels, c); });
  }

  const Model& model_;
  const DriftLayout& layout_;
  const DriftThresholds& thresholds_;
  const DriftSums& sums_;
  // That tell as much as the difference between these rows and those that a statistic is of: training's or,
  // of missing numbers, held-out ones.
  double rows_;
  SampleSizes sizes_;
  // The held-out rows' own distance is uncertain too, and is part of a sample's mean distance already.
  double held_out_rows_;
  SampleSizes against_held_out_;
  std::vector<DriftFinding> findings_;
};

std::vector<std::string> notes_of(const DriftLayout& layout, const DriftReport& report,
                                  const DriftThresholds& thresholds) {
  std::vector<std::string> notes;
  if (report.source == ThresholdSource::assumed) {
    notes.push_back(
        "the model has no thresholds of held-out rows: these assume normal numbers and independent rows, and "
        "heavy-tailed columns give false alarms; --reference ROWS learns better ones");
  } else if (report.effective_rows < static_cast<double>(report.least_rows)) {
    notes.push_back(
        fmt::format("fewer rows than any sample that the thresholds were learned from ({}): they "
                    "are extrapolated",
                    report.least_rows));
  } else if (report.effective_rows > static_cast<double>(report.most_rows)) {
    notes.push_back(
        fmt::format("thresholds beyond {} rows are extrapolated: as 1 / √rows, to what all {} rows tell",
                    with_commas(report.most_rows), with_commas(report.threshold_rows)));
  }
  if (report.rows == 1)
    notes.push_back("1 row has no deviation: means alone are compared, and only gross changes show");
  else if (report.rows < 8)
    notes.push_back("so few rows show gross changes only");
  if (layout.inputs.empty())
    notes.push_back("the network has no standardise layer: its numbers have no stored statistics to compare");
  if (layout.layers.empty()) {
    notes.push_back("the network has no batch norm: columns alone are compared");
  } else if (thresholds.layers.empty()) {
    notes.push_back("the model was folded after its thresholds were learned: columns alone are compared");
  }
  const bool may_miss = std::ranges::any_of(layout.shares, &DriftShares::of_missing);
  if (may_miss && thresholds.missing.empty())
    notes.push_back("how many numbers were missing in training is not known: that is not compared");
  return notes;
}

}  // namespace

std::string_view to_string(DriftKind kind) {
  switch (kind) {
    case DriftKind::mean:
      return "mean";
    case DriftKind::deviation:
      return "deviation";
    case DriftKind::constant:
      return "constant";
    case DriftKind::missing:
      return "missing";
    case DriftKind::category:
      return "category";
    case DriftKind::layer_means:
      return "means";
    case DriftKind::layer_deviations:
      return "deviations";
  }
  return "";
}

double DriftFinding::ratio() const {
  if (distance == 0) return 0;
  return threshold > 0 ? distance / threshold : kInfinity;
}

DriftReport drift(const Model& model, const Dataset& data, const DriftOptions& options) {
  require_columns(model, data);
  if (data.rows == 0) throw Error(ErrorKind::data, "the data have no rows; there is nothing to compare");
  const DriftLayout layout = drift_layout(model);
  if (layout.empty())
    throw Error(ErrorKind::data, "the model carries no statistics of its inputs or layers to compare with");
  DriftReport report;
  report.source = options.reference ? ThresholdSource::reference
                  : model.drift     ? ThresholdSource::model
                                    : ThresholdSource::assumed;
  const DriftThresholds thresholds = options.reference ? *options.reference
                                     : model.drift     ? *model.drift
                                                       : assumed_thresholds(model, layout);
  if (report.source != ThresholdSource::assumed && !model_file::fits(thresholds, model.network))
    throw Error(ErrorKind::data, "the thresholds are not for this model; learn them with it");
  Team team(InferencePlan::workers_for(model.network, data.rows, options.threads));
  const DriftSums sums = drift_sums(model, layout, whole(data, model.network), team);
  report.rows = data.rows;
  report.effective_rows = sums.effective_rows();
  report.threshold_rows = thresholds.rows;
  if (report.source != ThresholdSource::assumed) {
    report.least_rows = thresholds.sizes.front();
    report.most_rows = thresholds.sizes.back();
  } else {
    report.threshold_rows = model.training.rows;
  }
  report.findings = Comparison(model, layout, thresholds, sums).run();
  report.notes = notes_of(layout, report, thresholds);
  return report;
}

}  // namespace ztilde
