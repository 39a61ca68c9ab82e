// From sums over rows to distances between statistics, and how many times its sampling noise a distance is.
#pragma once

#include <cstddef>
#include <vector>

#include "model/drift_rows.hpp"
#include "ztilde/drift_thresholds.hpp"

namespace ztilde {

// Σ over rows, each times its weight.
struct DriftSums {
  double weight = 0, squares = 0;  // Σ w, Σ w²
  std::vector<double> u, v;        // by channel
  std::vector<double> changed;     // by input channel: of rows that are not at its stored mean
  std::vector<double> shares;      // by share

  explicit DriftSums(const DriftLayout& layout)
      : u(layout.channels),
        v(layout.channels),
        changed(layout.input_channels()),
        shares(layout.share_count) {}
  // As many rows of equal weight tell as much. Kish 1965.
  double effective_rows() const { return squares > 0 ? weight * weight / squares : 0; }
  double mean(std::size_t channel) const { return u[channel] / weight; }
  // As a share of the stored variance, without epsilon.
  double variance(std::size_t channel) const;
  double share(std::size_t i) const { return shares[i] / weight; }
};

// A float's rounding of a number so far from 0, in stored standard deviations of a channel.
double drift_rounding(const DriftChannels& channels, std::size_t c);

// All rows of a batch, in stretches.
DriftSums drift_sums(const Model& model, const DriftLayout& layout, const Batch& rows, Team& team);

// |sqrt((s² + epsilon) / (variance + epsilon)) − 1| of a channel.
double deviation_distance(const DriftSums& sums, const DriftChannels& channels, std::size_t c);

struct LayerDistances {
  double mean = 0, deviation = 0;  // root mean square over the channels
};
LayerDistances layer_distances(const DriftSums& sums, const DriftChannels& channels);

// Distances of a mean over n rows in units of their noise, as Bernstein's inequality has it: heavy tails
// count where rows are few.  z = d / sqrt((deviation² + deviation · tail · d / 3) / n)
double noise_ratio(double distance, const DriftNoise& noise, double rows);
// The distance that gives this z.
double noise_distance(double ratio, const DriftNoise& noise, double rows);

// Of the share of rows that have something, which `rows` rows were seen to have as often as `share`.
DriftNoise share_noise(double share, double rows);

// How many rows tell as much about the difference between n fresh ones and `others`.
inline double rows_against(double rows, double others) { return rows * others / (rows + others); }

// By size of samples, between and beyond those that were drawn.
class SampleSizes {
 public:
  SampleSizes(const std::vector<std::uint64_t>& sizes, double rows);
  double limit(const std::vector<double>& limits) const;
  double mean(const SampledDistance& distance) const;
  double deviation(const SampledDistance& distance) const;

 private:
  double between(const std::vector<double>& values) const;
  std::size_t below_ = 0, above_ = 0;
  double part_ = 0;    // of the way from one to the other, in log rows
  double factor_ = 1;  // of noise: sqrt(nearest size / rows) beyond the sizes
  bool above_all_ = false;
};

}  // namespace ztilde
