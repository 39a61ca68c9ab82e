// ztilde fold: batch norm into the weights of the layers beside it.
#include "ztilde/fold.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/output_lock.hpp"
#include "base/text.hpp"
#include "cli/fold_words.hpp"
#include "cli/input.hpp"
#include "cli/json_text.hpp"
#include "cli/options.hpp"
#include "cli/verbs.hpp"
#include "model/model_metadata.hpp"
#include "ztilde/model.hpp"

namespace ztilde::cli {
namespace {

struct FoldArguments {
  std::string model, out;
  InputFiles input;
  FoldOptions fold;
  bool force = false, json = false, quiet = false;
  std::uint64_t threads = 0;
};

const std::vector<std::string> kDataOptions = {"--labels",    "--image-size",    "--image-layout",
                                               "--delimiter", "--decimal-comma", "--no-header",
                                               "--unseen"};

OptionTable fold_options(FoldArguments& options) {
  OptionTable table("ztilde fold MODEL --out FILE [options]",
                    "The same model with batch norm in the weights of the layers beside it, computed\n"
                    "in double and rounded once, and a certificate: how far its outputs are from the\n"
                    "unfolded model's in double. Where that is too far, nothing is written.");
  table.positional("MODEL", options.model, "a model file, as ztilde train writes it");
  table.group("Output");
  table.text("--out", "FILE", options.out, "the folded model").standard = "none, it must be given";
  table.real("--tolerance", "T", options.fold.tolerance, {.least = 0},
             "the largest difference of an output, as a share of the largest output");
  table.flag("--force", options.force, "overwrite the file of --out");
  table.flag("--json", options.json, "one JSON object instead of words");
  table.flag("--quiet", options.quiet, "no warnings");
  table.group("Rows to compare on");
  add_input_options(table, options.input);
  table.whole("--seed", "N", options.fold.seed, {.most = 0x1p64},
              "of the rows that are made up where there is no --data, beside the model's test rows");
  add_format_options(table, options.input.table);
  add_unseen_option(table, options.input.table);
  table.group("Other");
  add_threads_option(table, options.threads);
  table.example("ztilde fold model.ztilde --out folded.ztilde");
  table.example("ztilde fold model.ztilde --out folded.ztilde --data test.csv --tolerance 1e-5");
  return table;
}

void require_sense(const OptionTable& table, const FoldArguments& options) {
  require_model_out(options.out, "folded", options.model, options.input);
  if (!options.input.data.empty()) {
    return table.exclude("--data", {"--seed"}, "no rows are made up");
  }
  for (const std::string& name : kDataOptions) {
    if (table.given(name)) refuse(name, "given without --data; add that, or leave it out");
  }
}

Dataset read_rows(const Model& model, const FoldArguments& options, const Messages& messages) {
  if (options.input.data.empty()) return {};
  Dataset data = read_for_model(model, options.input, CsvOptions::Target::ignored, options.threads);
  warn_about_columns(data, options.input.data, messages);
  if (data.rows == 0) refuse(shown_path(options.input.data), "has no rows to compare on; give it some");
  return data;
}

std::string words(const Model& model, const Model& folded, const std::string& out) {
  return fmt::format("written     {}: {} and {}; before {} and {}\n", shown_path(out),
                     counted(folded.network.layers.size(), "layer"),
                     counted(parameter_count(folded.network), "parameter"), model.network.layers.size(),
                     with_commas(parameter_count(model.network))) +
         fold_words(*folded.fold_certificate);
}

std::string json(const Model& model, const Model& folded, const std::string& out) {
  nlohmann::ordered_json object = {{"model", out},
                                   {"layers_before", model.network.layers.size()},
                                   {"layers", folded.network.layers.size()},
                                   {"parameters_before", parameter_count(model.network)},
                                   {"parameters", parameter_count(folded.network)},
                                   {"rows", folded.fold_certificate->rows()}};
  object["fold"] = nlohmann::ordered_json::parse(model_file::to_json(*folded.fold_certificate));
  return json_line(object);
}

}  // namespace

Outcome run_fold(const Arguments& arguments) {
  FoldArguments options;
  OptionTable table = fold_options(options);
  if (!table.parse(arguments)) return {table.help()};
  require_sense(table, options);
  const OutputLock lock(options.out, options.force);
  const Messages messages(options.quiet);
  options.fold.threads = options.threads;

  const Model model = load(options.model);
  const Dataset data = read_rows(model, options, messages);
  const Model folded = fold(model, data, options.fold);
  if (!folded.fold_certificate->holds()) {
    refuse("--tolerance",
           fmt::format("the folded model is off by {}, more than {:.2g}; nothing is written, allow more or "
                       "use the model unfolded",
                       worst_words(*folded.fold_certificate), options.fold.tolerance));
  }
  save(folded, options.out);
  return {options.json ? json(model, folded, options.out) : words(model, folded, options.out)};
}

}  // namespace ztilde::cli
