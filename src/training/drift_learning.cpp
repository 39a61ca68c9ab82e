#include "training/drift_learning.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numbers>

#include "base/random.hpp"
#include "model/drift_json.hpp"
#include "model/drift_statistics.hpp"
#include "model/scoring.hpp"
#include "training/drift_noise.hpp"
#include "ztilde/error.hpp"
#include "ztilde/monitor.hpp"

namespace ztilde {
namespace {

constexpr std::uint64_t kSizes[] = {2, 8, 32, 128, 512};
constexpr std::size_t kMostRows = 8192, kMostNumbers = std::size_t{1} << 22;
constexpr std::size_t kDrawnRows = std::size_t{1} << 16;  // of all samples of a size
constexpr std::size_t kLeastSamples = 100, kMostSamples = 200;
// Of 100 calls on rows like the held-out ones about 1 is to be a false alarm, in any of the families. Half as
// many are aimed at, as what is learned from samples is itself uncertain.
constexpr double kFalseAlarms = 0.005, kFamilies = 3;
// Of an offset's own noise: what chance explains.
constexpr double kChance = 3;

// What the rows add, kept for samples to be drawn from it.
struct Kept {
  std::size_t rows = 0, channels = 0;
  std::vector<float> u, v;
  std::vector<float> weights;       // by row
  std::vector<std::size_t> shares;  // by row and column of shares
};

// The row weights as the sums have them.
std::vector<float> weights_of(const Batch& rows) {
  std::vector<float> weights(rows.rows, 1.0f);
  if (rows.weights) gather_weights(rows, 0, rows.rows, weights.data());
  return weights;
}

Kept keep_rows(const Model& model, const DriftLayout& layout, const Batch& rows, Team& team) {
  Kept kept{rows.rows, layout.channels, {}, {}, weights_of(rows), {}};
  kept.u.resize(rows.rows * layout.channels);
  kept.v.resize(kept.u.size());
  const std::size_t stretch = std::min(drift_stretch(layout), rows.rows);
  std::vector<double> u(stretch * layout.channels), v(u);
  DriftRows measured(model, layout, stretch, team);
  for (std::size_t first = 0; first < rows.rows; first += stretch) {
    const Batch part = batch_part(rows, first, std::min(stretch, rows.rows - first));
    measured.measure(part, u.data(), v.data());
    const std::size_t at = first * layout.channels, count = part.rows * layout.channels;
    std::transform(u.begin(), u.begin() + static_cast<std::ptrdiff_t>(count), kept.u.begin() + at,
                   [](double number) { return static_cast<float>(number); });
    std::transform(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(count), kept.v.begin() + at,
                   [](double number) { return static_cast<float>(number); });
  }
  for (std::size_t r = 0; r < rows.rows; ++r)
    for (const DriftShares& shares : layout.shares)
      kept.shares.push_back(share_of(shares, rows, r, layout.share_count));
  return kept;
}

void add_row(const Kept& kept, std::size_t row, DriftSums& sums) {
  const float weight = kept.weights[row];
  const float *u = &kept.u[row * kept.channels], *v = &kept.v[row * kept.channels];
  sums.weight += weight;
  sums.squares += double{weight} * weight;
  for (std::size_t c = 0; c < kept.channels; ++c) {
    sums.u[c] += weight * u[c];
    sums.v[c] += weight * v[c];
  }
  const std::size_t columns = kept.shares.size() / kept.rows;
  for (std::size_t i = 0; i < columns; ++i) {
    const std::size_t share = kept.shares[row * columns + i];
    if (share < sums.shares.size()) sums.shares[share] += weight;
  }
}

DriftSums sums_of_all(const Kept& kept, const DriftLayout& layout) {
  DriftSums sums(layout);
  for (std::size_t r = 0; r < kept.rows; ++r) add_row(kept, r, sums);
  return sums;
}

// Offsets are what the noise of the held-out rows does not explain.
double offset_of(double distance, const DriftNoise& noise, double rows) {
  return std::max(0.0, distance - noise_distance(kChance, noise, rows));
}

ColumnDrift column_drift(const ColumnNoise& noise, const DriftSums& all, std::size_t channel) {
  if (noise.constant) return {};
  const double rows = all.effective_rows();
  return {noise.mean, noise.variance, offset_of(std::abs(all.mean(channel)), noise.mean, rows),
          offset_of(std::abs(all.variance(channel) - 1), noise.variance, rows)};
}

double category_offset(const DriftSums& all, const DriftShares& shares, double training_rows) {
  const double rows = all.effective_rows();
  double most = 0;
  for (std::size_t i = 0; i < shares.count; ++i) {
    const DriftNoise noise = share_noise(shares.frequency[i], std::max(training_rows, rows));
    const double distance = std::abs(all.share(shares.first + i) - shares.frequency[i]);
    most = std::max(most, offset_of(distance, noise, rows) / noise.deviation);
  }
  return most;
}

// What one sample is off by, in units of noise.
struct Sample {
  double means = 0, deviations = 0;
  std::vector<LayerDistances> layers;
};

// Against all held-out rows: noise alone.
Sample look_at(const DriftSums& sums, const DriftSums& all, const DriftLayout& layout,
               const DriftThresholds& thresholds) {
  Sample sample;
  const double rows = sums.effective_rows();
  for (std::size_t c = 0; c < layout.input_channels(); ++c) {
    const ColumnDrift& column = thresholds.columns[c];
    if (column.constant()) continue;
    const double mean = std::abs(sums.mean(c) - all.mean(c));
    const double variance = std::abs(sums.variance(c) - all.variance(c));
    sample.means = std::max(sample.means, noise_ratio(mean, column.mean, rows));
    sample.deviations = std::max(sample.deviations, noise_ratio(variance, column.variance, rows));
  }
  for (std::size_t i = 0; i < layout.share_count; ++i) {
    const double distance = std::abs(sums.share(i) - all.share(i));
    const DriftNoise noise = share_noise(all.share(i), all.effective_rows());
    sample.means = std::max(sample.means, noise_ratio(distance, noise, rows));
  }
  for (const DriftChannels& channels : layout.layers)
    sample.layers.push_back(layer_distances(sums, channels));
  return sample;
}

struct Moments {
  double mean = 0, deviation = 0;
};
Moments moments_of(const std::vector<double>& numbers) {
  Moments moments;
  for (const double number : numbers) moments.mean += number / static_cast<double>(numbers.size());
  for (const double number : numbers)
    moments.deviation += std::pow(number - moments.mean, 2) / static_cast<double>(numbers.size() - 1);
  moments.deviation = std::sqrt(moments.deviation);
  return moments;
}

// What the largest of a family exceeds once in as many calls as it may: a Gumbel distribution's quantile, by
// the method of moments, and no less than what was seen.
double limit_of(const std::vector<double>& largest) {
  const Moments moments = moments_of(largest);
  const double share = 1 - kFalseAlarms / kFamilies,
               scale = moments.deviation * std::sqrt(6) / std::numbers::pi;
  const double gumbel = moments.mean - scale * (std::numbers::egamma + std::log(-std::log(share)));
  return std::max(gumbel, *std::ranges::max_element(largest));
}

std::size_t samples_of(std::uint64_t size) {
  return std::clamp<std::size_t>(kDrawnRows / size, kLeastSamples, kMostSamples);
}

void learn_size(const Kept& kept, const DriftSums& all, const DriftLayout& layout, std::uint64_t seed,
                std::uint64_t size, Team& team, DriftThresholds& thresholds) {
  std::vector<Sample> samples(samples_of(size));
  team.run([&](const Worker& worker) {
    worker.share(samples.size(), [&](std::size_t s) {
      const RandomStream stream(seed, Purpose::probe, static_cast<std::uint32_t>(size), s);
      DriftSums sums(layout);
      for (std::uint64_t i = 0; i < size; ++i)
        add_row(kept, stream.below(static_cast<std::uint32_t>(kept.rows), i), sums);
      if (sums.weight > 0) samples[s] = look_at(sums, all, layout, thresholds);
      samples[s].layers.resize(layout.layers.size());
    });
  });
  std::vector<double> means, deviations, layers(samples.size());
  for (const Sample& sample : samples) {
    means.push_back(sample.means);
    deviations.push_back(sample.deviations);
  }
  const auto learn = [&](SampledDistance& distance, const auto& of_layer) {
    std::vector<double> distances;
    for (const Sample& sample : samples) distances.push_back(of_layer(sample));
    const Moments moments = moments_of(distances);
    distance.mean.push_back(moments.mean);
    distance.deviation.push_back(moments.deviation);
    for (std::size_t s = 0; s < samples.size() && moments.deviation > 0; ++s)
      layers[s] = std::max(layers[s], (distances[s] - moments.mean) / moments.deviation);
  };
  for (std::size_t l = 0; l < layout.layers.size(); ++l) {
    learn(thresholds.layers[l].mean, [&](const Sample& sample) { return sample.layers[l].mean; });
    learn(thresholds.layers[l].deviation, [&](const Sample& sample) { return sample.layers[l].deviation; });
  }
  thresholds.sizes.push_back(size);
  thresholds.mean_limits.push_back(limit_of(means));
  thresholds.deviation_limits.push_back(limit_of(deviations));
  thresholds.layer_limits.push_back(limit_of(layers));
}

// Four digits say all that samples tell, and keep the model file small.
void round_numbers(DriftThresholds& thresholds) {
  model_file::for_each_number(thresholds, [](double& number) {
    number = std::strtod(fmt::format("{:.4g}", number).c_str(), nullptr);
  });
}

bool is_finite(const DriftThresholds& thresholds) {
  bool finite = !thresholds.sizes.empty();
  model_file::for_each_number(thresholds, [&](double number) { finite &= std::isfinite(number); });
  return finite;
}

}  // namespace

DriftThresholds learn_drift(const Model& model, const Batch& rows, const Batch& noise_rows,
                            std::uint64_t seed, Team& team) {
  const DriftLayout layout = drift_layout(model);
  const std::size_t fit = kMostNumbers / std::max<std::size_t>(layout.channels, 1);
  // First, as rows that are read from disk take memory, and so does what is kept of the others.
  const std::vector<ColumnNoise> noises = column_noise(model, layout, noise_rows, seed, team);
  SomeRows chosen;
  draw_rows(rows, std::clamp(fit, kLeastDriftRows, kMostRows), seed, chosen);
  const Kept kept = keep_rows(model, layout, chosen.batch, team);
  const DriftSums all = sums_of_all(kept, layout);
  DriftThresholds thresholds;
  thresholds.rows = kept.rows;
  if (all.weight == 0) return thresholds;
  for (std::size_t c = 0; c < noises.size(); ++c)
    thresholds.columns.push_back(column_drift(noises[c], all, layout.inputs.front().first + c));
  for (const DriftShares& shares : layout.shares) {
    if (shares.of_missing()) {
      thresholds.missing.push_back(all.share(shares.first));
    } else {
      thresholds.category_offsets.push_back(
          category_offset(all, shares, static_cast<double>(model.training.rows)));
    }
  }
  for (const DriftChannels& channels : layout.layers) {
    const LayerDistances distances = layer_distances(all, channels);
    thresholds.layers.push_back({channels.layer, {distances.mean, {}, {}}, {distances.deviation, {}, {}}});
  }
  for (const std::uint64_t size : kSizes) {
    if (size <= kept.rows) learn_size(kept, all, layout, seed, size, team, thresholds);
  }
  round_numbers(thresholds);
  return thresholds;
}

std::optional<DriftThresholds> drift_of_held_out(const Model& model, const Batch& rows,
                                                 const Batch& training_rows, std::uint64_t seed, Team& team) {
  if (rows.rows < kLeastDriftRows || drift_layout(model).empty()) return std::nullopt;
  DriftThresholds thresholds = learn_drift(model, rows, training_rows, seed, team);
  return is_finite(thresholds) ? std::optional(std::move(thresholds)) : std::nullopt;
}

DriftThresholds learn_drift_thresholds(const Model& model, const Dataset& data, std::uint64_t seed,
                                       std::size_t threads) {
  require_columns(model, data);
  if (data.rows < kLeastDriftRows) {
    throw Error(ErrorKind::data, "there are fewer than 32 rows to learn thresholds from; give more");
  }
  if (drift_layout(model).empty())
    throw Error(ErrorKind::data, "the model carries no statistics of its inputs or layers to compare with");
  Team team(InferencePlan::workers_for(model.network, data.rows, threads));
  const Batch rows = whole(data, model.network);
  DriftThresholds thresholds = learn_drift(model, rows, rows, seed, team);
  if (!is_finite(thresholds)) {
    throw Error(ErrorKind::data,
                "NaN or infinity in the model's layers over these rows, so they have no "
                "statistics to learn from; give it rows like those it was trained on");
  }
  return thresholds;
}

}  // namespace ztilde
