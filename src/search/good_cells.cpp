#include "search/good_cells.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ztilde::search {
namespace {

constexpr std::size_t kMostParts = 6, kMostChoices = 8;

double on_scale(const SpaceAxis& axis, double value) { return axis.logarithmic ? std::log(value) : value; }
double off_scale(const SpaceAxis& axis, double value) { return axis.logarithmic ? std::exp(value) : value; }

bool is_by_value(const SpaceAxis& axis) { return axis.whole && axis.most - axis.least < kMostChoices; }

// "2.5e-4" where "0.00025" is longer: names stand over narrow columns.
std::string short_number(double value) {
  const std::string plain = fmt::format("{:.2g}", value);
  const int power = static_cast<int>(std::floor(std::log10(std::abs(value))));
  const std::string scientific = fmt::format("{:.2g}e{}", value / std::pow(10, power), power);
  return std::isfinite(value) && value != 0 && scientific.size() < plain.size() ? scientific : plain;
}

bool may_be_cut(const SpaceAxis& axis) {
  return axis.choices.size() <= kMostChoices && axis.option != "--norm";
}

// By name, else the first of numbers that is not `other`, else the first at all.
const SpaceAxis* chosen(const std::vector<SpaceAxis>& axes, const std::string& option,
                        const SpaceAxis* other) {
  const SpaceAxis *named = nullptr, *of_numbers = nullptr, *any = nullptr;
  for (const SpaceAxis& axis : axes) {
    if (&axis == other || !may_be_cut(axis)) continue;
    if (!named && axis.option == option) named = &axis;
    if (!of_numbers && axis.of_numbers()) of_numbers = &axis;
    if (!any) any = &axis;
  }
  return named ? named : of_numbers ? of_numbers : any;
}

// As many parts along an axis as leave a few trials for each cell.
std::size_t parts_for(const GoodRegion& region) {
  std::size_t most = 0;
  for (const GoodGroup& group : region.groups) most = std::max(most, group.trials);
  const auto parts = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(most))));
  return std::clamp<std::size_t>(parts, 2, kMostParts);
}

GoodMap map_of(const StudyContents& study, const GoodRegion& region, const GoodCells& cells,
               const std::string& norm) {
  GoodMap map;
  map.norm = norm;
  map.cells.assign(cells.y.names.size(), std::vector<GoodCell>(cells.x.names.size()));
  for (std::size_t t = 0; t < study.trials.size(); ++t) {
    const Trial& trial = study.trials[t];
    const Goodness goodness = region.trials[t];
    if (goodness == Goodness::unknown || (!norm.empty() && text_of(trial, "--norm") != norm)) continue;
    const std::optional<double> x = place_on(cells.x.axis, trial), y = place_on(cells.y.axis, trial);
    if (!x || !y) continue;
    GoodCell& cell = map.cells[cells.y.part_of(*y)][cells.x.part_of(*x)];
    ++cell.trials;
    cell.good += goodness == Goodness::good ? 1 : 0;
    cell.diverged += goodness == Goodness::diverged ? 1 : 0;
  }
  for (const auto& row : map.cells) {
    for (const GoodCell& cell : row) {
      map.cells_with_trials += cell.trials > 0 ? 1 : 0;
      map.good_cells += cell.good > 0 ? 1 : 0;
    }
  }
  return map;
}

}  // namespace

std::size_t AxisParts::part_of(double place) const {
  const double count = static_cast<double>(names.size());
  double part = std::round(place - axis.least);
  if (axis.choices.empty() && !is_by_value(axis)) {
    const double least = on_scale(axis, axis.least), most = on_scale(axis, axis.most);
    part = std::floor((on_scale(axis, place) - least) / (most - least) * count);
  }
  // A place outside the axis, even where it has no logarithm, belongs to the part at its end.
  return part > 0 ? static_cast<std::size_t>(std::min(part, count - 1)) : 0;
}

AxisParts parts_of(const SpaceAxis& axis, std::size_t most_parts) {
  AxisParts parts = {axis, axis.choices};
  if (!axis.choices.empty()) return parts;
  if (is_by_value(axis)) {
    for (double value = axis.least; value <= axis.most; ++value)
      parts.names.push_back(fmt::format("{}", value));
    return parts;
  }
  const double least = on_scale(axis, axis.least), most = on_scale(axis, axis.most);
  for (std::size_t i = 0; i < most_parts; ++i) {
    const double at = (static_cast<double>(i) + 0.5) / static_cast<double>(most_parts);
    const double middle = off_scale(axis, least + (most - least) * at);
    parts.names.push_back(axis.whole ? fmt::format("{:.0f}", middle) : short_number(middle));
  }
  return parts;
}

std::optional<GoodCells> good_cells(const StudyContents& study, const GoodRegion& region) {
  const std::vector<SpaceAxis> axes = axes_of(study.plan);
  const SpaceAxis* x = chosen(axes, "--lr", nullptr);
  const SpaceAxis* y = x ? chosen(axes, "--batch", x) : nullptr;
  if (!y) return std::nullopt;
  const std::size_t parts = parts_for(region);
  // Fewer of y: what people look along is x.
  GoodCells cells = {parts_of(*x, parts), parts_of(*y, std::max<std::size_t>(parts - 1, 2)), {}};
  for (const GoodGroup& group : region.groups) cells.maps.push_back(map_of(study, region, cells, group.norm));
  return cells;
}

}  // namespace ztilde::search
