// Data sets whose inputs are in a store: read into memory, or split into blocks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ztilde/dataset.hpp"

namespace ztilde {

std::size_t input_bytes(const Dataset& data);
std::size_t block_bytes(const Dataset& data);
std::size_t blocks_of(const Dataset& data);

// The same with its inputs in memory. Throws what the store throws; Error(data) for more than there is.
Dataset with_inputs_in_memory(const Dataset& data);

// Whole blocks held out, drawn by RandomStream(seed, Purpose::split, 0, 0), at least one. Throws Error(data)
// where nothing, or nothing of some class, would be left to train on.
Split split_blocks(const Dataset& data, double valid_fraction, std::uint64_t seed);

}  // namespace ztilde
