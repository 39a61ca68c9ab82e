// The model file: as it is, and once more with a checksum that vouches for it, behind which most of
// the reader lies. A model that is taken can be written and read again.
#include "model/model_file.hpp"

#include "fuzz.hpp"
#include "model/checksum.hpp"

using namespace ztilde;

namespace {

void read(std::string_view content) {
  Model model;
  if (!fuzz::taken([&] { model = model_file::from_bytes(content, "m"); })) return;
  const std::string written = model_file::to_bytes(model, "m");
  fuzz::require(model_file::to_bytes(model_file::from_bytes(written, "m"), "m") == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view content = fuzz::text_of(data, size);
  read(content);
  fuzz::taken([&] { read(pieces_with_checksum(safetensors::read(content, "m")).joined()); });
  return 0;
}
