// ztilde import: a model of others, with its conventions.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/output_lock.hpp"
#include "base/text.hpp"
#include "cli/import_formats.hpp"
#include "cli/input.hpp"
#include "cli/json_text.hpp"
#include "cli/verbs.hpp"

namespace ztilde::cli {
namespace {

OptionTable import_options(ImportArguments& options, std::vector<std::string>& files) {
  OptionTable table("ztilde import FILE.onnx | --pytorch FILE --out FILE [options]",
                    "A model of another program as a model file, with that program's conventions\n"
                    "kept, and every difference of conventions said.");
  table.rest("FILE", files, "an ONNX file");
  add_onnx_import_options(table, options);
  add_pytorch_import_options(table, options);
  add_rows_and_answers_options(table, options.rows_and_answers);
  table.group("Output");
  table.text("--out", "FILE", options.out, "the model file").standard = "none, it must be given";
  table.flag("--force", options.force, "overwrite the file of --out");
  table.flag("--json", options.json, "one JSON object instead of words");
  table.flag("--quiet", options.quiet, "no warnings");
  table.group("Other");
  add_threads_option(table, options.threads);
  table.example("ztilde import model.onnx --out model.ztilde");
  table.example("ztilde import --pytorch net.safetensors --net net.json --out net.ztilde");
  return table;
}

void require_sense(ImportArguments& options, const std::vector<std::string>& files) {
  if (files.size() > 1) refuse(printable(files[1]), "one file at a time; import one after the other");
  if (!files.empty()) options.file = files[0];
  if (options.file.empty() == options.pytorch.empty()) {
    refuse("FILE", options.file.empty() ? "missing; give an ONNX file, or --pytorch FILE"
                                        : "given beside --pytorch; import one after the other");
  }
  if (options.out.empty()) refuse("--out", "missing; say where to write the model");
}

}  // namespace

Outcome run_import(const Arguments& arguments) {
  ImportArguments options;
  std::vector<std::string> files;
  OptionTable table = import_options(options, files);
  if (!table.parse(arguments)) return {table.help()};
  require_sense(options, files);
  require_onnx_sense(table, options);
  require_pytorch_sense(table, options);
  require_other_file({"--out", options.out}, {{"FILE", options.file},
                                              {"--pytorch", options.pytorch},
                                              {"--net", options.net},
                                              {"--map", options.of_pytorch.map}});
  const OutputLock lock(options.out, options.force);
  const Messages messages(options.quiet);

  const Imported imported =
      options.pytorch.empty() ? import_onnx(options, messages) : import_pytorch(options, messages);
  save(imported.model, options.out);
  if (!options.json) return {fmt::format("written     {}\n", shown_path(options.out)) + imported.words};
  nlohmann::ordered_json object = {{"model", options.out}};
  object.update(nlohmann::ordered_json::parse(imported.json));
  return {json_line(object)};
}

}  // namespace ztilde::cli
