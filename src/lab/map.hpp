// How large a part of the plane of hyper-parameters works.
#pragma once

#include <span>

namespace ztilde::lab {

struct Cell {
  double score = 0;       // mean over the seeds
  bool diverged = false;  // any of them
};

// Cells that are within `points` hundredths of the best score of both maps together; a diverged one never is.
struct Areas {
  std::size_t without = 0, with = 0;
  double best = 0;
};
Areas areas_of(std::span<const Cell> without, std::span<const Cell> with, double points);

}  // namespace ztilde::lab
