// ONNX models without external data: what is taken is small, has layers, and gives finite outputs.
#include <algorithm>
#include <cmath>

#include "fuzz.hpp"
#include "onnx/import_file.hpp"

using namespace ztilde;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  OnnxImportOptions options;
  options.most_numbers = 1 << 16;
  options.most_products = 1e6;
  options.threads = 1;
  fuzz::taken([&] {
    const OnnxImport imported = onnx_import::from_bytes(fuzz::text_of(data, size), "m", "", options);
    fuzz::require(!imported.model.network.layers.empty() && !imported.model.test_outputs.empty());
    fuzz::require(
        std::ranges::all_of(imported.model.test_outputs, [](float number) { return std::isfinite(number); }));
  });
  return 0;
}
