// Every experiment: one function and one file each, in the order of the list.
#pragma once

#include "lab/experiment.hpp"

namespace ztilde::lab {

Experiment bowls();
Experiment identity();
Experiment sigmoid();
Experiment placement();
Experiment figure1();
Experiment map();
Experiment speed();
Experiment depth();
Experiment batch_size();
Experiment optimisers();
Experiment noisy();
Experiment twins();

}  // namespace ztilde::lab
