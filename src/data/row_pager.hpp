// Rows of a store in memory, some blocks at a time: every row has an address of its own, and behind the
// addresses of the blocks that are held there is memory (base/sparse_memory.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <span>
#include <vector>

#include "base/sparse_memory.hpp"
#include "plan/batch.hpp"
#include "ztilde/dataset.hpp"

namespace ztilde {

class RowPager : public RowKeeper {
 public:
  // Of data.store, which it keeps; window_blocks: how many blocks fit() takes.
  RowPager(const Dataset& data, std::size_t window_blocks);
  ~RowPager() override;

  RowSource source();
  std::size_t fit(std::span<const std::uint32_t> rows) const override;
  std::uint64_t hold(std::span<const std::uint32_t> rows, std::span<const std::uint32_t> next = {}) override;
  std::uint64_t last_hold() const override { return last_hold_; }
  // Blocks that were read, again and again; once no hold is on its way.
  std::uint64_t blocks_read() const { return blocks_read_; }

 private:
  using Blocks = std::vector<char>;  // by block: whether it is one of them
  void mark(std::span<const std::uint32_t> rows, Blocks& blocks) const;
  void release(const Blocks& kept);
  void read(const std::vector<std::size_t>& blocks);
  void finish_reading();
  void read_ahead(std::vector<std::size_t> blocks);

  std::shared_ptr<const RowStore> store_;
  std::size_t columns_, block_rows_, block_bytes_, window_blocks_;
  SparseMemory memory_;
  Blocks held_;
  std::vector<std::size_t> coming_;  // blocks that are read ahead
  std::future<void> reading_;
  std::uint64_t last_hold_ = 0, blocks_read_ = 0;
};

}  // namespace ztilde
