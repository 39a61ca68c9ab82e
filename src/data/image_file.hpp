// One image file, PNG or JPEG, unpacked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace ztilde {

// Bytes [height, width, channels]; channels is 1 where every pixel is grey, however the file says it, else 3.
struct Image {
  std::size_t width = 0, height = 0, channels = 0;
  std::vector<std::uint8_t> pixels;
};

// Unpacks what a file called `path` holds. Transparent pixels are put over black, 16 bits become 8.
// Locks `large`, which nobody has locked, before the image takes much memory: whoever holds it keeps it
// until the image is gone. Throws Error(data).
Image decode_image(std::string_view content, const std::string& path, std::unique_lock<std::mutex>& large);

// The two decoders of decode_image. They call `begin` with an image's size before they take memory for
// its pixels; channels may be 2 and 4 here, with alpha. They throw Error(data).
struct ImageBegin {
  const std::string& path;
  std::unique_lock<std::mutex>& large;
  void operator()(std::size_t width, std::size_t height) const;
};
Image decode_png(std::string_view content, const ImageBegin& begin);
Image decode_jpeg(std::string_view content, const ImageBegin& begin);

[[noreturn]] void refuse_image(const std::string& path, const std::string& what);

}  // namespace ztilde
