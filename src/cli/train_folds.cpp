#include "cli/train_folds.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "cli/interrupt.hpp"
#include "cli/streams.hpp"
#include "cli/train_words.hpp"

namespace ztilde::cli {
namespace {

constexpr std::size_t kLabel = 8;  // "fold 10"

bool is_share(const std::string& metric) { return metric == "accuracy" || metric == "balanced_accuracy"; }

std::string shown_metric(const std::string& name, double value) {
  return is_share(name) ? fmt::format("{:.2f} %", 100 * value) : shown(value);
}

std::string title(const std::string& name) {
  if (name == "balanced_accuracy") return "balanced";
  if (name == "log_loss") return "log loss";
  return name == "auc" ? "AUC" : name;
}

// A table whose columns are as wide as what stands in them.
std::string laid_out(const std::vector<std::vector<std::string>>& lines) {
  std::vector<std::size_t> widths;
  for (const auto& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text;
  for (const auto& line : lines) {
    text += fmt::format("{:<{}}", line[0], std::max(widths[0], kLabel));
    for (std::size_t i = 1; i < line.size(); ++i) text += fmt::format("  {:>{}}", line[i], widths[i]);
    text += '\n';
  }
  return text;
}

std::string value_of(const std::vector<Metric>& metrics, const std::string& name) {
  const auto found = std::ranges::find(metrics, name, &Metric::name);
  return found == metrics.end() ? "absent" : shown_metric(name, found->value);
}

}  // namespace

void check_folds(const OptionTable& table, const TrainArguments& arguments) {
  if (arguments.folds == 0) return;
  table.exclude("--folds", {"--valid", "--valid-labels"}, "each fold is validated with rows of --data");
  table.exclude("--folds", {"--log"},
                "it would be the log of many trainings; --json has every fold's metrics");
  table.exclude("--folds", {"--report", "--watch"}, "they show one training; leave them out");
  table.exclude("--folds", {"--checkpoint", "--checkpoint-every", "--resume"},
                "they keep one training; leave them out");
  if (arguments.training.patience == 0) {
    table.exclude("--folds", {"--valid-fraction"},
                  "it is used with --patience only, to hold out rows to stop by");
  }
}

FoldsRun run_folds(const OptionTable& table, const TrainArguments& arguments, const Dataset& data) {
  const Messages messages(arguments.quiet);
  Progress progress(arguments.progress, arguments.quiet);
  const Interrupt interrupt;
  bool told = false;
  std::size_t current = 0;
  FoldObserver observer;
  observer.on_fold = [&](std::size_t fold) { current = fold; };
  observer.training.on_start = [&](const TrainPlanSummary& plan) {
    if (current == 0 && !arguments.quiet) write_error(plan_words(table, arguments, data, plan));
    if (current == 0) {
      for (const std::string& warning : plan.warnings) messages.warn(warning);
    }
    progress.start(plan, arguments.training.epochs, {current + 1, arguments.folds});
  };
  observer.training.on_point = [&](const HistoryPoint& point) { progress.point(point); };
  observer.training.should_stop = [&] {
    if (interrupt.signal() == 0) return false;
    if (!std::exchange(told, true)) progress.note("stopping: the folds done so far are being reported");
    return true;
  };
  observer.on_fold_end = [&](std::size_t fold, const FoldResult& done) {
    std::string line = fmt::format("fold {} of {}:", fold + 1, arguments.folds);
    for (const Metric& metric : metrics_of(data.task, done.scores))
      line += fmt::format("  {} {}", title(metric.name), shown_metric(metric.name, metric.value));
    progress.note(line);
  };
  FoldsRun run;
  run.result = cross_validate(data, arguments.training, arguments.folds, observer);
  progress.finish();
  for (const std::string& warning : run.result.warnings) messages.warn(warning);
  run.signal = interrupt.signal();
  return run;
}

std::string folds_words(const CrossValidation& result, Task task) {
  if (result.folds.empty()) return "";
  std::vector<std::vector<std::string>> lines = {{"", "rows"}};
  for (const MetricSpread& metric : result.metrics) lines[0].push_back(title(metric.name));
  for (std::size_t fold = 0; fold < result.folds.size(); ++fold) {
    const FoldResult& done = result.folds[fold];
    const std::vector<Metric> metrics = metrics_of(task, done.scores);
    lines.push_back({fmt::format("fold {}", fold + 1), with_commas(done.valid_rows)});
    for (const MetricSpread& metric : result.metrics) lines.back().push_back(value_of(metrics, metric.name));
  }
  const auto summary = [&](const char* name, double MetricSpread::*member) {
    lines.push_back({name, ""});
    for (const MetricSpread& metric : result.metrics)
      lines.back().push_back(shown_metric(metric.name, metric.*member));
  };
  summary("mean", &MetricSpread::mean);
  summary("std", &MetricSpread::deviation);
  summary("min", &MetricSpread::least);
  summary("max", &MetricSpread::most);
  return laid_out(lines);
}

nlohmann::ordered_json folds_object(const CrossValidation& result, Task task) {
  nlohmann::ordered_json object = {{"folds", nlohmann::ordered_json::array()},
                                   {"metrics", nlohmann::ordered_json::object()}};
  for (std::size_t fold = 0; fold < result.folds.size(); ++fold) {
    const FoldResult& done = result.folds[fold];
    nlohmann::ordered_json one = {
        {"fold", fold + 1},      {"train_rows", done.train_rows}, {"valid_rows", done.valid_rows},
        {"epochs", done.epochs}, {"best_epoch", done.best_epoch}, {"train_loss", done.train_loss}};
    for (const Metric& metric : metrics_of(task, done.scores)) one[metric.name] = metric.value;
    one["seconds"] = done.seconds;
    object["folds"].push_back(std::move(one));
  }
  for (const MetricSpread& metric : result.metrics) {
    object["metrics"][metric.name] = {{"mean", metric.mean},
                                      {"std", metric.deviation},
                                      {"min", metric.least},
                                      {"max", metric.most},
                                      {"folds", metric.folds}};
  }
  if (result.interrupted) object["interrupted"] = true;
  return object;
}

}  // namespace ztilde::cli
