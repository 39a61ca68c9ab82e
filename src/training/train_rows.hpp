// train() of ztilde/train.hpp on chosen rows of a data set.
#pragma once

#include "ztilde/train.hpp"

namespace ztilde {

// Trains on rows.train and validates with rows.valid, which may be empty; options.valid_fraction is unused.
TrainResult train_rows(const Dataset& data, const Split& rows, const TrainOptions& options,
                       const TrainObserver& observer);

}  // namespace ztilde
