// Tables read by several threads, in blocks: as if by one, in one.
#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/byte_stream.hpp"
#include "data/csv.hpp"
#include "data/csv_blocks.hpp"
#include "ztilde/dataset.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

// All that was read, or the complaint.
std::string outcome(const std::string& table, CsvOptions options, std::size_t threads, std::size_t block) {
  options.threads = threads;
  ByteStream stream("t.csv", table);
  std::string text;
  const auto list = [&](const auto& values) {
    for (const auto& value : values) text += "|" + std::string(value);
    text += "\n";
  };
  const auto list_floats = [&](const std::vector<float>& values) {
    for (const float value : values) text += " " + std::to_string(std::bit_cast<std::uint32_t>(value));
    text += "\n";
  };
  try {
    CsvBlocks blocks(stream, options.delimiter, options.decimal_comma, block);
    const Dataset data = read_table(blocks, options);
    text += std::to_string(data.rows) + (data.task == Task::classify ? " classes\n" : " numbers\n");
    list_floats(data.floats);
    list_floats(data.targets);
    list_floats(data.weights);
    list(data.classes);
    list(data.notes);
    for (const Column& column : data.column_info) list(column.categories);
    for (const std::vector<std::string>& kept : data.kept) list(kept);
  } catch (const Error& error) {
    text = error.what();
  }
  return text;
}

// Nothing is left to infer from the rows ahead, which are those of the first block.
constexpr std::size_t kOneBlock = std::size_t{1} << 22;

void expect_the_same_however_it_is_read(const std::string& table, const CsvOptions& options = {}) {
  const std::string expected = outcome(table, options, 1, kOneBlock);
  for (const std::size_t threads : {1u, 2u, 3u, 9u}) {
    for (const std::size_t block : {1u, 7u, 64u, 500u}) {
      ASSERT_EQ(outcome(table, options, threads, block), expected)
          << threads << " threads, blocks of " << block << "\n"
          << table.substr(0, 300);
    }
  }
}

// Rows of two numbers, a text that comes again, a weight and a target, written in many ways.
std::string mixed_table(std::mt19937& random, std::size_t rows, bool quotes) {
  const std::vector<std::string> numbers = {"1", "-2.5", "0.125", "3e-2", " 7 ", "", "12345678.5", "0.1"};
  const std::vector<std::string> texts = {"red", "green", "blue", " x y", "NA", "\xC3\xA4"};
  const std::vector<std::string> quoted = {"\"a,b\"", "\"two\nlines\"", "\"say \"\"hi\"\"\"", "\"\r\n\""};
  const auto one_of = [&](const std::vector<std::string>& from) { return from[random() % from.size()]; };
  const std::string end = random() % 2 == 0 ? "\n" : "\r\n";
  std::string table = "a,b,colour,w,y" + end;
  for (std::size_t r = 0; r < rows; ++r) {
    const std::string text = quotes && random() % 3 == 0 ? one_of(quoted) : one_of(texts);
    table += one_of(numbers) + "," + one_of(numbers) + "," + text + "," + std::to_string(random() % 3) + "," +
             (random() % 2 == 0 ? "yes" : "no") + end;
  }
  if (random() % 2 == 0) table += end + end;
  return table;
}

TEST(CsvThreads, read_the_same_as_one_does_in_one_block) {
  std::mt19937 random(1);
  for (int again = 0; again < 20; ++again) {
    const std::string table = mixed_table(random, 60, again % 2 == 1);
    CsvOptions options;
    options.task = Task::classify;
    options.roles = {{"a", ColumnRole::numeric},
                     {"b", ColumnRole::numeric},
                     {"colour", ColumnRole::categorical},
                     {"w", ColumnRole::weight}};
    options.rules.missing = MissingUse::indicator;
    if (again % 4 >= 2) options.keep = {"a", "colour"};
    expect_the_same_however_it_is_read(table, options);
    ASSERT_EQ(outcome(table, options, 1, kOneBlock).find("t.csv"), std::string::npos);
    options.rules.missing = MissingUse::refuse;
    expect_the_same_however_it_is_read(table, options);  // how many are missing, and the first of them
    options.roles.clear();
    options.columns = {{"colour", ColumnKind::categorical, {"red", "blue"}}, {"a"}, {"b"}};
    options.rules.missing = MissingUse::mean;
    expect_the_same_however_it_is_read(table, options);  // how many are unseen, and the first of them
    options.refuse_unseen = true;
    expect_the_same_however_it_is_read(table, options);
  }
}

TEST(CsvThreads, complain_about_what_comes_first_in_the_file) {
  const std::vector<std::string> wrong = {
      "x,1,u,1,yes\n",    "1,2,u\n", "1,2,\"u\"v,1,no\n", "1,1e99,u,1,no\n", "1,2,u,-1,no\n",
      "1,2,u,1,\"open\n", "\n",      "1,2,u,z,no\n"};
  std::mt19937 random(2);
  CsvOptions options;
  options.task = Task::classify;
  options.roles = {{"a", ColumnRole::numeric},
                   {"b", ColumnRole::numeric},
                   {"colour", ColumnRole::categorical},
                   {"w", ColumnRole::weight}};
  for (int again = 0; again < 40; ++again) {
    std::string table = "a,b,colour,w,y\n";
    const std::size_t first = random() % 50, second = first + random() % 10;
    for (std::size_t r = 0; r < 80; ++r) {
      if (r == first || r == second) table += wrong[random() % wrong.size()];
      table += "1,2," + std::string(1, static_cast<char>('a' + random() % 5)) + ",1,yes\n";
    }
    expect_the_same_however_it_is_read(table, options);
    ASSERT_EQ(outcome(table, options, 1, kOneBlock).find("t.csv:" + std::to_string(first + 2)), 0u);
  }
}

TEST(CsvThreads, refuse_the_category_that_is_one_too_many) {
  std::string table = "c,n,y\n";
  for (int i = 0; i < 70000; ++i) table += "c" + std::to_string(i) + ",1," + std::to_string(i % 2) + "\n";
  CsvOptions options;
  options.roles = {{"c", ColumnRole::categorical}, {"n", ColumnRole::numeric}};
  const std::string expected =
      "t.csv:65538:1: column 1 ('c') has more than 65,536 categories; leave it out with --ignore";
  EXPECT_EQ(outcome(table, options, 2, 1000), expected);
  // What is wrong further on in the same block comes second.
  table.replace(table.find("c65540,1"), 8, "c65540,x");
  EXPECT_EQ(outcome(table, options, 2, 1000), expected);
  EXPECT_EQ(outcome(table, options, 1, kOneBlock), expected);
  table.replace(table.find("c65530,1"), 8, "c65530,x");
  EXPECT_EQ(outcome(table, options, 2, 1000).find("t.csv:65532:2: 'x' in column 2"), 0u);
}

TEST(CsvThreads, leave_none_behind_and_wait_for_no_writer_after_a_complaint) {
  const auto threads = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
  };
  // A writer that has written what is wrong, and then neither more nor the end.
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::string table = "a,y\n";
  for (int i = 0; i < 4000; ++i) table += i == 300 ? "oops,1\n" : "1,2\n";
  ASSERT_EQ(::write(ends[1], table.data(), table.size()), static_cast<ssize_t>(table.size()));
  const std::string path = "/proc/self/fd/" + std::to_string(ends[0]);
  std::thread([] {}).join();  // the thread sanitiser has one of its own from the first on
  const auto before = threads();
  ByteStream stream(path);
  CsvOptions options;
  options.roles = {{"a", ColumnRole::numeric}};
  options.threads = 2;
  CsvBlocks blocks(stream, 0, false, 256);
  try {
    read_table(blocks, options);
    ADD_FAILURE() << "nothing was refused";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(":302:1: 'oops'"), std::string::npos) << error.what();
  }
  // The kernel lists a joined thread a moment longer.
  for (int tries = 0; tries < 2000 && threads() > before; ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(threads(), before);
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace ztilde
