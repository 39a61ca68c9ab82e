// The order of the rows in an epoch: a pure function of the seed and the epoch's number.
#pragma once

#include <cstdint>
#include <span>

#include "base/random.hpp"

namespace ztilde {

// Fisher & Yates (Durstenfeld 1964) in place: position i, from the last to the second, changes
// places with position stream.below(i + 1, i).
void shuffle(std::span<std::uint32_t> rows, const RandomStream& stream);

// The rows in the order of epoch `epoch`, by RandomStream(seed, Purpose::shuffle, 0, epoch).
// rows and out have the same size and may be the same memory.
void shuffle(std::span<const std::uint32_t> rows, std::uint64_t seed, std::uint64_t epoch,
             std::span<std::uint32_t> out);

}  // namespace ztilde
