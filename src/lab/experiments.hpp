// Every experiment: one function and one file each, in the order of the list.
#pragma once

#include "lab/experiment.hpp"

namespace ztilde::lab {

Experiment bowls();
Experiment identity();
Experiment sigmoid();
Experiment placement();
Experiment batch_size();
Experiment optimisers();

}  // namespace ztilde::lab
