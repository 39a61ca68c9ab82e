// From the numbers of training to a model fit for use.
#pragma once

#include <cstdint>

#include "base/exchange.hpp"
#include "base/team.hpp"
#include "model/objective.hpp"
#include "plan/batch.hpp"
#include "ztilde/model.hpp"

namespace ztilde {

// Population statistics over the rows. Throws Error(diverged) where they are not finite. ranks: those that
// measure the same.
void measure_population_of(Model& model, const Batch& rows, Team& team, std::uint64_t steps,
                           Exchange* ranks = nullptr);

// Gives the last layer the target's own units: W ← W·std, b ← b·std + mean, rounded once.
void fold_target(Model& model, const Objective& objective);

// The first of these rows and what the finished model says of them.
void add_test_rows(Model& model, const Batch& rows);

}  // namespace ztilde
