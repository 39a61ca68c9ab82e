// Packing: inputs go to disk as they are read, then in their order into the file.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/byte_stream.hpp"
#include "base/text.hpp"
#include "data/csv.hpp"
#include "data/pack_header.hpp"
#include "data/pack_output.hpp"
#include "data/pack_spill.hpp"
#include "data/rows_of.hpp"
#include "ztilde/pack.hpp"

namespace ztilde {
namespace pack_file {
namespace {

template <class Number>
std::string_view bytes_of(std::span<const Number> numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes()};
}
template <class Number>
std::string_view bytes_of(const std::vector<Number>& numbers) {
  return bytes_of(std::span<const Number>(numbers));
}

void require_options(const std::string& out, const PackOptions& options) {
  if (options.memory >= kLeastPackMemory) return;
  fail(out, fmt::format("packing needs {}M of memory at least; give --memory more", kLeastPackMemory >> 20));
}

class SpillingSink : public InputSink {
 public:
  SpillingSink(const std::string& out, const PackOptions& options) : out_(out), options_(options) {}

  void add(std::span<const float> inputs, std::size_t columns) override {
    if (!spill_) spill_.emplace(out_, columns * sizeof(float), options_);
    spill_->add(bytes_of(inputs));
  }
  void sort_categories(std::size_t column, std::vector<float> place) override {
    places_.emplace_back(column, std::move(place));
  }

  RowSpill& spill() { return *spill_; }
  // Gives a row the categories that its cells have in the end.
  void place_categories(std::span<float> row) const {
    for (const auto& [column, place] : places_) row[column] = place[static_cast<std::size_t>(row[column])];
  }

 private:
  std::string out_;
  PackOptions options_;
  std::optional<RowSpill> spill_;
  std::vector<std::pair<std::size_t, std::vector<float>>> places_;
};

// The inputs as blocks with their checksums.
class BlockWriter {
 public:
  BlockWriter(NamelessFile& file, std::size_t block_bytes) : file_(file), block_bytes_(block_bytes) {
    block_.reserve(block_bytes);
  }
  void add(std::string_view row) {
    block_.append(row);
    if (block_.size() == block_bytes_) flush();
  }
  void flush() {
    if (block_.empty()) return;
    sums_.push_back(checksum(block_));
    file_.write(block_, end_);
    end_ += block_.size();
    block_.clear();
  }
  std::uint64_t end() const { return end_; }
  const std::vector<std::uint64_t>& sums() const { return sums_; }

 private:
  NamelessFile& file_;
  std::size_t block_bytes_;
  std::string block_;
  std::uint64_t end_ = kPage;
  std::vector<std::uint64_t> sums_;
};

Dataset frame_of(const Dataset& data) {
  Dataset frame = without_rows(data);
  frame.rows = data.rows;
  frame.images_resized = data.images_resized;
  frame.notes = data.notes;
  return frame;
}

// `bytes` at the next place for a section.
Section put(NamelessFile& file, std::uint64_t& at, std::string_view bytes) {
  const Section section{at, bytes.size(), checksum(bytes)};
  file.write(bytes, at);
  at = aligned(at + bytes.size());
  return section;
}

// What is behind the inputs, and the first page.
void put_rest(NamelessFile& file, const BlockWriter& blocks, const std::vector<float>& targets,
              const std::vector<float>& weights, Header& header) {
  const std::string_view sums = bytes_of(blocks.sums());
  header.inputs = {kPage, blocks.end() - kPage, checksum(sums)};
  std::uint64_t at = aligned(blocks.end());
  header.targets = put(file, at, bytes_of(targets));
  header.weights = put(file, at, bytes_of(weights));
  header.checksums = put(file, at, sums);
  const std::string text = to_json(header);
  file.write(text, at);
  file.write(first_page(at, text), 0);
  header.info.file_bytes = at + text.size();
}

// `finish` has the last word on a row's bytes.
template <class Finish>
PackInfo write_pack(const std::string& out, const Dataset& data, bool is_bytes, RowSpill& spill,
                    const PackOptions& options, const Finish& finish) {
  Header header;
  header.info = {.frame = frame_of(data),
                 .is_bytes = is_bytes,
                 .has_targets = !data.targets.empty(),
                 .has_weights = !data.weights.empty(),
                 .order = options.order,
                 .seed = options.order == PackOrder::shuffled ? options.seed : 0};
  const std::size_t row_bytes = header.row_bytes();
  header.info.block_rows = rows_in_block(row_bytes);
  NamelessFile file(out, false);
  BlockWriter blocks(file, header.info.block_rows * row_bytes);
  std::vector<std::uint32_t> order;
  order.reserve(data.rows);
  std::vector<float> row(row_bytes / sizeof(float) + 1);  // aligned for floats
  char* const bytes = reinterpret_cast<char*>(row.data());
  spill.drain([&](const char* from, std::uint32_t number) {
    std::copy_n(from, row_bytes, bytes);
    finish(std::span<float>(row));
    blocks.add({bytes, row_bytes});
    order.push_back(number);
  });
  blocks.flush();
  header.info.blocks = blocks.sums().size();
  put_rest(file, blocks, values_of_rows(data.targets, order), values_of_rows(data.weights, order), header);
  file.take_place();
  return std::move(header.info);
}

}  // namespace
}  // namespace pack_file

PackInfo pack_csv(const std::string& path, const CsvOptions& reading, const std::string& out,
                  const PackOptions& options) {
  using namespace pack_file;
  require_options(out, options);
  if (!reading.keep.empty()) fail(out, "columns kept as text cannot be packed; leave them out");
  ByteStream stream(path);
  CsvBlocks blocks(stream, reading.delimiter, reading.decimal_comma);
  SpillingSink sink(out, options);
  const Dataset data = read_table(blocks, reading, &sink);
  return write_pack(out, data, false, sink.spill(), options,
                    [&](std::span<float> row) { sink.place_categories(row); });
}

PackInfo pack_rows(const Dataset& data, const std::string& out, const PackOptions& options) {
  using namespace pack_file;
  require_options(out, options);
  if (data.rows == 0 || data.columns == 0 || data.store) fail(out, "there are no rows in memory to pack");
  if (!data.kept.empty()) fail(out, "columns kept as text cannot be packed; leave them out");
  RowSpill spill(out, data.columns * (data.is_bytes() ? 1 : sizeof(float)), options);
  spill.add(data.is_bytes() ? bytes_of(data.bytes) : bytes_of(data.floats));
  return write_pack(out, data, data.is_bytes(), spill, options, [](std::span<float>) {});
}

}  // namespace ztilde
