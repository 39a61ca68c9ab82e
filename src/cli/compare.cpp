// ztilde compare: two models side by side.
#include "ztilde/compare.hpp"

#include <fmt/format.h>

#include <optional>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/compare_words.hpp"
#include "cli/input.hpp"
#include "cli/json_text.hpp"
#include "cli/options.hpp"
#include "cli/verbs.hpp"
#include "ztilde/model.hpp"

namespace ztilde::cli {
namespace {

constexpr int kDiffer = 4;

struct CompareArguments {
  ModelPaths models;
  InputFiles input;
  std::optional<double> tolerance;
  bool check = false, json = false, quiet = false;
  std::uint64_t threads = 0;
};

const std::vector<std::string> kDataOptions = {"--labels",    "--image-size",    "--image-layout",
                                               "--delimiter", "--decimal-comma", "--no-header",
                                               "--unseen",    "--weight-column"};

OptionTable compare_options(CompareArguments& options) {
  OptionTable table("ztilde compare MODEL_A MODEL_B [options]",
                    "Two models side by side: conventions, parameters, statistics and answers, worst\n"
                    "first. A model compared with itself is the same, bit for bit.");
  table.positional("MODEL_A", options.models.a, "a model file, as ztilde train writes it");
  table.positional("MODEL_B", options.models.b, "another one");
  table.group("Rows to compare answers on (without --data the models' own test rows)");
  add_input_options(table, options.input);
  add_format_options(table, options.input.table);
  add_unseen_option(table, options.input.table);
  add_weight_option(table, options.input.table);
  table.group("Output");
  table.flag("--check", options.check, "exit with 4 where something differs, with 0 where nothing does");
  table.real("--tolerance", "T", options.tolerance, {.least = 0},
             "with --check: only outputs count, and those that differ by at most T of the largest output "
             "are the same",
             "none, everything counts, bit for bit");
  table.flag("--json", options.json, "one JSON object instead of words");
  table.flag("--quiet", options.quiet, "no warnings, and with --check no words");
  table.group("Other");
  add_threads_option(table, options.threads);
  table.example("ztilde compare before.ztilde after.ztilde --data test.csv");
  table.example("ztilde compare model.ztilde folded.ztilde --check --tolerance 1e-5");
  return table;
}

void require_sense(const OptionTable& table, const CompareArguments& options) {
  if (options.tolerance && !options.check)
    refuse("--tolerance", "given without --check; add that, or leave it out");
  if (options.input.data.empty()) {
    for (const std::string& name : kDataOptions) {
      if (table.given(name)) refuse(name, "given without --data; add that, or leave it out");
    }
  } else if (kind_of(options.input) != InputKind::table) {
    table.exclude("images", kTableOptions, "they have no columns; leave it out");
  }
}

bool differ(const CompareArguments& options, const ModelComparison& comparison) {
  if (!options.tolerance) return !comparison.identical;
  return !comparison.outputs || !(comparison.outputs->relative <= *options.tolerance);
}

}  // namespace

Outcome run_compare(const Arguments& arguments) {
  CompareArguments options;
  OptionTable table = compare_options(options);
  if (!table.parse(arguments)) return {table.help()};
  require_sense(table, options);
  const Messages messages(options.quiet);

  const Model a = load(options.models.a), b = load(options.models.b);
  Dataset data;
  if (!options.input.data.empty()) {
    data = read_for_model(a, options.input, CsvOptions::Target::if_present, options.threads);
    require_given_weights(data, options.input);
    warn_about_columns(data, options.input.data, messages);
    if (data.rows == 0) refuse(shown_path(options.input.data), "has no rows to compare on; give it some");
  }
  const ModelComparison comparison = compare(a, b, data, {.threads = options.threads});
  const int exit_code = options.check && differ(options, comparison) ? kDiffer : 0;
  if (options.json) return {json_line(compare_object(options.models, comparison)), exit_code};
  if (options.check && options.quiet) return {"", exit_code};
  return {compare_words(options.models, a, comparison), exit_code};
}

}  // namespace ztilde::cli
