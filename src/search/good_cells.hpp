// The good region as a map: cells of two options, and which of their trials came close to the best.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "search/good_region.hpp"
#include "search/space_axes.hpp"

namespace ztilde::search {

struct GoodCell {
  std::size_t trials = 0, good = 0, diverged = 0;
};

// A cell is good where its best trial is: the other options may be chosen to suit these two.
struct GoodMap {
  std::string norm;                          // of GoodGroup
  std::vector<std::vector<GoodCell>> cells;  // a row for each part of y, of the columns of x
  std::size_t good_cells = 0, cells_with_trials = 0;
};

// An axis cut into parts, evenly by its logarithm where the axis is logarithmic.
struct AxisParts {
  SpaceAxis axis;
  std::vector<std::string> names;  // the middle of each, or the choice, or the whole number
  std::size_t part_of(double place) const;
};
AxisParts parts_of(const SpaceAxis& axis, std::size_t most_parts);

struct GoodCells {
  AxisParts x, y;
  std::vector<GoodMap> maps;  // of region.groups
};

// x is the learning rate and y the batch size where these are searched, else the first options of numbers;
// y may be one of choices. Few trials make few cells. Nothing where no two options are searched.
std::optional<GoodCells> good_cells(const StudyContents& study, const GoodRegion& region);

}  // namespace ztilde::search
