// Training on rows whose inputs stay on disk (docs/pack.md): whether they do, in which windows they come, and
// what cannot be done so.
#pragma once

#include <cstddef>

#include "data/window_order.hpp"
#include "ztilde/dataset.hpp"
#include "ztilde/network.hpp"
#include "ztilde/train.hpp"

namespace ztilde {

// Else inputs that are in a store are to be read into memory first.
bool stays_on_disk(const Dataset& data, const TrainOptions& options);

// Of data that stay on disk.
WindowOrder window_order(const Dataset& data, const TrainOptions& options);
std::size_t window_rows(const Dataset& data, const TrainOptions& options);
// Of two windows: the one that is trained on and the next.
std::size_t window_bytes(const Dataset& data, const TrainOptions& options);

// Rows that a pass over all rows works on at a time: all those that are in memory.
std::size_t rows_of_a_pass(const Dataset& data, std::size_t rows, const TrainOptions& options);

// Throws Error(data) for what training from disk cannot do, and where options.memory is too little for it.
void require_disk_training(const Network& network, const Dataset& data, const Dataset* valid,
                           const TrainOptions& options);

}  // namespace ztilde
