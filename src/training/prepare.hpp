// From a data set and options to everything a run starts with; what cannot work is refused here.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/team.hpp"
#include "data/batcher.hpp"
#include "data/row_pager.hpp"
#include "model/objective.hpp"
#include "training/optimiser.hpp"
#include "training/schedule.hpp"
#include "ztilde/train.hpp"

namespace ztilde {

struct PreparedRun {
  Model model;          // network, initial parameters, Standardise measured
  Objective objective;  // what models are judged by
  Objective minimised;  // the same with label smoothing: what a step lowers
  Batcher batcher;
  std::optional<Batch> valid;
  std::vector<std::uint32_t> valid_rows;  // what valid's row_index points to, where rows were split off
  OptimiserOptions optimiser;
  Schedule schedule;
  std::vector<std::string> warnings;
  std::vector<bool> frozen = {};         // by parameter slot
  Shape image = {};                      // of the data; without pixels where they are no images
  std::unique_ptr<RowPager> pager = {};  // of inputs that stay on disk: what batches and passes go through
};

// Throws Error(data) unless the smoothing is a share below 1, and 0 for numbers.
void require_label_smoothing(double smoothing, Task task);

// What a network file may leave to these rows.
NetworkGaps network_gaps(const Dataset& data, const TrainOptions& options);

// valid: rows of their own for validation, or null to split some off. Both data sets outlive the run.
// chosen: which rows of data to train on and to validate with, or null for all of them as options say.
PreparedRun prepare_run(const Dataset& data, const Dataset* valid, const TrainOptions& options, Team& team,
                        const Split* chosen = nullptr);

}  // namespace ztilde
