#include "model/drift_statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/cut.hpp"

namespace ztilde {
double drift_rounding(const DriftChannels& channels, std::size_t c) {
  return 1e-6 + 2e-7 * std::abs(channels.mean[c]) * channels.inv_std[c];
}

double DriftSums::variance(std::size_t channel) const {
  const double m = mean(channel);
  return std::max(0.0, v[channel] / weight - m * m);
}

DriftSums drift_sums(const Model& model, const DriftLayout& layout, const Batch& rows, Team& team) {
  const std::size_t stretch = std::min(drift_stretch(layout), rows.rows), channels = layout.channels;
  std::vector<double> u(stretch * channels), v(u);
  DriftRows measured(model, layout, stretch, team);
  DriftSums sums(layout);
  std::vector<double> limit(layout.input_channels());
  for (std::size_t c = 0; c < limit.size(); ++c) limit[c] = std::pow(drift_rounding(layout.inputs[0], c), 2);
  for (std::size_t first = 0; first < rows.rows; first += stretch) {
    const Batch part = batch_part(rows, first, std::min(stretch, rows.rows - first));
    measured.measure(part, u.data(), v.data());
    std::vector<float> weights(part.rows, 1.0f);
    if (part.weights) gather_weights(part, 0, part.rows, weights.data());
    for (const double w : weights) {
      sums.weight += w;
      sums.squares += w * w;
    }
    team.run([&](const Worker& worker) {
      const Cut mine{channels, worker.count};
      const std::size_t begin = mine.first(worker.index), end = begin + mine.size(worker.index);
      for (std::size_t r = 0; r < part.rows; ++r) {
        const double w = weights[r];
        const double *of_u = &u[r * channels], *of_v = &v[r * channels];
        for (std::size_t c = begin; c < end; ++c) {
          sums.u[c] += w * of_u[c];
          sums.v[c] += w * of_v[c];
        }
        for (std::size_t c = begin; c < std::min(end, limit.size()); ++c)
          sums.changed[c] += of_v[c] > limit[c] ? w : 0;
      }
      worker.share(layout.shares.size(), [&](std::size_t i) {
        for (std::size_t r = 0; r < part.rows; ++r) {
          const std::size_t share = share_of(layout.shares[i], part, r, layout.share_count);
          if (share < layout.share_count) sums.shares[share] += weights[r];
        }
      });
    });
  }
  return sums;
}

double deviation_distance(const DriftSums& sums, const DriftChannels& channels, std::size_t c) {
  return std::abs(std::sqrt(sums.variance(channels.first + c) + channels.rest[c]) - 1);
}

LayerDistances layer_distances(const DriftSums& sums, const DriftChannels& channels) {
  double means = 0, deviations = 0;
  for (std::size_t c = 0; c < channels.count; ++c) {
    means += std::pow(sums.mean(channels.first + c), 2);
    deviations += std::pow(deviation_distance(sums, channels, c), 2);
  }
  const auto count = static_cast<double>(channels.count);
  return {std::sqrt(means / count), std::sqrt(deviations / count)};
}

double noise_ratio(double distance, const DriftNoise& noise, double rows) {
  if (distance == 0) return 0;
  const double variance = noise.deviation * noise.deviation + noise.deviation * noise.tail * distance / 3;
  return variance > 0 ? distance * std::sqrt(rows / variance) : std::numeric_limits<double>::infinity();
}

double noise_distance(double ratio, const DriftNoise& noise, double rows) {
  const double of_tail = ratio * ratio * noise.deviation * noise.tail / (6 * rows);
  const double of_deviation = ratio * noise.deviation / std::sqrt(rows);
  return of_tail + std::hypot(of_tail, of_deviation);
}

DriftNoise share_noise(double share, double rows) {
  // A share of 0 may well be one of less than a row.
  const double least = 1 / (rows + 1), likely = std::clamp(share, least, 1 - least);
  const double deviation = std::sqrt(likely * (1 - likely));
  return {deviation, 1 / deviation};
}

SampleSizes::SampleSizes(const std::vector<std::uint64_t>& sizes, double rows) {
  const auto next = std::ranges::find_if(sizes, [&](auto size) { return static_cast<double>(size) >= rows; });
  above_all_ = next == sizes.end();
  above_ = above_all_ ? sizes.size() - 1 : static_cast<std::size_t>(next - sizes.begin());
  below_ = above_all_ || above_ == 0 ? above_ : above_ - 1;
  const auto size = static_cast<double>(sizes[above_]);
  if (below_ == above_) {
    factor_ = std::sqrt(size / rows);
  } else {
    const auto less = static_cast<double>(sizes[below_]);
    part_ = std::log(rows / less) / std::log(size / less);
  }
}

double SampleSizes::between(const std::vector<double>& values) const {
  const double a = values[below_], b = values[above_];
  if (below_ == above_) return a;
  return a > 0 && b > 0 ? a * std::pow(b / a, part_) : a + (b - a) * part_;
}

double SampleSizes::limit(const std::vector<double>& limits) const { return between(limits); }

double SampleSizes::mean(const SampledDistance& distance) const {
  const double nearest = between(distance.mean);
  if (!above_all_) return nearest * factor_;
  const double noise = std::max(0.0, nearest * nearest - distance.all * distance.all);
  return std::sqrt(distance.all * distance.all + noise * factor_ * factor_);
}

double SampleSizes::deviation(const SampledDistance& distance) const {
  return between(distance.deviation) * factor_;
}

}  // namespace ztilde
