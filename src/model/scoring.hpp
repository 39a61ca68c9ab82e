// Scores of a plan's outputs against targets; evaluate() of ztilde/model.hpp and the validation of
// training are both this.
#pragma once

#include <functional>

#include "base/team.hpp"
#include "model/objective.hpp"
#include "plan/inference_plan.hpp"
#include "ztilde/model.hpp"

namespace ztilde {

// Throws Error(data) where the parts of a data set do not fit together, as those of one made by hand
// may not. The inputs' numbers are left to require_inputs.
void require_sound(const Dataset& data);

// The same but for the inputs, which may be in a store.
void require_sound_rows(const Dataset& data);

// Every row of a data set, in its order. Throws Error(data) where it is not sound or its inputs are not
// such as the network takes; without a network, where they are not finite.
Batch whole(const Dataset& data, const Network& network = {});

// Whether some rows' classes are the first of a model's: the classes of an IDX file are counted from
// 0, so that a file with fewer of them still means the same ones.
bool are_first_classes(const std::vector<std::string>& some, const std::vector<std::string>& all);

// Throws Error(data) where the data's columns and categories, or the size of its images, are not the model's.
void require_columns(const Model& model, const Dataset& data);

// Throws Error(data) where these are not labelled rows of the model's columns and classes.
void require_labelled(const Model& model, const Dataset& data);

// Gives the outputs of every row of a batch to the argument of `run`, block by block, as InferencePlan::run
// does.
struct RunOutputs {
  Cut blocks;
  std::function<void(const InferencePlan::Consume&)> run;
};

// Loss, and accuracy or rmse, mae and r2; regression in the target's own units. Rows count by their
// weight, in the loss also by their class's. Same result for any number of threads.
Scores score(InferencePlan& plan, Team& team, const Batch& batch, const Objective& objective);

// Every metric there is. No class weights: the loss is the log loss.
Scores score_fully(InferencePlan& plan, Team& team, const Batch& batch, Objective objective,
                   std::size_t classes);
Scores score_fully(const RunOutputs& run, Team& team, const Batch& batch, Objective objective,
                   std::size_t classes);
Scores score_fully(const Model& model, const Batch& batch, const Objective& objective, Team& team,
                   Exchange* ranks = nullptr);

}  // namespace ztilde
