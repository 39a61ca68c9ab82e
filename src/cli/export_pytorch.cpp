// ztilde export --pytorch.
#include "base/text.hpp"
#include "cli/export_formats.hpp"

namespace ztilde::cli {

void add_pytorch_export_options(OptionTable& table, ExportArguments& arguments) {
  table.group("PyTorch");
  table.text("--pytorch", "FILE", arguments.pytorch, "the file to write").standard = "none";
}

std::string export_pytorch(const Model&, const ExportArguments&, const Messages&) {
  refuse("--pytorch", "not there yet");
}

}  // namespace ztilde::cli
