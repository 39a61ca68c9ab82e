// A store whose rows are in memory after all, for the tests of what reads from stores.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "ztilde/dataset.hpp"

namespace ztilde {

class MemoryStore : public RowStore {
 public:
  MemoryStore(const Dataset& data, std::size_t block_rows) : data_(data), block_rows_(block_rows) {}
  bool is_bytes() const override { return !data_.bytes.empty(); }
  std::size_t block_rows() const override { return block_rows_; }
  void read_blocks(std::size_t first_block, std::size_t blocks, void* out) const override {
    const std::size_t row_bytes = data_.columns * (is_bytes() ? 1 : sizeof(float));
    const std::size_t first = first_block * block_rows_;
    const std::size_t rows = std::min(blocks * block_rows_, data_.rows - first);
    const auto* from = is_bytes() ? static_cast<const void*>(data_.bytes.data() + first * data_.columns)
                                  : static_cast<const void*>(data_.floats.data() + first * data_.columns);
    std::memcpy(out, from, rows * row_bytes);
  }
  std::string fingerprint() const override { return "of memory"; }

 private:
  const Dataset& data_;
  std::size_t block_rows_;
};

// The same rows with their inputs in a store. `data` outlives it.
inline Dataset in_store(const Dataset& data, std::size_t block_rows) {
  Dataset stored = data;
  stored.bytes.clear();
  stored.floats.clear();
  stored.store = std::make_shared<MemoryStore>(data, block_rows);
  return stored;
}

}  // namespace ztilde
