// What came out? The best trial beside the defaults, and how the best so far fell.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "base/text.hpp"
#include "report/blocks.hpp"
#include "report/run_sections.hpp"
#include "report/series.hpp"
#include "report/study_sections.hpp"
#include "search/space_axes.hpp"

namespace ztilde::report {
namespace {

using search::StudyContents;
using search::Trial;
using search::TrialState;

constexpr std::size_t kMostPoints = 400;

const Trial* best_of(const StudyContents& study) {
  const auto best = search::best_trial(study);
  return best ? &study.trials[*best] : nullptr;
}

// Trial 0 where it has the defaults and a result.
const Trial* defaults_of(const StudyContents& study) {
  if (study.plan.first.empty() || study.trials.empty()) return nullptr;
  const Trial& trial = study.trials.front();
  return trial.number == 0 && trial.loss() && trial.state != TrialState::diverged ? &trial : nullptr;
}

std::string states_words(const StudyContents& study) {
  std::vector<std::string> parts;
  for (const TrialState state : {TrialState::finished, TrialState::paused, TrialState::diverged,
                                 TrialState::running, TrialState::waiting}) {
    if (const std::size_t count = count_of(study, state); count > 0)
      parts.push_back(fmt::format("{} {}", with_commas(count), state_words(state)));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

// "23 % lower than the defaults": of two results of the same measure.
std::string against_defaults(double best, double defaults) {
  if (!(defaults > 0) || best == defaults) return "";
  const double share = 100 * std::abs(best - defaults) / defaults;
  return fmt::format("{:.{}f} % {} than the defaults", share, share < 10 ? 1 : 0,
                     best < defaults ? "lower" : "higher");
}

void add_epochs(std::vector<Figure>& items, const StudyContents& study) {
  std::size_t epochs = 0, whole = 0;
  for (const Trial& trial : study.trials) {
    if (trial.curve.empty()) continue;
    epochs += trial.curve.back().epoch;
    whole += study.plan.epochs;
  }
  if (epochs == 0) return;
  const bool saves = !study.plan.rungs.empty() && whole > epochs;
  const double share =
      100 - 100 * static_cast<double>(epochs) / static_cast<double>(std::max<std::size_t>(whole, 1));
  items.push_back({"epochs trained", with_commas(epochs),
                   saves ? fmt::format("stopping early saved {:.0f} % of them", share) : ""});
}

std::vector<Figure> glance(const StudyContents& study) {
  const StudyMeasure measure = measure_of(study);
  std::vector<Figure> items;
  const bool more = study.trials_asked > study.trials.size();
  items.push_back(
      {"trials", with_commas(study.trials.size()),
       states_words(study) + (more ? fmt::format("; {} asked for", with_commas(study.trials_asked)) : "")});
  const Trial *best = best_of(study), *defaults = defaults_of(study);
  const auto result = best ? measure.of(*best) : std::nullopt;
  const auto first = defaults ? measure.of(*defaults) : std::nullopt;
  if (result) {
    items.push_back({fmt::format("lowest validation {}", measure.name()), shown(*result),
                     best == defaults ? "of the defaults themselves" : name_of(study, *best)});
    if (best->folds_loss) items.back().label = fmt::format("validation {} of the best", measure.name());
  }
  if (best && best->curve.back().valid_accuracy)
    items.push_back(
        {"its accuracy", shown_share(*best->curve.back().valid_accuracy), "on the validation rows"});
  if (best && best->folds_loss) {
    items.push_back({"its loss by folds", shown(*best->folds_loss),
                     fmt::format("the mean of {}", counted(best->fold_losses.size(), "fold"))});
  }
  if (first && best != defaults) {
    const search::TrialPoint& end = defaults->curve.back();
    std::string note = end.valid_accuracy ? shown_share(*end.valid_accuracy) + " accurate" : "trial 0";
    if (defaults->state != TrialState::finished)
      note += fmt::format(", after {}", counted(end.epoch, "epoch"));
    items.push_back({fmt::format("{} of the defaults", measure.name()), shown(*first), note});
  }
  add_epochs(items, study);
  return items;
}

std::string best_words(const StudyContents& study) {
  const Trial* best = best_of(study);
  const std::size_t on = count_of(study, TrialState::running) + count_of(study, TrialState::waiting);
  const std::string going = on > 0 ? fmt::format("The search is not at its end: {} running or waiting. ",
                                                 counted(on, "trial") + (on == 1 ? " is" : " are"))
                                   : "";
  if (!best) return going + "No trial is finished, so that there is no best one yet.";
  const StudyMeasure measure = measure_of(study);
  const auto result = measure.of(*best);
  const Trial* defaults = defaults_of(study);
  std::string words = going;
  if (best == defaults) {
    words += "The defaults came out best: no other trial that finished has a lower validation loss.";
  } else {
    const auto first =
        defaults && defaults->state == TrialState::finished ? measure.of(*defaults) : std::nullopt;
    const std::string than = first && result ? against_defaults(*result, *first) : "";
    words +=
        fmt::format("The best is {}{}{}{}.", name_of(study, *best),
                    best->folds_loss ? ", by the mean loss over folds" : "",
                    result ? fmt::format(", with a validation {} of {}", measure.name(), shown(*result)) : "",
                    than.empty() ? "" : ", " + than);
  }
  return words;
}

Json options_table(const StudyContents& study) {
  const Trial* best = best_of(study);
  if (!best || best->options.empty()) return {};
  const bool has_defaults = !study.plan.first.empty() && best->number != 0;
  std::vector<std::string> columns = {"option", has_defaults ? name_of(study, *best) : "value"};
  if (has_defaults) columns.emplace_back("defaults");
  columns.emplace_back("searched");
  Json rows = Json::array();
  for (const search::Dimension& dimension : study.plan.dimensions) {
    Json row = {bare_name(dimension.option), search::text_of(*best, dimension.option)};
    Trial first;
    first.options = study.plan.first;
    if (has_defaults) row.push_back(search::text_of(first, dimension.option));
    row.push_back(dimension.text);
    rows.push_back(row);
  }
  return table(fmt::format("The options of {}", name_of(study, *best)), columns, rows);
}

// Trials that ended with a result, in the order in which they did.
std::vector<const Trial*> ended(const StudyContents& study, const StudyMeasure& measure) {
  std::vector<const Trial*> trials;
  for (const Trial& trial : study.trials)
    if (trial.state == TrialState::finished && measure.of(trial)) trials.push_back(&trial);
  std::ranges::sort(trials, {}, [](const Trial* trial) { return std::tuple(trial->ended, trial->number); });
  return trials;
}

struct Fall {
  Series best, all;
};

template <class Place>
Fall fall_of(const std::vector<const Trial*>& trials, const StudyMeasure& measure, Place place) {
  Fall fall;
  double least = INFINITY;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    const double value = *measure.of(*trials[i]);
    fall.all.emplace_back(place(i), value);
    least = std::min(least, value);
    fall.best.emplace_back(place(i), least);
  }
  return fall;
}

// `whole`: "60 trials"; `end`: where the line goes on to.
Json fall_chart(Fall fall, const StudyMeasure& measure, const std::string& x, const std::string& whole,
                double end) {
  const double first = fall.best.front().second, last = fall.best.back().second;
  std::size_t found = 0;
  while (fall.best[found].second > last) ++found;
  const std::string at = fmt::format("{:.3g}", fall.best[found].first);
  const std::string place = x == "trial" ? "by trial " + at : fmt::format("after {} {}", at, x);
  if (end > fall.best.back().first) fall.best.emplace_back(end, last);
  Json best = line_dataset("best so far", "valid", fall.best, kMostPoints);
  best["stepped"] = true;
  best["pointRadius"] = 0;
  Json all = line_dataset("each finished trial", "theory", fall.all, kMostPoints);
  all["showLine"] = false;
  all["pointRadius"] = 2.5;
  std::vector<double> values;
  for (const auto& [_, value] : fall.all) values.push_back(value);
  Json data = {{"title", fmt::format("The best so far: last improved {} of {}", place, whole)},
               {"alt", fmt::format("The lowest validation {} so far fell from {} to {}, reached {}.",
                                   measure.name(), shown(first), shown(last), place)},
               {"x", x},
               {"y", measure.axis()},
               {"datasets", Json::array({best, all})}};
  if (spans_wide(values)) data["y_type"] = "logarithmic";
  return chart("lines", data);
}

Json over_trials(const StudyContents& study, const StudyMeasure& measure) {
  auto trials = ended(study, measure);
  if (trials.size() < 2) return {};
  std::ranges::sort(trials, {}, &Trial::number);
  const auto place = [&](std::size_t i) { return static_cast<double>(trials[i]->number); };
  return fall_chart(fall_of(trials, measure, place), measure, "trial", with_commas(study.trials.size()),
                    static_cast<double>(study.trials.back().number));
}

struct Unit {
  const char* name;
  double seconds;
};

Json over_time(const StudyContents& study, const StudyMeasure& measure) {
  const auto trials = ended(study, measure);
  double last = 0;
  for (const Trial& trial : study.trials) last = std::max(last, trial.ended);
  if (trials.size() < 2 || !(study.began > 0) || !(trials.front()->ended > study.began)) return {};
  const double all = last - study.began;
  const Unit unit = all > 2 * 86400  ? Unit{"days", 86400}
                    : all > 2 * 3600 ? Unit{"hours", 3600}
                    : all > 120      ? Unit{"minutes", 60}
                                     : Unit{"seconds", 1};
  const Fall fall = fall_of(trials, measure,
                            [&](std::size_t i) { return (trials[i]->ended - study.began) / unit.seconds; });
  return fall_chart(fall, measure, unit.name, fmt::format("{:.3g}", all / unit.seconds), all / unit.seconds);
}

Json finalists_table(const StudyContents& study) {
  Json rows = Json::array();
  for (const std::size_t t : ranking(study)) {
    const Trial& trial = study.trials[t];
    if (!trial.folds_loss) continue;
    std::string folds;
    for (const double loss : trial.fold_losses) folds += (folds.empty() ? "" : ", ") + shown(loss);
    rows.push_back({fmt::format("{}", trial.number), shown(*trial.folds_loss),
                    trial.loss() ? shown(*trial.loss()) : "", folds});
  }
  if (rows.empty()) return {};
  return table("Finalists, trained again on every fold: the best has the lowest mean",
               {"trial", "mean loss", "on the split of the search", "by fold"}, rows);
}

}  // namespace

Json study_outcome_section(const StudyContents& study) {
  const StudyMeasure measure = measure_of(study);
  Json blocks = Json::array({figures(glance(study))});
  for (Json block : {options_table(study), finalists_table(study), over_trials(study, measure),
                     over_time(study, measure)}) {
    if (!block.is_null()) blocks.push_back(std::move(block));
  }
  const std::size_t finished = count_of(study, TrialState::finished);
  if (finished > 1) {
    blocks.push_back(
        text(fmt::format("The best of {} was chosen by the same validation rows that it is shown with, so "
                         "that it looks a little better "
                         "than it is. What it is worth, ztilde evaluate says on rows that no trial has seen.",
                         counted(finished, "finished trial"))));
  }
  return section("outcome", "What came out", best_words(study), blocks);
}

}  // namespace ztilde::report
