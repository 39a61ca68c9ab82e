// ztilde import of ONNX: its options, and what is said of the model that comes of it.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/import_formats.hpp"
#include "cli/input.hpp"
#include "cli/json_text.hpp"
#include "cli/layout.hpp"
#ifdef ZTILDE_WITH_ONNX
#include "ztilde/onnx_import.hpp"
#endif

namespace ztilde::cli {

void add_onnx_import_options(OptionTable& table, ImportArguments& arguments) {
  OnnxArguments& given = arguments.of_onnx;
  table.group("ONNX");
  table.text("--input-shape", "N,…", given.input_shape, "a row of the input as the file orders it: 3,32,32")
      .standard = "the file's";
  table.text("--output", "NAME", given.output, "the value of the graph to end at").standard =
      "its only output";
  table
      .text("--check", "FOLDER", given.check,
            "test data of the model, input_0.pb and output_0.pb: refused where the outputs are others. "
            "Further inputs of the graph become the constants input_1.pb, …")
      .standard = "none";
}

void require_onnx_sense(const OptionTable& table, const ImportArguments& arguments) {
  for (const char* name : {"--input-shape", "--output", "--check"}) {
    if (arguments.file.empty() && table.given(name)) refuse(name, "is for an ONNX file; leave it out");
  }
}

#ifndef ZTILDE_WITH_ONNX

Imported import_onnx(const ImportArguments& arguments, const Messages&) {
  refuse(shown_path(arguments.file),
         "this ztilde was built without ONNX; install libonnx-dev and libprotobuf-dev and build it anew");
}

#else

namespace {

constexpr std::size_t kIndent = 12;

std::string field(const std::string& name, const std::string& text) { return wrapped(name, kIndent, text); }

OnnxImportOptions onnx_options(const ImportArguments& arguments) {
  const RowsAndAnswers& both = arguments.rows_and_answers;
  OnnxImportOptions options;
  options.task = both.task;
  options.classes = both.classes;
  options.columns = both.columns;
  options.target = both.target;
  options.input_scaling = both.input_scaling();
  options.input = parse_widths("--input-shape", arguments.of_onnx.input_shape, {1, 1e9});
  options.output = arguments.of_onnx.output;
  options.check = arguments.of_onnx.check;
  options.threads = arguments.threads;
  return options;
}

std::string check_words(const OnnxCheck& check, const OnnxImportOptions& options) {
  return fmt::format(
      "{} of test data: {} outputs off by {:.2g} at most, the largest is {:.4g}; allowed {} + {} · |output|",
      counted(check.rows, "row"), with_commas(check.numbers), check.difference, check.largest_output,
      options.absolute, options.relative);
}

std::string class_words(const Model& model) {
  if (model.task == Task::regress) return "regress: predicts a number";
  std::string text = fmt::format("classify: {}", counted(model.classes.size(), "class"));
  for (std::size_t i = 0; i < std::min<std::size_t>(model.classes.size(), 10); ++i)
    text += (i == 0 ? ": " : ", ") + printable(model.classes[i]);
  return text + (model.classes.size() > 10 ? ", …" : "");
}

std::string next_words(const Model& model, const std::string& out) {
  const std::string path = shown_path(out);
  const bool has_norm = has_layer<BatchNorm>(model.network);
  return field("next", fmt::format("ztilde inspect {}", path)) +
         field("", has_norm ? fmt::format("ztilde recalibrate {} --data ROWS --out FILE", path)
                            : fmt::format("ztilde insert {} --data ROWS --out FILE", path)) +
         field("", fmt::format("ztilde train --from {} --data ROWS --out FILE", path));
}

std::string words(const OnnxImport& imported, const ImportArguments& arguments,
                  const OnnxImportOptions& options) {
  const Model& model = imported.model;
  std::string text =
      field("read", fmt::format("{}: {}, opset {}, made by {}", shown_path(arguments.file),
                                counted(imported.nodes, "node"), imported.opset, imported.producer));
  text += field("network", network_words(model.network));
  text += field("", fmt::format("{} and {}", counted(model.network.layers.size(), "layer"),
                                counted(parameter_count(model.network), "parameter")));
  text += field("task", class_words(model));
  for (const OnnxNote& note : imported.notes) text += field(note.about, note.text);
  text += field("check",
                imported.check
                    ? check_words(*imported.check, options)
                    : "none but that the outputs are finite; --check FOLDER compares them with test data");
  return text + next_words(model, arguments.out);
}

std::string json(const OnnxImport& imported) {
  const Model& model = imported.model;
  nlohmann::ordered_json object = {{"format", "onnx"},
                                   {"producer", imported.producer},
                                   {"ir_version", imported.ir_version},
                                   {"opset", imported.opset},
                                   {"nodes", imported.nodes},
                                   {"task", model.task == Task::classify ? "classify" : "regress"},
                                   {"classes", model.classes},
                                   {"inputs", model.network.inputs},
                                   {"outputs", layer_outputs(model.network).back()},
                                   {"layers", model.network.layers.size()},
                                   {"parameters", parameter_count(model.network)},
                                   {"notes", nlohmann::ordered_json::array()}};
  for (const OnnxNote& note : imported.notes)
    object["notes"].push_back({{"about", note.about}, {"text", note.text}});
  if (imported.check) {
    object["check"] = {{"rows", imported.check->rows},
                       {"numbers", imported.check->numbers},
                       {"difference", imported.check->difference},
                       {"largest_output", imported.check->largest_output}};
  }
  return json_line(object);
}

}  // namespace

Imported import_onnx(const ImportArguments& arguments, const Messages&) {
  const OnnxImportOptions options = onnx_options(arguments);
  OnnxImport imported = ztilde::import_onnx(arguments.file, options);
  std::string text = words(imported, arguments, options), object = json(imported);
  return {std::move(imported.model), std::move(text), std::move(object)};
}

#endif

}  // namespace ztilde::cli
