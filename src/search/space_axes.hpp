// The space of a study as axes to measure trials along: an option is one axis, but layers are two.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "search/study_contents.hpp"

namespace ztilde::search {

enum class AxisPart { value, width, depth };

struct SpaceAxis {
  std::string option;  // "--hidden"
  AxisPart part = AxisPart::value;
  std::string label;  // "--hidden, width"
  bool logarithmic = false, whole = false;
  double least = 0, most = 0;             // choices: from the first to the last
  std::vector<std::string> choices = {};  // not empty: a place on the axis is one of them, from 0
  bool of_numbers() const;                // choices too, where all of them are
  bool operator==(const SpaceAxis&) const = default;
};

// In the order of the dimensions. A part of layers that is the same for all has none.
std::vector<SpaceAxis> axes_of(const StudyPlan& plan);

// Where a trial lies on an axis; nothing where its text says nothing there.
std::optional<double> place_on(const SpaceAxis& axis, const Trial& trial);

// The text of an option of a trial, "" where it has none.
std::string text_of(const Trial& trial, const std::string& option);

}  // namespace ztilde::search
