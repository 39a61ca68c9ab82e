// How wide is the good region? Which share of the space came close to the best, with and without batch norm.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "report/blocks.hpp"
#include "report/run_sections.hpp"
#include "report/study_sections.hpp"
#include "search/good_cells.hpp"
#include "search/good_region.hpp"

namespace ztilde::report {
namespace {

using search::GoodCell;
using search::GoodCells;
using search::GoodGroup;
using search::GoodMap;
using search::GoodRegion;
using search::Interval;
using search::Measured;
using search::StudyContents;

// With fewer trials a group the interval of a share is half of all there is.
constexpr std::size_t kFewTrials = 10;

std::string whole_percent(double share) { return fmt::format("{:.0f} %", 100 * share); }

std::string interval_words(const Interval& interval) {
  return fmt::format("{:.0f} to {:.0f} %", 100 * interval.low, 100 * interval.high);
}

std::string norm_words(const std::string& norm) {
  if (norm.empty()) return "all trials";
  if (norm == "batch") return "with batch norm";
  return norm == "none" ? "without batch norm" : "with norm " + norm;
}

std::string near_words(const GoodRegion& region) {
  if (region.rule.measured == Measured::accuracy)
    return fmt::format("within {:.0f} points of the best validation accuracy, {}",
                       100 * search::kAccuracyTolerance, shown_share(region.rule.best));
  return fmt::format("within {:.0f} % of the lowest validation {}, {}", 100 * search::kRelativeTolerance,
                     region.rule.measured == Measured::rmse ? "rmse" : "loss", shown(region.rule.best));
}

// What the numbers say, and when they say too little.
std::string comparison_words(const GoodGroup& with, const GoodGroup& without) {
  const Interval ratio = search::ratio_interval(with.good, with.trials, without.good, without.trials);
  const auto share = [](const GoodGroup& group) {
    return fmt::format("{} ({} of {} trials)", whole_percent(group.share()), group.good,
                       with_commas(group.trials));
  };
  std::string words =
      fmt::format("With batch norm {} of the space is good, without it {}", share(with), share(without));
  if (without.good > 0 && with.good > 0)
    words += fmt::format(": {:.2g} times as much", with.share() / without.share());
  const std::string range = std::isinf(ratio.high)
                                ? fmt::format("more than {:.2g} times", ratio.low)
                                : fmt::format("{:.2g} to {:.2g} times", ratio.low, ratio.high);
  if (ratio.low > 1)
    return words + fmt::format(" (95 %: {}). Batch norm widens the good region here.", range);
  if (ratio.high < 1)
    return words + fmt::format(" (95 %: {}). Batch norm narrows the good region here.", range);
  return words + ". These trials are too few, or the two too much alike, to say which is wider" +
         (std::isinf(ratio.high) ? "." : fmt::format(" (95 %: {}).", range));
}

std::string region_words(const GoodRegion& region) {
  for (const GoodGroup& group : region.groups) {
    if (group.trials >= kFewTrials) continue;
    return fmt::format("There are only {} {}: too few to say how wide the good region is.",
                       counted(group.trials, "trial"),
                       group.norm.empty() ? "so far" : norm_words(group.norm));
  }
  const GoodGroup *with = search::group_of(region, "batch"), *without = search::group_of(region, "none");
  if (with && without) return comparison_words(*with, *without);
  const GoodGroup& all = region.groups.front();
  if (region.groups.size() > 1) return "How much of the space is good, by kind of normalisation.";
  return fmt::format("{} of the space is good ({} of {} trials; 95 %: {}).", whole_percent(all.share()),
                     all.good, with_commas(all.trials), interval_words(all.interval()));
}

std::vector<Figure> region_figures(const GoodRegion& region) {
  std::vector<Figure> items;
  for (const GoodGroup& group : region.groups) {
    std::string note = fmt::format("{} of {}; 95 %: {}", group.good, counted(group.trials, "trial"),
                                   interval_words(group.interval()));
    if (group.diverged > 0) note += fmt::format("; {} diverged", with_commas(group.diverged));
    items.push_back({"good, " + norm_words(group.norm), whole_percent(group.share()), note});
  }
  const GoodGroup *with = search::group_of(region, "batch"), *without = search::group_of(region, "none");
  if (with && without && with->trials > 0 && without->trials > 0) {
    const Interval ratio = search::ratio_interval(with->good, with->trials, without->good, without->trials);
    const bool known = without->good > 0;
    const std::string to = std::isinf(ratio.high) ? "no limit" : fmt::format("{:.2g}", ratio.high);
    items.push_back({"with over without",
                     known ? fmt::format("{:.2g} ×", with->share() / without->share()) : "–",
                     fmt::format("95 %: {:.2g} to {}", ratio.low, to)});
  }
  return items;
}

// Shares in hundredths; hatched: all of a cell's trials diverged.
Json map_block(const GoodCells& cells, const GoodMap& map) {
  Heatmap picture;
  const std::string norm = map.norm.empty() ? "" : norm_words(map.norm) + ": ";
  picture.title = fmt::format("{}{} of {} have a good trial", norm, map.good_cells,
                              counted(map.cells_with_trials, "cell"));
  if (!norm.empty()) picture.title.front() = 'W';
  picture.alt = fmt::format("Share of good trials by {} and {}. {}.", cells.x.axis.label, cells.y.axis.label,
                            picture.title);
  picture.x = {cells.x.axis.label, cells.x.names};
  picture.y.label = cells.y.axis.label;
  for (std::size_t r = cells.y.names.size(); r-- > 0;) {
    picture.y.ticks.push_back(cells.y.names[r]);
    auto& row = picture.cells.emplace_back();
    auto& hatched = picture.hatched.emplace_back();
    for (const GoodCell& cell : map.cells[r]) {
      const bool broken = cell.trials > 0 && cell.diverged == cell.trials;
      const double share =
          static_cast<double>(cell.good) / static_cast<double>(std::max<std::size_t>(cell.trials, 1));
      row.push_back(cell.trials == 0 || broken ? std::nullopt : std::optional(std::round(1000 * share) / 10));
      hatched.push_back(broken);
    }
  }
  picture.scale = {.label = "share of good trials", .least = 0, .most = 100, .unit = "%"};
  picture.values = true;
  return heatmap(picture);
}

std::string method_words(const StudyContents& study, const GoodRegion& region, bool has_map) {
  std::string words = fmt::format("Good means {}.", near_words(region));
  if (region.rule.stopped_early) {
    words += fmt::format(
        " Trials that were stopped early have fewer epochs than the others; so that all are compared alike, "
        "each "
        "counts by its result after epoch {} of {}, against the best after that epoch. Options that learn "
        "slowly but "
        "well in the end are missed by this, whatever makes training quick looks wide, and running "
        "statistics may "
        "still lag; a search with --stopping off has none of these faults.",
        region.rule.epoch, study.plan.epochs);
  }
  if (region.rule.measured == Measured::rmse)
    words += " A tenth of the rmse is 2 points of R² where R² is 0.9.";
  words += " Trials that diverged count as outside.\n\n";
  if (!study.plan.first.empty())
    words +=
        " The defaults are not counted: their point was chosen, while the others fill the space evenly, so "
        "that "
        "their share estimates that of the space.";
  words +=
      " The space is the ranges that were given: wider ones give smaller shares. Intervals are Wilson's, as "
      "if "
      "the points were independent; points as even as these are, if anything, better than that.";
  if (has_map)
    words +=
        " A cell of the map is good where its best trial is, as the other options may be chosen to suit; a "
        "dash "
        "is a cell without trials. Axes of ranges name the middle of each cell.";
  return words;
}

}  // namespace

Json study_region_section(const StudyContents& study) {
  const auto region = search::good_region(study);
  if (!region) return {};
  const bool any =
      std::ranges::any_of(region->groups, [](const GoodGroup& group) { return group.trials > 1; });
  if (!any) return {};
  Json blocks = Json::array({figures(region_figures(*region))});
  const auto cells = search::good_cells(study, *region);
  if (cells) {
    for (const GoodMap& map : cells->maps) blocks.push_back(map_block(*cells, map));
  }
  blocks.push_back(text(method_words(study, *region, cells.has_value())));
  std::string lead = region_words(*region);
  if (region->rule.stopped_early)
    lead += fmt::format(" All are judged after epoch {} of {}, as some trials were stopped there.",
                        region->rule.epoch, study.plan.epochs);
  return section("region", "How wide is the good region", lead, blocks);
}

}  // namespace ztilde::report
