// What the decoders make of every kind of PNG and JPEG, and what they refuse.
#include "data/image_file.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "base/test_support.hpp"
#include "data/image_test_support.hpp"

namespace ztilde {
namespace {

Image decoded(const std::string& content) {
  std::mutex one;
  std::unique_lock large(one, std::defer_lock);
  return decode_image(content, "f", large);
}

std::string complaint(const std::string& content) {
  static const TemporaryFolder folder;  // for `failure`; nothing lies in it
  return failure(folder, [&] { decoded(content); });
}

TEST(Png, gives_back_grey_and_coloured_bytes) {
  const Image grey = decoded(png_file(5, 3, pattern(15)));
  EXPECT_EQ(grey.width, 5u);
  EXPECT_EQ(grey.height, 3u);
  EXPECT_EQ(grey.channels, 1u);
  EXPECT_EQ(grey.pixels, pattern(15));
  const Image colour = decoded(png_file(5, 3, pattern(45), {.type = PNG_COLOR_TYPE_RGB}));
  EXPECT_EQ(colour.channels, 3u);
  EXPECT_EQ(colour.pixels, pattern(45));
}

TEST(Png, may_be_interlaced) {
  EXPECT_EQ(decoded(png_file(13, 11, pattern(143), {.interlaced = true})).pixels, pattern(143));
  EXPECT_EQ(decoded(png_file(9, 10, pattern(270), {.type = PNG_COLOR_TYPE_RGB, .interlaced = true})).pixels,
            pattern(270));
}

TEST(Png, of_16_bits_is_rounded_to_the_nearest_of_8) {
  Bytes rows, expected;
  for (unsigned v = 0; v < 65536; v += 257 / 2) {
    rows.push_back(static_cast<std::uint8_t>(v >> 8));
    rows.push_back(static_cast<std::uint8_t>(v & 255));
    expected.push_back(static_cast<std::uint8_t>(std::lround(v * 255.0 / 65535.0)));
  }
  EXPECT_EQ(decoded(png_file(expected.size(), 1, rows, {.depth = 16})).pixels, expected);
}

TEST(Png, of_few_bits_spans_black_to_white) {
  // 0, 1, 2, 3 of two bits.
  EXPECT_EQ(decoded(png_file(4, 1, {0b00011011}, {.depth = 2})).pixels, (Bytes{0, 85, 170, 255}));
  EXPECT_EQ(decoded(png_file(3, 1, {0b10100000}, {.depth = 1})).pixels, (Bytes{255, 0, 255}));
  EXPECT_EQ(decoded(png_file(2, 1, {0x1F}, {.depth = 4})).pixels, (Bytes{17, 255}));
}

PngKind with_palette(const std::array<png_color, 3>& colours, const std::vector<png_byte>& alpha = {}) {
  return {.type = PNG_COLOR_TYPE_PALETTE, .more = [colours, alpha](png_structp png, png_infop info) {
            png_set_PLTE(png, info, colours.data(), 3);
            if (!alpha.empty())
              png_set_tRNS(png, info, alpha.data(), static_cast<int>(alpha.size()), nullptr);
          }};
}

TEST(Png, with_a_palette_has_its_colours) {
  const Image image = decoded(png_file(3, 1, {2, 0, 1}, with_palette({{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}})));
  EXPECT_EQ(image.channels, 3u);
  EXPECT_EQ(image.pixels, (Bytes{7, 8, 9, 1, 2, 3, 4, 5, 6}));
}

TEST(Png, whose_colours_are_all_grey_is_grey) {
  const Image palette = decoded(png_file(3, 1, {2, 0, 1}, with_palette({{{1, 1, 1}, {4, 4, 4}, {7, 7, 7}}})));
  EXPECT_EQ(palette.channels, 1u);
  EXPECT_EQ(palette.pixels, (Bytes{7, 1, 4}));
  EXPECT_EQ(decoded(png_file(2, 1, {5, 5, 5, 9, 9, 9}, {.type = PNG_COLOR_TYPE_RGB})).pixels, (Bytes{5, 9}));
  EXPECT_EQ(decoded(png_file(2, 1, {5, 5, 5, 9, 9, 8}, {.type = PNG_COLOR_TYPE_RGB})).channels, 3u);
}

TEST(Png, is_put_over_black_where_it_is_transparent) {
  const Image rgba = decoded(png_file(3, 1, {200, 100, 50, 255, 200, 100, 50, 0, 200, 100, 50, 128},
                                      {.type = PNG_COLOR_TYPE_RGB_ALPHA}));
  EXPECT_EQ(rgba.channels, 3u);
  EXPECT_EQ(rgba.pixels, (Bytes{200, 100, 50, 0, 0, 0, 100, 50, 25}));
  EXPECT_EQ(decoded(png_file(2, 1, {90, 255, 90, 51}, {.type = PNG_COLOR_TYPE_GRAY_ALPHA})).pixels,
            (Bytes{90, 18}));
  EXPECT_EQ(
      decoded(png_file(3, 1, {0, 1, 2}, with_palette({{{9, 9, 9}, {8, 8, 8}, {7, 7, 7}}}, {0, 255}))).pixels,
      (Bytes{0, 8, 7}));
}

TEST(Jpeg, of_quality_100_is_within_a_few_steps_of_what_was_written) {
  for (const bool progressive : {false, true}) {
    Bytes smooth;
    for (int y = 0; y < 20; ++y) {
      for (int x = 0; x < 30; ++x) {
        for (const int v : {x * 8, y * 12, 255 - x * 4 - y * 4})
          smooth.push_back(static_cast<std::uint8_t>(v));
      }
    }
    const Image image = decoded(jpeg_file(30, 20, 3, smooth, {.progressive = progressive}));
    EXPECT_EQ(image.width, 30u);
    EXPECT_EQ(image.height, 20u);
    ASSERT_EQ(image.channels, 3u);
    ASSERT_EQ(image.pixels.size(), smooth.size());
    int worst = 0;
    for (std::size_t i = 0; i < smooth.size(); ++i)
      worst = std::max(worst, std::abs(image.pixels[i] - smooth[i]));
    // Each of the conversion to YCbCr, the quantisation by 1 and the way back rounds, in all below 3.
    EXPECT_LE(worst, 3);
  }
}

TEST(Jpeg, in_grey_is_grey) {
  const Image image = decoded(jpeg_file(16, 8, 1, Bytes(128, 77), {.space = JCS_GRAYSCALE}));
  EXPECT_EQ(image.channels, 1u);
  EXPECT_EQ(image.pixels, Bytes(128, 77));
}

TEST(Jpeg, in_cmyk_is_refused_by_name) {
  EXPECT_EQ(complaint(jpeg_file(8, 8, 4, Bytes(256, 77), {.space = JCS_CMYK})),
            "data: f: is a CMYK image, as for printing; save it in RGB");
}

TEST(ImageFile, cut_anywhere_is_refused_in_one_line) {
  const std::string files[] = {png_file(9, 9, pattern(81)), jpeg_file(24, 24, 3, pattern(24 * 24 * 3)),
                               jpeg_file(24, 24, 3, pattern(24 * 24 * 3), {.progressive = true})};
  for (const std::string& file : files) {
    ASSERT_EQ(complaint(file), "no error");
    // The last bytes of a JPEG say no more than that it ends.
    for (std::size_t size = 0; size + 3 < file.size(); ++size) {
      const std::string said = complaint(file.substr(0, size));
      EXPECT_TRUE(said.starts_with("data: f: ")) << size << ": " << said;
      EXPECT_NE(said.find(';'), said.npos) << size << ": " << said;
      EXPECT_EQ(said.find('\n'), said.npos);
    }
  }
  EXPECT_EQ(complaint(files[0].substr(0, 40)),
            "data: f: its PNG data end too early; copy or download it again");
  EXPECT_EQ(complaint(files[1].substr(0, files[1].size() / 2)),
            "data: f: its JPEG data end too early; copy or download it again");
}

TEST(ImageFile, that_is_damaged_is_refused) {
  std::string png = png_file(40, 40, pattern(1600));
  png[png.size() / 2] ^= 1;
  const std::string said = complaint(png);
  EXPECT_TRUE(said.starts_with("data: f: its PNG data are damaged (")) << said;
  EXPECT_TRUE(said.ends_with("); copy or download it again")) << said;
}

TEST(ImageFile, of_another_kind_is_refused_by_its_name) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "data: f: is empty; copy or download it again, or take it out of the folder"},
      {"GIF89a...", "data: f: is a GIF image, and only PNG and JPEG are read; convert it"},
      {"BM......", "data: f: is a BMP image, and only PNG and JPEG are read; convert it"},
      {"RIFF....WEBPVP8 ", "data: f: is a WebP image, and only PNG and JPEG are read; convert it"},
      {std::string("II*\0....", 8), "data: f: is a TIFF image, and only PNG and JPEG are read; convert it"},
      {std::string("\0\0\0\x1c"
                   "ftypheic",
                   12),
       "data: f: is a HEIF image, and only PNG and JPEG are read; convert it"},
      {"cats,dogs\n1,2\n",
       "data: f: is no PNG or JPEG image (it starts with 'cats,dog'); take it out of the folder"},
  };
  for (const auto& [content, message] : cases) EXPECT_EQ(complaint(content), message);
}

// The checksum that PNG puts behind each chunk.
void seal(std::string& png, std::size_t chunk, std::size_t size) {
  unsigned long crc = ::crc32(0, reinterpret_cast<const unsigned char*>(png.data()) + chunk + 4,
                              static_cast<unsigned>(size + 4));
  for (std::size_t i = 0; i < 4; ++i) png[chunk + 8 + size + i] = static_cast<char>(crc >> (24 - 8 * i));
}

TEST(ImageFile, that_unpacks_to_more_than_it_may_is_refused_by_its_size) {
  // 100,000 × 100,000 pixels as the head says it.
  std::string png = png_file(1, 1, {0});
  for (const std::size_t at : {16u, 20u}) png.replace(at, 4, std::string("\0\x01\x86\xA0", 4));
  seal(png, 8, 13);
  EXPECT_EQ(complaint(png),
            "data: f: is an image of 100,000 × 100,000 pixels, and images up to 100,000,000 pixels are read; "
            "make it smaller");
  std::string jpeg = jpeg_file(8, 8, 3, Bytes(192, 5));
  const std::size_t frame = jpeg.find("\xFF\xC0");
  ASSERT_NE(frame, jpeg.npos);
  jpeg.replace(frame + 5, 4, "\xFF\x00\xFF\x00", 4);
  EXPECT_EQ(complaint(jpeg),
            "data: f: is an image of 65,280 × 65,280 pixels, and images up to 100,000,000 pixels are read; "
            "make it smaller");
}

TEST(ImageFile, that_is_large_is_unpacked_while_no_other_is) {
  std::mutex one;
  std::unique_lock large(one, std::defer_lock);
  const Image image = decode_image(png_file(2100, 2000, Bytes(2100 * 2000, 3)), "f", large);
  EXPECT_TRUE(large.owns_lock());
  EXPECT_EQ(image.pixels, Bytes(2100 * 2000, 3));
}

}  // namespace
}  // namespace ztilde
