// ztilde export --c.
#include "base/text.hpp"
#include "cli/export_formats.hpp"

namespace ztilde::cli {

void add_c_export_options(OptionTable& table, ExportArguments& arguments) {
  table.group("C");
  table.text("--c", "FILE", arguments.c, "the file to write").standard = "none";
}

std::string export_c(const Model&, const ExportArguments&, const Messages&) {
  refuse("--c", "not there yet");
}

}  // namespace ztilde::cli
