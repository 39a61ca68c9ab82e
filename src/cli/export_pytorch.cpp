// ztilde export --pytorch: a state dict, and on request the Python file that loads it.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/output_lock.hpp"
#include "base/text.hpp"
#include "cli/export_formats.hpp"
#include "cli/input.hpp"
#include "cli/json_text.hpp"
#include "cli/layout.hpp"
#include "ztilde/error.hpp"
#include "ztilde/pytorch.hpp"

namespace ztilde::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kIndent = 12;
constexpr double kHarmless = 1e-4;  // as the test rows of a model file

std::string words(const ExportArguments& arguments, const PytorchExport& made, std::size_t layers) {
  std::string text = fmt::format("written     {}: {}, {}\n", shown_path(arguments.pytorch),
                                 counted(layers, "module"), shown_bytes(made.state_dict.size()));
  if (!arguments.module.empty()) {
    text += fmt::format("written     {}: builds the module and loads it; run it to compare outputs\n",
                        shown_path(arguments.module));
  }
  for (const auto& [topic, sentence] : made.notes) text += wrapped(topic, kIndent, sentence);
  if (made.largest_difference) {
    text +=
        wrapped("rounding", kIndent,
                *made.largest_difference == 0
                    ? "statistics as floats leave the outputs of the test rows as they are"
                    : fmt::format("statistics as floats move the outputs of the test rows by {:.1e} at most",
                                  *made.largest_difference));
  }
  if (arguments.module.empty()) text += "\n" + made.modules;
  return text;
}

std::string json(const ExportArguments& arguments, const PytorchExport& made) {
  nlohmann::ordered_json object = {{"pytorch", arguments.pytorch}};
  if (!arguments.module.empty()) object["module"] = arguments.module;
  object["bytes"] = made.state_dict.size();
  if (made.largest_difference) object["largest_difference"] = *made.largest_difference;
  object["modules"] = made.modules;
  for (const auto& [topic, sentence] : made.notes)
    object["notes"].push_back({{"topic", topic}, {"note", sentence}});
  return json_line(object);
}

}  // namespace

void add_pytorch_export_options(OptionTable& table, ExportArguments& arguments) {
  table.group("PyTorch");
  table
      .text("--pytorch", "FILE", arguments.pytorch,
            "a state dict of torch.nn.Sequential, as a safetensors file")
      .standard = "none";
  table
      .text("--module", "FILE.py", arguments.module,
            "also a Python file that builds the module, loads the state dict and compares outputs")
      .standard = "none, the module is printed";
  table.flag("--double", arguments.double_statistics,
             "running statistics as 64-bit numbers, exact, for a module that is .double()");
}

void require_pytorch_sense(const OptionTable& table, const ExportArguments& arguments) {
  for (const char* name : {"--module", "--double"}) {
    if (arguments.pytorch.empty() && table.given(name))
      refuse(name, "is for --pytorch; add that, or leave it out");
  }
  if (arguments.pytorch == "-") refuse("--pytorch", "tensors cannot go to standard output; name a file");
  if (arguments.module.empty()) return;
  if (arguments.module == "-") refuse("--module", "it finds the tensors beside itself; name a file");
  require_other_file({"--module", arguments.module},
                     {{"MODEL", arguments.model}, {"--pytorch", arguments.pytorch}});
  require_writable(arguments.module, arguments.force);
  std::error_code ignored;
  if (!fs::equivalent(folder_of(arguments.module), folder_of(arguments.pytorch), ignored))
    refuse("--module", "it must be in the folder of --pytorch, beside which it looks for it");
}

std::string export_pytorch(const Model& model, const ExportArguments& arguments, const Messages& messages) {
  PytorchExport made;
  try {
    made = ztilde::export_pytorch(model, {arguments.double_statistics, arguments.threads});
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}: {}", shown_path(arguments.model), error.what()));
  }
  if (made.largest_difference && !(*made.largest_difference <= kHarmless)) {
    messages.warn(
        fmt::format("rounding the statistics to float moves the outputs by {:.1e}; --double keeps them "
                    "exact",
                    *made.largest_difference));
  }
  if (!arguments.module.empty()) {
    const OutputLock lock(arguments.module);
    write_file_atomically(arguments.module,
                          pytorch_program(model, fs::path(arguments.pytorch).filename().string()));
  }
  write_file_atomically(arguments.pytorch, made.state_dict);
  return arguments.json ? json(arguments, made) : words(arguments, made, model.network.layers.size());
}

}  // namespace ztilde::cli
