// Numbers by block of which every rank makes those of its own blocks, as the ranks tell them each other.
#pragma once

#include <cstddef>
#include <vector>

#include "base/cut.hpp"
#include "base/exchange.hpp"
#include "plan/norm_state.hpp"

namespace ztilde {

// By rank: the block behind its last one.
using BlockEnds = std::vector<std::size_t>;

// Neighbours together, and as many to each as can be.
inline BlockEnds deal_blocks(std::size_t blocks, std::size_t ranks) {
  const Cut dealt{blocks, ranks};
  BlockEnds ends;
  for (std::size_t rank = 0; rank < ranks; ++rank) ends.push_back(dealt.first(rank + 1));
  return ends;
}

inline PartRange blocks_of_rank(const BlockEnds& ends, std::size_t rank) {
  return {rank == 0 ? 0 : ends[rank - 1], ends[rank]};
}

// `stride` numbers for each block.
template <class Number>
SharedBytes by_block(const BlockEnds& ends, Number* data, std::size_t stride) {
  SharedBytes array{reinterpret_cast<std::byte*>(data), {}};
  for (const std::size_t end : ends) array.ends.push_back(end * stride * sizeof(Number));
  return array;
}

inline void add_parts(const BlockEnds& ends, BlockSums& sums, std::vector<SharedBytes>& arrays) {
  if (sums.channels == 0) return;
  arrays.push_back(by_block(ends, sums.sum.data(), sums.channels));
  if (sums.sum_squares.size() == 0) return;
  arrays.push_back(by_block(ends, sums.sum_squares.data(), sums.channels));
  arrays.push_back(by_block(ends, sums.shift.data(), sums.channels));
}

inline void add_parts(const BlockEnds& ends, RowWeights& weights, std::vector<SharedBytes>& arrays) {
  arrays.push_back(by_block(ends, weights.of_block.data(), 1));
  arrays.push_back(by_block(ends, weights.squares_of_block.data(), 1));
}

}  // namespace ztilde
