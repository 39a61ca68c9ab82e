#include "data/on_disk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/memory.hpp"
#include "base/text.hpp"
#include "data/shuffle.hpp"
#include "data/split.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

std::size_t row_bytes(const Dataset& data) {
  return data.columns * (data.is_bytes() ? sizeof(std::uint8_t) : sizeof(float));
}

// Some MB at once.
void read_all(const RowStore& store, std::size_t blocks, std::size_t block_bytes, char* out) {
  constexpr std::size_t kAtOnce = std::size_t{1} << 24;
  const std::size_t at_once = std::max<std::size_t>(1, kAtOnce / block_bytes);
  for (std::size_t block = 0; block < blocks; block += at_once)
    store.read_blocks(block, std::min(at_once, blocks - block), out + block * block_bytes);
}

void require_training_rows_of_each_class(const Dataset& data, const Split& split) {
  if (data.task != Task::classify) return;
  std::vector<std::size_t> left(data.classes.size());
  for (const std::uint32_t group : groups_of(data, split.train)) ++left[group];
  for (const std::uint32_t group : groups_of(data, split.valid)) {
    if (left[group] > 0) continue;
    throw Error(ErrorKind::data,
                fmt::format("class '{}' is in no block but those held out for validation; pack the rows "
                            "shuffled, or give validation rows of their own",
                            printable(data.classes[group])));
  }
}

}  // namespace

std::size_t input_bytes(const Dataset& data) { return data.rows * row_bytes(data); }
std::size_t block_bytes(const Dataset& data) { return data.store->block_rows() * row_bytes(data); }
std::size_t blocks_of(const Dataset& data) {
  return (data.rows + data.store->block_rows() - 1) / data.store->block_rows();
}

Dataset with_inputs_in_memory(const Dataset& data) {
  const MemoryLimit limit = memory_limit();
  if (input_bytes(data) > limit.bytes) {
    throw Error(ErrorKind::data,
                fmt::format("the inputs take {}, more than {} ({}); give --memory to leave them on disk",
                            shown_bytes(input_bytes(data)), limit.words, shown_bytes(limit.bytes)));
  }
  Dataset read = data;
  read.store = nullptr;
  char* out = nullptr;
  if (data.store->is_bytes()) {
    read.bytes.resize(data.rows * data.columns);
    out = reinterpret_cast<char*>(read.bytes.data());
  } else {
    read.floats.resize(data.rows * data.columns);
    out = reinterpret_cast<char*>(read.floats.data());
  }
  read_all(*data.store, blocks_of(data), block_bytes(data), out);
  return read;
}

Split split_blocks(const Dataset& data, double valid_fraction, std::uint64_t seed) {
  std::vector<std::uint32_t> blocks(blocks_of(data));
  std::iota(blocks.begin(), blocks.end(), 0u);
  shuffle(blocks, RandomStream(seed, Purpose::split, 0, 0));
  const auto wanted =
      static_cast<std::size_t>(std::llround(valid_fraction * static_cast<double>(blocks.size())));
  const std::size_t held_out = std::max<std::size_t>(1, wanted);
  if (!(valid_fraction > 0 && valid_fraction < 1) || held_out >= blocks.size()) {
    throw Error(ErrorKind::data,
                fmt::format("a validation fraction of {} of {} leaves none on one side; choose another one",
                            valid_fraction, counted(blocks.size(), "block")));
  }
  std::vector<bool> is_held_out(blocks.size(), false);
  for (std::size_t i = 0; i < held_out; ++i) is_held_out[blocks[i]] = true;
  Split split;
  for (const std::uint32_t row : all_rows(data))
    (is_held_out[row / data.store->block_rows()] ? split.valid : split.train).push_back(row);
  require_training_rows_of_each_class(data, split);
  return split;
}

}  // namespace ztilde
