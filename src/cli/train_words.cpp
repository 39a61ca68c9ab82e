#include "cli/train_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/files.hpp"
#include "base/team.hpp"
#include "base/text.hpp"
#include "cli/class_weights.hpp"
#include "cli/layout.hpp"
#include "cli/values.hpp"

namespace ztilde::cli {
namespace {

constexpr std::size_t kIndent = 11;
constexpr std::size_t kMostNamed = 10;
constexpr std::uint64_t kFewSteps = 200;

std::string field(const std::string& name, const std::string& text) { return wrapped(name, kIndent, text); }

std::string named(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMostNamed); ++i) {
    const char* quote = names[i].find(',') == std::string::npos ? "" : "'";
    text += fmt::format("{}{}{}{}", i == 0 ? "" : ", ", quote, printable(names[i]), quote);
  }
  return names.size() > kMostNamed ? text + ", …" : text;
}

std::string data_words(const TrainArguments& arguments, const Dataset& data) {
  const bool in_colour = data.image_channels() > 1;
  std::string text =
      fmt::format("{}: {}, {}", shown_path(arguments.input.data), counted(data.rows, "row"),
                  in_colour ? fmt::format("{} × {} pixels in {}", data.image_width, data.image_height,
                                          counted(data.image_channels(), "channel"))
                            : counted(data.columns, data.column_names.empty() ? "pixel" : "column"));
  if (!data.column_names.empty()) text += fmt::format(" ({})", named(data.column_names));
  return text;
}

// "with categories: city (3), sex (2)"; empty where all are numeric.
std::string category_words(const Dataset& data) {
  std::vector<std::string> names;
  for (const Column& column : data.column_info) {
    if (column.kind == ColumnKind::numeric) continue;
    names.push_back(fmt::format("{} ({})", printable(column.name), with_commas(column.categories.size())));
  }
  return names.empty() ? "" : fmt::format("with categories: {}", named(names));
}

std::string target_words(const Dataset& data) {
  const std::string target = fmt::format("'{}'", printable(data.target_name));
  if (data.task == Task::regress) return target + ", numbers";
  return fmt::format("{}, {} ({})", target, counted(data.classes.size(), "class"), named(data.classes));
}

std::string folds_rows_words(const TrainArguments& arguments, const Dataset& data,
                             const TrainPlanSummary& plan) {
  std::string text = fmt::format("{} folds{}; in the first {} for training", arguments.folds,
                                 data.task == Task::classify ? " with the same share of each class" : "",
                                 with_commas(plan.train_rows));
  if (arguments.training.patience > 0)
    text += fmt::format(", {} of the others to stop by", with_commas(plan.valid_rows));
  return text;
}

std::string rows_words(const TrainArguments& arguments, const Dataset& data, const TrainPlanSummary& plan) {
  if (arguments.folds > 0) return folds_rows_words(arguments, data, plan);
  std::string text = with_commas(plan.train_rows) + " for training, ";
  if (plan.valid_rows == 0) return text + "none for validation";
  text += with_commas(plan.valid_rows) + " for validation, ";
  if (!arguments.valid.data.empty()) return text + "from " + shown_path(arguments.valid.data);
  if (plan.window_rows > 0) return text + "held out in whole blocks";
  return text +
         fmt::format("held out{}", data.task == Task::classify ? ", the same share of each class" : "");
}

// How many there are, where they come from and which of them stay.
std::string parameter_words(const TrainArguments& arguments, const TrainPlanSummary& plan) {
  std::string text = counted(plan.parameters, "parameter");
  if (!arguments.from.empty()) text += ", from " + shown_path(arguments.from);
  if (plan.frozen_parameters > 0)
    text += fmt::format(", {} of them frozen", with_commas(plan.frozen_parameters));
  if (arguments.training.freeze_statistics) text += ", its statistics frozen";
  return text;
}

std::string steps_words(const TrainArguments& arguments, const TrainPlanSummary& plan) {
  const std::size_t epochs = arguments.training.epochs;
  std::string text = fmt::format("{}; {} = {}", plan.batches, counted(epochs, "epoch"),
                                 counted(plan.steps_per_epoch * epochs, "step"));
  if (arguments.training.patience > 0) {
    text += fmt::format(" at most, fewer after {} without a better validation loss",
                        counted(arguments.training.patience, "epoch"));
  }
  return text;
}

// "flip, shift 2, cutout 8"; empty where nothing is done to the images.
std::string augment_words(const Augmentation& augment) {
  std::string text = augment.flip ? "flip" : "";
  const auto add = [&](const char* name, std::size_t pixels) {
    if (pixels > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, pixels);
  };
  add("shift", augment.shift);
  add("cutout", augment.cutout);
  return text;
}

std::string written_words(const TrainArguments& arguments) {
  if (arguments.folds > 0) {
    return arguments.out.empty() ? "nothing; give --out to train a model on all rows then and save it"
                                 : shown_path(arguments.out) + ", a model of all rows, at the end";
  }
  std::string text = shown_path(arguments.out);
  for (const std::string& file : {arguments.log, arguments.report}) {
    if (!file.empty()) text += ", " + shown_path(file);
  }
  const CheckpointOptions& checkpoint = arguments.training.checkpoint;
  if (checkpoint.path.empty()) return text;
  return text + fmt::format(", and {} every {}", shown_path(checkpoint.path),
                            checkpoint.every_steps == 0 ? "epoch" : counted(checkpoint.every_steps, "step"));
}

// Where a run with --resume begins.
std::string resume_words(const TrainArguments& arguments, const TrainPlanSummary& plan) {
  const std::string file = shown_path(arguments.training.checkpoint.path);
  if (plan.resumed_steps == 0) return fmt::format("{} is not there yet: the first step is next", file);
  return fmt::format("{} has {} of {} behind it", file, with_commas(plan.resumed_steps),
                     counted(plan.steps_per_epoch * arguments.training.epochs, "step"));
}

std::string next_step(const TrainArguments& arguments, const TrainResult& result) {
  const bool images = result.model.column_names.empty();
  return fmt::format("ztilde evaluate {} --data {}", shown_path(arguments.out),
                     !images                          ? "TEST.csv"
                     : arguments.input.labels.empty() ? "FOLDER"
                                                      : "IMAGES --labels LABELS");
}

// "balanced 88.03 %, AUC 0.9921, loss 0.3753": what there is beside the first metric.
std::string other_metrics(const Scores& scores, Task task) {
  std::string text;
  if (task == Task::regress) {
    text = fmt::format(", mae {}", shown(scores.mae));
    return scores.r2 ? text + fmt::format(", r2 {:.4f}", *scores.r2) : text;
  }
  if (scores.balanced_accuracy) text += fmt::format(", balanced {:.2f} %", 100 * *scores.balanced_accuracy);
  if (scores.auc) text += fmt::format(", AUC {:.4f}", *scores.auc);
  return text + fmt::format(", log loss {}", shown(scores.loss));
}

std::string quality_words(const TrainPlanSummary& plan, const TrainResult& result) {
  const std::string rows = counted(plan.valid_rows, "validation row");
  const std::string others =
      result.valid_scores ? other_metrics(*result.valid_scores, result.model.task) : "";
  if (result.valid_accuracy)
    return field("accuracy", fmt::format("{:.2f} % of {}{}", 100 * *result.valid_accuracy, rows, others));
  if (result.valid_rmse)
    return field("rmse", fmt::format("{} on {}{}", shown(*result.valid_rmse), rows, others));
  return field("loss", fmt::format("{} on the training rows; no rows were held out for validation",
                                   shown(result.train_loss)));
}

}  // namespace

std::string plan_words(const OptionTable& table, const TrainArguments& arguments, const Dataset& data,
                       const TrainPlanSummary& plan) {
  std::string text = field("data", data_words(arguments, data));
  if (const std::string categories = category_words(data); !categories.empty()) text += field("", categories);
  if (!data.weights.empty()) {
    text += field("", fmt::format("rows count by '{}'", printable(data.rules.weight_name)));
  }
  text += field("target", target_words(data));
  for (const std::string& note : data.notes) text += field("", note);
  text += field("rows", rows_words(arguments, data, plan));
  if (plan.window_rows > 0)
    text += field("", fmt::format("read from disk, shuffled in windows of up to {} rows",
                                  with_commas(plan.window_rows)));
  if (const std::string balance = class_balance_words(data.classes, plan); !balance.empty())
    text += field("classes", balance);
  text += field("network", network_words(plan.network));
  text += field("", parameter_words(arguments, plan));
  text += field("batches", steps_words(arguments, plan));
  if (arguments.training.augment.any()) text += field("augment", augment_words(arguments.training.augment));
  text += field("optimizer",
                fmt::format("{}, learning rate {}, {}, weight decay {}", table.text_of("--optimizer"),
                            plan.learning_rate, table.text_of("--schedule"), plan.weight_decay));
  const std::size_t threads =
      arguments.training.threads == 0 ? available_cores() : arguments.training.threads;
  text += field("needs",
                fmt::format("{} of memory, {}", shown_bytes(plan.memory_bytes), counted(threads, "thread")));
  text += field("writes", written_words(arguments));
  if (arguments.training.checkpoint.resume) text += field("resumes", resume_words(arguments, plan));
  return text + "\n";
}

std::string result_words(const TrainArguments& arguments, const TrainPlanSummary& plan,
                         const TrainResult& result) {
  std::string text = quality_words(plan, result);
  std::string trained =
      fmt::format("{}, {} in {}, {} rows/s", counted(result.epochs, "epoch"), counted(result.steps, "step"),
                  shown_duration(result.seconds),
                  with_commas(static_cast<std::uint64_t>(std::llround(result.rows_per_second))));
  if (result.stopped_early) {
    trained += fmt::format("; stopped, as {} brought no better validation loss",
                           counted(arguments.training.patience, "epoch"));
  }
  text += field("trained", trained);
  std::error_code ignored;
  std::string saved = shown_path(arguments.out);
  if (const auto size = std::filesystem::file_size(arguments.out, ignored); !ignored)
    saved += fmt::format(", {}", shown_bytes(size));
  if (result.best_epoch != result.epochs)
    saved += fmt::format(", the model of epoch {}, the best", result.best_epoch);
  text += field("saved", saved);
  if (result.steps < kFewSteps && !result.stopped_early) {
    text +=
        field("hint", fmt::format("{} may be too few to learn much; try more --epochs or a smaller --batch",
                                  counted(result.steps, "step")));
  }
  return text + field("next", next_step(arguments, result));
}

std::string interruption_words(const TrainArguments& arguments, const TrainResult& result,
                               std::uint64_t checkpoint_steps) {
  if (!result.interrupted) {
    return fmt::format("the signal came at the end of training: the model in {} is finished",
                       shown_path(arguments.out));
  }
  std::string text = fmt::format("interrupted after {}: ", counted(result.steps, "step"));
  if (checkpoint_steps == result.steps)
    text += fmt::format("all of it is in {}, ", shown_path(arguments.training.checkpoint.path));
  text += fmt::format("the best model so far is in {}", shown_path(arguments.out));
  if (result.model.statistics_source != arguments.training.statistics &&
      !arguments.training.freeze_statistics)
    text += ", with running statistics, as measuring those of all rows would have taken long";
  return text;
}

nlohmann::ordered_json result_object(const TrainArguments& arguments, const TrainPlanSummary& plan,
                                     const TrainResult& result) {
  nlohmann::ordered_json object = {{"rows", plan.train_rows},
                                   {"parameters", plan.parameters},
                                   {"epochs", result.epochs},
                                   {"steps", result.steps},
                                   {"train_loss", result.train_loss}};
  if (result.valid_loss) object["valid_loss"] = *result.valid_loss;
  if (result.valid_accuracy) object["valid_accuracy"] = *result.valid_accuracy;
  if (result.valid_rmse) object["valid_rmse"] = *result.valid_rmse;
  if (result.valid_scores) {
    for (const Metric& metric : metrics_of(result.model.task, *result.valid_scores))
      object["valid_" + metric.name] = metric.value;
  }
  object["seconds"] = result.seconds;
  object["rows_per_second"] = result.rows_per_second;
  object["model"] = arguments.out;
  if (plan.valid_rows > 0) object["best_epoch"] = result.best_epoch;
  if (result.interrupted) object["interrupted"] = true;
  if (!arguments.training.checkpoint.path.empty()) object["checkpoint"] = arguments.training.checkpoint.path;
  if (plan.resumed_steps > 0) object["resumed_steps"] = plan.resumed_steps;
  return object;
}

}  // namespace ztilde::cli
