// Reading packed files: every byte is checked against its checksum before it is used.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <span>

#include "base/files.hpp"
#include "base/memory.hpp"
#include "base/text.hpp"
#include "data/pack_header.hpp"
#include "ztilde/pack.hpp"

namespace ztilde {
namespace pack_file {
namespace {

constexpr std::size_t kMostHeader = std::size_t{1} << 30;
constexpr std::size_t kReadAtOnce = std::size_t{1} << 24;

// An open file that must stay as it is.
class SteadyFile {
 public:
  explicit SteadyFile(const std::string& path) : path_(path) {
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor_ < 0 || ::fstat(descriptor_, &opened_) != 0) {
      const int problem = errno;
      if (descriptor_ >= 0) ::close(descriptor_);
      fail(path, fmt::format("cannot be read ({})", std::strerror(problem)), ErrorKind::io);
    }
    if (!S_ISREG(opened_.st_mode)) {
      ::close(descriptor_);
      fail(path, "is not a packed file; name one that ztilde pack wrote");
    }
  }
  SteadyFile(const SteadyFile&) = delete;
  SteadyFile& operator=(const SteadyFile&) = delete;
  ~SteadyFile() { ::close(descriptor_); }

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return static_cast<std::uint64_t>(opened_.st_size); }

  // `what`: what is read, as a message calls it.
  void read(void* out, std::size_t bytes, std::uint64_t offset, const std::string& what) const {
    auto* at = static_cast<char*>(out);
    while (bytes > 0) {
      const ssize_t count = ::pread(descriptor_, at, bytes, static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0)
        fail(path_, fmt::format("{} cannot be read ({})", what, std::strerror(errno)), ErrorKind::io);
      if (count == 0) refuse(what);
      at += count;
      bytes -= static_cast<std::size_t>(count);
      offset += static_cast<std::uint64_t>(count);
    }
    if (changed()) refuse(what);
  }

  // `what` is not what it was when the file was packed.
  [[noreturn]] void refuse(const std::string& what) const {
    if (changed()) fail(path_, fmt::format("changed while {} was read; pack it again", what));
    fail(path_, fmt::format("{} is damaged; copy it again, or pack it again", what));
  }

 private:
  bool changed() const {
    struct stat now {};
    return ::fstat(descriptor_, &now) != 0 || now.st_size != opened_.st_size ||
           now.st_ino != opened_.st_ino || now.st_mtim.tv_sec != opened_.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != opened_.st_mtim.tv_nsec;
  }

  std::string path_;
  int descriptor_ = -1;
  struct stat opened_ {};
};

Header read_header(const SteadyFile& file) {
  std::string page(std::min<std::uint64_t>(kPage, file.size()), '\0');
  file.read(page.data(), page.size(), 0, "its first page");
  const Section place = header_of_page(file.path(), page, file.size());
  if (place.bytes > kMostHeader) file.refuse("its header");
  std::string text(place.bytes, '\0');
  file.read(text.data(), text.size(), place.offset, "its header");
  if (checksum(text) != place.checksum) file.refuse("its header");
  return from_json(file.path(), text, place.offset);
}

void check_padding(const SteadyFile& file, const Section& section) {
  const std::uint64_t end = section.offset + section.bytes;
  std::string padding(aligned(end) - end, '\0');
  file.read(padding.data(), padding.size(), end, "padding");
  if (padding.find_first_not_of('\0') != padding.npos) file.refuse("padding between its sections");
}

template <class Number>
std::vector<Number> read_section(const SteadyFile& file, const Section& section, const std::string& what) {
  std::vector<Number> numbers(section.bytes / sizeof(Number));
  file.read(numbers.data(), section.bytes, section.offset, what);
  if (checksum({reinterpret_cast<const char*>(numbers.data()), section.bytes}) != section.checksum)
    file.refuse(what);
  check_padding(file, section);
  return numbers;
}

// Cells are numbers or, where those may be missing, NaN; and categories' are such. A made-up file could say
// anything.
class CellCheck {
 public:
  explicit CellCheck(const Dataset& frame)
      : columns_(frame.columns), nan_allowed_(frame.rules.missing != MissingUse::refuse) {
    for (const Column& column : frame.column_info) {
      const bool categorical = column.kind == ColumnKind::categorical;
      most_.push_back(categorical ? static_cast<float>(column.categories.size()) : -1);
    }
    if (std::ranges::all_of(most_, [](float most) { return most < 0; })) most_.clear();
  }
  // Of whole rows.
  bool holds(std::span<const float> cells) const {
    if (all_finite(cells) && most_.empty()) return true;
    for (std::size_t first = 0; first < cells.size(); first += columns_) {
      for (std::size_t c = 0; c < columns_; ++c) {
        const float most = most_.empty() ? -1 : most_[c], cell = cells[first + c];
        if (most < 0 ? std::isinf(cell) || (std::isnan(cell) && !nan_allowed_)
                     : !(cell >= 0 && cell <= most && cell == std::floor(cell)))
          return false;
      }
    }
    return true;
  }

 private:
  // Most blocks are: many cells at a time.
  static bool all_finite(std::span<const float> cells) {
    constexpr std::uint32_t kExponent = 0x7F800000;
    std::uint32_t broken = 0;
    for (const float cell : cells)
      broken |= (std::bit_cast<std::uint32_t>(cell) & kExponent) == kExponent ? 1 : 0;
    return broken == 0;
  }

  std::size_t columns_;
  bool nan_allowed_;
  std::vector<float> most_;  // of categorical columns' cells, -1 for others
};

class PackedRows : public RowStore {
 public:
  explicit PackedRows(const std::string& path)
      : file_(path),
        header_(read_header(file_)),
        sums_(read_section<std::uint64_t>(file_, header_.checksums, "its table of checksums")),
        cells_(header_.info.frame) {
    const std::string_view sums(reinterpret_cast<const char*>(sums_.data()), header_.checksums.bytes);
    if (checksum(sums) != header_.inputs.checksum) file_.refuse("its table of checksums");
    check_padding(file_, header_.inputs);
  }

  bool is_bytes() const override { return header_.info.is_bytes; }
  std::size_t block_rows() const override { return header_.info.block_rows; }

  void read_blocks(std::size_t first_block, std::size_t blocks, void* out) const override {
    if (first_block > sums_.size() || blocks > sums_.size() - first_block) {
      fail(file_.path(), fmt::format("has {}, and block {} was asked for", counted(sums_.size(), "block"),
                                     first_block + blocks - 1));
    }
    if (blocks == 0) return;
    const std::uint64_t block_bytes = header_.info.block_rows * header_.row_bytes();
    const std::uint64_t begin = first_block * block_bytes;
    const std::uint64_t bytes = std::min(blocks * block_bytes, header_.inputs.bytes - begin);
    file_.read(out, bytes, kPage + begin,
               blocks == 1 ? fmt::format("block {}", first_block)
                           : fmt::format("one of blocks {} to {}", first_block, first_block + blocks - 1));
    const auto* text = static_cast<const char*>(out);
    for (std::size_t i = 0; i < blocks; ++i) {
      const std::uint64_t size = std::min(block_bytes, bytes - i * block_bytes);
      check_block(first_block + i, {text + i * block_bytes, size});
    }
  }

  std::string fingerprint() const override {
    return fmt::format("{:016x}-{}-{}-{}", header_.inputs.checksum, header_.info.frame.rows,
                       header_.info.frame.columns, is_bytes() ? "u8" : "f32");
  }

  const Header& header() const { return header_; }
  std::vector<float> targets() const {
    std::vector<float> targets = read_section<float>(file_, header_.targets, "its targets");
    const auto classes = static_cast<float>(header_.info.frame.classes.size());
    const bool classify = header_.info.frame.task == Task::classify;
    for (const float target : targets) {
      if (classify ? !(target >= 0 && target < classes && target == std::floor(target))
                   : !std::isfinite(target))
        refuse_contents("a target that is none");
    }
    return targets;
  }
  std::vector<float> weights() const {
    std::vector<float> weights = read_section<float>(file_, header_.weights, "its weights");
    if (!std::ranges::all_of(weights, [](float w) { return w >= 0 && std::isfinite(w); }) ||
        (!weights.empty() && std::ranges::max(weights) == 0))
      refuse_contents("a weight that is none");
    return weights;
  }

 private:
  [[noreturn]] void refuse_contents(const char* what) const {
    fail(file_.path(), fmt::format("holds {}; pack it again", what));
  }
  void check_block(std::size_t block, std::string_view bytes) const {
    if (checksum(bytes) != sums_[block]) file_.refuse(fmt::format("block {}", block));
    if (is_bytes()) return;
    const auto* cells = reinterpret_cast<const float*>(bytes.data());
    if (!cells_.holds({cells, bytes.size() / sizeof(float)})) refuse_contents("a cell that is no number");
  }

  SteadyFile file_;
  Header header_;
  std::vector<std::uint64_t> sums_;
  CellCheck cells_;
};

Dataset without_inputs(const PackedRows& rows) {
  Dataset data = rows.header().info.frame;
  data.targets = rows.targets();
  data.weights = rows.weights();
  return data;
}

std::size_t blocks_at_once(const Header& header) {
  return std::max<std::size_t>(1, kReadAtOnce / (header.info.block_rows * header.row_bytes()));
}

// All inputs, some blocks at a time, each behind those before.
void read_all(const PackedRows& rows, char* out) {
  const Header& header = rows.header();
  const std::size_t at_once = blocks_at_once(header);
  for (std::size_t block = 0; block < header.info.blocks; block += at_once) {
    rows.read_blocks(block, std::min(at_once, header.info.blocks - block),
                     out + block * header.info.block_rows * header.row_bytes());
  }
}

}  // namespace
}  // namespace pack_file

bool is_packed(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return false;
  std::string start(pack_file::kMagic.size(), '\0');
  struct stat status {};
  const bool regular = ::fstat(file, &status) == 0 && S_ISREG(status.st_mode);
  const ssize_t count = regular ? ::pread(file, start.data(), start.size(), 0) : 0;
  ::close(file);
  return count == static_cast<ssize_t>(start.size()) && start == pack_file::kMagic;
}

PackInfo describe_packed(const std::string& path) {
  return pack_file::read_header(pack_file::SteadyFile(path)).info;
}

Dataset open_packed(const std::string& path) {
  auto rows = std::make_shared<const pack_file::PackedRows>(path);
  Dataset data = pack_file::without_inputs(*rows);
  data.store = std::move(rows);
  return data;
}

Dataset read_packed(const std::string& path) {
  const pack_file::PackedRows rows(path);
  const std::size_t most = memory_limit().bytes;
  if (rows.header().inputs.bytes > most) {
    pack_file::fail(
        path, fmt::format("its inputs take {}, more than {} ({}); use a part of the data",
                          shown_bytes(rows.header().inputs.bytes), memory_limit().words, shown_bytes(most)));
  }
  Dataset data = pack_file::without_inputs(rows);
  if (rows.is_bytes()) {
    data.bytes.resize(rows.header().inputs.bytes);
    pack_file::read_all(rows, reinterpret_cast<char*>(data.bytes.data()));
  } else {
    data.floats.resize(data.rows * data.columns);
    pack_file::read_all(rows, reinterpret_cast<char*>(data.floats.data()));
  }
  return data;
}

PackInfo check_packed(const std::string& path) {
  const pack_file::PackedRows rows(path);
  pack_file::without_inputs(rows);
  const pack_file::Header& header = rows.header();
  std::vector<float> block(header.info.block_rows * header.row_bytes() / sizeof(float) + 1);
  for (std::size_t i = 0; i < header.info.blocks; ++i) rows.read_blocks(i, 1, block.data());
  return header.info;
}

}  // namespace ztilde
