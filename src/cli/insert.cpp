// ztilde insert: batch norm into a trained network, with its outputs as they were.
#include "ztilde/insert.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/output_lock.hpp"
#include "base/text.hpp"
#include "cli/input.hpp"
#include "cli/insert_words.hpp"
#include "cli/json_text.hpp"
#include "cli/options.hpp"
#include "cli/verbs.hpp"
#include "ztilde/model.hpp"

namespace ztilde::cli {
namespace {

struct InsertArguments {
  std::string model, out, layers;
  InputFiles input;
  InsertOptions insert;
  std::uint64_t batch = 256, compared_rows = 2000;
  bool force = false, json = false, quiet = false;
  std::uint64_t threads = 0;
};

OptionTable insert_options(InsertArguments& options) {
  OptionTable table("ztilde insert MODEL --data PATH --out FILE [options]",
                    "Batch norm into a trained network that has none, or not everywhere. Gamma and\n"
                    "beta leave its outputs as they are, and a certificate says how far they are\n"
                    "from those before. Where that is too far, nothing is written. The new model\n"
                    "trains on with ztilde train --from.");
  table.positional("MODEL", options.model, "a model file, as ztilde train writes it");
  table.group("Data");
  add_input_options(table, options.input);
  add_format_options(table, options.input.table);
  add_unseen_option(table, options.input.table);
  add_weight_option(table, options.input.table);
  table.group("Batch norm");
  table.choice("--place", options.insert.place, {{"before", NormPlace::before}, {"after", NormPlace::after}},
               "the activation");
  table
      .text("--layers", "LIST", options.layers,
            "the dense and conv2d layers to put one behind, numbered as ztilde inspect prints them")
      .standard = "all but the last that are not normalised already";
  table.real("--epsilon", "E", options.insert.epsilon, {.least = 0}, "of the new layers");
  table.real("--keep", "K", options.insert.keep, {.least = 0, .most = 1},
             "of the new layers: running = K running + (1 - K) batch");
  table.group("Report");
  table.real("--tolerance", "T", options.insert.tolerance, {.least = 0},
             "the largest difference of an output, as a share of the largest output");
  table.whole("--compare-rows", "N", options.compared_rows, {},
              "rows to compare on, at most, spread over those of --data; 0: all");
  table.whole("--batch", "N", options.batch, {.least = 2},
              "rows of the batches that the noise of training is measured in");
  table.whole("--seed", "N", options.insert.seed, {.most = 0x1p64},
              "of the order of the rows in these batches");
  table.group("Output");
  table.text("--out", "FILE", options.out, "the new model file").standard = "none, it must be given";
  table.flag("--force", options.force, "overwrite the file of --out");
  table.flag("--json", options.json, "one JSON object instead of words");
  table.flag("--quiet", options.quiet, "errors only (and --json)");
  table.group("Other");
  add_threads_option(table, options.threads);
  table.example("ztilde insert plain.ztilde --data train.csv --out normed.ztilde");
  table.example("ztilde train --from normed.ztilde --data train.csv --lr 2e-4 --out on.ztilde");
  return table;
}

void take_options(const OptionTable& table, InsertArguments& options) {
  require_data(options.input);
  require_model_out(options.out, "new", options.model, options.input);
  if (kind_of(options.input) != InputKind::table)
    table.exclude("images", kTableOptions, "they have no columns; leave it out");
  options.insert.layers = parse_widths("--layers", options.layers, {});
  if (table.given("--layers") && options.insert.layers.empty())
    refuse("--layers", "empty; name layers, or leave it out");
  options.insert.batch = options.batch;
  options.insert.compared_rows = options.compared_rows;
  options.insert.threads = options.threads;
}

std::string words(const InsertArguments& options, const Model& model, const Insertion& insertion) {
  return fmt::format("written     {}: {} and {}; before {} and {}\n", shown_path(options.out),
                     counted(insertion.model.network.layers.size(), "layer"),
                     counted(parameter_count(insertion.model.network), "parameter"),
                     model.network.layers.size(), with_commas(parameter_count(model.network))) +
         insert_words(model, insertion) +
         fmt::format("\nnext        ztilde train --from {} --data ROWS\n", shown_path(options.out));
}

std::string json(const InsertArguments& options, const Model& model, const Insertion& insertion) {
  return json_line({{"model", options.out},
                    {"layers_before", model.network.layers.size()},
                    {"layers", insertion.model.network.layers.size()},
                    {"parameters_before", parameter_count(model.network)},
                    {"parameters", parameter_count(insertion.model.network)},
                    {"rows", insertion.certificate.measured_rows},
                    {"insert", insert_object(insertion.certificate)},
                    {"noise", noise_object(insertion.noise)}});
}

}  // namespace

Outcome run_insert(const Arguments& arguments) {
  InsertArguments options;
  OptionTable table = insert_options(options);
  if (!table.parse(arguments)) return {table.help()};
  take_options(table, options);
  const OutputLock lock(options.out, options.force);
  const Messages messages(options.quiet);

  const Model model = load(options.model);
  const Dataset data = read_for_model(model, options.input, CsvOptions::Target::if_present, options.threads);
  require_given_weights(data, options.input);
  warn_about_columns(data, options.input.data, messages);
  const Insertion insertion = insert(model, data, options.insert);
  if (!insertion.certificate.holds()) {
    refuse("--tolerance",
           fmt::format("the new model is off by {}, more than {:.2g} allows; nothing is written",
                       worst_words(insertion.certificate), options.insert.tolerance));
  }
  save(insertion.model, options.out);
  if (options.json) return {json(options, model, insertion)};
  return {options.quiet ? "" : words(options, model, insertion)};
}

}  // namespace ztilde::cli
