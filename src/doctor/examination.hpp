// What the causes look at and write into: the model, the rows, what was measured, and a copy of the model
// that is repaired from the bottom up, so that a layer is judged behind layers that are as they should be.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/team.hpp"
#include "doctor/measure.hpp"
#include "doctor/mismatch.hpp"
#include "doctor/record.hpp"
#include "doctor/row_losses.hpp"
#include "plan/batch.hpp"
#include "plan/inference_plan.hpp"
#include "ztilde/doctor.hpp"

namespace ztilde::doctor {

// A variant of the model on the rows.
struct Trial {
  Model model;
  Measured measured;
  RowLosses losses;
};

struct Examination {
  const Model& model;  // as it was given
  const Dataset& data;
  Batch batch;
  Team& team;
  const Judge& judge;
  Record record;
  Diagnosis& diagnosis;
  Trial work;                              // repaired so far
  std::vector<InputDistance> inputs = {};  // that are not as in training, the furthest first

  Trial tried(Model changed) const;
  LossStep gain(const Trial& trial) const { return judge.step(work.losses, trial.losses); }
  bool matters(const LossStep& gained, const Trial& after) const {
    return judge.matters(gained, after.losses.mean);
  }
  Finding& add(Cause cause, std::vector<std::size_t> layers);
  Finding* find(Cause cause);
  // The nearest finding below a layer after which the statistics of the layers above no longer fit: its
  // consequences are not causes of their own.
  Finding* changed_below(std::size_t layer);
};

// A sum of steps that were measured one after the other.
void add_step(std::optional<LossStep>& sum, const LossStep& step);

// The layer's stored statistics in `model` replaced by the measured ones; channels: of these alone.
void use_measured(const NormMoments& measured, Model& model);
void use_measured(const NormMoments& measured, const std::vector<std::size_t>& channels, Model& model);

std::size_t slot_index(const Network& network, std::size_t layer);
Mismatch mismatch_of(const Examination& e, std::size_t norm);

// Causes that the numbers of the model alone show. Parameters that are not finite end the examination: false.
bool examine_parameters(const Model& model, const Record& record, Diagnosis& diagnosis);
void examine_example_rows(const Model& model, Diagnosis& diagnosis);

// The others, in this order. Statistics that are not finite are replaced before anything else is measured.
void replace_broken_statistics(const Batch& batch, Team& team, Model& work, Diagnosis& diagnosis);
void examine_inputs(Examination& e);
void examine_statistics(Examination& e);  // with epsilon
void examine_epsilon(Examination& e, std::size_t norm);
void examine_batches(Examination& e);
void examine_units(Examination& e);

}  // namespace ztilde::doctor
