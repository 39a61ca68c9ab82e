// IDX files: two zero bytes, the type of an element, the number of sizes, the sizes (32 bits, the
// most significant byte first), the elements row by row.
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "base/text.hpp"
#include "ztilde/dataset.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

constexpr unsigned kUnsignedByte = 0x08;
constexpr std::size_t kMagicBytes = 4;
constexpr std::size_t kSizeBytes = 4;
constexpr std::size_t kMostSizes = 4;

struct IdxFile {
  std::string content;
  std::vector<std::size_t> sizes;

  std::string_view elements() const {
    return std::string_view(content).substr(kMagicBytes + kSizeBytes * sizes.size());
  }
};

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw Error(ErrorKind::data, fmt::format("{}: {}", shown_path(path), what));
}

unsigned byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

std::string type_name(unsigned type) {
  switch (type) {
    case 0x09:
      return "signed bytes";
    case 0x0B:
      return "16-bit integers";
    case 0x0C:
      return "32-bit integers";
    case 0x0D:
      return "32-bit floats";
    case 0x0E:
      return "64-bit floats";
    default:
      return fmt::format("elements of the unknown type 0x{:02X}", type);
  }
}

// "60,000 × 28 × 28".
std::string shape(const std::vector<std::size_t>& sizes) {
  std::string text;
  for (const std::size_t size : sizes) text += (text.empty() ? "" : " × ") + with_commas(size);
  return text;
}

// Checks that the file holds exactly the elements that its sizes promise.
void check_length(const std::string& path, const IdxFile& file) {
  const std::size_t held = file.elements().size();
  const auto complain = [&](const std::string& promised, const std::string& todo) {
    fail(path, fmt::format("promises {} and holds {}; {}", promised, counted(held, "byte"), todo));
  };
  std::size_t promised = 1;
  const bool empty = std::ranges::find(file.sizes, std::size_t{0}) != file.sizes.end();
  for (const std::size_t size : file.sizes) {
    // An overflowing product is more than any file holds, unless a zero makes it zero.
    if (!empty && promised > held / size) {
      complain(fmt::format("{} bytes", shape(file.sizes)), "copy or download it again");
    }
    promised *= empty ? 0 : size;
  }
  if (promised < held) {
    complain(file.sizes.size() > 1 ? fmt::format("{} = {} bytes", shape(file.sizes), with_commas(promised))
                                   : counted(promised, "byte"),
             "it is damaged, or its sizes are wrong");
  }
}

IdxFile read_idx_file(const std::string& path) {
  IdxFile file;
  file.content = read_file(path);
  const std::string_view content = file.content;
  if (content.empty()) fail(path, "is empty; copy or download it again");
  if (content.size() < kMagicBytes || content[0] != 0 || content[1] != 0) {
    fail(path,
         fmt::format(
             "is not an IDX file (it starts with '{}', not with two zero bytes); a table needs no labels "
             "file",
             printable(content.substr(0, kMagicBytes))));
  }
  if (byte_at(content, 2) != kUnsignedByte) {
    fail(path,
         fmt::format("holds {}; only IDX files of unsigned bytes are read", type_name(byte_at(content, 2))));
  }
  const std::size_t count = byte_at(content, 3);
  if (count < 1 || count > kMostSizes) {
    fail(path, fmt::format("has {}; IDX files of 1 to {} are read", counted(count, "dimension"), kMostSizes));
  }
  if (content.size() < kMagicBytes + kSizeBytes * count) {
    fail(path, fmt::format("ends within its header after {}; copy or download it again",
                           counted(content.size(), "byte")));
  }
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t size = 0;
    for (std::size_t j = 0; j < kSizeBytes; ++j) {
      size = size << 8 | byte_at(content, kMagicBytes + kSizeBytes * i + j);
    }
    file.sizes.push_back(size);
  }
  check_length(path, file);
  return file;
}

// Throws where both files are fine but stand in each other's place, or one is given twice.
void check_roles(const std::string& images_path, const IdxFile& images, const std::string& labels_path,
                 const std::optional<IdxFile>& labels) {
  const bool images_are_labels = images.sizes.size() == 1;
  const bool labels_are_images = labels && labels->sizes.size() > 1;
  if (images_are_labels && labels_are_images) {
    fail(images_path, fmt::format("holds labels, and {} holds images ({}); give them the other way round",
                                  shown_path(labels_path), shape(labels->sizes)));
  }
  if (images_are_labels) {
    fail(images_path,
         fmt::format("holds labels ({}), not images; name the images file", shape(images.sizes)));
  }
  if (labels_are_images) {
    fail(labels_path,
         fmt::format("holds images ({}), not labels; name the labels file", shape(labels->sizes)));
  }
}

void add_labels(Dataset& data, const std::string& images_path, const std::string& labels_path,
                const IdxFile& labels) {
  const std::string_view elements = labels.elements();
  if (elements.size() != data.rows) {
    fail(labels_path, fmt::format("holds {}, and {} holds {}; name the two files of one set",
                                  counted(elements.size(), "label"), shown_path(images_path),
                                  counted(data.rows, "image")));
  }
  data.targets.reserve(data.rows);
  for (std::size_t r = 0; r < data.rows; ++r)
    data.targets.push_back(static_cast<float>(byte_at(elements, r)));
  const auto [smallest, largest] = std::ranges::minmax_element(data.targets);
  if (*smallest == *largest) {
    fail(labels_path, fmt::format("every label is {}; classification needs at least two classes", *smallest));
  }
  for (int label = 0; label <= static_cast<int>(*largest); ++label)
    data.classes.push_back(std::to_string(label));
  data.target_name = "label";
}

// Which of the two orders a file of four dimensions has.
bool channels_come_first(const std::string& path, const std::vector<std::size_t>& sizes, ImageLayout layout) {
  if (layout != ImageLayout::automatic) return layout == ImageLayout::channels_first;
  const bool last = sizes[3] == 1 || sizes[3] == 3 || sizes[3] == 4;
  const bool first = sizes[1] == 1 || sizes[1] == 3;
  if (last != first) return first;
  fail(path,
       fmt::format("which of its {} counts the channels is not plain; say --image-layout nhwc for the last, "
                   "nchw for the second",
                   shape(sizes)));
}

// [rows, channels, pixels] to [rows, pixels, channels].
std::vector<std::uint8_t> with_channels_last(std::string_view elements, std::size_t channels,
                                             std::size_t pixels) {
  std::vector<std::uint8_t> bytes(elements.size());
  const std::size_t image = channels * pixels;
  for (std::size_t begin = 0; begin < elements.size(); begin += image) {
    for (std::size_t c = 0; c < channels; ++c) {
      for (std::size_t i = 0; i < pixels; ++i)
        bytes[begin + i * channels + c] = static_cast<std::uint8_t>(elements[begin + c * pixels + i]);
    }
  }
  return bytes;
}

}  // namespace

Dataset read_idx(const std::string& images_path, const std::string& labels_path, ImageLayout layout) {
  const IdxFile images = read_idx_file(images_path);
  std::optional<IdxFile> labels;
  if (!labels_path.empty()) labels = read_idx_file(labels_path);
  check_roles(images_path, images, labels_path, labels);
  if (images.sizes[0] == 0) fail(images_path, "holds no image; give data with rows");
  const std::string_view elements = images.elements();
  if (elements.empty())
    fail(images_path,
         fmt::format("holds images without pixels ({}); name another file", shape(images.sizes)));

  Dataset data;
  data.rows = images.sizes[0];
  data.columns = elements.size() / data.rows;
  data.task = Task::classify;
  if (images.sizes.size() == 3) {
    data.image_height = images.sizes[1];
    data.image_width = images.sizes[2];
  }
  if (labels) add_labels(data, images_path, labels_path, *labels);
  if (images.sizes.size() == 4) {
    const bool first = channels_come_first(images_path, images.sizes, layout);
    data.image_height = images.sizes[first ? 2 : 1];
    data.image_width = images.sizes[first ? 3 : 2];
    if (first) {
      data.bytes = with_channels_last(elements, images.sizes[1], data.image_height * data.image_width);
      return data;
    }
  }
  data.bytes.assign(elements.begin(), elements.end());
  return data;
}

}  // namespace ztilde
