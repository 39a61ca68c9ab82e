#include "cli/run_record.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <ctime>
#include <fstream>

#include "base/team.hpp"
#include "base/text.hpp"
#include "cli/layout.hpp"
#include "cli/model_measures.hpp"
#include "cli/outputs.hpp"
#include "report/run_log.hpp"

namespace ztilde::cli {
namespace {

using report::Json;

constexpr std::size_t kMostColumns = 1000;
constexpr std::size_t kMostClasses = 1000;

// "AMD EPYC …" where Linux says so, else what kind of machine it is.
std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != line.npos) return line.substr(colon + 2);
  }
  utsname system{};
  return ::uname(&system) == 0 ? system.machine : "";
}

std::string shown_now() { return fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(std::time(nullptr))); }

Json layers_of(const Network& network) {
  const std::vector<std::size_t> outputs = layer_outputs(network);
  std::vector<std::size_t> parameters(network.layers.size());
  for (const ParameterSlot& slot : parameter_slots(network)) parameters[slot.layer] += slot.size();
  Json list = Json::array();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::size_t inputs = i == 0 ? network.inputs : outputs[i - 1];
    const std::string shape = inputs == outputs[i]
                                  ? with_commas(outputs[i])
                                  : fmt::format("{} → {}", with_commas(inputs), with_commas(outputs[i]));
    Json layer = {{"name", layer_words(network.layers[i])}, {"shape", shape}, {"parameters", parameters[i]}};
    if (const auto* norm = std::get_if<BatchNorm>(&network.layers[i]))
      layer["note"] = fmt::format("epsilon {}, keep {}", norm->epsilon, norm->keep);
    if (const auto* dense = std::get_if<Dense>(&network.layers[i]); dense && !dense->bias)
      layer["note"] = "no bias";
    list.push_back(std::move(layer));
  }
  return list;
}

Json data_object(const TrainArguments& arguments, const Dataset& data) {
  Json object = {{"file", arguments.input.data},
                 {"rows", data.rows},
                 {"task", data.task == Task::classify ? "classify" : "regress"},
                 {"target", data.target_name}};
  if (data.task == Task::classify) {
    const std::size_t count = std::min(data.classes.size(), kMostClasses);
    object["classes"] = std::vector<std::string>(data.classes.begin(),
                                                 data.classes.begin() + static_cast<std::ptrdiff_t>(count));
  }
  if (data.image_width > 0) object["image"] = {{"width", data.image_width}, {"height", data.image_height}};
  for (std::size_t i = 0; i < std::min(data.column_names.size(), kMostColumns); ++i) {
    const bool numeric = data.column_info.empty() || data.column_info[i].kind == ColumnKind::numeric;
    Json each = {{"name", data.column_names[i]}, {"kind", numeric ? "numeric" : "categorical"}};
    if (!numeric) each["categories"] = data.column_info[i].categories.size();
    object["columns"].push_back(std::move(each));
  }
  return object;
}

}  // namespace

Json run_object(const TrainArguments& arguments, const std::vector<std::string>& given,
                const std::vector<std::pair<std::string, std::string>>& options, const Dataset& data,
                const TrainPlanSummary& plan) {
  const std::size_t cores = available_cores();
  Json run = {{"command", shell_command("train", given)},
              {"version", ZTILDE_VERSION},
              {"date", shown_now()},
              {"machine",
               {{"processor", processor_name()},
                {"cores", cores},
                {"threads", arguments.training.threads == 0 ? cores : arguments.training.threads}}},
              {"data", data_object(arguments, data)},
              {"train_rows", plan.train_rows},
              {"valid_rows", plan.valid_rows},
              {"epochs", arguments.training.epochs},
              {"steps_per_epoch", plan.steps_per_epoch},
              {"batches", plan.batches},
              {"summary", network_words(plan.network)},
              {"network", layers_of(plan.network)},
              {"parameters", plan.parameters},
              {"memory_bytes", plan.memory_bytes},
              {"seed", arguments.training.seed}};
  if (plan.resumed_steps > 0) run["resumed_steps"] = plan.resumed_steps;
  for (const auto& [name, text] : options) run["options"][name] = text;
  return run;
}

Json result_line(const TrainArguments& arguments, const Dataset& data, const Dataset* valid,
                 const TrainResult& result) {
  HistoryPoint point = result.history.empty() ? HistoryPoint{} : result.history.back();
  point.step = result.steps;
  point.epoch = result.epochs;
  point.train_loss = result.train_loss;
  point.valid_loss = result.valid_loss;
  point.valid_accuracy = result.valid_accuracy;
  point.valid_rmse = result.valid_rmse;
  point.seconds = result.seconds;
  point.rows_per_second = result.rows_per_second;
  point.norms.clear();
  point.time.reset();
  Json line = report::line_of(point);
  Json& object = line["result"];
  object = {{"best_epoch", result.best_epoch},
            {"statistics",
             result.model.statistics_source == StatisticsSource::population ? "population" : "running"}};
  if (result.stopped_early) object["stopped_early"] = true;
  if (result.interrupted) object["interrupted"] = true;
  add_norm_measures(arguments, data, result, object);
  if (result.valid_scores) add_quality_measures(arguments, data, valid, result, object);
  return line;
}

report::Json divergence_line(const std::string& what) { return {{"diverged", what}}; }

}  // namespace ztilde::cli
