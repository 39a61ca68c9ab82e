// Tests write their PNG and JPEG files with the libraries' own writers.
#pragma once

#include <png.h>

#include <cstdio>
// This wants <cstdio> before it.
#include <jpeglib.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

namespace ztilde {

using Bytes = std::vector<std::uint8_t>;

struct PngKind {
  int type = PNG_COLOR_TYPE_GRAY;
  int depth = 8;
  bool interlaced = false;
  // Called before the head is written: palettes, transparency, chunks nobody needs.
  std::function<void(png_structp, png_infop)> more = {};
};

// rows: as PNG lays them out, [height, bytes of a row].
inline std::string png_file(std::size_t width, std::size_t height, Bytes rows, const PngKind& kind = {}) {
  std::string file;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &file,
      [](png_structp writer, png_bytep data, std::size_t size) {
        static_cast<std::string*>(png_get_io_ptr(writer))->append(reinterpret_cast<char*>(data), size);
      },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), kind.depth,
               kind.type, kind.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (kind.more) kind.more(png, info);
  png_write_info(png, info);
  std::vector<png_bytep> pointers;
  for (std::size_t y = 0; y < height; ++y) pointers.push_back(rows.data() + y * (rows.size() / height));
  png_write_image(png, pointers.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return file;
}

struct JpegKind {
  J_COLOR_SPACE space = JCS_RGB;  // of the pixels given
  int quality = 100;
  bool progressive = false;
};

// pixels: [height, width, channels]. Colours are kept at full resolution.
inline std::string jpeg_file(std::size_t width, std::size_t height, int channels, Bytes pixels,
                             const JpegKind& kind = {}) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &data, &size);
  info.image_width = static_cast<JDIMENSION>(width);
  info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = channels;
  info.in_color_space = kind.space;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, kind.quality, TRUE);
  for (int c = 0; c < info.num_components; ++c)
    info.comp_info[c].h_samp_factor = info.comp_info[c].v_samp_factor = 1;
  if (kind.progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  for (std::size_t y = 0; y < height; ++y) {
    JSAMPROW row = pixels.data() + y * width * static_cast<std::size_t>(channels);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::string file(reinterpret_cast<char*>(data), size);
  std::free(data);
  return file;
}

// A number for every pixel and channel that is unlike its neighbours.
inline Bytes pattern(std::size_t count, unsigned seed = 0) {
  Bytes bytes;
  for (std::size_t i = 0; i < count; ++i)
    bytes.push_back(static_cast<std::uint8_t>((i * 37 + seed * 101 + i * i) % 251));
  return bytes;
}

}  // namespace ztilde
