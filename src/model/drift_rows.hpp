// What each row adds to the statistics that a model carries: of the numbers that Standardise works on and of
// what reaches every BatchNorm in use, in stored standard deviations from the stored mean.
//   u, v: [rows, channels], of a row the mean and the mean square over its pixels of
//   (z − mean) / sqrt(variance + epsilon), which counts as no more than DriftChannels::most
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/team.hpp"
#include "plan/inference_plan.hpp"
#include "ztilde/model.hpp"

namespace ztilde {

// Channels of one layer; they lie together.
struct DriftChannels {
  std::size_t layer = 0, first = 0, count = 0;
  std::size_t pixels = 1;  // of a row
  double epsilon = 0;
  double most = 0;  // of a BatchNorm a bound, so that a single odd row is no drift of it; else infinity
  std::vector<double> mean, variance, inv_std;
  std::vector<double> rest;  // epsilon / (variance + epsilon): what is left where there is no variance
};

// A raw column whose cells are counted: categories, or missing numbers.
struct DriftShares {
  std::size_t column = 0;
  std::size_t first = 0,
              count = 0;  // its shares, one a category and one for all others; of missing numbers 1
  std::span<const double> frequency;  // stored; empty: of missing numbers
  bool of_missing() const { return frequency.empty(); }
};

struct DriftLayout {
  std::vector<std::size_t> columns;   // of the network's input or the image's channels, by channel of `input`
  std::vector<DriftChannels> inputs;  // Standardise, or nothing
  std::vector<DriftChannels> layers;  // BatchNorm
  std::vector<DriftShares> shares;
  std::size_t channels = 0, share_count = 0;
  std::size_t input_channels() const { return inputs.empty() ? 0 : inputs.front().count; }
  bool empty() const { return channels == 0 && share_count == 0; }
};

// Views the model's statistics.
DriftLayout drift_layout(const Model& model);

class DriftRows {
 public:
  // Of at most `most` rows at a time. Keeps references to all of these.
  DriftRows(const Model& model, const DriftLayout& layout, std::size_t most, Team& team);

  // Overwrites u and v. Results do not depend on the threads, nor a row's on the rows beside it.
  void measure(const Batch& rows, double* u, double* v);

 private:
  void measure_inputs(const Batch& rows, double* u, double* v);
  void measure_layers(const Batch& rows, double* u, double* v);

  const Model& model_;
  const DriftLayout& layout_;
  Team& team_;
  struct Reader {
    const DriftChannels* channels;
    ActivationKind inner;
  };
  std::vector<std::vector<Reader>> readers_;  // by stage; of each at most one
  std::size_t last_stage_ = 0;
  std::unique_ptr<InferencePlan> plan_;  // where there are layers
};

// Which category or missing number a row's cell is: the place among layout.share_count, or share_count for
// a number that is not missing.
std::size_t share_of(const DriftShares& shares, const Batch& rows, std::size_t row, std::size_t none);

// How many rows to measure at a time: some MB of u and v.
std::size_t drift_stretch(const DriftLayout& layout);

}  // namespace ztilde
