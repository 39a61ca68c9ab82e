// Packed files, whose checksums keep most bytes out: a first byte says whether they are mended.
#include "ztilde/pack.hpp"

#include <cstring>

#include "data/pack_header.hpp"
#include "fuzz.hpp"

using namespace ztilde;

namespace {

// The header's and the first page's checksums made right, so that what they say is read.
std::string mended(std::string content) {
  using namespace pack_file;
  if (content.size() < kPage) return content;
  std::uint64_t place[2];
  std::memcpy(place, content.data() + 16, sizeof place);
  if (place[0] < kPage || place[0] > content.size()) return content;
  const std::string first = first_page(place[0], std::string_view(content).substr(place[0]));
  return first + content.substr(kPage);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  std::string content(fuzz::text_of(data + 1, size - 1));
  if (data[0] % 2 == 1) content = mended(std::move(content));
  const fuzz::MemoryFile file(content);
  fuzz::taken([&] {
    const Dataset read = read_packed(file.path());
    fuzz::require(read.is_bytes() ? read.bytes.size() == read.rows * read.columns
                                  : read.floats.size() == read.rows * read.columns);
    fuzz::require(read.targets.empty() || read.targets.size() == read.rows);
    fuzz::require(read.weights.empty() || read.weights.size() == read.rows);
    check_packed(file.path());
  });
  return 0;
}
