// What were the trials, what was the same for all of them, and how to get the best model.
#include <fmt/format.h>

#include <algorithm>

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

constexpr std::size_t kMostRows = 200, kMostMessages = 20, kLongestMessage = 300;

struct Columns {
  bool accuracy = false, folds = false;
};

Columns columns_of(const StudyContents& study) {
  Columns columns;
  for (const Trial& trial : study.trials) {
    columns.folds |= trial.folds_loss.has_value();
    columns.accuracy |= !trial.curve.empty() && trial.curve.back().valid_accuracy.has_value();
  }
  return columns;
}

std::string seconds_words(double seconds) {
  return seconds < 10 ? fmt::format("{:.2f} s", seconds) : shown_time(seconds);
}

Json trial_row(const StudyContents& study, const Trial& trial, const Columns& columns,
               const StudyMeasure& measure) {
  Json row = {fmt::format("{}", trial.number)};
  const auto result = measure.of(trial);
  row.push_back(result ? shown(*result) : "–");
  if (columns.accuracy) {
    const bool has = !trial.curve.empty() && trial.curve.back().valid_accuracy;
    row.push_back(has ? shown_share(*trial.curve.back().valid_accuracy) : "–");
  }
  if (columns.folds) row.push_back(trial.folds_loss ? shown(*trial.folds_loss) : "–");
  row.push_back(fmt::format("{}", trial.curve.empty() ? 0 : trial.curve.back().epoch));
  row.push_back(state_words(trial.state));
  row.push_back(trial.curve.empty() ? "–" : seconds_words(trial.curve.back().seconds));
  for (const search::Dimension& dimension : study.plan.dimensions)
    row.push_back(search::text_of(trial, dimension.option));
  return row;
}

Json trials_table(const StudyContents& study) {
  const StudyMeasure measure = measure_of(study);
  const Columns columns = columns_of(study);
  std::vector<std::string> names = {"trial", measure.name()};
  if (columns.accuracy) names.emplace_back("accuracy");
  if (columns.folds) names.emplace_back("loss by folds");
  names.insert(names.end(), {"epochs", "state", "time"});
  for (const search::Dimension& dimension : study.plan.dimensions)
    names.push_back(bare_name(dimension.option));
  Json rows = Json::array();
  for (const std::size_t t : ranking(study)) {
    if (rows.size() == kMostRows) break;
    rows.push_back(trial_row(study, study.trials[t], columns, measure));
  }
  if (rows.empty()) return {};
  const std::string title =
      study.trials.size() > kMostRows
          ? fmt::format("The first {} of {} trials, best first; ztilde search show has them all", kMostRows,
                        with_commas(study.trials.size()))
          : "All trials, best first";
  return table(title, names, rows);
}

Json messages_table(const StudyContents& study) {
  Json rows = Json::array();
  std::size_t all = 0;
  for (const Trial& trial : study.trials) {
    if (trial.state != TrialState::diverged || trial.message.empty()) continue;
    if (++all > kMostMessages) continue;
    rows.push_back({fmt::format("{}", trial.number), printable(trial.message, kLongestMessage)});
  }
  if (rows.empty()) return {};
  return table(all > kMostMessages
                   ? fmt::format("Why the first {} of {} trials came to nothing", kMostMessages, all)
                   : "Why trials came to nothing",
               {"trial", "why"}, rows);
}

Json plan_table(const StudyContents& study) {
  const search::StudyPlan& plan = study.plan;
  Json rows = Json::array();
  const auto fact = [&](const std::string& name, const std::string& words) {
    if (!words.empty()) rows.push_back({name, words});
  };
  fact("data", plan.data_words);
  fact("fingerprint of the data", plan.data_fingerprint);
  for (const auto& [option, text] : plan.fixed) fact(option, text);
  for (const search::Dimension& dimension : plan.dimensions)
    fact(dimension.option, dimension.text + ", searched");
  fact("--epochs", fmt::format("{}", plan.epochs));
  fact("--seed", fmt::format("{}", plan.seed));
  if (study.trials_asked > 0) fact("--trials", fmt::format("{}", study.trials_asked));
  std::string rungs;
  for (const std::size_t rung : plan.rungs) rungs += fmt::format("{}{}", rungs.empty() ? "" : ", ", rung);
  fact("stopping",
       rungs.empty() ? "off" : fmt::format("after epochs {}; one of {} goes on", rungs, plan.reduction));
  fact("ztilde", plan.version);
  return table("The study", {"what", "value"}, rows);
}

}  // namespace

Json study_trials_section(const StudyContents& study) {
  Json blocks = Json::array();
  for (Json block : {trials_table(study), messages_table(study)}) {
    if (!block.is_null()) blocks.push_back(std::move(block));
  }
  if (blocks.empty()) return {};
  return section(
      "trials", "The trials",
      "Finished trials come first, then by their results so far those that were stopped early or still run.",
      blocks);
}

Json study_again_section(const StudyContents& study) {
  Json blocks = Json::array();
  if (search::best_trial(study)) {
    blocks.push_back(text("STUDY stands for the study's file."));
    blocks.push_back(code("ztilde search best STUDY --out model.ztilde"));
  }
  blocks.push_back(plan_table(study));
  return section(
      "again", "How to get the same again",
      "A trial's number and the study's seed decide its options and its training: the same data and the "
      "same version give the model of the best trial, byte for byte.",
      blocks);
}

}  // namespace ztilde::report
