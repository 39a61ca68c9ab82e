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

// leaf(node, level): puts a node's sum, where it is known, into buffer `level` and returns true.
// add(level): adds buffer level + 1 to buffer level.
template <class Leaf, class Add>
void add_up(LaneRange node, std::size_t level, const Leaf& leaf, const Add& add) {
  if (leaf(node, level)) return;
  add_up(node.left(), level, leaf, add);
  add_up(node.right(), level + 1, leaf, add);
  add(level);
}

}  // namespace ztilde
