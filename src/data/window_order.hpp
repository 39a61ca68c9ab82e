// The order of an epoch where the rows of few blocks are in memory at a time: blocks are dealt to windows by
// chance, the rows of a window are shuffled. A pure function of the seed and the epoch's number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ztilde {

struct WindowOrder {
  std::size_t block_rows = 0;     // of the file
  std::size_t window_blocks = 0;  // at most, in a window
};

// Writes `rows`, which ascend, to `out` in the order of an epoch, window after window, and returns where each
// window ends there. The blocks that have any of the rows are shuffled by
// RandomStream(seed, Purpose::blocks, 0, epoch) and cut into windows of nearly as many blocks; window w is
// its rows, ascending, shuffled by RandomStream(seed, Purpose::shuffle, w, epoch): where there is one window
// that is the order of rows in memory.
std::vector<std::size_t> shuffle_in_windows(std::span<const std::uint32_t> rows, const WindowOrder& how,
                                            std::uint64_t seed, std::uint64_t epoch,
                                            std::span<std::uint32_t> out);

}  // namespace ztilde
