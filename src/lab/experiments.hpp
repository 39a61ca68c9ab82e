// Every experiment: one function and one file each, in the order of the list.
#pragma once

#include "lab/experiment.hpp"

namespace ztilde::lab {


}  // namespace ztilde::lab
