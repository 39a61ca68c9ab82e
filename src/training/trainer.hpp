// One run of training, step by step; train() of ztilde/train.hpp is the loop around it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/team.hpp"
#include "data/batcher.hpp"
#include "model/objective.hpp"
#include "plan/train_plan.hpp"
#include "training/optimiser.hpp"
#include "ztilde/error.hpp"
#include "ztilde/train.hpp"

namespace ztilde {

// Error(diverged) for the step in which NaN or infinity came up: where, or else the loss.
Error divergence(const Network& network, std::uint64_t step, const std::optional<Fault>& fault, double loss);

class Trainer {
 public:
  // Starts from `model`: its network, parameters and statistics (Standardise measured, the running
  // ones at their start). The batcher outlives the trainer.
  Trainer(Model model, const Objective& objective, const OptimiserOptions& optimiser, const Batcher& batcher,
          Team& team, std::uint64_t seed);
  Trainer(const Trainer&) = delete;  // the plan points into the model
  Trainer& operator=(const Trainer&) = delete;

  // Forward, loss, backward, optimiser and running statistics for one batch. Returns the mean loss,
  // weighted where rows or classes have weights.
  // Throws Error(diverged), with nothing changed by this step, when NaN or infinity is met.
  double step(const Batch& batch, double rate);

  std::uint64_t steps() const { return steps_; }
  // All numbers that a step changes: visit(name, span of float, double or std::uint64_t).
  template <class Visit>
  void for_each_number(Visit&& visit) {
    visit("parameters", std::span(model.parameters));
    visit("statistics", std::span(model.statistics));
    visit("statistic_batches", std::span(model.statistic_batches));
    visit("steps", std::span(&steps_, 1));
    optimiser_.for_each_number(visit);
  }
  // What the last step's rows counted for in its loss.
  double weight() const { return weight_; }
  std::size_t bytes() const;
  const TrainPlan& plan() const { return plan_; }

  Model model;  // as of the last step

 private:
  Objective objective_;
  Team& team_;
  AlignedBuffer<float> gradients_;
  TrainPlan plan_;
  Optimiser optimiser_;
  std::vector<double> block_losses_;
  std::uint64_t steps_ = 0;
  double weight_ = 0;
};

}  // namespace ztilde
