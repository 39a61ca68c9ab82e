// How fast was it, and where did the time go?
#include <fmt/format.h>

#include <cmath>

#include "base/text.hpp"
#include "report/blocks.hpp"
#include "report/run_sections.hpp"
#include "report/series.hpp"

namespace ztilde::report {
namespace {

constexpr std::size_t kMostPoints = 200;

std::string brief(double seconds) {
  return seconds < 1 ? fmt::format("{} ms", shown(1e3 * seconds)) : shown_duration(seconds);
}

Json pace_chart(const RunLog& log, const Progress& progress) {
  Series series;
  for (const HistoryPoint& point : log.points) series.emplace_back(progress.at(point), point.rows_per_second);
  if (series.size() < 2) return {};
  return chart(
      "lines",
      {{"title", "Rows per second: a flat line is a machine left to itself"},
       {"alt", fmt::format("Between {} and {} rows a second.",
                           shown(std::ranges::min(series, {}, &std::pair<double, double>::second).second),
                           shown(std::ranges::max(series, {}, &std::pair<double, double>::second).second))},
       {"x", progress.label()},
       {"y", "rows per second"},
       {"y_min", 0},
       {"datasets", Json::array({line_dataset("rows per second", "train", series, kMostPoints)})}});
}

Json time_chart(const RunLog& log) {
  const TimeSplit* time = nullptr;
  for (const HistoryPoint& point : log.points) {
    if (point.time) time = &*point.time;
  }
  if (!time) return {};
  const std::pair<const char*, double> parts[] = {{"matrix products", time->products},
                                                  {"normalisation", time->normalisation},
                                                  {"data", time->data},
                                                  {"optimiser", time->optimiser},
                                                  {"other", time->other}};
  double all = 0;
  for (const auto& [name, seconds] : parts) all += seconds;
  if (!(all > 0)) return {};
  Json labels = Json::array(), shares = Json::array();
  std::string words;
  for (const auto& [name, seconds] : parts) {
    labels.push_back(name);
    shares.push_back(rounded(seconds / all));
    words += fmt::format("{}{} {}", words.empty() ? "" : ", ", name, shown_share(seconds / all));
  }
  return chart(
      "bars",
      {{"title", "Where the time of all threads went: products are the work itself"},
       {"alt", words + "."},
       {"note", fmt::format("{} of all threads together", shown_duration(all))},
       {"along", "y"},
       {"labels", labels},
       {"x_format", "percent"},
       {"x_min", 0},
       {"datasets",
        Json::array(
            {{{"label", "share of the time"}, {"role", 0}, {"roles", {0, 5, 4, 3, 7}}, {"data", shares}}})}});
}

}  // namespace

Json speed_section(const RunLog& log) {
  if (log.points.empty()) return {};
  const Progress progress(log);
  const HistoryPoint& last = log.points.back();
  const double seconds = number_at(log.result, "seconds").value_or(last.seconds);
  std::vector<Figure> items = {{"training took", shown_duration(seconds), ""}};
  if (const auto pace = number_at(log.result, "rows_per_second"))
    items.push_back({"rows per second", shown(std::round(*pace)), "over the whole run"});
  if (last.epoch > 0 && last.epoch_end)
    items.push_back({"an epoch", brief(last.seconds / static_cast<double>(last.epoch)), "with validation"});
  if (last.step > 0) items.push_back({"a step", brief(last.seconds / static_cast<double>(last.step)), ""});
  if (const auto bytes = count_at(log.run, "memory_bytes"))
    items.push_back({"memory", shown_bytes(*bytes), "as reckoned before the first step"});
  Json blocks = Json::array({figures(items)});
  for (Json block : {pace_chart(log, progress), time_chart(log)}) {
    if (!block.is_null()) blocks.push_back(std::move(block));
  }
  const std::string processor = text_at(object_at(log.run, "machine"), "processor");
  return section("speed", "How fast was it?", processor, blocks);
}

}  // namespace ztilde::report
