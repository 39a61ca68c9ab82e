// Which options matter? The result against each of them, and all of them at once.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "base/text.hpp"
#include "report/blocks.hpp"
#include "report/series.hpp"
#include "report/study_sections.hpp"
#include "search/space_axes.hpp"

namespace ztilde::report {
namespace {

using search::SpaceAxis;
using search::StudyContents;
using search::Trial;
using search::TrialState;

// More dots than these only fill the picture; the first ones of a quasi-random sequence are as even.
constexpr std::size_t kMostDots = 600;
constexpr std::size_t kFewTrials = 8;
// The best trials that spread over so much of a range say nothing about where in it they are.
constexpr double kMostOfAxis = 0.7;
constexpr const char* kNorm = "--norm";

struct Dot {
  double x, y;
  const Trial* trial;
};

// Beside its choice, so that equal results do not hide each other: evenly by the golden ratio.
double beside(std::size_t number) {
  const double part = static_cast<double>(number) * 0.6180339887498949;
  return 0.36 * (part - std::floor(part) - 0.5);
}

std::vector<Dot> dots_of(const StudyContents& study, const SpaceAxis& axis, const StudyMeasure& measure) {
  const auto best = search::best_trial(study);
  std::vector<Dot> dots;
  for (std::size_t t = 0; t < study.trials.size(); ++t) {
    const Trial& trial = study.trials[t];
    const auto x = place_on(axis, trial);
    const auto y = measure.of(trial);
    if (!x || !y || (dots.size() >= kMostDots && best != t)) continue;
    dots.push_back({axis.choices.empty() ? *x : *x + beside(trial.number), *y, &trial});
  }
  return dots;
}

template <class Which>
void add_dots(Json& datasets, const std::vector<Dot>& dots, const std::string& label, const Json& role,
              Which which, Json style = Json::object()) {
  Json points = Json::array();
  for (const Dot& dot : dots)
    if (which(dot)) points.push_back({{"x", rounded(dot.x)}, {"y", rounded(dot.y)}});
  if (points.empty()) return;
  Json dataset = {{"label", label}, {"role", role}, {"data", points}};
  dataset.update(style);
  datasets.push_back(dataset);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::vector<Dot> finished_of(const std::vector<Dot>& dots) {
  std::vector<Dot> finished;
  for (const Dot& dot : dots)
    if (dot.trial->state == TrialState::finished) finished.push_back(dot);
  return finished;
}

// By the result so far of all trials: those that stopped early are what most of a wide range came to.
std::string choice_words(const SpaceAxis& axis, const std::vector<Dot>& dots, const StudyMeasure& measure) {
  std::string words;
  std::size_t best = 0, groups = 0;
  double least = INFINITY;
  for (std::size_t c = 0; c < axis.choices.size(); ++c) {
    std::vector<double> values;
    for (const Dot& dot : dots)
      if (std::lround(dot.x) == static_cast<long>(c)) values.push_back(dot.y);
    if (values.empty()) continue;
    const double middle = median(values);
    words += fmt::format("{}{}: {}", words.empty() ? "" : ", ", printable(axis.choices[c]), shown(middle));
    ++groups;
    if (middle < least) std::tie(least, best) = std::pair(middle, c);
  }
  if (groups < 2) return axis.label;
  return fmt::format("{}: the median {} is lowest with {} ({})", axis.label, measure.name(),
                     printable(axis.choices[best]), words);
}

std::string range_words(const SpaceAxis& axis, std::vector<Dot> dots) {
  if (dots.size() < kFewTrials) return axis.label;
  const std::size_t best = std::max<std::size_t>(dots.size() / 5, 3);
  std::ranges::stable_sort(dots, {}, &Dot::y);
  dots.resize(best);
  const auto [low, high] = std::ranges::minmax(dots, {}, &Dot::x);
  const auto scaled = [&](double value) { return axis.logarithmic ? std::log(value) : value; };
  if (scaled(high.x) - scaled(low.x) > kMostOfAxis * (scaled(axis.most) - scaled(axis.least)))
    return axis.label + ": the best fifth of the trials lie all over its range";
  const auto words = [](double value) { return fmt::format("{:.3g}", value); };
  return fmt::format("{}: the best fifth of the trials lie between {} and {}", axis.label, words(low.x),
                     words(high.x));
}

Json datasets_of(const StudyContents& study, const std::vector<Dot>& dots) {
  const auto searched = std::ranges::find(study.plan.dimensions, kNorm, &search::Dimension::option);
  const bool by_norm = searched != study.plan.dimensions.end();
  const auto best = search::best_trial(study);
  Json datasets = Json::array();
  const auto is_finished = [](const Dot& dot) { return dot.trial->state == TrialState::finished; };
  if (by_norm) {
    for (std::size_t c = 0; c < searched->choices.size(); ++c) {
      const std::string& norm = searched->choices[c];
      const Json role = norm == "batch" ? Json("with") : norm == "none" ? Json("without") : Json(c);
      const auto has_norm = [&](const Dot& dot) {
        return is_finished(dot) && text_of(*dot.trial, kNorm) == norm;
      };
      add_dots(datasets, dots, fmt::format("finished, norm {}", norm), role, has_norm);
    }
  } else {
    add_dots(datasets, dots, "finished", "train", is_finished);
  }
  add_dots(datasets, dots, "fewer epochs so far", "theory", [&](const Dot& dot) { return !is_finished(dot); },
           {{"pointStyle", "crossRot"}, {"borderWidth", 1.4}});
  if (best) {
    add_dots(datasets, dots, fmt::format("best: trial {}", study.trials[*best].number), "valid",
             [&](const Dot& dot) { return dot.trial == &study.trials[*best]; },
             {{"pointStyle", "rectRot"}, {"pointRadius", 7}});
  }
  return datasets;
}

// A little more than the range, so that no dot is cut in half; ticks stay on the numbers that there are.
void set_range(Json& data, const SpaceAxis& axis) {
  if (axis.logarithmic) {
    const double room = std::pow(axis.most / axis.least, 0.025);
    data["x_type"] = "logarithmic";
    data["x_min"] = rounded(axis.least / room);
    data["x_max"] = rounded(axis.most * room);
    return;
  }
  const bool counts = !axis.choices.empty() || (axis.whole && axis.most - axis.least <= 12);
  // Not half a step: ticks a step apart would begin at the edge.
  const double room = !axis.choices.empty() ? 0.6 : counts ? 0.3 : 0.025 * (axis.most - axis.least);
  data["x_min"] = rounded(axis.least - room);
  data["x_max"] = rounded(axis.most + room);
  data["x_ticks"] = {{"includeBounds", false}};
  if (counts) data["x_ticks"]["stepSize"] = 1;
  if (!axis.choices.empty()) data["x_format"] = axis.choices;
}

// Where results are cut for a picture: a few that hardly learned would press all others flat. Infinite:
// nowhere.
double cut_of(const std::vector<Dot>& dots) {
  constexpr double kFarOff = 3, kRoom = 1.5;
  std::vector<double> values;
  for (const Dot& dot : dots) values.push_back(dot.y);
  std::ranges::sort(values);
  const double usual = values[(values.size() - 1) * 4 / 5];
  return usual > 0 && values.back() > kFarOff * usual ? kRoom * usual : INFINITY;
}

Json option_chart(const StudyContents& study, const SpaceAxis& axis, const StudyMeasure& measure) {
  std::vector<Dot> dots = dots_of(study, axis, measure);
  if (dots.size() < 2) return {};
  const std::vector<Dot> finished = finished_of(dots);
  const std::string words =
      axis.choices.empty() ? range_words(axis, dots) : choice_words(axis, dots, measure);
  const double most = cut_of(dots);
  std::size_t beyond = 0;
  for (Dot& dot : dots) {
    if (dot.y <= most) continue;
    dot.y = most;
    ++beyond;
  }
  Json data = {
      {"title", words},
      {"alt", fmt::format("{}. {} of {} dots are of finished trials.", words, finished.size(), dots.size())},
      {"x", axis.label},
      {"y", measure.axis()},
      {"datasets", datasets_of(study, dots)}};
  set_range(data, axis);
  if (beyond > 0)
    data["note"] = fmt::format("{} above {} at the upper edge", counted(beyond, "result"), shown(most));
  std::vector<double> values;
  for (const Dot& dot : dots) values.push_back(dot.y);
  if (spans_wide(values)) data["y_type"] = "logarithmic";
  return chart("scatter", data);
}

}  // namespace

Json study_options_section(const StudyContents& study) {
  const StudyMeasure measure = measure_of(study);
  Json blocks = Json::array();
  if (Json all = parallel_block(study); !all.is_null()) blocks.push_back(std::move(all));
  for (const SpaceAxis& axis : axes_of(study.plan)) {
    if (Json one = option_chart(study, axis, measure); !one.is_null()) blocks.push_back(std::move(one));
  }
  if (blocks.empty()) return {};
  std::string lead =
      "Every trial has other values of all options, so that what one option does shows through what the "
      "others do: a "
      "clear shape of the lower edge is what to look for.";
  if (count_of(study, TrialState::paused) > 0)
    lead += " Crosses are trials that were stopped early; with all epochs they would have come further down.";
  return section("options", "Which options matter", lead, blocks);
}

}  // namespace ztilde::report
