#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/test_support.hpp"
#include "ztilde/dataset.hpp"

namespace ztilde {
namespace {

std::string header(const std::vector<std::uint32_t>& sizes, char type = 8) {
  std::string text = {0, 0, type, static_cast<char>(sizes.size())};
  for (const std::uint32_t size : sizes) {
    for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(size >> shift);
  }
  return text;
}

const std::string kImages = header({3, 2, 2}) + "abcdefghijkl";
const std::string kLabels = header({3}) + std::string("\x02\x00\x01", 3);

TEST(Idx, reads_images_as_rows_of_pixels_and_labels_as_classes) {
  const TemporaryFolder folder;
  const Dataset data = read_idx(folder.write("images", kImages), folder.write("labels", kLabels));
  EXPECT_EQ(data.rows, 3u);
  EXPECT_EQ(data.columns, 4u);
  EXPECT_EQ(std::string(data.bytes.begin(), data.bytes.end()), "abcdefghijkl");
  EXPECT_TRUE(data.is_bytes());
  EXPECT_TRUE(data.floats.empty());
  EXPECT_TRUE(data.column_names.empty());
  EXPECT_EQ(data.task, Task::classify);
  EXPECT_EQ(data.targets, (std::vector<float>{2, 0, 1}));
  EXPECT_EQ(data.classes, (std::vector<std::string>{"0", "1", "2"}));
}

TEST(Idx, reads_images_without_labels_and_of_two_or_four_dimensions) {
  const TemporaryFolder folder;
  const Dataset flat = read_idx(folder.write("images", header({2, 5}) + "abcdefghij"), "");
  EXPECT_EQ(flat.rows, 2u);
  EXPECT_EQ(flat.columns, 5u);
  EXPECT_TRUE(flat.targets.empty());
  EXPECT_TRUE(flat.classes.empty());
  const Dataset colour = read_idx(folder.write("images", header({1, 2, 2, 3}) + "abcdefghijkl"), "");
  EXPECT_EQ(colour.rows, 1u);
  EXPECT_EQ(colour.columns, 12u);
}

TEST(Idx, of_four_dimensions_has_its_channels_last) {
  const TemporaryFolder folder;
  const std::string pixels = "abcdefghijklmnopqrstuvwx";
  const auto read = [&](const std::vector<std::uint32_t>& sizes,
                        ImageLayout layout = ImageLayout::automatic) {
    return read_idx(folder.write("images", header(sizes) + pixels), "", layout);
  };
  const auto text = [](const Dataset& data) { return std::string(data.bytes.begin(), data.bytes.end()); };
  const Dataset last = read({2, 2, 2, 3});
  EXPECT_EQ(text(last), pixels);
  EXPECT_EQ(last.image_height, 2u);
  EXPECT_EQ(last.image_width, 2u);
  EXPECT_EQ(last.image_channels(), 3u);
  const Dataset first = read({2, 3, 2, 2});
  EXPECT_EQ(text(first), "aeibfjcgkdhlmqunrvoswptx");
  EXPECT_EQ(first.image_height, 2u);
  EXPECT_EQ(first.image_width, 2u);
  EXPECT_EQ(first.image_channels(), 3u);
  const Dataset grey = read({2, 1, 2, 6});
  EXPECT_EQ(text(grey), pixels);
  EXPECT_EQ(grey.image_height, 2u);
  EXPECT_EQ(grey.image_width, 6u);
  EXPECT_EQ(read({2, 2, 6, 1}).image_width, 6u);
  EXPECT_EQ(read({1, 3, 2, 4}, ImageLayout::channels_first).image_width, 4u);
  EXPECT_EQ(read({1, 3, 2, 4}, ImageLayout::channels_last).image_channels(), 4u);
  EXPECT_EQ(read({1, 2, 6, 2}, ImageLayout::channels_first).image_channels(), 2u);
  EXPECT_EQ(
      failure(folder,
              [&] {
                read({1, 3, 2, 4});
              }),
      "data: images: which of its 1 × 3 × 2 × 4 counts the channels is not plain; say --image-layout nhwc "
      "for the last, nchw for the second");
  EXPECT_EQ(
      failure(folder,
              [&] {
                read({1, 2, 6, 2});
              }),
      "data: images: which of its 1 × 2 × 6 × 2 counts the channels is not plain; say --image-layout nhwc "
      "for the last, nchw for the second");
}

TEST(Idx, reads_gzip_files) {
  const TemporaryFolder folder;
  const gzFile file = ::gzopen((folder / "images.gz").c_str(), "wb");
  ASSERT_EQ(::gzwrite(file, kImages.data(), static_cast<unsigned>(kImages.size())),
            static_cast<int>(kImages.size()));
  ::gzclose(file);
  EXPECT_EQ(read_idx(folder / "images.gz", "").rows, 3u);
}

TEST(Idx, refuses_files_that_are_not_what_they_should_be) {
  const std::string huge = header({0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF});
  struct Case {
    std::string images, labels, message;
  };
  const Case cases[] = {
      {"", "", "data: images: is empty; copy or download it again"},
      {"a,b\n1,2\n", "",
       "data: images: is not an IDX file (it starts with 'a,b\\n', not with two zero bytes); a table needs "
       "no labels "
       "file"},
      {std::string(3, '\0'), "",
       "data: images: is not an IDX file (it starts with '\\x00\\x00\\x00', not with two zero bytes); a "
       "table needs "
       "no labels file"},
      {header({1, 1}, 0x0D) + "abcd", "",
       "data: images: holds 32-bit floats; only IDX files of unsigned bytes are read"},
      {header({1, 1}, 0x77) + "a", "",
       "data: images: holds elements of the unknown type 0x77; only IDX files of unsigned bytes are read"},
      {header({}), "", "data: images: has 0 dimensions; IDX files of 1 to 4 are read"},
      {header({1, 1, 1, 1, 1}) + "a", "", "data: images: has 5 dimensions; IDX files of 1 to 4 are read"},
      {header({1, 1}).substr(0, 9), "",
       "data: images: ends within its header after 9 bytes; copy or download it again"},
      {kImages.substr(0, kImages.size() - 1), "",
       "data: images: promises 3 × 2 × 2 bytes and holds 11 bytes; copy or download it again"},
      {huge + "a", "",
       "data: images: promises 4,294,967,295 × 4,294,967,295 × 4,294,967,295 × 4,294,967,295 bytes and holds "
       "1 byte; "
       "copy or download it again"},
      {header({65536, 65536, 65536, 65536}), "",
       "data: images: promises 65,536 × 65,536 × 65,536 × 65,536 bytes and holds 0 bytes; copy or download "
       "it again"},
      {kImages + "m", "",
       "data: images: promises 3 × 2 × 2 = 12 bytes and holds 13 bytes; it is damaged, or its sizes are "
       "wrong"},
      {header({0, 28, 28}), "", "data: images: holds no image; give data with rows"},
      {header({3, 0, 28}), "", "data: images: holds images without pixels (3 × 0 × 28); name another file"},
      {header({0xFFFFFFFF, 0, 0xFFFFFFFF}) + "a", "",
       "data: images: promises 4,294,967,295 × 0 × 4,294,967,295 = 0 bytes and holds 1 byte; it is damaged, "
       "or its "
       "sizes are wrong"},
      {kLabels, "", "data: images: holds labels (3), not images; name the images file"},
      {kLabels, kImages,
       "data: images: holds labels, and labels holds images (3 × 2 × 2); give them the other way round"},
      {kLabels, kLabels, "data: images: holds labels (3), not images; name the images file"},
      {kImages, kImages, "data: labels: holds images (3 × 2 × 2), not labels; name the labels file"},
      {kImages, kLabels + "\x01",
       "data: labels: promises 3 bytes and holds 4 bytes; it is damaged, or its sizes are wrong"},
      {kImages, header({2}) + "ab",
       "data: labels: holds 2 labels, and images holds 3 images; name the two files of one set"},
      {kImages, header({3}) + "\x07\x07\x07",
       "data: labels: every label is 7; classification needs at least two classes"},
  };
  for (const Case& c : cases) {
    const TemporaryFolder folder;
    const std::string images = folder.write("images", c.images);
    const std::string labels = c.labels.empty() ? "" : folder.write("labels", c.labels);
    EXPECT_EQ(failure(folder, [&] { read_idx(images, labels); }), c.message);
  }
  const TemporaryFolder folder;
  EXPECT_EQ(failure(folder, [&] { read_idx(folder / "absent", ""); }),
            "io: absent: no such file; check the name");
}

}  // namespace
}  // namespace ztilde
