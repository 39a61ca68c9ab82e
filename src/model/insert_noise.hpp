// What statistics of batches change in a model: how far they are from those of all rows, and what that does
// to the outputs.
#pragma once

#include <vector>

#include "model/channel_moments.hpp"
#include "plan/batch.hpp"
#include "ztilde/insert.hpp"

namespace ztilde {

// norms: layers of the model; moments: of what enters each, over the same rows (but for a dropped bias).
BatchNoise batch_noise(const Model& model, const std::vector<InsertedNorm>& norms,
                       const std::vector<ChannelMoments>& moments, const Batch& rows,
                       const InsertOptions& options);

}  // namespace ztilde
