// All options at once: a line for each trial, from its options to its result.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "report/blocks.hpp"
#include "report/study_sections.hpp"
#include "search/space_axes.hpp"

namespace ztilde::report {
namespace {

using search::SpaceAxis;
using search::StudyContents;
using search::Trial;
using search::TrialState;

constexpr std::size_t kMostLines = 300, kMostBroken = 100;

std::optional<ParallelLine> line_of(const StudyContents& study, const Trial& trial,
                                    const std::vector<SpaceAxis>& axes, const StudyMeasure& measure) {
  ParallelLine line = {name_of(study, trial), {}, measure.of(trial), ""};
  if (!line.result && trial.state != TrialState::diverged) return std::nullopt;
  for (const SpaceAxis& axis : axes) {
    const auto place = place_on(axis, trial);
    if (!place) return std::nullopt;
    line.values.push_back(*place);
  }
  if (trial.state != TrialState::finished) line.state = state_words(trial.state);
  if (line.result && trial.state != TrialState::finished)
    line.state += fmt::format(" after {}", counted(trial.curve.back().epoch, "epoch"));
  return line;
}

// By their results, whether they are of all epochs or not: that is what the colour says. The study's best
// leads them, whatever it was chosen by.
std::vector<ParallelLine> lines_of(const StudyContents& study, const std::vector<SpaceAxis>& axes,
                                   const StudyMeasure& measure) {
  const auto best = search::best_trial(study);
  std::vector<ParallelLine> lines, broken, first;
  for (const std::size_t t : ranking(study)) {
    auto line = line_of(study, study.trials[t], axes, measure);
    if (!line) continue;
    (best == t ? first : line->result ? lines : broken).push_back(std::move(*line));
  }
  std::ranges::stable_sort(lines, {}, [](const ParallelLine& line) { return *line.result; });
  lines.insert(lines.begin(), first.begin(), first.end());
  if (lines.size() > kMostLines) lines.resize(kMostLines);
  if (broken.size() > kMostBroken) broken.resize(kMostBroken);
  lines.insert(lines.end(), broken.begin(), broken.end());
  return lines;
}

// From the best to four fifths of the trials: a few that hardly learned would leave one colour to all others.
Scale scale_of(const std::vector<ParallelLine>& lines, const StudyMeasure& measure) {
  std::vector<double> results;
  for (const ParallelLine& line : lines)
    if (line.result) results.push_back(*line.result);
  Scale scale = {.label = fmt::format("validation {}", measure.name())};
  if (results.empty()) return scale;
  std::ranges::sort(results);
  scale.least = results.front();
  scale.most = results[(results.size() - 1) * 4 / 5];
  if (!(scale.most > scale.least)) scale.most = results.back();
  scale.logarithmic = spans_wide({scale.least, scale.most});
  return scale;
}

}  // namespace

Json parallel_block(const StudyContents& study) {
  const StudyMeasure measure = measure_of(study);
  const std::vector<SpaceAxis> axes = axes_of(study.plan);
  Parallel picture;
  picture.lines = lines_of(study, axes, measure);
  const auto has_result = [](const ParallelLine& line) { return line.result.has_value(); };
  if (axes.empty() || std::ranges::count_if(picture.lines, has_result) < 2) return {};
  for (const SpaceAxis& axis : axes)
    picture.axes.push_back({axis.label, axis.least, axis.most, axis.logarithmic, axis.whole, axis.choices});
  picture.scale = scale_of(picture.lines, measure);
  const auto best = search::best_trial(study);
  picture.has_best = best && picture.lines.front().name == name_of(study, study.trials[*best]);
  picture.title = "All options at once: a line for each trial, the strongest colour for the lowest " +
                  std::string(measure.name());
  picture.note = "Point at or touch a line, or step from the best to the worst with the arrow keys.";
  if (picture.lines.size() < study.trials.size()) {
    picture.note +=
        fmt::format(" Drawn are {} of {} trials: the best of those with a result, and some that diverged.",
                    picture.lines.size(), study.trials.size());
  }
  picture.alt = fmt::format("{} trials from the best, each by its options and its {}", picture.lines.size(),
                            picture.scale.label);
  return parallel(picture);
}

}  // namespace ztilde::report
