// ztilde export --onnx.
#include "base/text.hpp"
#include "cli/export_formats.hpp"

namespace ztilde::cli {

void add_onnx_export_options(OptionTable& table, ExportArguments& arguments) {
  table.group("ONNX");
  table.text("--onnx", "FILE", arguments.onnx, "the file to write").standard = "none";
}

std::string export_onnx(const Model&, const ExportArguments&, const Messages&) {
  refuse("--onnx", "not there yet");
}

}  // namespace ztilde::cli
