// A quasi-random sequence: points that leave no part of the unit cube out, however many are drawn.
// Sobol' 1967 with the direction numbers of Joe & Kuo 2008, doi:10.1137/070709359 (their file
// new-joe-kuo-6.21201), scrambled as Owen 1995, by the seed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ztilde::search {

// Coordinates past these are plain random numbers.
inline constexpr std::size_t kSequenceDimensions = 21;

// Of point number `index`, in (0, 1). Depends on its arguments alone.
double sequence_coordinate(std::uint64_t seed, std::uint64_t index, std::size_t dimension);

}  // namespace ztilde::search
