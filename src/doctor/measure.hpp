// One pass of rows through a model as it is in use: its outputs, and the moments of what each BatchNorm is
// given, with the errors that so many rows leave in them.
#pragma once

#include <vector>

#include "base/team.hpp"
#include "plan/batch.hpp"
#include "ztilde/model.hpp"

namespace ztilde::doctor {

struct NormMoments {
  StatisticSlot slot;
  BatchNorm fields;
  std::vector<float> gamma, beta;
  ActivationKind inner = ActivationKind::identity;  // just before the norm
  ActivationKind next = ActivationKind::identity;   // just after it
  std::size_t pixels = 1;
  // By channel. Errors are standard errors over the rows: pixels of a row count together.
  std::vector<double> mean, variance, mean_error, variance_error, least, most;

  std::size_t channels() const { return slot.channels; }
};

struct Measured {
  std::vector<float> outputs;      // [rows, outputs]
  std::vector<NormMoments> norms;  // in the order of the network
  double rows = 0;                 // by their weights: (Σ w)² / Σ w²
};

// The same for any number of threads. Numbers of the model that are not finite go where they go.
Measured measure(const Model& model, const Batch& batch, Team& team);

}  // namespace ztilde::doctor
