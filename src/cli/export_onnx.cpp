// ztilde export --onnx.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/export_formats.hpp"
#include "cli/fold_words.hpp"
#include "cli/json_text.hpp"
#include "cli/layout.hpp"
#include "model/model_metadata.hpp"
#include "ztilde/error.hpp"
#include "ztilde/fold.hpp"

namespace ztilde::cli {
namespace {

const std::vector<std::string> kOwnOptions = {"--inputs", "--layout", "--fold", "--test-data", "--data"};
const std::vector<std::string> kDataOptions = {"--rows",         "--labels",    "--image-size",
                                               "--image-layout", "--delimiter", "--decimal-comma",
                                               "--no-header",    "--unseen"};

#ifdef ZTILDE_WITH_ONNX

namespace fs = std::filesystem;

constexpr std::size_t kIndent = 12, kMostListed = 8;

Model folded(const Model& model, std::size_t threads) {
  Model made = fold(model, {}, {.threads = threads});
  if (!made.fold_certificate->holds()) {
    refuse("--fold", fmt::format("the folded model is off by {}, more than {:.2g}; leave --fold out",
                                 worst_words(*made.fold_certificate), made.fold_certificate->tolerance));
  }
  return made;
}

std::vector<float> test_rows(const Model& model, const ExportArguments& arguments, const Messages& messages) {
  const OnnxExportArguments& options = arguments.of_onnx;
  if (options.input.data.empty()) return model.test_inputs;
  const Dataset data = read_for_model(model, options.input, CsvOptions::Target::ignored, arguments.threads);
  warn_about_columns(data, options.input.data, messages);
  const std::size_t count = std::min<std::size_t>(data.rows, options.rows) * data.columns;
  if (data.is_bytes()) return {data.bytes.begin(), data.bytes.begin() + static_cast<std::ptrdiff_t>(count)};
  return {data.floats.begin(), data.floats.begin() + static_cast<std::ptrdiff_t>(count)};
}

std::string test_set_folder(const std::string& folder) { return folder + "/test_data_set_0"; }

[[noreturn]] void fail(const std::string& path, const std::error_code& why) {
  throw Error(ErrorKind::io, fmt::format("{}: {}", shown_path(path), why.message()));
}

// input_0.pb … and output_0.pb …; those of an older set that has more go.
void write_test_set(const OnnxTestData& data, const std::string& folder) {
  const std::string set = test_set_folder(folder);
  std::error_code failure;
  fs::create_directories(set, failure);
  if (failure) fail(set, failure);
  const auto write = [&](const char* kind, const std::vector<std::string>& tensors) {
    for (std::size_t i = 0; i < tensors.size(); ++i)
      write_file_atomically(fmt::format("{}/{}_{}.pb", set, kind, i), tensors[i]);
    for (std::size_t i = tensors.size();
         fs::remove(fmt::format("{}/{}_{}.pb", set, kind, i), failure) && !failure;)
      ++i;
  };
  write("input", data.inputs);
  write("output", data.outputs);
}

std::string type_words(OnnxType type) {
  return type == OnnxType::float32 ? "float" : type == OnnxType::int64 ? "int64" : "string";
}

std::string value_words(const std::vector<OnnxValue>& values) {
  std::string text;
  for (std::size_t i = 0; i < std::min(values.size(), kMostListed); ++i) {
    text += fmt::format("{}{}: {} [rows", i > 0 ? "; " : "", printable(values[i].name),
                        type_words(values[i].type));
    for (const std::size_t size : values[i].row_shape) text += fmt::format(", {}", size);
    text += "]";
  }
  if (values.size() > kMostListed) text += fmt::format("; and {} more", values.size() - kMostListed);
  return text;
}

std::size_t norms_of(const OnnxFile& file) {
  for (const auto& [name, count] : file.operators) {
    if (name == "BatchNormalization") return count;
  }
  return 0;
}

struct Written {
  const Model& model;
  const OnnxFile& file;
  const ExportArguments& arguments;
  std::size_t test_rows = 0;  // in the folder of --test-data
};

std::string words(const Written& written) {
  const auto field = [](const char* name, const std::string& text) { return wrapped(name, kIndent, text); };
  const OnnxFile& file = written.file;
  const OnnxExportArguments& options = written.arguments.of_onnx;
  std::string text =
      field("written", fmt::format("{}: {}, opset 17, IR version 8; passed ONNX's own checker",
                                   shown_path(written.arguments.onnx), shown_bytes(file.bytes.size())));
  text += field(file.inputs.size() == 1 ? "input" : "inputs", value_words(file.inputs));
  text += field(file.outputs.size() == 1 ? "output" : "outputs", value_words(file.outputs));
  text += field("batch norm", options.fold ? "folded" : fmt::format("{} kept", norms_of(file)));
  std::string operators;
  for (const auto& [name, count] : file.operators)
    operators += fmt::format("{}{} {}", operators.empty() ? "" : ", ", name, count);
  text += field("operators", operators);
  std::string rows =
      fmt::format("{} in the file", written.model.test_inputs.size() / written.model.network.inputs);
  if (!options.test_data.empty())
    rows += fmt::format(", {} in {}", with_commas(written.test_rows),
                        shown_path(test_set_folder(options.test_data)));
  text += field("test rows", rows);
  return options.fold ? text + fold_words(*written.model.fold_certificate) : text;
}

nlohmann::ordered_json value_json(const std::vector<OnnxValue>& values) {
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  for (const OnnxValue& value : values) {
    nlohmann::ordered_json shape = {"rows"};
    for (const std::size_t size : value.row_shape) shape.push_back(size);
    array.push_back({{"name", value.name}, {"type", type_words(value.type)}, {"shape", shape}});
  }
  return array;
}

std::string json(const Written& written) {
  const OnnxExportArguments& options = written.arguments.of_onnx;
  nlohmann::ordered_json object = {{"onnx", written.arguments.onnx},
                                   {"bytes", written.file.bytes.size()},
                                   {"opset", 17},
                                   {"ir_version", 8},
                                   {"inputs", value_json(written.file.inputs)},
                                   {"outputs", value_json(written.file.outputs)},
                                   {"batch_norms", norms_of(written.file)}};
  for (const auto& [name, count] : written.file.operators) object["operators"][name] = count;
  object["test_rows"] = written.model.test_inputs.size() / written.model.network.inputs;
  if (!options.test_data.empty()) {
    object["test_data"] = test_set_folder(options.test_data);
    object["test_data_rows"] = written.test_rows;
  }
  if (options.fold)
    object["fold"] = nlohmann::ordered_json::parse(model_file::to_json(*written.model.fold_certificate));
  return json_line(object);
}

#endif

}  // namespace

void add_onnx_export_options(OptionTable& table, ExportArguments& arguments) {
  OnnxExportArguments& options = arguments.of_onnx;
  table.group("ONNX");
  table.text("--onnx", "FILE", arguments.onnx, "the file to write").standard = "none";
  table.choice(
      "--inputs", options.graph.inputs,
      {{"auto", OnnxInputs::automatic}, {"matrix", OnnxInputs::matrix}, {"columns", OnnxInputs::columns}},
      "one input with all columns, a category as its index; or one for each column by its name, a "
      "category as its text. auto: columns where there are categories");
  table.choice("--layout", options.graph.layout,
               {{"nchw", OnnxLayout::channels_first}, {"nhwc", OnnxLayout::channels_last}},
               "of the images that go in: channels first or last");
  table.flag("--fold", options.fold, "batch norm into the weights beside it, as ztilde fold does");
  table
      .text("--test-data", "FOLDER", options.test_data,
            "write test_data_set_0 into it: rows and answers, as ONNX's own tests have them")
      .standard = "none";
  table.group("Rows of --test-data");
  add_input_options(table, options.input);
  table.whole("--rows", "N", options.rows, {.least = 1}, "at most so many of them, from the first");
  add_format_options(table, options.input.table);
  add_unseen_option(table, options.input.table);
}

void require_onnx_sense(const OptionTable& table, const ExportArguments& arguments) {
  const OnnxExportArguments& options = arguments.of_onnx;
  for (const std::string& name : kOwnOptions) {
    if (arguments.onnx.empty() && table.given(name)) refuse(name, "is for --onnx; add that, or leave it out");
  }
  if (options.test_data.empty() && table.given("--data")) {
    refuse("--data", "given without --test-data; add that, or leave it out");
  }
  for (const std::string& name : kDataOptions) {
    if (!table.given("--data") && table.given(name))
      refuse(name, "given without --data; add that, or leave it out");
  }
  if (arguments.onnx == "-") refuse("--onnx", "a model cannot go to standard output; name a file");
  if (arguments.onnx.empty()) return;
  require_other_file({"--onnx", arguments.onnx},
                     {{"--data", options.input.data}, {"--labels", options.input.labels}});
}

#ifdef ZTILDE_WITH_ONNX

std::string export_onnx(const Model& model, const ExportArguments& arguments, const Messages& messages) {
  const OnnxExportArguments& options = arguments.of_onnx;
  if (options.graph.layout == OnnxLayout::channels_last && model.network.input_shape().pixels() == 1)
    refuse("--layout", "the model takes no images; leave it out");
  const std::optional<Model> fold =
      options.fold ? std::optional(folded(model, arguments.threads)) : std::nullopt;
  const Model& made = fold ? *fold : model;
  const OnnxFile file = to_onnx(made, options.graph);
  std::size_t rows = 0;
  if (!options.test_data.empty()) {
    const std::string set = test_set_folder(options.test_data);
    if (!arguments.force && fs::exists(set))
      refuse(shown_path(set), "exists already; choose another folder, or overwrite it with --force");
    const std::vector<float> inputs = test_rows(made, arguments, messages);
    rows = inputs.size() / made.network.inputs;
    if (rows == 0) refuse("--test-data", "there are no rows for it; give some with --data");
    write_test_set(onnx_test_data(made, inputs, options.graph, arguments.threads), options.test_data);
  }
  write_file_atomically(arguments.onnx, file.bytes);
  const Written written{made, file, arguments, rows};
  return arguments.json ? json(written) : words(written);
}

#else

std::string export_onnx(const Model&, const ExportArguments&, const Messages&) {
  refuse("--onnx",
         "this ztilde was built without ONNX; install libonnx-dev and libprotobuf-dev and build it anew");
}

#endif

}  // namespace ztilde::cli
