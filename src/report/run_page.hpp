// The report of a training: a page made from its log and nothing else.
#pragma once

#include "report/page.hpp"
#include "report/run_log.hpp"

namespace ztilde::report {

// ended: its lines are all there will be. going_on: more are to come.
enum class RunState { ended, going_on };

// Sections answer in this order: did it learn, how good is it, what did the normalisation do, how fast,
// what was it, how to get the same again. What the log does not have is left out.
Json run_page(const RunLog& log, RunState state = RunState::ended);

}  // namespace ztilde::report
