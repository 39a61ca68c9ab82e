// One stretch of a trial as a training.
#pragma once

#include <cstddef>

#include "search/work.hpp"
#include "ztilde/dataset.hpp"
#include "ztilde/train.hpp"

namespace ztilde::search {

// What all trials of a study train on and are judged by: the same rows, whatever their seeds.
struct TrialRows {
  const Dataset& data;
  const Dataset* valid = nullptr;  // of its own
  Split split = {};                // without it: rows of data
};

// Holds rows out as `ztilde train --valid-fraction --seed` does. Throws Error(data) where none would be.
// data outlives the result.
TrialRows split_for_trials(const Dataset& data, double valid_fraction, std::uint64_t seed);

// Trains `options` (those of the trial, parsed) with the epochs, seed and checkpoint of `run`. No model comes
// of it: the population statistics of its last epoch are not measured.
TrialOutcome run_trial_with(const TrialRows& rows, TrainOptions options, const TrialRun& run);

}  // namespace ztilde::search
