// Batch norm into a trained network that has none, or not everywhere: the same function, which trains on
// with the normalisation inside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ztilde/dataset.hpp"
#include "ztilde/fold_certificate.hpp"
#include "ztilde/model.hpp"

namespace ztilde {

struct InsertOptions {
  NormPlace place = NormPlace::before;
  // Dense and Conv2d layers by number; empty: all but the last, and but those that are normalised.
  std::vector<std::size_t> layers = {};
  double epsilon = 1e-5, keep = 0.9;
  double tolerance = 1e-6;           // of InsertCertificate::double_relative; nothing is refused by it here
  std::size_t compared_rows = 2000;  // at most, spread evenly over the given ones; 0: all
  std::size_t batch = 256;           // rows of the batches that BatchNoise is measured in
  std::uint64_t seed = 0;            // of the order that the rows come in there
  std::size_t threads = 0;           // 0: all cores; the result is the same for any number
};

struct InsertedNorm {
  std::size_t layer = 0;        // its own number in the new network
  std::size_t contraction = 0;  // the Dense or Conv2d, and the layer that it stands directly behind: that one
  std::size_t behind = 0;       // or its activation; both as the model counts them
  std::size_t channels = 0;
  std::size_t constant_channels = 0;  // with variance 0 over the given rows
  bool dropped_bias = false;          // of the contraction, which the norm would subtract again
  bool operator==(const InsertedNorm&) const = default;
};

// A Dense or Conv2d that got none, as the model counts them.
struct SkippedLayer {
  std::size_t layer = 0;
  std::string reason;
  bool operator==(const SkippedLayer&) const = default;
};

// How far the new model's outputs are from those of the model in double, on rows of the data.
struct InsertCertificate {
  std::vector<InsertedNorm> inserted;
  std::vector<SkippedLayer> skipped;
  std::uint64_t measured_rows = 0;  // that the statistics are of
  std::uint64_t compared_rows = 0;
  double tolerance = 0;
  double largest_output = 0;   // the largest |output| of the model
  double double_absolute = 0;  // the largest |new − old| of an output, both in double: what inserting did
  double double_relative = 0;  // double_absolute / largest_output
  double absolute = 0;         // the same of the new model in float, as it is used
  double relative = 0;         // absolute / largest_output
  double float_absolute = 0;   // the same of the old model in float: what was there before
  std::uint64_t argmax_changes = 0;     // rows whose class is another in float; 0 for a regression
  std::vector<LayerDifference> layers;  // in float, of the Dense and Conv2d layers, as the model counts them

  // Inserting changed nothing, and float loses no more than it did before.
  bool holds() const {
    return double_relative <= tolerance && absolute <= tolerance * largest_output + 2 * float_absolute;
  }
  bool operator==(const InsertCertificate&) const = default;
};

// What the statistics of a batch are off by from those of all rows: of independent rows the mean by
// 1/sqrt(m) standard deviations, the variance by a share of sqrt((kurtosis − 1)/m). Root mean squares over
// channels and batches; channels that are constant do not count.
struct NormNoise {
  std::size_t layer = 0;  // in the new network
  double rows = 0;        // m: of a batch, or its pixels; where rows are weighted (Σ w)² / Σ w²
  double mean_expected = 0, mean_measured = 0;
  double variance_expected = 0, variance_measured = 0;
};

// What training will see of it: all rows once, in batches of chance, each normalised by its own statistics.
struct BatchNoise {
  std::size_t batch = 0, batches = 0;  // rows of the largest; how many
  std::vector<NormNoise> norms;
  double output_rms = 0, output_largest = 0;    // of the outputs' differences to the model in use
  std::optional<double> loss, loss_in_batches;  // in use and in batches, where the rows have a target
};

struct Insertion {
  Model model;
  InsertCertificate certificate;  // which may not hold
  BatchNoise noise;
};

// gamma = sqrt(variance + epsilon), beta = mean, with mean and variance of the rows of `data` (its targets
// do not matter, its weights count), in double, rounded once; the statistics are those that make the norm
// the identity with gamma and beta as rounded. A bias directly before goes into the mean. Throws Error(data)
// for nothing to insert, layers that cannot be, fewer than 2 rows or rows that are not the model's,
// Error(diverged) for NaN or infinity on the way.
Insertion insert(const Model& model, const Dataset& data, const InsertOptions& options = {});

}  // namespace ztilde
