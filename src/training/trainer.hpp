// One run of training, step by step; train() of ztilde/train.hpp is the loop around it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/team.hpp"
#include "data/batcher.hpp"
#include "model/objective.hpp"
#include "plan/augment.hpp"
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
  // ones at their start). ghost: the most rows that share batch statistics; 0: a whole batch.
  Trainer(Model model, const Objective& objective, const OptimiserOptions& optimiser,
          const BatchPlan& batches, std::size_t ghost, Team& team, std::uint64_t seed, PlanRanks ranks = {});
  Trainer(const Trainer&) = delete;  // the plan points into the model
  Trainer& operator=(const Trainer&) = delete;

  // From now on images of this shape are changed by chance, anew in every step.
  void augment(const Augmentation& augmentation, const Shape& image);

  // From now on every BatchNorm normalises with the statistics that the model has, which stay.
  void keep_statistics() { plan_.keep_statistics(model.statistics); }

  // Forward, loss, backward, optimiser and running statistics for one batch. Returns the mean loss,
  // weighted where rows or classes have weights.
  // Throws Error(diverged), with nothing changed by this step, when NaN or infinity is met; Error(io) naming
  // the rank that does not answer, and then the model is of no step.
  double step(const Batch& batch, double rate);
  // The same in two halves. The first updates the running statistics, the second the parameters.
  double find_gradients(const Batch& batch);
  void apply(double rate);

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
  // Whether an average of the parameters is kept (OptimiserOptions::average), and that of the steps so far;
  // before the first one, and elsewhere, what is there.
  bool averages() const { return optimiser_.averages() && steps_ > 0; }
  void average(std::span<float> parameters) const {
    if (averages()) optimiser_.average(steps_, parameters);
  }
  // What the last step's rows counted for in its loss.
  double weight() const { return weight_; }
  std::size_t bytes() const;
  const TrainPlan& plan() const { return plan_; }
  // From now on, where the time of the steps goes. Changes nothing else.
  void watch_time();
  // Since then: as many threads as there are, times the time that the steps took, is the sum of the parts.
  TimeSplit time() const;
  // Of the last batch's mean loss, by parameter_slots.
  std::span<float> gradients() { return most_groups_ > 1 ? sum_.span() : gradients_.span(); }

  Model model;  // as of the last step

 private:
  // One batch or ghost group of it, the first `group` of `groups`: its gradients, added to those of the
  // groups before; after the last one the optimiser, where a rate is given. Returns its share of the loss.
  double run_group(const Batch& group, std::size_t index, bool last, std::optional<double> rate);
  double run(const Batch& batch, std::optional<double> rate);
  // For a barrier: the losses of the blocks of all ranks.
  void share_losses(const Batch& batch);

  Objective objective_;
  Team& team_;
  Exchange* exchange_;
  std::size_t ghost_, most_groups_;
  AlignedBuffer<float> gradients_;
  AlignedBuffer<float> sum_;  // over the groups of a batch; empty where there is one
  std::vector<double> statistics_before_;
  std::vector<std::uint64_t> statistic_batches_before_;
  TrainPlan plan_;
  Optimiser optimiser_;
  TickLength tick_;
  std::vector<double> block_losses_;
  std::uint64_t seed_;
  AugmentedRows augmented_;
  std::uint64_t steps_ = 0;
  double weight_ = 0;
};

}  // namespace ztilde
