#include "data/shuffle.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace ztilde {

void shuffle(std::span<std::uint32_t> rows, const RandomStream& stream) {
  // stream.below() one position at a time would compute every block of four numbers four times.
  PhiloxBlock block{};
  std::size_t block_index = SIZE_MAX;
  for (std::size_t i = rows.size(); i-- > 1;) {
    if (i / 4 != block_index) {
      block_index = i / 4;
      block = philox(stream.counter(block_index), stream.key());
    }
    const std::uint64_t other = (std::uint64_t{block[i % 4]} * (std::uint64_t{i} + 1)) >> 32;
    std::swap(rows[i], rows[other]);
  }
}

void shuffle(std::span<const std::uint32_t> rows, std::uint64_t seed, std::uint64_t epoch,
             std::span<std::uint32_t> out) {
  if (rows.data() != out.data()) std::ranges::copy(rows, out.begin());
  shuffle(out, RandomStream(seed, Purpose::shuffle, 0, epoch));
}

}  // namespace ztilde
