// Whether rows are still such as a model was trained on: their statistics against those that it carries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ztilde/dataset.hpp"
#include "ztilde/drift_thresholds.hpp"
#include "ztilde/model.hpp"

namespace ztilde {

enum class DriftKind {
  mean,         // of a column: |difference| / stored standard deviation
  deviation,    // of a column: |standard deviation / stored one − 1|
  constant,     // share of rows whose number is not the one of a constant column
  missing,      // share of missing numbers: |difference|
  category,     // share of a category, the one furthest off: |difference|
  layer_means,  // root mean square over a BatchNorm's channels of such distances as the first two
  layer_deviations,
};
std::string_view to_string(DriftKind kind);

struct DriftFinding {
  DriftKind kind = DriftKind::mean;
  std::size_t place = 0;  // the input column or the images' channel; of layer kinds the layer's index
  std::string name;       // "age", "layer 3 (batch_norm)"
  double distance = 0, threshold = 0;
  double stored = 0, now = 0;  // mean, standard deviation or share; unused of layer kinds
  std::size_t channel = 0;     // of layer kinds: the one furthest off; of a category: its index
  double channel_distance = 0;
  std::string category;  // its name; "" for one that is none of the column's
  bool unseen = false;   // it is none of the column's

  bool beyond() const { return !(distance <= threshold); }
  double ratio() const;  // distance / threshold, 0 / 0 = 0
};

enum class ThresholdSource {
  model,      // learned at the end of its training
  reference,  // learned from given rows
  assumed,    // normal numbers, rows independent of each other: nothing was learned
};

struct DriftReport {
  std::uint64_t rows = 0;
  double effective_rows = 0;  // (Σ weights)² / Σ weights²
  ThresholdSource source = ThresholdSource::model;
  std::uint64_t threshold_rows = 0;             // held-out or reference rows; training rows where assumed
  std::uint64_t least_rows = 0, most_rows = 0;  // between which samples were drawn; 0: none were
  std::vector<DriftFinding> findings;           // worst first
  // What could not be compared and why, a sentence each.
  std::vector<std::string> notes;
  bool drifted() const { return !findings.empty() && findings.front().beyond(); }
};

struct DriftOptions {
  std::optional<DriftThresholds> reference = {};  // instead of the model's
  std::size_t threads = 0;                        // 0: all cores; the result is the same for any number
};

// Compares the statistics of these rows, which may be unlabelled and count by their weights. Throws
// Error(data) where there are no rows, the columns are not the model's, or it carries no statistics.
DriftReport drift(const Model& model, const Dataset& data, const DriftOptions& options = {});

constexpr std::size_t kLeastDriftRows = 32;

// Thresholds that rows like these exceed in about 1 of 100 calls, whatever their number. Throws Error(data)
// for fewer than kLeastDriftRows, or what drift() refuses. The rows must not be the training rows.
DriftThresholds learn_drift_thresholds(const Model& model, const Dataset& data, std::uint64_t seed = 0,
                                       std::size_t threads = 0);

}  // namespace ztilde
