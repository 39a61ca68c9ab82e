#include "data/pack_spill.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.hpp"
#include "data/pack_header.hpp"

namespace ztilde::pack_file {
namespace {

// Shares of the memory: all buffers together, one bucket and its order, and what is known of every row
// (targets, weights, their order).
constexpr std::size_t kBufferShare = 8, kBucketShare = 4, kRowShare = 4;
constexpr std::size_t kMostBuckets = 1024, kLeastBuffer = std::size_t{1} << 16;
constexpr std::size_t kBytesOfRow = 5 * sizeof(float);  // targets and weights twice over, and the order
constexpr std::size_t kBytesOfKey = 2 * sizeof(std::uint64_t);
// Training shuffles with the same purpose, in layer 0.
constexpr std::uint32_t kKeyLayer = 1;

}  // namespace

RowSpill::RowSpill(const std::string& out, std::size_t row_bytes, const PackOptions& options)
    : path_(out),
      file_(out, true),
      keys_(options.seed, Purpose::shuffle, kKeyLayer, 0),
      shuffled_(options.order == PackOrder::shuffled),
      memory_(options.memory),
      row_bytes_(row_bytes),
      buffer_bytes_(std::max(kLeastBuffer, record_bytes())) {
  const std::size_t room = std::max<std::size_t>(1, memory_ / kBufferShare / buffer_bytes_);
  buckets_.resize(shuffled_ ? std::min(kMostBuckets, room) : 1);
}

std::uint64_t RowSpill::key_of(std::uint32_t number) const {
  const std::uint64_t element = 2 * std::uint64_t{number};
  return std::uint64_t{keys_.bits(element)} << 32 | keys_.bits(element + 1);
}

void RowSpill::require_memory() const {
  if (rows_ <= memory_ / kRowShare / kBytesOfRow) return;
  fail(path_, fmt::format("{} rows and more need more memory than {}; give --memory more", with_commas(rows_),
                          shown_bytes(memory_)));
}

void RowSpill::flush(Bucket& bucket) {
  if (bucket.buffer.empty()) return;
  file_.write({bucket.buffer.data(), bucket.buffer.size()}, end_);
  bucket.pieces.push_back({end_, bucket.buffer.size()});
  end_ += bucket.buffer.size();
  bucket.buffer.clear();
}

void RowSpill::add(std::string_view rows) {
  for (; !rows.empty(); rows.remove_prefix(row_bytes_), ++rows_) {
    if (rows_ == kMostRows) fail(path_, fmt::format("more than {} rows; use a part", with_commas(kMostRows)));
    const auto number = static_cast<std::uint32_t>(rows_);
    const std::size_t place = shuffled_ ? (key_of(number) >> 32) * buckets_.size() >> 32 : 0;
    Bucket& bucket = buckets_[place];
    if (bucket.buffer.capacity() == 0) bucket.buffer.reserve(buffer_bytes_);
    if (bucket.buffer.size() + record_bytes() > buffer_bytes_) flush(bucket);
    const char* bytes = reinterpret_cast<const char*>(&number);
    bucket.buffer.insert(bucket.buffer.end(), bytes, bytes + sizeof number);
    bucket.buffer.insert(bucket.buffer.end(), rows.begin(), rows.begin() + row_bytes_);
    bucket.bytes += record_bytes();
  }
  require_memory();
}

void RowSpill::drain_in_order(const Bucket& bucket,
                              const std::function<void(const char*, std::uint32_t)>& give) const {
  std::vector<char> piece;
  for (const auto& [offset, bytes] : bucket.pieces) {
    piece.resize(bytes);
    file_.read(piece.data(), bytes, offset);
    for (const char* at = piece.data(); at != piece.data() + bytes; at += record_bytes()) {
      std::uint32_t number = 0;
      std::memcpy(&number, at, sizeof number);
      give(at + sizeof number, number);
    }
  }
}

void RowSpill::drain_shuffled(const Bucket& bucket,
                              const std::function<void(const char*, std::uint32_t)>& give) const {
  const std::size_t records = bucket.bytes / record_bytes();
  if (bucket.bytes + records * kBytesOfKey > memory_ / kBucketShare) {
    fail(path_, fmt::format("so many rows need more memory than {} to be shuffled; give --memory more",
                            shown_bytes(memory_)));
  }
  std::vector<char> content(bucket.bytes);
  std::size_t filled = 0;
  for (const auto& [offset, bytes] : bucket.pieces) {
    file_.read(content.data() + filled, bytes, offset);
    filled += bytes;
  }
  // Rows of a bucket are in their own order, so that equal keys are, too.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> order;
  order.reserve(records);
  for (std::size_t at = 0; at < content.size(); at += record_bytes()) {
    std::uint32_t number = 0;
    std::memcpy(&number, content.data() + at, sizeof number);
    order.emplace_back(key_of(number), at);
  }
  std::ranges::sort(order);
  for (const auto& [key, at] : order) {
    std::uint32_t number = 0;
    std::memcpy(&number, content.data() + at, sizeof number);
    give(content.data() + at + sizeof number, number);
  }
}

void RowSpill::drain(const std::function<void(const char*, std::uint32_t)>& give) {
  for (Bucket& bucket : buckets_) {
    flush(bucket);
    bucket.buffer = {};
  }
  for (const Bucket& bucket : buckets_) {
    if (shuffled_) {
      drain_shuffled(bucket, give);
    } else {
      drain_in_order(bucket, give);
    }
  }
}

}  // namespace ztilde::pack_file
