// PNG files, by libpng. It leaves a function in the middle (longjmp) where it finds something wrong, so
// the functions that call it have nothing to tidy up.
#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>

#include "base/text.hpp"
#include "data/image_file.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kMessageBytes = 80;
// Sizes are checked by us; this is as large as libpng counts.
constexpr png_uint_32 kLargestSide = 0x7FFFFFFF;

// What libpng's functions hand back to ours.
struct Source {
  const char* at;
  std::size_t left;
  bool too_short = false;
  char message[kMessageBytes] = "";
};

void read(png_structp png, png_bytep out, std::size_t size) {
  auto& source = *static_cast<Source*>(png_get_io_ptr(png));
  if (size > source.left) {
    source.too_short = true;
    png_error(png, "the file ends too early");
  }
  std::memcpy(out, source.at, size);
  source.at += size;
  source.left -= size;
}

void keep_message(png_structp png, png_const_charp message) {
  auto& source = *static_cast<Source*>(png_get_error_ptr(png));
  std::strncpy(source.message, message, kMessageBytes - 1);
  png_longjmp(png, 1);
}

void ignore_warning(png_structp, png_const_charp) {}

bool read_head(png_structp png, png_infop info) {
  if (setjmp(png_jmpbuf(png))) return false;
  png_read_info(png, info);
  return true;
}

// To bytes of grey or red, green and blue, with or without alpha. Gamma and colour profiles are left aside.
bool begin_rows(png_structp png, png_infop info, int* passes) {
  if (setjmp(png_jmpbuf(png))) return false;
  png_set_expand(png);
  png_set_scale_16(png);
  *passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  return true;
}

bool read_rows(png_structp png, png_bytep pixels, std::size_t row_bytes, std::size_t height, int passes) {
  if (setjmp(png_jmpbuf(png))) return false;
  for (int pass = 0; pass < passes; ++pass) {
    for (std::size_t y = 0; y < height; ++y) png_read_row(png, pixels + y * row_bytes, nullptr);
  }
  png_read_end(png, nullptr);  // what is missing behind the pixels shows that the file was cut
  return true;
}

// libpng's two structures, for as long as they are needed.
struct Reader {
  explicit Reader(Source& source)
      : png(png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, keep_message, ignore_warning)),
        info(png == nullptr ? nullptr : png_create_info_struct(png)) {
    if (info == nullptr) return;
    png_set_read_fn(png, &source, read);
    png_set_user_limits(png, kLargestSide, kLargestSide);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
  png_structp png;
  png_infop info;
};

}  // namespace

Image decode_png(std::string_view content, const ImageBegin& begin) {
  Source source{content.data(), content.size()};
  const auto require = [&](bool done) {
    if (done) return;
    if (source.too_short) refuse_image(begin.path, "its PNG data end too early; copy or download it again");
    refuse_image(begin.path, fmt::format("its PNG data are damaged ({}); copy or download it again",
                                         printable(source.message, kMessageBytes)));
  };
  Reader reader(source);
  require(reader.info != nullptr && read_head(reader.png, reader.info));
  Image image;
  image.width = png_get_image_width(reader.png, reader.info);
  image.height = png_get_image_height(reader.png, reader.info);
  begin(image.width, image.height);
  int passes = 0;
  require(begin_rows(reader.png, reader.info, &passes));
  image.channels = png_get_channels(reader.png, reader.info);
  image.pixels.resize(image.width * image.height * image.channels);
  require(read_rows(reader.png, image.pixels.data(), image.width * image.channels, image.height, passes));
  return image;
}

}  // namespace ztilde
