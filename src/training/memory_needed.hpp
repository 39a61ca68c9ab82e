// What a run will take of the machine's memory, known from shapes before anything is allocated.
#pragma once

#include <cstddef>

#include "ztilde/network.hpp"
#include "ztilde/train.hpp"

namespace ztilde {

// In bytes: parameters with their gradients and the optimiser's state, and z with its gradient for
// the largest batch, or two stages' z for all rows where population statistics need more. Without
// the data. A double, because it may be more than any integer counts.
double memory_needed(const Network& network, std::size_t rows, const TrainOptions& options);

// Throws Error(data) with the arithmetic where that is more than this machine has.
void require_memory(const Network& network, std::size_t rows, const TrainOptions& options);

}  // namespace ztilde
