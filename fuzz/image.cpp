// PNG and JPEG files, unpacked and brought to another size. An image takes the memory that its head asks
// for, and libFuzzer ends a target that takes much: heads of more than a million pixels are left aside.
#include <mutex>
#include <vector>

#include "data/image_file.hpp"
#include "data/resize.hpp"
#include "fuzz.hpp"

using namespace ztilde;

namespace {

bool asks_for_much(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMuch = 1'000'000;
  const auto number = [&](std::size_t at, std::size_t bytes) {
    std::size_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | data[at + i];
    return value;
  };
  const auto much = [&](std::size_t width, std::size_t height) {
    return width != 0 && height > kMuch / width && height <= kMostImagePixels / width;
  };
  if (size > 24 && data[0] == 0x89) return much(number(16, 4), number(20, 4));
  for (std::size_t i = 0; i + 9 <= size; ++i) {
    if (data[i] == 0xFF && data[i + 1] >> 4 == 0xC && much(number(i + 7, 2), number(i + 5, 2))) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (asks_for_much(data, size)) return 0;
  fuzz::taken([&] {
    std::mutex one;
    std::unique_lock large(one, std::defer_lock);
    const Image image = decode_image(fuzz::text_of(data, size), "input", large);
    fuzz::require(image.channels == 1 || image.channels == 3);
    fuzz::require(image.pixels.size() == image.width * image.height * image.channels);
    std::vector<std::uint8_t> resized(7 * 5 * image.channels);
    resize(image, {7, 5}, resized.data());
  });
  return 0;
}
