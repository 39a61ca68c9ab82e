#include "search/space_axes.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

namespace ztilde::search {
namespace {

std::optional<double> number_of(std::string_view text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

SpaceAxis axis_of(const Dimension& dimension) {
  SpaceAxis axis;
  axis.option = axis.label = dimension.option;
  axis.least = dimension.least;
  axis.most = dimension.most;
  axis.whole = dimension.kind == DimensionKind::whole;
  axis.logarithmic = dimension.kind == DimensionKind::logarithmic || dimension.logarithmic_whole;
  // A logarithm of whole numbers from 0 is drawn evenly from 0.5; there is no such place to show 0 at.
  if (!(axis.least > 0)) axis.logarithmic = false;
  if (dimension.kind == DimensionKind::choice) {
    axis.choices = dimension.choices;
    axis.least = 0;
    axis.most = static_cast<double>(dimension.choices.size()) - 1;
  }
  return axis;
}

void add_layers(std::vector<SpaceAxis>& axes, const Dimension& dimension) {
  if (dimension.least < dimension.most) {
    SpaceAxis width = axis_of(dimension);
    width.part = AxisPart::width;
    width.label += ", width";
    width.logarithmic = width.whole = true;
    axes.push_back(width);
  }
  if (dimension.least_layers < dimension.most_layers) {
    SpaceAxis depth = axis_of(dimension);
    depth.part = AxisPart::depth;
    depth.label += ", layers";
    depth.whole = true;
    depth.least = static_cast<double>(dimension.least_layers);
    depth.most = static_cast<double>(dimension.most_layers);
    axes.push_back(depth);
  }
}

}  // namespace

bool SpaceAxis::of_numbers() const {
  return std::ranges::all_of(choices, [](const std::string& text) { return number_of(text).has_value(); });
}

std::vector<SpaceAxis> axes_of(const StudyPlan& plan) {
  std::vector<SpaceAxis> axes;
  for (const Dimension& dimension : plan.dimensions) {
    if (dimension.kind == DimensionKind::layers) {
      add_layers(axes, dimension);
    } else {
      axes.push_back(axis_of(dimension));
    }
  }
  return axes;
}

std::string text_of(const Trial& trial, const std::string& option) { return text_of(trial.options, option); }

std::optional<double> place_on(const SpaceAxis& axis, const Trial& trial) {
  const std::string text = text_of(trial, axis.option);
  if (!axis.choices.empty()) {
    const auto found = std::ranges::find(axis.choices, text);
    if (found == axis.choices.end()) return std::nullopt;
    return static_cast<double>(found - axis.choices.begin());
  }
  const std::optional<double> first = number_of(std::string_view(text).substr(0, text.find(',')));
  if (!first || axis.part != AxisPart::depth) return first;
  return 1 + static_cast<double>(std::ranges::count(text, ','));
}

}  // namespace ztilde::search
