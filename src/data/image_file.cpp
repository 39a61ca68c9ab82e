#include "data/image_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/files.hpp"
#include "base/text.hpp"
#include "ztilde/dataset.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

// Above so many pixels images are unpacked one at a time.
constexpr std::size_t kLargePixels = std::size_t{1} << 22;

constexpr std::string_view kPngStart = "\x89PNG\r\n\x1A\n";
constexpr std::string_view kJpegStart = "\xFF\xD8\xFF";

// How other files begin, at this place.
struct Start {
  std::size_t at;
  std::string_view bytes, name;
};
constexpr std::array kOthers = {
    Start{0, "GIF8", "a GIF image"},        Start{0, "BM", "a BMP image"},
    Start{8, "WEBP", "a WebP image"},       Start{0, {"II*\0", 4}, "a TIFF image"},
    Start{0, {"MM\0*", 4}, "a TIFF image"}, Start{4, "ftypavif", "an AVIF image"},
    Start{4, "ftyphei", "a HEIF image"},    Start{0, "<svg", "an SVG image"},
    Start{0, "P5", "a PGM image"},          Start{0, "P6", "a PPM image"},
};

[[noreturn]] void refuse_other(std::string_view content, const std::string& path) {
  if (content.empty())
    refuse_image(path, "is empty; copy or download it again, or take it out of the folder");
  for (const Start& other : kOthers) {
    if (content.substr(std::min(other.at, content.size())).starts_with(other.bytes)) {
      refuse_image(path, fmt::format("is {}, and only PNG and JPEG are read; convert it", other.name));
    }
  }
  constexpr std::size_t kShown = 8;
  refuse_image(path, fmt::format("is no PNG or JPEG image (it starts with '{}'); take it out of the folder",
                                 printable(content.substr(0, kShown))));
}

// v of alpha parts in 255, over black.
std::uint8_t over_black(unsigned v, unsigned alpha) {
  return static_cast<std::uint8_t>((v * alpha + 127) / 255);
}

void take_alpha_out(Image& image) {
  if (image.channels != 2 && image.channels != 4) return;
  const std::size_t colours = image.channels - 1, pixels = image.width * image.height;
  for (std::size_t i = 0; i < pixels; ++i) {
    const std::uint8_t* from = image.pixels.data() + i * image.channels;
    const unsigned alpha = from[colours];
    for (std::size_t c = 0; c < colours; ++c) image.pixels[i * colours + c] = over_black(from[c], alpha);
  }
  image.channels = colours;
  image.pixels.resize(pixels * colours);
}

void take_needless_colour_out(Image& image) {
  if (image.channels != 3) return;
  const std::size_t pixels = image.width * image.height;
  const std::uint8_t* from = image.pixels.data();
  for (std::size_t i = 0; i < pixels; ++i) {
    if (from[3 * i] != from[3 * i + 1] || from[3 * i] != from[3 * i + 2]) return;
  }
  for (std::size_t i = 0; i < pixels; ++i) image.pixels[i] = from[3 * i];
  image.channels = 1;
  image.pixels.resize(pixels);
}

}  // namespace

void refuse_image(const std::string& path, const std::string& what) {
  throw Error(ErrorKind::data, fmt::format("{}: {}", shown_path(path), what));
}

void ImageBegin::operator()(std::size_t width, std::size_t height) const {
  if (width == 0 || height == 0) refuse_image(path, "is an image without pixels; take it out of the folder");
  if (height > kMostImagePixels / width) {
    refuse_image(path, fmt::format("is an image of {} × {} pixels, and images up to {} pixels are read; make "
                                   "it smaller",
                                   with_commas(width), with_commas(height), with_commas(kMostImagePixels)));
  }
  if (width * height > kLargePixels) large.lock();
}

Image decode_image(std::string_view content, const std::string& path, std::unique_lock<std::mutex>& large) {
  const ImageBegin begin{path, large};
  Image image;
  if (content.starts_with(kPngStart)) {
    image = decode_png(content, begin);
  } else if (content.starts_with(kJpegStart)) {
    image = decode_jpeg(content, begin);
  } else {
    refuse_other(content, path);
  }
  take_alpha_out(image);
  take_needless_colour_out(image);
  return image;
}

}  // namespace ztilde
