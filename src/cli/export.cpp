// ztilde export: a model in the formats of others.
#include "base/output_lock.hpp"
#include "base/text.hpp"
#include "cli/export_formats.hpp"
#include "cli/input.hpp"
#include "cli/verbs.hpp"

namespace ztilde::cli {
namespace {

struct Format {
  const char* option;
  std::string ExportArguments::*path;
  std::string (*write)(const Model&, const ExportArguments&, const Messages&);
};

constexpr Format kFormats[] = {
    {"--onnx", &ExportArguments::onnx, export_onnx},
    {"--c", &ExportArguments::c, export_c},
    {"--pytorch", &ExportArguments::pytorch, export_pytorch},
};

OptionTable export_options(ExportArguments& options) {
  OptionTable table("ztilde export MODEL --onnx FILE | --c FILE | --pytorch FILE [options]",
                    "The model in the format of others.");
  table.positional("MODEL", options.model, "a model file, as ztilde train writes it");
  add_onnx_export_options(table, options);
  add_c_export_options(table, options);
  add_pytorch_export_options(table, options);
  table.group("Output");
  table.flag("--force", options.force, "overwrite the file that is written");
  table.flag("--json", options.json, "one JSON object instead of words");
  table.flag("--quiet", options.quiet, "no warnings");
  table.group("Other");
  add_threads_option(table, options.threads);
  table.example("ztilde export model.ztilde --onnx model.onnx");
  table.example("ztilde export model.ztilde --c model.c");
  table.example("ztilde export model.ztilde --pytorch model.safetensors --module model.py");
  return table;
}

// The one that is asked for.
const Format& chosen(const OptionTable& table, const ExportArguments& options) {
  const Format* found = nullptr;
  for (const Format& format : kFormats) {
    if ((options.*format.path).empty()) continue;
    if (found) table.exclude(found->option, {format.option}, "export one after the other");
    found = &format;
  }
  if (!found) refuse("--onnx, --c, --pytorch", "none of them is given; say which format to write");
  return *found;
}

}  // namespace

Outcome run_export(const Arguments& arguments) {
  ExportArguments options;
  OptionTable table = export_options(options);
  if (!table.parse(arguments)) return {table.help()};
  const Format& format = chosen(table, options);
  require_onnx_sense(table, options);
  require_pytorch_sense(table, options);
  require_c_sense(table, options);
  const std::string& path = options.*format.path;
  require_other_file({format.option, path}, {{"MODEL", options.model}});
  const OutputLock lock(path, options.force);
  return {format.write(load(options.model), options, Messages(options.quiet))};
}

}  // namespace ztilde::cli
