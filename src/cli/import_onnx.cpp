// ztilde import of ONNX.
#include "base/text.hpp"
#include "cli/import_formats.hpp"

namespace ztilde::cli {

void add_onnx_import_options(OptionTable&, ImportArguments&) {}

Imported import_onnx(const ImportArguments&, const Messages&) { refuse("import", "not there yet"); }

}  // namespace ztilde::cli
