// What averaging would give if training ended now (TrainOptions::average_weights): validation looks at it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/team.hpp"
#include "plan/batch.hpp"
#include "plan/rows_copy.hpp"
#include "training/trainer.hpp"

namespace ztilde {

// Gives `parameters` the trainer's average. `statistics` have the frequencies of categories.
void take_average(const Trainer& trainer, std::span<const double> statistics, std::span<float> parameters);

// Its statistics are measured with the averaged weights on some training rows that stay the same: running
// ones are of the weights of the last steps, and all rows would cost a third of an epoch.
class AveragedModel {
 public:
  // most: of `rows`, all that are trained on, how many it is measured with; 0: its statistics stay.
  AveragedModel(const Model& start, const Batch& rows, std::size_t most, std::uint64_t seed, Team& team);
  AveragedModel(const AveragedModel&) = delete;  // the batch points to the rows
  AveragedModel& operator=(const AveragedModel&) = delete;

  // Takes the trainer's average of now. Throws Error(diverged) where its statistics are not finite.
  void refresh(const Trainer& trainer);
  std::size_t bytes() const;

  Model model;

 private:
  Team& team_;
  std::vector<std::uint32_t> rows_;
  RowsCopy copy_;  // of rows that stay on disk
  Batch batch_;
};

}  // namespace ztilde
