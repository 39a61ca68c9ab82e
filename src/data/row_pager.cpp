#include "data/row_pager.hpp"

#include <algorithm>
#include <system_error>

#include "data/on_disk.hpp"

namespace ztilde {

RowPager::RowPager(const Dataset& data, std::size_t window_blocks)
    : store_(data.store),
      columns_(data.columns),
      block_rows_(data.store->block_rows()),
      block_bytes_(block_bytes(data)),
      window_blocks_(std::max<std::size_t>(window_blocks, 1)),
      memory_(input_bytes(data)),
      held_(blocks_of(data), 0) {}

RowPager::~RowPager() {
  if (reading_.valid()) reading_.wait();
}

RowSource RowPager::source() {
  const std::byte* rows = memory_.data();
  if (store_->is_bytes()) return {reinterpret_cast<const std::uint8_t*>(rows), nullptr, columns_, this};
  return {nullptr, reinterpret_cast<const float*>(rows), columns_, this};
}

std::size_t RowPager::fit(std::span<const std::uint32_t> rows) const {
  Blocks seen(held_.size(), 0);
  std::size_t blocks = 0;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    char& of_row = seen[rows[r] / block_rows_];
    if (of_row) continue;
    if (blocks++ == window_blocks_) return r;
    of_row = 1;
  }
  return rows.size();
}

void RowPager::mark(std::span<const std::uint32_t> rows, Blocks& blocks) const {
  for (const std::uint32_t row : rows) blocks[row / block_rows_] = 1;
}

std::uint64_t RowPager::hold(std::span<const std::uint32_t> rows, std::span<const std::uint32_t> next) {
  finish_reading();
  Blocks now(held_.size(), 0);
  mark(rows, now);
  Blocks kept = now;
  mark(next, kept);
  release(kept);
  std::vector<std::size_t> missing, later;
  for (std::size_t block = 0; block < held_.size(); ++block) {
    if (kept[block] && !held_[block]) (now[block] ? missing : later).push_back(block);
  }
  read(missing);
  for (const std::size_t block : missing) held_[block] = 1;
  if (!later.empty()) read_ahead(std::move(later));
  return ++last_hold_;
}

void RowPager::release(const Blocks& kept) {
  const std::size_t blocks = held_.size();
  for (std::size_t first = 0, end = 0; first < blocks; first = end) {
    // A run without any block that stays: a page that it shares with one beside it goes when that one does.
    bool any = false;
    for (end = first; end < blocks && !(held_[end] && kept[end]); ++end) any |= held_[end] != 0;
    if (any) memory_.give_back(first * block_bytes_, end * block_bytes_);
    std::fill(held_.begin() + static_cast<std::ptrdiff_t>(first),
              held_.begin() + static_cast<std::ptrdiff_t>(end), 0);
    if (end < blocks) ++end;
  }
}

void RowPager::read(const std::vector<std::size_t>& blocks) {
  // One at a time: its bytes are still in cache when they are checked, and an error names it.
  for (const std::size_t block : blocks) store_->read_blocks(block, 1, memory_.data() + block * block_bytes_);
  blocks_read_ += blocks.size();
}

void RowPager::finish_reading() {
  if (!reading_.valid()) return;
  reading_.get();
  for (const std::size_t block : coming_) held_[block] = 1;
}

void RowPager::read_ahead(std::vector<std::size_t> blocks) {
  coming_ = std::move(blocks);
  try {
    reading_ = std::async(std::launch::async, [this] { read(coming_); });
  } catch (const std::system_error&) {  // no thread to be had: they are read when they are needed
    coming_.clear();
  }
}

}  // namespace ztilde
