// A model's outputs when it normalises as it did in training: each batch with its own statistics.
#pragma once

#include <optional>
#include <vector>

#include "base/cut.hpp"
#include "base/team.hpp"
#include "plan/batch.hpp"
#include "ztilde/model.hpp"

namespace ztilde {

// Rows in their order, in batches of nearly `batch`, at least 2 rows each where there are as many.
Cut statistics_batches(std::size_t rows, std::size_t batch);

// Batch after batch: [rows, outputs]; NaN where a batch's statistics are not finite. by_batch: the layers
// that use the batch's statistics, others the model's; without it all do.
std::vector<float> outputs_in_batches(const Model& model, const Batch& all, const Cut& batches, Team& team,
                                      const std::optional<std::vector<std::size_t>>& by_batch = {});

}  // namespace ztilde
