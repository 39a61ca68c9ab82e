// A range cut into parts whose sizes differ by at most one, the larger ones first.
#pragma once

#include <cstddef>

namespace ztilde {

struct Cut {
  std::size_t total = 0;
  std::size_t parts = 1;

  std::size_t first(std::size_t part) const {
    const std::size_t larger = total % parts;
    return part * (total / parts) + (part < larger ? part : larger);
  }
  std::size_t size(std::size_t part) const { return total / parts + (part < total % parts ? 1 : 0); }
  std::size_t largest() const { return size(0); }

  // As few parts as keep each at or under `limit`; at least one.
  static Cut at_most(std::size_t total, std::size_t limit) {
    return {total, total == 0 ? 1 : (total + limit - 1) / limit};
  }
};

// Neighbouring parts of a cut; `end` is behind the last.
struct PartRange {
  std::size_t first = 0, end = 0;
};

}  // namespace ztilde
