// ztilde monitor: whether rows are still such as the model was trained on.
#include "ztilde/monitor.hpp"

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/input.hpp"
#include "cli/monitor_words.hpp"
#include "cli/options.hpp"
#include "cli/verbs.hpp"
#include "ztilde/model.hpp"

namespace ztilde::cli {
namespace {

constexpr int kDrift = 4;

struct MonitorArguments {
  std::string model, reference;
  InputFiles input;
  std::uint64_t top = 10, seed = 0, threads = 0;
  bool json = false, quiet = false;
};

OptionTable monitor_options(MonitorArguments& options) {
  OptionTable table("ztilde monitor MODEL --data PATH [options]",
                    "Compares the statistics of these rows with those that the model carries: of\n"
                    "every column, and of what reaches every batch norm. Each distance has a\n"
                    "threshold for so many rows, learned at the end of training from its held-out\n"
                    "rows: about 1 of 100 calls on rows like them is a false alarm. Rows need no\n"
                    "target. Exit code: 0 no drift, 4 drift; as ever 1 and 2 for what could not be\n"
                    "read or used.");
  table.positional("MODEL", options.model, "a model file, as ztilde train writes it");
  table.group("Data");
  add_input_options(table, options.input);
  add_format_options(table, options.input.table);
  add_weight_option(table, options.input.table);
  table.group("Thresholds");
  table.text("--reference", "PATH", options.reference,
             "learn them from these rows, read as those of --data, instead of the model's own: for a model "
             "without, or for rows that are known to be right; not the training rows");
  table.whole("--seed", "N", options.seed, {.most = 0x1p64}, "of the samples drawn from --reference");
  table.group("Output");
  table.whole("--top", "N", options.top, {}, "how many statistics to list, worst first");
  table.flag("--json", options.json, "one JSON object with all of them instead of words");
  table.flag("--quiet", options.quiet, "the exit code only, and errors (and --json)");
  table.group("Other");
  add_threads_option(table, options.threads);
  table.example("ztilde monitor model.ztilde --data today.csv");
  table.example("ztilde monitor model.ztilde --data - --json < today.csv");
  return table;
}

Dataset read_rows(const Model& model, const InputFiles& files, const MonitorArguments& options,
                  const Messages& messages) {
  Dataset data = read_for_model(model, files, CsvOptions::Target::ignored, options.threads);
  require_given_weights(data, files);
  warn_about_columns(data, files.data, messages);
  return data;
}

void check_options(const OptionTable& table, const MonitorArguments& options) {
  require_data(options.input);
  if (options.reference.empty()) {
    if (table.given("--seed"))
      refuse("--seed", "given without --reference; no samples are drawn, leave it out");
  } else if (options.reference == "-" && options.input.data == "-") {
    refuse("--reference", "both it and --data are standard input; name a file for one of them");
  }
  if (kind_of(options.input) != InputKind::table)
    table.exclude("images", kTableOptions, "they have no columns; leave it out");
}

}  // namespace

Outcome run_monitor(const Arguments& arguments) {
  MonitorArguments options;
  OptionTable table = monitor_options(options);
  if (!table.parse(arguments)) return {table.help()};
  check_options(table, options);
  const Messages messages(options.quiet);

  const Model model = load(options.model);
  const Dataset data = read_rows(model, options.input, options, messages);
  DriftOptions how;
  how.threads = options.threads;
  if (!options.reference.empty()) {
    InputFiles files = options.input;
    files.data = options.reference;
    files.labels.clear();
    const Dataset reference = read_rows(model, files, options, messages);
    if (reference.rows < kLeastDriftRows) {
      refuse(shown_path(options.reference),
             fmt::format("has {}, too few to learn thresholds from; give {} or more",
                         counted(reference.rows, "row"), kLeastDriftRows));
    }
    how.reference = learn_drift_thresholds(model, reference, options.seed, options.threads);
  }
  const DriftReport report = drift(model, data, how);
  const int code = report.drifted() ? kDrift : 0;
  if (options.json) return {monitor_json(report, options.model), code};
  if (options.quiet) return {"", code};
  return {monitor_words(report, options.top, options.model, options.input.data,
                        has_layer<BatchNorm>(model.network)),
          code};
}

}  // namespace ztilde::cli
