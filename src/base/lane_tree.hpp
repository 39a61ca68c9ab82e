// The fixed tree in which the sums of lanes are added up: its shape depends on their number alone, so that a
// sum has the same bits whoever adds up which part of it.
#pragma once

#include <cstddef>
#include <vector>

namespace ztilde {

// Lanes first … end - 1 as one node of the tree.
struct LaneRange {
  std::size_t first = 0, end = 0;
  std::size_t lanes() const { return end - first; }
  std::size_t middle() const { return first + (lanes() + 1) / 2; }
  LaneRange left() const { return {first, middle()}; }
  LaneRange right() const { return {middle(), end}; }
  bool operator==(const LaneRange&) const = default;
};

// The largest nodes that `own` holds whole, from left to right.
inline void whole_nodes(LaneRange node, LaneRange own, std::vector<LaneRange>& nodes) {
  if (node.lanes() == 0 || node.end <= own.first || own.end <= node.first) return;
  if (own.first <= node.first && node.end <= own.end) return nodes.push_back(node);
  whole_nodes(node.left(), own, nodes);
  whole_nodes(node.right(), own, nodes);
}

// Deepest level below a node of so many lanes: as many buffers beside its own are enough to add it up.
inline std::size_t tree_depth(std::size_t lanes) {
  std::size_t depth = 0;
  for (; lanes > 1; lanes = (lanes + 1) / 2) ++depth;
  return depth;
}

// Where the sum of a node is. known(node, level): where it is already, or has just been put into buffer
// `level`; else null, which it never is for a single lane. add(left, right, level): adds two sums into
// buffer `level`, where left may be, and returns it.
template <class Known, class Add>
const float* sum_of_node(LaneRange node, std::size_t level, const Known& known, const Add& add) {
  if (const float* const sum = known(node, level)) return sum;
  const float* const left = sum_of_node(node.left(), level, known, add);
  const float* const right = sum_of_node(node.right(), level + 1, known, add);
  return add(left, right, level);
}

}  // namespace ztilde
