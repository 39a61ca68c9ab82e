// Training steps and predictions of one network, ready to be timed: everything is made beforehand.
#pragma once

#include <cstddef>
#include <vector>

#include "base/team.hpp"
#include "networks.hpp"
#include "plan/inference_plan.hpp"
#include "training/trainer.hpp"

namespace ztilde::bench {

// The data set outlives a run.
class TrainRun {
 public:
  TrainRun(const BenchNetwork& network, bool batch_norm, const Dataset& data, std::size_t threads);
  // One batch of shuffled rows, AdamW; the rows come round again in the same order.
  void step();
  const TrainPlan& plan() const { return trainer_.plan(); }
  const Model& model() const { return trainer_.model; }

 private:
  Team team_;
  Batcher batcher_;
  Trainer trainer_;
  std::size_t next_ = 0;
};

class PredictRun {
 public:
  // Copies what it needs of the model.
  PredictRun(const Model& model, const Dataset& data, std::size_t rows, std::size_t threads);
  // The outputs of the first `rows` rows.
  const std::vector<float>& run();

 private:
  Model model_;
  Batch batch_;
  Team team_;
  InferencePlan plan_;
  std::vector<float> outputs_;
};

}  // namespace ztilde::bench
