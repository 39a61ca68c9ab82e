// Where buffers lie in one allocation, so that those never alive together share memory.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace ztilde {

// Alive from time `first` to time `last`, both included, on a plan's timeline of stages.
struct Lifetime {
  std::size_t size = 0;  // elements
  std::size_t first = 0, last = 0;
};

struct Placement {
  std::vector<std::size_t> offsets;  // by buffer, multiples of a cache line of floats
  std::size_t total = 0;
};

// Largest first, equal ones as they come to life, each at the lowest place free for its whole life: for
// buffers of one size no placement is smaller.
Placement place(std::span<const Lifetime> buffers);

}  // namespace ztilde
