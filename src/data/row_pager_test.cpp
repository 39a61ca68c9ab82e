#include "data/row_pager.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>

#include "base/random.hpp"
#include "data/batcher.hpp"
#include "data/on_disk.hpp"
#include "data/store_test_support.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

// Row r, column c: 1000 r + c, which is never 0 where r is not.
Dataset numbered(std::size_t rows, std::size_t columns) {
  Dataset data;
  data.rows = rows;
  data.columns = columns;
  data.task = Task::regress;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) data.floats.push_back(static_cast<float>(1000 * r + c));
    data.targets.push_back(static_cast<float>(r));
  }
  return data;
}

std::size_t resident_bytes(const RowSource& source, std::size_t bytes) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> pages((bytes + page - 1) / page);
  auto* begin = const_cast<float*>(source.floats);
  EXPECT_EQ(::mincore(begin, bytes, pages.data()), 0);
  return page *
         static_cast<std::size_t>(std::ranges::count_if(pages, [](unsigned char p) { return (p & 1) != 0; }));
}

void expect_row(const RowSource& source, const Dataset& data, std::uint32_t row) {
  for (std::size_t c = 0; c < data.columns; ++c)
    ASSERT_EQ(source.floats[row * data.columns + c], data.floats[row * data.columns + c]) << row;
}

TEST(RowPager, rows_that_are_held_are_those_of_the_store_and_others_take_no_memory) {
  // Blocks of 11,280 bytes: neighbours share pages.
  const Dataset data = numbered(1000, 47);
  const Dataset stored = in_store(data, 60);
  RowPager pager(stored, 4);
  const RowSource source = pager.source();
  const RandomStream stream(1, Purpose::probe, 0, 0);
  const std::size_t page = 4096, block_bytes = 60 * 47 * sizeof(float);
  for (std::uint32_t turn = 0; turn < 200; ++turn) {
    std::vector<std::uint32_t> rows, next;
    for (std::uint32_t i = 0; i < 3; ++i) rows.push_back(stream.below(1000, 8 * turn + i));
    for (std::uint32_t i = 3; i < 5; ++i) next.push_back(stream.below(1000, 8 * turn + i));
    pager.hold(rows, next);
    for (const std::uint32_t row : rows) expect_row(source, data, row);
    pager.hold(next);
    for (const std::uint32_t row : next) expect_row(source, data, row);
    EXPECT_LE(resident_bytes(source, data.floats.size() * sizeof(float)), 2 * (block_bytes + 2 * page));
  }
}

TEST(RowPager, rows_fit_as_long_as_they_are_of_few_blocks) {
  const Dataset data = numbered(100, 2);
  const Dataset stored = in_store(data, 10);
  const RowPager pager(stored, 3);
  std::vector<std::uint32_t> all(100);
  std::iota(all.begin(), all.end(), 0u);
  EXPECT_EQ(pager.fit(all), 30u);
  EXPECT_EQ(pager.fit(std::span(all).subspan(5)), 25u);
  EXPECT_EQ(pager.fit(std::span(all).subspan(85)), 15u);
  const std::vector<std::uint32_t> scattered = {91, 5, 44, 95, 6, 12, 5};
  EXPECT_EQ(pager.fit(scattered), 5u);
}

TEST(RowPager, what_was_read_ahead_is_not_read_again) {
  const Dataset data = numbered(100, 2);
  const Dataset stored = in_store(data, 10);
  RowPager pager(stored, 3);
  const std::vector<std::uint32_t> first = {1, 11}, second = {21, 35}, third = {35, 99};
  pager.hold(first, second);
  pager.hold(second, third);
  pager.hold(third);
  EXPECT_EQ(pager.blocks_read(), 5u);
}

class BrokenStore : public MemoryStore {
 public:
  using MemoryStore::MemoryStore;
  void read_blocks(std::size_t first_block, std::size_t blocks, void* out) const override {
    if (first_block == 4) throw Error(ErrorKind::data, "block 4 is damaged");
    MemoryStore::read_blocks(first_block, blocks, out);
  }
};

TEST(RowPager, what_cannot_be_read_is_an_error_now_or_at_the_next_hold) {
  const Dataset data = numbered(100, 2);
  Dataset stored = in_store(data, 10);
  stored.store = std::make_shared<BrokenStore>(data, 10);
  const std::vector<std::uint32_t> sound = {1, 11}, broken = {31, 45};
  {
    RowPager pager(stored, 3);
    EXPECT_THROW(pager.hold(broken), Error);
  }
  {
    RowPager pager(stored, 3);
    pager.hold(sound, broken);
    expect_row(pager.source(), data, 11);
    EXPECT_THROW(pager.hold(broken), Error);
  }
  RowPager pager(stored, 3);
  pager.hold(sound, broken);  // and nobody asks
}

TEST(Batcher, on_disk_an_epoch_is_read_once_and_its_batches_are_its_order) {
  const Dataset data = numbered(1000, 3);
  const Dataset stored = in_store(data, 16);
  RowPager pager(stored, 10);
  std::vector<std::uint32_t> rows(1000), order(1000);
  std::iota(rows.begin(), rows.end(), 0u);
  const WindowOrder how{16, 10};
  Batcher batcher(pager.source(), stored.targets.data(), rows, plan_batches(1000, 64, 2), 5, nullptr, how);
  for (std::uint64_t epoch = 0; epoch < 2; ++epoch) {
    batcher.begin_epoch(epoch);
    shuffle_in_windows(rows, how, 5, epoch, order);
    const std::uint64_t before = pager.blocks_read();
    std::vector<std::uint32_t> met;
    for (std::size_t b = 0; b < batcher.plan().batches; ++b) {
      const Batch batch = batcher.batch(b);
      for (std::size_t r = 0; r < batch.rows; ++r) {
        expect_row(batch.source, data, batch.row_index[r]);
        met.push_back(batch.row_index[r]);
      }
    }
    EXPECT_EQ(met, order);
    // 63 blocks; at most those of the window before are there already.
    EXPECT_LE(pager.blocks_read() - before, 63u);
    EXPECT_GE(pager.blocks_read() - before, 53u);
  }
}

TEST(Batcher, a_batch_has_its_rows_though_others_were_held_since) {
  const Dataset data = numbered(1000, 3);
  const Dataset stored = in_store(data, 16);
  RowPager pager(stored, 10);
  std::vector<std::uint32_t> rows(1000);
  std::iota(rows.begin(), rows.end(), 0u);
  Batcher batcher(pager.source(), stored.targets.data(), rows, plan_batches(1000, 16, 2), 5, nullptr,
                  {16, 10});
  batcher.begin_epoch(0);
  for (std::size_t b = 0; b < 20; ++b) {
    const Batch batch = batcher.batch(b);
    for (std::size_t r = 0; r < batch.rows; ++r) expect_row(batch.source, data, batch.row_index[r]);
    pager.hold(std::span(rows).subspan(b, 3));
  }
}

TEST(SplitBlocks, holds_out_whole_blocks_and_no_row_twice) {
  const Dataset data = numbered(1000, 1);
  const Dataset stored = in_store(data, 16);
  const Split split = split_blocks(stored, 0.1, 3);
  std::vector<std::uint32_t> all = split.train;
  all.insert(all.end(), split.valid.begin(), split.valid.end());
  std::ranges::sort(all);
  for (std::uint32_t row = 0; row < 1000; ++row) ASSERT_EQ(all[row], row);
  EXPECT_TRUE(std::ranges::is_sorted(split.valid));
  std::vector<bool> held_out(63), kept(63);
  for (const std::uint32_t row : split.valid) held_out[row / 16] = true;
  for (const std::uint32_t row : split.train) kept[row / 16] = true;
  EXPECT_EQ(std::ranges::count(held_out, true), 6);
  for (std::size_t block = 0; block < 63; ++block) EXPECT_NE(held_out[block], kept[block]);
  EXPECT_NE(split_blocks(stored, 0.1, 4).valid, split.valid);
}

TEST(SplitBlocks, refuses_to_hold_out_all_of_a_class_or_all_blocks) {
  Dataset data = numbered(100, 1);
  data.task = Task::classify;
  data.classes = {"a", "b"};
  for (std::size_t r = 0; r < 100; ++r) data.targets[r] = r < 90 ? 0.0f : 1.0f;
  const Dataset stored = in_store(data, 10);
  const auto problem = [&](double fraction, std::uint64_t seed) -> std::string {
    try {
      split_blocks(stored, fraction, seed);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  std::size_t refused = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const std::string words = problem(0.3, seed);
    if (words.empty()) continue;
    ++refused;
    EXPECT_NE(words.find("class 'b' is in no block but those held out"), std::string::npos) << words;
  }
  EXPECT_GT(refused, 0u);
  EXPECT_LT(refused, 30u);
  EXPECT_NE(problem(0.99, 0).find("leaves none on one side"), std::string::npos);
}

}  // namespace
}  // namespace ztilde
