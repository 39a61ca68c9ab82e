// Packed files: what goes in comes out, in an order that the seed decides, and no damage passes.
#include "ztilde/pack.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <random>
#include <span>

#include "base/test_support.hpp"
#include "data/pack_spill.hpp"

namespace ztilde {
namespace {

constexpr PackOptions kKept = {.order = PackOrder::kept};

std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<std::uint32_t>(value));
  return bits;
}

// Field by field; NaN equals NaN.
bool same(const Dataset& a, const Dataset& b) {
  return a.rows == b.rows && a.columns == b.columns && a.bytes == b.bytes &&
         bits_of(a.floats) == bits_of(b.floats) && a.column_names == b.column_names &&
         a.column_info == b.column_info && a.rules == b.rules && a.weights == b.weights &&
         a.targets == b.targets && a.task == b.task && a.target_name == b.target_name &&
         a.classes == b.classes && a.kept == b.kept && a.image_width == b.image_width &&
         a.image_height == b.image_height && a.images_resized == b.images_resized && a.notes == b.notes;
}

// Rows with categories, weights, missing numbers and text classes.
std::string mixed_table(int rows) {
  std::mt19937 random(3);
  std::string text = "size,colour,weight,kind\n";
  const char* colours[] = {"red", "green", "", "azure"};
  for (int r = 0; r < rows; ++r) {
    text += (r % 7 == 3 ? "" : std::to_string(static_cast<double>(random() % 1000) / 8)) + "," +
            colours[random() % 4] + "," + std::to_string(random() % 5 + 1) + "," +
            (random() % 2 == 0 ? "yes" : "no") + "\n";
  }
  return text;
}

CsvOptions mixed_options() {
  CsvOptions options;
  options.roles = {{"colour", ColumnRole::categorical}, {"weight", ColumnRole::weight}};
  options.rules.missing = MissingUse::mean;
  return options;
}

Dataset numbered(std::size_t rows, std::size_t columns) {
  Dataset data;
  data.rows = rows;
  data.columns = columns;
  data.task = Task::regress;
  data.target_name = "t";
  for (std::size_t c = 0; c < columns; ++c) data.column_names.push_back("c" + std::to_string(c));
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) data.floats.push_back(static_cast<float>(r * columns + c));
    data.targets.push_back(static_cast<float>(r));
  }
  return data;
}

RC_GTEST_PROP(Pack, rows_in_memory_come_back_bit_by_bit, ()) {
  const TemporaryFolder folder;
  Dataset data = numbered(*rc::gen::inRange<std::size_t>(1, 40), *rc::gen::inRange<std::size_t>(1, 5));
  const std::size_t cells = data.rows * data.columns;
  if (*rc::gen::arbitrary<bool>()) {
    data.floats.clear();
    data.bytes = *rc::gen::container<std::vector<std::uint8_t>>(cells, rc::gen::arbitrary<std::uint8_t>());
    data.column_names.clear();
    data.image_width = data.columns;
    data.image_height = 1;
    data.images_resized = *rc::gen::arbitrary<bool>();
  } else {
    data.rules.missing = MissingUse::indicator;
    data.rules.missing_words = {"ö", "\""};
    data.rules.ignored = {"x"};
    for (float& cell : data.floats) {
      cell = std::bit_cast<float>(*rc::gen::arbitrary<std::uint32_t>());
      if (std::isinf(cell)) cell = std::nanf("");
    }
  }
  if (*rc::gen::arbitrary<bool>()) {
    data.task = Task::classify;
    data.classes = {"no", "yes", "ü, \n"};
    for (float& target : data.targets) target = static_cast<float>(*rc::gen::inRange(0, 3));
  }
  if (*rc::gen::arbitrary<bool>()) data.weights.assign(data.rows, 0.5f);
  data.notes = {"a note"};
  pack_rows(data, folder / "p", kKept);
  RC_ASSERT(same(read_packed(folder / "p"), data));
}

TEST(Pack, a_table_is_packed_as_its_reader_reads_it) {
  const TemporaryFolder folder;
  const std::string csv = folder.write("t.csv", mixed_table(3000));
  const PackInfo info = pack_csv(csv, mixed_options(), folder / "p", kKept);
  const Dataset read = read_csv(csv, mixed_options());
  EXPECT_TRUE(same(read_packed(folder / "p"), read));
  EXPECT_EQ(info.frame.rows, 3000u);
  EXPECT_EQ(info.file_bytes, std::filesystem::file_size(folder / "p"));
  EXPECT_EQ(folder.files(), 2u);
}

TEST(Pack, a_store_reads_the_same_inputs_block_by_block) {
  const TemporaryFolder folder;
  const Dataset data = numbered(30000, 7);
  const PackInfo info = pack_rows(data, folder / "p", kKept);
  const Dataset opened = open_packed(folder / "p");
  ASSERT_NE(opened.store, nullptr);
  EXPECT_TRUE(opened.floats.empty());
  EXPECT_EQ(opened.targets, data.targets);
  EXPECT_FALSE(opened.is_bytes());
  ASSERT_GT(info.blocks, 3u);
  const std::size_t block_cells = opened.store->block_rows() * opened.columns;
  std::vector<float> two(2 * block_cells), last(block_cells);
  opened.store->read_blocks(1, 2, two.data());
  EXPECT_TRUE(std::ranges::equal(two, std::span(data.floats).subspan(block_cells, 2 * block_cells)));
  opened.store->read_blocks(info.blocks - 1, 1, last.data());
  const auto rest = std::span(data.floats).subspan((info.blocks - 1) * block_cells);
  EXPECT_LT(rest.size(), block_cells);
  EXPECT_TRUE(std::ranges::equal(std::span(last).first(rest.size()), rest));
  EXPECT_EQ(failure(folder, [&] { opened.store->read_blocks(info.blocks, 1, last.data()); }),
            "data: p: has 4 blocks, and block 4 was asked for");
}

TEST(Pack, shuffled_rows_are_the_same_rows_in_an_order_of_the_seed_whatever_the_memory_and_threads) {
  const TemporaryFolder folder;
  const std::string csv = folder.write("t.csv", mixed_table(20000));
  CsvOptions reading = mixed_options();
  const auto packed = [&](std::uint64_t seed, std::size_t memory, std::size_t threads) {
    reading.threads = threads;
    pack_csv(csv, reading, folder / "p", {.seed = seed, .memory = memory});
    return folder.read("p");
  };
  const std::string first = packed(1, kLeastPackMemory, 1);
  EXPECT_TRUE(packed(1, std::size_t{1} << 30, 4) == first);
  EXPECT_FALSE(packed(2, kLeastPackMemory, 1) == first);
}

TEST(Pack, a_row_keeps_its_target_and_weight_when_shuffled) {
  const TemporaryFolder folder;
  Dataset data = numbered(5000, 2);
  for (std::size_t r = 0; r < data.rows; ++r) data.weights.push_back(static_cast<float>(r) + 1);
  pack_rows(data, folder / "p", {.seed = 5});
  const Dataset read = read_packed(folder / "p");
  std::vector<float> targets = read.targets;
  for (std::size_t r = 0; r < data.rows; ++r) {
    ASSERT_EQ(read.floats[2 * r], 2 * targets[r]);
    ASSERT_EQ(read.weights[r], targets[r] + 1);
  }
  EXPECT_NE(targets, data.targets);
  std::ranges::sort(targets);
  EXPECT_EQ(targets, data.targets);
}

TEST(Pack, a_shuffle_puts_every_row_anywhere) {
  const TemporaryFolder folder;
  Dataset data = numbered(40000, 1);
  pack_rows(data, folder / "p", {.seed = 9});
  const Dataset read = read_packed(folder / "p");
  // The mean place of the first tenth would be 2,000 unshuffled; shuffled, 20,000 ± 183.
  double sum = 0;
  for (std::size_t place = 0; place < read.rows; ++place)
    if (read.targets[place] < 4000) sum += static_cast<double>(place);
  EXPECT_NEAR(sum / 4000, 20000, 1000);
}

// Flips bits of one byte after another, or of a sample, and hands the file to `check`.
template <class Check>
void flip_each(const std::string& path, std::size_t step, const Check& check) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const std::size_t size = std::filesystem::file_size(path);
  for (std::size_t at = 0; at < size; at += step) {
    file.seekg(static_cast<std::streamoff>(at));
    const int byte = file.get();
    const auto put = [&](int value) {
      file.seekp(static_cast<std::streamoff>(at));
      file.put(static_cast<char>(value));
      file.flush();
    };
    put(byte ^ (1 << at % 8));
    check(at);
    put(byte);
  }
}

TEST(Pack, every_flipped_byte_is_found) {
  const TemporaryFolder folder;
  Dataset data = numbered(50, 3);
  data.weights.assign(50, 2);
  pack_rows(data, folder / "p", kKept);
  flip_each(folder / "p", 1, [&](std::size_t at) {
    const std::string read = failure(folder, [&] { read_packed(folder / "p"); });
    EXPECT_TRUE(read.starts_with("data: p: ")) << at << ": " << read;
    EXPECT_EQ(failure(folder, [&] { check_packed(folder / "p"); }), read) << at;
  });
  EXPECT_TRUE(same(read_packed(folder / "p"), data));
}

TEST(Pack, every_cut_is_found_and_said_in_one_line) {
  const TemporaryFolder folder;
  pack_rows(numbered(50, 3), folder / "p", kKept);
  const std::string whole = folder.read("p");
  for (std::size_t size = 0; size < whole.size(); size += size < 10 ? 1 : 97) {
    folder.write("cut", whole.substr(0, size));
    EXPECT_TRUE(failure(folder, [&] { read_packed(folder / "cut"); }).starts_with("data: cut: ")) << size;
  }
  folder.write("cut", whole + "x");
  EXPECT_EQ(failure(folder, [&] { read_packed(folder / "cut"); }),
            "data: cut: should have " + std::to_string(whole.size()) + " bytes and has " +
                std::to_string(whole.size() + 1) + "; copy it again");
}

TEST(Pack, other_versions_and_other_files_are_refused_by_name) {
  const TemporaryFolder folder;
  pack_rows(numbered(5, 1), folder / "p", kKept);
  std::string content = folder.read("p");
  content[8] = 2;
  folder.write("p", content);
  EXPECT_EQ(failure(folder, [&] { read_packed(folder / "p"); }),
            "data: p: is a packed file of version 2, and version 1 is read; pack it again");
  folder.write("t", "a,b\n1,2\n");
  EXPECT_FALSE(is_packed(folder / "t"));
  EXPECT_EQ(failure(folder, [&] { open_packed(folder / "t"); }),
            "data: t: is not a packed file; name one that ztilde pack wrote");
  EXPECT_FALSE(is_packed(folder.path()));
  EXPECT_EQ(failure(folder, [&] { open_packed(folder.path() + "/none"); }),
            "io: none: cannot be read (No such file or directory)");
}

TEST(Pack, a_file_that_changes_while_it_is_open_is_an_error_that_names_the_block) {
  const TemporaryFolder folder;
  pack_rows(numbered(30000, 7), folder / "p", kKept);
  const std::string whole = folder.read("p");
  const Dataset opened = open_packed(folder / "p");
  std::vector<float> block(opened.store->block_rows() * opened.columns);
  opened.store->read_blocks(2, 1, block.data());
  std::filesystem::resize_file(folder / "p", 300000);
  EXPECT_EQ(failure(folder, [&] { opened.store->read_blocks(2, 1, block.data()); }),
            "data: p: changed while block 2 was read; pack it again");
  // Also where the bytes of the block are as they were.
  folder.write("p", whole);
  EXPECT_EQ(failure(folder, [&] { opened.store->read_blocks(1, 1, block.data()); }),
            "data: p: changed while block 1 was read; pack it again");
}

TEST(Pack, a_file_that_is_replaced_while_it_is_open_is_read_on_as_it_was) {
  const TemporaryFolder folder;
  const Dataset data = numbered(300, 2);
  pack_rows(data, folder / "p", kKept);
  const Dataset opened = open_packed(folder / "p");
  pack_rows(numbered(200, 2), folder / "p", kKept);
  std::vector<float> block(opened.store->block_rows() * opened.columns);
  opened.store->read_blocks(0, 1, block.data());
  EXPECT_TRUE(std::equal(data.floats.begin(), data.floats.end(), block.begin()));
  EXPECT_NE(opened.store->fingerprint(), open_packed(folder / "p").store->fingerprint());
}

TEST(Pack, what_cannot_be_packed_leaves_the_old_file_and_nothing_else) {
  const TemporaryFolder folder;
  folder.write("p", "old");
  const std::string csv = folder.write("t.csv", "a,b\n1,x\n2,y\nthree,x\n");
  EXPECT_EQ(failure(folder, [&] { pack_csv(csv, {}, folder / "p", {}); }).substr(0, 6), "data: ");
  EXPECT_EQ(folder.read("p"), "old");
  EXPECT_EQ(folder.files(), 2u);
  EXPECT_EQ(failure(folder, [&] { pack_rows(numbered(2, 2), folder / "p", {.memory = 1000}); }),
            "data: p: packing needs 128M of memory at least; give --memory more");
  Dataset infinite = numbered(2, 2);
  infinite.floats[1] = 1e30f * 1e30f;
  pack_rows(infinite, folder / "p", {});
  EXPECT_EQ(failure(folder, [&] { read_packed(folder / "p"); }),
            "data: p: holds a cell that is no number; pack it again");
}

}  // namespace
}  // namespace ztilde
