// What a run will take of the machine's memory, known from shapes before anything is allocated.
#pragma once

#include <cstddef>

#include "ztilde/dataset.hpp"
#include "ztilde/network.hpp"
#include "ztilde/train.hpp"

namespace ztilde {

// In bytes: parameters with their gradients, the optimiser's state and their average; with validation rows
// the best model so far, the weights packed for validation and the averaged model; with
// options.checkpoint.resume the checkpoint while it is read; and z with its gradient for the largest batch.
// Or, where population statistics need more, what follows training. Without the data. A double, because it
// may be more than any integer counts.
double memory_needed(const Network& network, std::size_t rows, bool validates, const TrainOptions& options);

// What population statistics take beside the data when training is over: the parameters and two
// stages' z for all rows. 0 where there are none to measure.
double population_memory(const Network& network, std::size_t rows, const TrainOptions& options);

// Of so many training rows, how many the averaged model's statistics are measured on for validation: as many
// as 128 MB hold, 512 at least and 4,096 at most.
std::size_t average_probe_rows(const Network& network, std::size_t rows, const TrainOptions& options);

// Throws Error(data) with the arithmetic where that and `data_bytes` are more than this machine,
// container or process may have.
void require_memory(const Network& network, std::size_t rows, bool validates, std::size_t data_bytes,
                    const TrainOptions& options);

// Of inputs and targets.
std::size_t memory_of(const Dataset& data);

}  // namespace ztilde
