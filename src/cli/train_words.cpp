#include "cli/train_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/files.hpp"
#include "base/team.hpp"
#include "base/text.hpp"
#include "cli/json_text.hpp"
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
  std::string text = fmt::format("{}: {}, {}", shown_path(arguments.input.data), counted(data.rows, "row"),
                                 counted(data.columns, data.column_names.empty() ? "pixel" : "column"));
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

std::string rows_words(const TrainArguments& arguments, const Dataset& data, const TrainPlanSummary& plan) {
  std::string text = with_commas(plan.train_rows) + " for training, ";
  if (plan.valid_rows == 0) return text + "none for validation";
  text += with_commas(plan.valid_rows) + " for validation, ";
  if (!arguments.valid.data.empty()) return text + "from " + shown_path(arguments.valid.data);
  return text +
         fmt::format("held out{}", data.task == Task::classify ? ", the same share of each class" : "");
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

std::string next_step(const TrainArguments& arguments, const TrainResult& result) {
  const bool images = result.model.column_names.empty();
  return fmt::format("ztilde evaluate {} --data {}", shown_path(arguments.out),
                     images ? "IMAGES --labels LABELS" : "TEST.csv");
}

std::string quality_words(const TrainPlanSummary& plan, const TrainResult& result) {
  const std::string rows = counted(plan.valid_rows, "validation row");
  if (result.valid_accuracy) {
    return field("accuracy", fmt::format("{:.2f} % of {}, loss {}", 100 * *result.valid_accuracy, rows,
                                         shown(*result.valid_loss)));
  }
  if (result.valid_rmse) return field("rmse", fmt::format("{} on {}", shown(*result.valid_rmse), rows));
  return field("loss", fmt::format("{} on the training rows; no rows were held out for validation",
                                   shown(result.train_loss)));
}

}  // namespace

std::string plan_words(const OptionTable& table, const TrainArguments& arguments, const Dataset& data,
                       const TrainPlanSummary& plan) {
  std::string text = field("data", data_words(arguments, data));
  if (const std::string categories = category_words(data); !categories.empty()) text += field("", categories);
  if (!data.rules.weight_name.empty()) {
    text += field("", fmt::format("rows count by '{}'", printable(data.rules.weight_name)));
  }
  text += field("target", target_words(data));
  for (const std::string& note : data.notes) text += field("", note);
  text += field("rows", rows_words(arguments, data, plan));
  text += field("network", network_words(plan.network));
  text += field("", counted(plan.parameters, "parameter"));
  text += field("batches", steps_words(arguments, plan));
  text += field("optimizer",
                fmt::format("{}, learning rate {}, {}, weight decay {}", table.text_of("--optimizer"),
                            plan.learning_rate, table.text_of("--schedule"), plan.weight_decay));
  const std::size_t threads =
      arguments.training.threads == 0 ? available_cores() : arguments.training.threads;
  text += field("needs",
                fmt::format("{} of memory, {}", shown_bytes(plan.memory_bytes), counted(threads, "thread")));
  text += field("writes",
                shown_path(arguments.out) + (arguments.log.empty() ? "" : ", " + shown_path(arguments.log)));
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

std::string result_json(const TrainArguments& arguments, const TrainPlanSummary& plan,
                        const TrainResult& result) {
  nlohmann::ordered_json object = {{"rows", plan.train_rows},
                                   {"parameters", plan.parameters},
                                   {"epochs", result.epochs},
                                   {"steps", result.steps},
                                   {"train_loss", result.train_loss}};
  if (result.valid_loss) object["valid_loss"] = *result.valid_loss;
  if (result.valid_accuracy) object["valid_accuracy"] = *result.valid_accuracy;
  if (result.valid_rmse) object["valid_rmse"] = *result.valid_rmse;
  object["seconds"] = result.seconds;
  object["rows_per_second"] = result.rows_per_second;
  object["model"] = arguments.out;
  if (plan.valid_rows > 0) object["best_epoch"] = result.best_epoch;
  if (result.interrupted) object["interrupted"] = true;
  return json_line(object);
}

}  // namespace ztilde::cli
