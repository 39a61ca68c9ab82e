// IDX files, plain or gzip: two bytes that say how long the image file is, the image file, and, where
// bytes are left, the labels.
#include <algorithm>

#include "fuzz.hpp"
#include "ztilde/dataset.hpp"

using namespace ztilde;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view content = fuzz::text_of(data + 2, size - 2);
  const std::size_t images = std::min<std::size_t>(data[0] + 256u * data[1], content.size());
  const fuzz::MemoryFile image_file(content.substr(0, images)), label_file(content.substr(images));
  fuzz::taken([&] {
    const Dataset read = read_idx(image_file.path(), images < content.size() ? label_file.path() : "");
    fuzz::require(read.bytes.size() == read.rows * read.columns);
    fuzz::require(read.targets.empty() || read.targets.size() == read.rows);
    for (const float target : read.targets)
      fuzz::require(target >= 0 && static_cast<std::size_t>(target) < read.classes.size());
  });
  return 0;
}
