// What a model's record says of how it was trained, as far as it bears on its statistics.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "ztilde/model.hpp"

namespace ztilde::doctor {

struct Record {
  std::size_t batch = 256;  // rows that shared statistics in training
  bool batch_known = false;
  std::optional<double> epsilon;  // of all BatchNorm layers
  bool initial_known = false;     // it was trained, from random parameters that the seed gives, all of them
  double rows = 0;                // that its population statistics are of; 0: not known
};
// batch: not 0: instead of the record's.
Record record_of(const Model& model, std::size_t batch);

// Standard deviations of noise in a running mean, for a batch's mean with a standard error of 1: sqrt of the
// sum of the squared weights (1 − keep) keepⁱ.
double running_noise(double keep);
// The weight of what running statistics started from.
double start_left(double keep, std::uint64_t updates);

}  // namespace ztilde::doctor
