// Stopping early: asynchronous successive halving. A trial trains to a rung and waits there; it goes on to
// the next once it is among the best 1 / reduction of those that have come to that rung so far. Nobody waits
// for a rung to be full. Li et al. 2018, arXiv:1810.05934, Algorithm 2.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "search/study_contents.hpp"

namespace ztilde::search {

// least_epochs · reduction^k, below `epochs`. Empty, so that stopping is off, where none is.
// Requires reduction >= 2, least_epochs >= 1.
std::vector<std::size_t> rungs_of(std::size_t epochs, std::size_t reduction, std::size_t least_epochs);

// The epoch that a trial which has done `epoch` trains to next: a rung, or the last.
std::size_t next_stop(const StudyPlan& plan, std::size_t epoch);

// The paused trial (by place in study.trials) that is to go on: of the highest rung that has one, the best by
// its loss at that rung, of equals the first. Trials without a finite loss never do.
std::optional<std::size_t> promotable(const StudyContents& study);

}  // namespace ztilde::search
