// ztilde inspect: what is in a model file.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "cli/inspect_words.hpp"
#include "cli/network_file.hpp"
#include "cli/options.hpp"
#include "cli/verbs.hpp"
#include "plan/stages.hpp"
#include "ztilde/model.hpp"

namespace ztilde::cli {
namespace {

struct InspectOptions {
  std::string model;
  bool plan = false, network = false, json = false;
};

OptionTable inspect_options(InspectOptions& options) {
  OptionTable table("ztilde inspect MODEL [options]",
                    "What is in a model: layers, shapes, parameters, conventions, columns, and how\n"
                    "it was trained.");
  table.positional("MODEL", options.model,
                   "a model file, as ztilde train writes it, or with --network one of train --net's names");
  table.group("Output");
  table.flag("--plan", options.plan, "the stages that the layers are run as, and nothing else");
  table.flag("--network", options.network,
             "the network as JSON, to start a file for train --net from, and nothing else");
  table.flag("--json", options.json, "everything as one JSON object");
  table.group("Other");
  table.example("ztilde inspect model.ztilde");
  table.example("ztilde inspect model.ztilde --network > network.json");
  table.example("ztilde inspect cnn --network > network.json");
  return table;
}

}  // namespace

Outcome run_inspect(const Arguments& arguments) {
  InspectOptions options;
  OptionTable table = inspect_options(options);
  if (!table.parse(arguments)) return {table.help()};
  if (options.json) table.exclude("--json", {"--plan", "--network"}, "--json has it all");
  if (options.network) table.exclude("--network", {"--plan"}, "ask for one after the other");

  std::error_code ignored;
  if (options.network && is_network_name(options.model) && !std::filesystem::exists(options.model, ignored))
    return {read_network_file(options.model).text};
  const Model model = load(options.model);
  if (options.plan) return {describe(lower(model.network))};
  if (options.network) {
    std::string json = to_json(model.network);
    if (!json.ends_with('\n')) json += '\n';
    return {std::move(json)};
  }
  return {options.json ? inspect_json(model, options.model) : inspect_words(model, options.model)};
}

}  // namespace ztilde::cli
