// JPEG files, by libjpeg. It leaves a function in the middle (longjmp) where it finds something wrong, so
// the functions that call it have nothing to tidy up.
#include <fmt/format.h>

#include <csetjmp>
#include <cstdio>
// These want <cstdio> before them.
#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>

#include "base/text.hpp"
#include "data/image_file.hpp"

namespace ztilde {
namespace {

// Of a progressive file; each scan is a pass over all pixels, and files with many take hours on purpose.
constexpr int kMostScans = 200;

struct Decoder {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  std::jmp_buf jump;
  bool too_short = false;
  char message[JMSG_LENGTH_MAX] = "";
};

Decoder& decoder_of(j_common_ptr info) { return *static_cast<Decoder*>(info->client_data); }

void leave(j_common_ptr info) {
  Decoder& decoder = decoder_of(info);
  info->err->format_message(info, decoder.message);
  std::longjmp(decoder.jump, 1);
}

// libjpeg goes on with grey where data are missing; here that is an error.
void leave_where_damaged(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA:  // bytes between two segments, which some cameras leave
    case JWRN_JFIF_MAJOR:
    case JWRN_ADOBE_XFORM:
      return;
    case JWRN_JPEG_EOF:
      decoder_of(info).too_short = true;
  }
  leave(info);
}

void leave_after_many_scans(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= kMostScans) return;
  Decoder& decoder = decoder_of(info);
  std::snprintf(decoder.message, sizeof decoder.message, "more than %d scans", kMostScans);
  std::longjmp(decoder.jump, 1);
}

bool read_head(Decoder& decoder, const unsigned char* data, unsigned long size) {
  if (setjmp(decoder.jump)) return false;
  jpeg_create_decompress(&decoder.info);
  jpeg_mem_src(&decoder.info, data, size);
  jpeg_read_header(&decoder.info, TRUE);
  return true;
}

bool read_rows(Decoder& decoder, unsigned char* pixels, std::size_t row_bytes) {
  if (setjmp(decoder.jump)) return false;
  jpeg_start_decompress(&decoder.info);
  while (decoder.info.output_scanline < decoder.info.output_height) {
    JSAMPROW row = pixels + decoder.info.output_scanline * row_bytes;
    jpeg_read_scanlines(&decoder.info, &row, 1);
  }
  jpeg_finish_decompress(&decoder.info);
  return true;
}

// jpeg_create_decompress clears the structure, but for these.
void prepare(Decoder& decoder) {
  decoder.info = {};
  decoder.info.err = jpeg_std_error(&decoder.errors);
  decoder.errors.error_exit = leave;
  decoder.errors.emit_message = leave_where_damaged;
  decoder.info.client_data = &decoder;
}

struct Destroy {
  Decoder& decoder;
  ~Destroy() { jpeg_destroy_decompress(&decoder.info); }
};

}  // namespace

Image decode_jpeg(std::string_view content, const ImageBegin& begin) {
  Decoder decoder;
  prepare(decoder);
  const Destroy destroy{decoder};
  const auto require = [&](bool done) {
    if (done) return;
    if (decoder.too_short) refuse_image(begin.path, "its JPEG data end too early; copy or download it again");
    refuse_image(begin.path, fmt::format("its JPEG data cannot be read ({}); copy or download it again, or "
                                         "save it as PNG",
                                         printable(decoder.message, JMSG_LENGTH_MAX)));
  };
  require(read_head(decoder, reinterpret_cast<const unsigned char*>(content.data()), content.size()));
  jpeg_decompress_struct& info = decoder.info;
  if (info.num_components != 1 && info.num_components != 3) {
    refuse_image(begin.path, info.num_components == 4
                                 ? "is a CMYK image, as for printing; save it in RGB"
                                 : fmt::format("has {}; save it in grey or RGB",
                                               counted(static_cast<std::uint64_t>(info.num_components),
                                                       "colour channel")));
  }
  info.out_color_space = info.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  decoder.progress = {};
  decoder.progress.progress_monitor = leave_after_many_scans;
  info.progress = &decoder.progress;
  Image image;
  image.width = info.image_width;
  image.height = info.image_height;
  image.channels = static_cast<std::size_t>(info.num_components);
  begin(image.width, image.height);
  image.pixels.resize(image.width * image.height * image.channels);
  require(read_rows(decoder, image.pixels.data(), image.width * image.channels));
  return image;
}

}  // namespace ztilde
