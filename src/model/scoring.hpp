// Scores of a plan's outputs against targets; evaluate() of ztilde/model.hpp and the validation of
// training are both this.
#pragma once

#include "base/team.hpp"
#include "model/objective.hpp"
#include "plan/inference_plan.hpp"
#include "ztilde/model.hpp"

namespace ztilde {

// Every row of a data set, in its order.
Batch whole(const Dataset& data);

// Regression scores are in the target's own units. Same result for any number of threads.
Scores score(InferencePlan& plan, Team& team, const Batch& batch, const Objective& objective, std::size_t classes);

}  // namespace ztilde
