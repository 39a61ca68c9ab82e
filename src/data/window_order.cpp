#include "data/window_order.hpp"

#include <algorithm>
#include <numeric>

#include "base/cut.hpp"
#include "data/shuffle.hpp"

namespace ztilde {
namespace {

// Where the rows of each block that has any begin, and where the last one's end.
std::vector<std::size_t> block_starts(std::span<const std::uint32_t> rows, std::size_t block_rows) {
  std::vector<std::size_t> starts;
  for (std::size_t r = 0; r < rows.size();) {
    starts.push_back(r);
    const std::uint64_t end = (rows[r] / block_rows + 1) * block_rows;
    r = static_cast<std::size_t>(std::ranges::lower_bound(rows.subspan(r), end) - rows.begin());
  }
  starts.push_back(rows.size());
  return starts;
}

}  // namespace

std::vector<std::size_t> shuffle_in_windows(std::span<const std::uint32_t> rows, const WindowOrder& how,
                                            std::uint64_t seed, std::uint64_t epoch,
                                            std::span<std::uint32_t> out) {
  const std::vector<std::size_t> starts = block_starts(rows, how.block_rows);
  std::vector<std::uint32_t> blocks(starts.size() - 1);
  std::iota(blocks.begin(), blocks.end(), 0u);
  shuffle(blocks, RandomStream(seed, Purpose::blocks, 0, epoch));
  const Cut windows = Cut::at_most(blocks.size(), how.window_blocks);
  std::vector<std::size_t> ends;
  std::size_t filled = 0;
  for (std::size_t w = 0; w < windows.parts; ++w) {
    const auto mine = std::span(blocks).subspan(windows.first(w), windows.size(w));
    std::ranges::sort(mine);
    const std::size_t begin = filled;
    for (const std::uint32_t block : mine) {
      const std::size_t count = starts[block + 1] - starts[block];
      std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(starts[block]), count,
                  out.begin() + static_cast<std::ptrdiff_t>(filled));
      filled += count;
    }
    shuffle(out.subspan(begin, filled - begin),
            RandomStream(seed, Purpose::shuffle, static_cast<std::uint32_t>(w), epoch));
    ends.push_back(filled);
  }
  return ends;
}

}  // namespace ztilde
