// ztilde recalibrate: a model's batch norm statistics measured anew over other rows.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>

#include "base/files.hpp"
#include "base/output_lock.hpp"
#include "base/text.hpp"
#include "cli/input.hpp"
#include "cli/json_text.hpp"
#include "cli/layout.hpp"
#include "cli/options.hpp"
#include "cli/verbs.hpp"
#include "ztilde/model.hpp"

namespace ztilde::cli {
namespace {

struct RecalibrateOptions {
  std::string model, out;
  InputFiles input;
  bool allow_worse = false, json = false, quiet = false, force = false;
  std::uint64_t threads = 0;
};

// What labelled rows say of the model with its own statistics and with the new ones.
struct Judgement {
  Scores before, after;
  // Of numbers that cannot be compared too.
  bool worse() const { return !(after.loss <= before.loss); }
};

OptionTable recalibrate_options(RecalibrateOptions& options) {
  OptionTable table("ztilde recalibrate MODEL --data PATH --out FILE [options]",
                    "Measures the statistics that batch norm normalises with anew, over these rows:\n"
                    "for data of another kind than the training rows, or after the weights were\n"
                    "changed.\n"
                    "Weights, gamma, beta and the inputs' standardisation stay. Rows need no target;\n"
                    "where they have one, statistics that make the loss larger are refused.");
  table.positional("MODEL", options.model, "a model file, as ztilde train writes it");
  table.group("Data");
  add_input_options(table, options.input);
  add_format_options(table, options.input.table);
  add_unseen_option(table, options.input.table);
  add_weight_option(table, options.input.table);
  table.group("Output");
  table.text("--out", "FILE", options.out, "the new model file");
  table.flag("--allow-worse", options.allow_worse,
             "write the model even where its loss on labelled rows is larger than before");
  table.flag("--force", options.force, "overwrite the file of --out");
  table.flag("--json", options.json, "one JSON object instead of words");
  table.flag("--quiet", options.quiet, "errors only (and --json)");
  table.group("Other");
  add_threads_option(table, options.threads);
  table.example("ztilde recalibrate model.ztilde --data new-camera.csv --out new-camera.ztilde");
  table.example("ztilde recalibrate model.ztilde --data photos --out photos.ztilde --json");
  return table;
}

// One line that says what became worse, and by how much.
std::string worse_words(Task task, const Judgement& judgement) {
  const auto [name, before, after] = task == Task::regress
                                         ? std::tuple{"rmse", judgement.before.rmse, judgement.after.rmse}
                                         : std::tuple{"loss", judgement.before.loss, judgement.after.loss};
  return fmt::format("with statistics of these rows their {} is {}, with the model's own {}", name,
                     shown(after), shown(before));
}

std::string moves_words(const Network& network, const std::vector<StatisticsMove>& moves) {
  std::size_t names = 5;
  for (const StatisticsMove& move : moves)
    names = std::max(names, layer_words(network.layers[move.layer]).size());
  std::string text = fmt::format(
      "\nhow far the statistics moved: means in standard deviations of before, standard\n"
      "deviations by what factor; of the median channel, and the worst (its number)\n\n"
      "   #  {:<{}}  mean: median  worst        deviation: median  worst\n",
      "layer", names);
  for (const StatisticsMove& move : moves) {
    const auto worst = [](const ChannelRange& range) {
      return fmt::format("{} ({})", shown(range.most), range.channel);
    };
    text += fmt::format("{:>4}  {:<{}}  {:>12}  {:<11}  {:>17}  {}\n", move.layer,
                        layer_words(network.layers[move.layer]), names, shown(move.mean.median),
                        worst(move.mean), shown(move.deviation.median), worst(move.deviation));
  }
  return text;
}

std::string judgement_words(Task task, const Judgement& judgement) {
  std::string text = fmt::format("\n{:<17}  {:>10}  {:>10}\n", "", "before", "after");
  const auto line = [&](const std::string& name, double before, double after) {
    text += fmt::format("{:<17}  {:>10}  {:>10}\n", name, shown(before), shown(after));
  };
  if (task == Task::classify) line("loss", judgement.before.loss, judgement.after.loss);
  const std::vector<Metric> before = metrics_of(task, judgement.before);
  const std::vector<Metric> after = metrics_of(task, judgement.after);
  for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i) {
    if (before[i].name != "log_loss")  // without class weights that is the loss
      line(before[i].name, before[i].value, after[i].value);
  }
  return text;
}

std::string next_words(const RecalibrateOptions& options, bool labelled) {
  const std::string evaluate = fmt::format("ztilde evaluate {} --data ROWS", shown_path(options.out));
  return labelled ? evaluate + ", with rows that were not measured here"
                  : "these rows have no target, so nothing says that it helped: " + evaluate +
                        ", and the same with " + shown_path(options.model) + ", on some that have one";
}

std::string words(const RecalibrateOptions& options, const Model& model, const Dataset& data,
                  const std::vector<StatisticsMove>& moves, const std::optional<Judgement>& judgement) {
  constexpr std::size_t kIndent = 11;
  std::string text = wrapped(
      "rows", kIndent,
      with_commas(data.rows) + (data.weights.empty() ? "" : ", each counting by its weight") +
          (judgement ? "" : "; without a target, so what the new statistics do to the loss is not known"));
  text += moves_words(model.network, moves);
  if (judgement) text += judgement_words(model.task, *judgement);
  text += "\n" + wrapped("saved", kIndent, shown_path(options.out));
  return text + wrapped("next", kIndent, next_words(options, judgement.has_value()));
}

nlohmann::ordered_json object_of(const ChannelRange& range) {
  return {{"median", range.median}, {"worst", range.most}, {"worst_channel", range.channel}};
}

nlohmann::ordered_json object_of(Task task, const Scores& scores) {
  nlohmann::ordered_json object = {{"loss", scores.loss}};
  for (const Metric& metric : metrics_of(task, scores)) object[metric.name] = metric.value;
  return object;
}

std::string json(const RecalibrateOptions& options, const Model& model, const Dataset& data,
                 const std::vector<StatisticsMove>& moves, const std::optional<Judgement>& judgement) {
  nlohmann::ordered_json object = {{"rows", data.rows}, {"layers", nlohmann::ordered_json::array()}};
  for (const StatisticsMove& move : moves) {
    object["layers"].push_back({{"layer", move.layer},
                                {"channels", move.channels},
                                {"mean_moved", object_of(move.mean)},
                                {"deviation_factor", object_of(move.deviation)}});
  }
  if (judgement) {
    object["before"] = object_of(model.task, judgement->before);
    object["after"] = object_of(model.task, judgement->after);
    object["worse"] = judgement->worse();
  }
  object["model"] = options.out;
  return json_line(object);
}

void check_options(const OptionTable& table, const RecalibrateOptions& options) {
  require_data(options.input);
  require_model_out(options.out, "new", options.model, options.input);
  if (kind_of(options.input) != InputKind::table)
    table.exclude("images", kTableOptions, "they have no columns; leave it out");
}

}  // namespace

Outcome run_recalibrate(const Arguments& arguments) {
  RecalibrateOptions options;
  OptionTable table = recalibrate_options(options);
  if (!table.parse(arguments)) return {table.help()};
  check_options(table, options);
  const OutputLock lock(options.out, options.force);
  const Messages messages(options.quiet);

  const Model model = load(options.model);
  if (!has_layer<BatchNorm>(model.network)) {
    refuse(shown_path(options.model),
           "has no batch norm, so there are no statistics to measure; use it as it is");
  }
  const Dataset data = read_for_model(model, options.input, CsvOptions::Target::if_present, options.threads);
  require_given_weights(data, options.input);
  warn_about_columns(data, options.input.data, messages);

  const Model measured = with_population_statistics(model, data, options.threads);
  std::optional<Judgement> judgement;
  if (!data.targets.empty())
    judgement = {evaluate(model, data, options.threads), evaluate(measured, data, options.threads)};
  if (judgement && judgement->worse()) {
    const std::string what = worse_words(model.task, *judgement);
    if (!options.allow_worse) {
      refuse(
          shown_path(options.input.data),
          what + "; keep the model, measure over rows like those it is for, or write it with --allow-worse");
    }
    messages.warn(what);
  }
  save(measured, options.out);

  const std::vector<StatisticsMove> moves = statistics_moves(model, measured);
  if (options.json) return {json(options, model, data, moves, judgement)};
  return {options.quiet ? "" : words(options, model, data, moves, judgement)};
}

}  // namespace ztilde::cli
