#include "cli/search_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/layout.hpp"
#include "cli/outputs.hpp"
#include "cli/search_plan.hpp"
#include "search/study_tables.hpp"

namespace ztilde::cli {
namespace {

using search::StudyContents;
using search::Trial;
using search::TrialState;

constexpr std::size_t kIndent = 11;
constexpr std::size_t kMostMessages = 5;

// Lines of a label and words, for some width of a terminal.
class Fields {
 public:
  explicit Fields(std::size_t width) : width_(std::min(width, kUsualWidth)) {}
  void add(const std::string& name, const std::string& words) {
    text_ += wrapped(name, kIndent, words, width_);
  }
  const std::string& text() const { return text_; }

 private:
  std::size_t width_;
  std::string text_;
};

std::optional<double> score(const Trial& trial) { return trial.folds_loss ? trial.folds_loss : trial.loss(); }

bool any_folds(const StudyContents& study) {
  return std::ranges::any_of(study.trials, [](const Trial& trial) { return trial.folds_loss.has_value(); });
}

// The accuracy or rmse of the last epoch, "" where there is none.
std::string metric_text(const Trial& trial) {
  if (trial.curve.empty()) return "";
  const search::TrialPoint& last = trial.curve.back();
  if (last.valid_accuracy) return fmt::format("{:.2f} %", 100 * *last.valid_accuracy);
  return last.valid_rmse ? shown(*last.valid_rmse) : "";
}

std::string loss_text(const std::optional<double>& loss) { return loss ? shown(*loss) : "-"; }

using Cells = std::vector<std::string>;

Cells cells_of(const StudyContents& study, const Trial& trial, bool is_best) {
  const std::size_t epochs = trial.curve.empty() ? 0 : trial.curve.back().epoch;
  Cells cells = {fmt::format("{}{}", trial.number, is_best ? " *" : ""), search::to_text(trial.state),
                 fmt::format("{}", epochs), loss_text(trial.loss()), metric_text(trial)};
  if (any_folds(study)) cells.push_back(loss_text(trial.folds_loss));
  return cells;
}

Cells titles(const StudyContents& study) {
  Cells cells = {"trial", "state", "epochs", "loss", study.plan.task == Task::classify ? "accuracy" : "rmse"};
  if (any_folds(study)) cells.push_back("folds' loss");
  return cells;
}

std::string laid_out(const Cells& cells, const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const bool left = i < 2;
    line += i == 0 ? "" : "  ";
    const std::string fill(widths[i] - columns_of(cells[i]), ' ');
    line += left ? cells[i] + fill : fill + cells[i];
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

void widen(std::vector<std::size_t>& widths, const Cells& cells) {
  widths.resize(std::max(widths.size(), cells.size()));
  for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], columns_of(cells[i]));
}

Cells option_cells(const StudyContents& study, const Trial& trial) {
  Cells cells;
  for (const search::Dimension& dimension : study.plan.dimensions)
    cells.push_back(search::text_of(trial.options, dimension.option));
  return cells;
}

// What went wrong, each message once with the trials that it is of.
void add_messages(const StudyContents& study, Fields& fields) {
  std::vector<std::pair<std::string, std::vector<std::size_t>>> messages;
  for (const Trial& trial : study.trials) {
    if (trial.message.empty()) continue;
    auto found = std::ranges::find(messages, trial.message, [](const auto& each) { return each.first; });
    if (found == messages.end()) found = messages.insert(messages.end(), {trial.message, {}});
    found->second.push_back(trial.number);
  }
  for (std::size_t i = 0; i < std::min(messages.size(), kMostMessages); ++i)
    fields.add("diverged",
               fmt::format("trial{} {}: {}", messages[i].second.size() == 1 ? "" : "s",
                           fmt::join(messages[i].second, ", "), printable(messages[i].first, 300)));
  if (messages.size() > kMostMessages)
    fields.add("", fmt::format("and {} more messages; --json has all", messages.size() - kMostMessages));
}

std::string stopping_words(const search::StudyPlan& plan) {
  if (plan.rungs.empty()) return "none is stopped early";
  return fmt::format("after epoch {} one of {} goes on", fmt::join(plan.rungs, " and "), plan.reduction);
}

nlohmann::ordered_json object_of(const search::OptionTexts& options) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (const auto& [name, text] : options) object[name.substr(2)] = text;
  return object;
}

nlohmann::ordered_json trial_object(const Trial& trial) {
  nlohmann::ordered_json object = {{"trial", trial.number},
                                   {"state", search::to_text(trial.state)},
                                   {"options", object_of(trial.options)},
                                   {"seed", trial.seed},
                                   {"epochs", trial.curve.empty() ? 0 : trial.curve.back().epoch}};
  if (const std::optional<double> loss = trial.loss()) object["loss"] = *loss;
  if (!trial.curve.empty()) {
    const search::TrialPoint& last = trial.curve.back();
    if (last.valid_accuracy) object["accuracy"] = *last.valid_accuracy;
    if (last.valid_rmse) object["rmse"] = *last.valid_rmse;
    object["seconds"] = last.seconds;
  }
  if (trial.folds_loss) object["folds_loss"] = *trial.folds_loss;
  if (!trial.fold_losses.empty()) object["fold_losses"] = trial.fold_losses;
  if (!trial.message.empty()) object["message"] = trial.message;
  object["worker"] = trial.worker;
  object["curve"] = nlohmann::ordered_json::array();
  for (const search::TrialPoint& point : trial.curve)
    object["curve"].push_back(
        {{"epoch", point.epoch}, {"train_loss", point.train_loss}, {"valid_loss", point.valid_loss}});
  return object;
}

}  // namespace

TrialCounts count_trials(const StudyContents& study) {
  TrialCounts counts;
  for (const Trial& trial : study.trials) {
    std::size_t& count = trial.state == TrialState::waiting    ? counts.waiting
                         : trial.state == TrialState::running  ? counts.running
                         : trial.state == TrialState::paused   ? counts.paused
                         : trial.state == TrialState::finished ? counts.finished
                                                               : counts.diverged;
    ++count;
  }
  return counts;
}

std::string count_words(const StudyContents& study) {
  const TrialCounts counts = count_trials(study);
  std::string text = with_commas(study.trials.size());
  if (study.trials_asked > study.trials.size()) text += " of " + with_commas(study.trials_asked);
  std::string parts;
  const auto add = [&parts](std::size_t count, const char* what) {
    if (count > 0) parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", count, what);
  };
  add(counts.finished, "finished");
  add(counts.paused, "stopped early");
  add(counts.running, "running");
  add(counts.waiting, "waiting");
  add(counts.diverged, "diverged");
  return text + (parts.empty() ? "" : ": " + parts);
}

std::string option_words(const search::OptionTexts& options) {
  return shell_command("", command_words(options)).substr(shell_command("", {}).size() + 1);
}

std::vector<std::size_t> ranking(const StudyContents& study) {
  const auto key = [](const Trial& trial) {
    const int group = trial.state == TrialState::finished ? 0 : trial.state == TrialState::diverged ? 2 : 1;
    const std::optional<double> loss = score(trial);
    return std::tuple(group, group == 0 && !trial.folds_loss, loss && std::isfinite(*loss) ? *loss : HUGE_VAL,
                      trial.number);
  };
  std::vector<std::size_t> order(study.trials.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  // Finalists first: what folds say of them is worth more than one split, and not to be compared with it.
  std::ranges::sort(order, {}, [&](std::size_t trial) { return key(study.trials[trial]); });
  return order;
}

std::string trial_table(const StudyContents& study, std::size_t width) {
  const std::optional<std::size_t> best = search::best_trial(study);
  Cells option_titles;
  for (const search::Dimension& dimension : study.plan.dimensions)
    option_titles.push_back(dimension.option.substr(2));
  std::vector<std::size_t> widths, option_widths;
  widen(widths, titles(study));
  widen(option_widths, option_titles);
  for (const Trial& trial : study.trials) {
    widen(widths, cells_of(study, trial, trial.number == best));
    widen(option_widths, option_cells(study, trial));
  }
  std::size_t needed = 0;
  for (const std::size_t each : widths) needed += each + 2;
  for (const std::size_t each : option_widths) needed += each + 2;
  const bool fits = needed <= width + 2;
  if (fits) widths.insert(widths.end(), option_widths.begin(), option_widths.end());
  const auto line = [&](Cells cells, const Cells& options) {
    if (fits) cells.insert(cells.end(), options.begin(), options.end());
    return laid_out(cells, widths) + "\n";
  };
  std::string text = line(titles(study), option_titles);
  for (const std::size_t t : ranking(study)) {
    const Trial& trial = study.trials[t];
    text += line(cells_of(study, trial, t == best), option_cells(study, trial));
    if (!fits) text += wrapped("", 2, option_words(trial.options), width);
  }
  return text;
}

std::string study_words(const StudyContents& study, const std::string& path, std::size_t width) {
  Fields fields(width);
  const search::StudyPlan& plan = study.plan;
  search::OptionTexts searched;
  for (const search::Dimension& dimension : plan.dimensions)
    searched.emplace_back(dimension.option, dimension.text);
  fields.add("study", fmt::format("{}, seed {}, by ztilde {}", shown_path(path), plan.seed, plan.version));
  fields.add("data", printable(plan.data_words, 200));
  fields.add("searched", option_words(searched));
  fields.add("trials", fmt::format("{}; of {}, {}", count_words(study), counted(plan.epochs, "epoch"),
                                   stopping_words(plan)));
  add_messages(study, fields);
  return fields.text();
}

std::string best_words(const StudyContents& study, const std::string& path, std::size_t width) {
  Fields fields(width);
  const std::optional<std::size_t> best = search::best_trial(study);
  if (!best) {
    fields.add("best", "none is finished yet");
    return fields.text();
  }
  const Trial& trial = study.trials[*best];
  std::string what = fmt::format("trial {}, validation loss {}", *best, shown(*trial.loss()));
  if (const std::string metric = metric_text(trial); !metric.empty())
    what += fmt::format(", {} {}", study.plan.task == Task::classify ? "accuracy" : "rmse", metric);
  if (trial.folds_loss)
    what +=
        fmt::format("; mean over {} {}", counted(trial.fold_losses.size(), "fold"), shown(*trial.folds_loss));
  const Trial& first = study.trials.front();
  if (*best != 0 && first.state == TrialState::finished)
    what += fmt::format(" (the first trial, the defaults: {})", shown(*first.loss()));
  fields.add("best", what);
  fields.add("options", option_words(trial.options));
  fields.add("next", fmt::format("{} --out model.ztilde", shell_command("search", {"best", path})));
  return fields.text();
}

nlohmann::ordered_json study_object(const StudyContents& study, const std::string& path) {
  const search::StudyPlan& plan = study.plan;
  nlohmann::ordered_json object = {{"study", path},
                                   {"version", plan.version},
                                   {"data", plan.data_words},
                                   {"task", plan.task == Task::classify ? "classify" : "regress"},
                                   {"seed", plan.seed},
                                   {"epochs", plan.epochs},
                                   {"rungs", plan.rungs},
                                   {"reduction", plan.reduction},
                                   {"fixed", object_of(plan.fixed)}};
  object["searched"] = nlohmann::ordered_json::object();
  for (const search::Dimension& dimension : plan.dimensions)
    object["searched"][dimension.option.substr(2)] = dimension.text;
  object["trials_asked"] = study.trials_asked;
  if (const std::optional<std::size_t> best = search::best_trial(study)) object["best"] = *best;
  object["trials"] = nlohmann::ordered_json::array();
  for (const std::size_t t : ranking(study)) object["trials"].push_back(trial_object(study.trials[t]));
  return object;
}

}  // namespace ztilde::cli
