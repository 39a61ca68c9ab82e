// A model's outputs when it normalises as it did in training, and the scores of outputs that are there.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "model/scoring.hpp"

namespace ztilde {

// Called after each batch, for each BatchNorm that uses its statistics: batch, layer, mean, variance.
using LookAtStatistics =
    std::function<void(std::size_t, std::size_t, std::span<const double>, std::span<const double>)>;

struct InBatches {
  std::vector<std::uint32_t> order = {};  // of the rows; empty: their own
  // The layers that use the batch's statistics, others the model's; empty: all of them.
  std::optional<std::vector<std::size_t>> by_batch = {};
  LookAtStatistics look = {};
};

// All rows in batches of nearly `batch`, at least 2 rows each where there are as many.
Cut nearly_equal_batches(std::size_t rows, std::size_t batch);

// By row of `all` (which has no index list), whatever the order they are in: [rows, outputs]; NaN where a
// batch's statistics are not finite.
std::vector<float> outputs_in_batches(const Model& model, const Batch& all, const Cut& batches, Team& team,
                                      const InBatches& how = {});

// Every metric there is of outputs [rows, outputs]. Requires targets.
Scores scores_of_outputs(const Model& model, const Batch& all, std::vector<float> outputs, Team& team);

}  // namespace ztilde
