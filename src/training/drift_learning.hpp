// Learns from rows that a model was not trained on how far statistics of such rows may be from its own.
#pragma once

#include <cstdint>

#include "base/team.hpp"
#include "plan/batch.hpp"
#include "ztilde/model.hpp"

namespace ztilde {

// Requires kLeastDriftRows; of many rows some thousand are looked at, drawn by the seed. How much the columns
// scatter is measured over noise_rows, the more the better: the training rows, or else `rows`.
DriftThresholds learn_drift(const Model& model, const Batch& rows, const Batch& noise_rows,
                            std::uint64_t seed, Team& team);

// What a finished training keeps: nothing where there are too few held-out rows or no statistics.
std::optional<DriftThresholds> drift_of_held_out(const Model& model, const Batch& rows,
                                                 const Batch& training_rows, std::uint64_t seed, Team& team);

}  // namespace ztilde
