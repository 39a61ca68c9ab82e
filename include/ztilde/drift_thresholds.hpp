// How far the statistics of rows like the training rows may lie from those that a model carries: learned from
// held-out rows, kept in the model's file, and used by drift() of ztilde/monitor.hpp. docs/monitor.md has the
// formulas. Means are counted in the stored standard deviation, variances as shares of the stored variance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ztilde {

// Of what one row adds to a statistic, over the rows: its standard deviation and the root of its kurtosis.
struct DriftNoise {
  double deviation = 0, tail = 0;
  bool operator==(const DriftNoise&) const = default;
};

// A number that Standardise works on. Without noise: it is constant.
struct ColumnDrift {
  DriftNoise mean, variance;
  double mean_offset = 0, variance_offset = 0;  // of the held-out rows, beyond what chance explains
  bool constant() const { return mean.deviation == 0 && variance.deviation == 0; }
  bool operator==(const ColumnDrift&) const = default;
};

// A distance of samples of the held-out rows: of all of them, and mean and deviation by the sample's size.
struct SampledDistance {
  double all = 0;
  std::vector<double> mean, deviation;
  bool operator==(const SampledDistance&) const = default;
};

struct LayerDrift {
  std::size_t layer = 0;  // its index in the network
  SampledDistance mean, deviation;
  bool operator==(const LayerDrift&) const = default;
};

struct DriftThresholds {
  std::uint64_t rows = 0;            // held-out rows that it was learned from
  std::vector<std::uint64_t> sizes;  // of the samples, ascending
  // By size: how many times its noise a distance may be, all of its family together. The families: means and
  // shares of columns, their deviations, layers.
  std::vector<double> mean_limits, deviation_limits, layer_limits;
  std::vector<ColumnDrift> columns;      // by channel of Standardise
  std::vector<double> missing;           // share of the held-out rows, by column that may miss numbers
  std::vector<double> category_offsets;  // by categorical column, as ColumnDrift's, in √(share (1 − share))
  std::vector<LayerDrift> layers;        // by BatchNorm layer; empty where they are not known any more
  bool operator==(const DriftThresholds&) const = default;
};

}  // namespace ztilde
