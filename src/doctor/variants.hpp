// The same rows with batch, stored and freshly measured statistics, switched one layer at a time.
#pragma once

#include "base/team.hpp"
#include "doctor/measure.hpp"
#include "doctor/record.hpp"
#include "doctor/row_losses.hpp"
#include "plan/batch.hpp"
#include "ztilde/doctor.hpp"

namespace ztilde::doctor {

// Fills in the losses and the layers. stored: the model as given, measured; population: `sound` with all
// statistics measured anew, and its outputs.
void switch_layers(const Model& stored, const Measured& of_stored, const Model& population,
                   const std::vector<float>& population_outputs, const Batch& batch, Team& team,
                   const Judge& judge, const Record& record, Diagnosis& diagnosis);

}  // namespace ztilde::doctor
