// ztilde import of PyTorch.
#include "base/text.hpp"
#include "cli/import_formats.hpp"

namespace ztilde::cli {

void add_pytorch_import_options(OptionTable& table, ImportArguments& arguments) {
  table.group("PyTorch");
  table.text("--pytorch", "FILE", arguments.pytorch, "a state dict as a safetensors file").standard = "none";
  table.text("--net", "NETWORK", arguments.net, "the network that it is of, as train --net takes it")
      .standard = "none";
}

Imported import_pytorch(const ImportArguments&, const Messages&) { refuse("import", "not there yet"); }

}  // namespace ztilde::cli
