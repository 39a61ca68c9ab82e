#include "plan/memory.hpp"

#include <algorithm>
#include <numeric>

#include "tensor/aligned_buffer.hpp"

namespace ztilde {

Placement place(std::span<const Lifetime> buffers) {
  std::vector<std::size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return buffers[a].size != buffers[b].size ? buffers[a].size > buffers[b].size
                                              : buffers[a].first < buffers[b].first;
  });

  Placement placement{std::vector<std::size_t>(buffers.size(), 0), 0};
  std::vector<std::size_t> placed;  // by offset
  for (const std::size_t index : order) {
    const Lifetime& buffer = buffers[index];
    std::size_t offset = 0;
    for (const std::size_t other_index : placed) {
      const Lifetime& other = buffers[other_index];
      if (other.last < buffer.first || buffer.last < other.first) continue;
      const std::size_t begin = placement.offsets[other_index];
      if (offset + buffer.size <= begin) break;
      offset = std::max(offset, round_up(begin + other.size, kFloatsPerLine));
    }
    placement.offsets[index] = offset;
    placement.total = std::max(placement.total, offset + buffer.size);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), offset,
                                   [&](std::size_t o, std::size_t i) { return o < placement.offsets[i]; }),
                  index);
  }
  return placement;
}

}  // namespace ztilde
