// The tokenizer: the same records wherever its buffer ends, and the public csv-spectrum files.
#include "data/csv_records.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/test_support.hpp"
#include "data/numbers.hpp"

namespace ztilde {
namespace {

using Records = std::vector<std::vector<std::string>>;

// All records, or what went wrong after some.
Records records_of(const std::string& text, std::size_t block) {
  Records all;
  try {
    ByteStream stream("t.csv", text);
    CsvBlocks blocks(stream, 0, false, block);
    CsvRecords records(blocks);
    std::vector<CsvField> fields;
    while (records.next(fields)) {
      all.emplace_back();
      for (const CsvField& field : fields) {
        all.back().push_back(std::to_string(field.line) + (field.quoted ? "q " : " ") +
                             std::string(field.text));
      }
    }
  } catch (const Error& error) {
    all.push_back({error.what()});
  }
  return all;
}

TEST(CsvRecords, are_the_same_wherever_the_buffer_ends) {
  const std::string tables[] = {
      "a,b\r\n\"1\n\"\"2\"\"\",x\r\n\r\n\n",
      "a;b\r1;\"\r\n\"\r\"\";\"\"\"\"\r",
      "\xEF\xBB\xBFgr\xC3\xB6\xC3\x9F"
      "e,\xF0\x9F\x98\x80\n\xE2\x82\xAC,\"\xC3\xA4\"",
      "a,b\n1,2\n\n\r\n3,4\n",
      "a,b\n1,\"never closed\n2,3\n",
      "a,b\n1,2\n3,\xC3(\n",
      "a,b\n1,\"2\"x\n",
      std::string("a,b\n1,2\n\0,3\n", 12),
      "\n\n\n",
      "one\ntwo",
      "",
  };
  for (const std::string& table : tables) {
    const Records whole = records_of(table, 1 << 20);
    const std::size_t good = whole.size() - (whole.back().size() == 1 ? 1 : 0);
    for (std::size_t block = 1; block <= table.size() + 1; ++block) {
      Records cut = records_of(table, block);
      // A complaint about bytes further on may come later or earlier, never another one.
      EXPECT_EQ(cut.back(), whole.back()) << table << " in blocks of " << block;
      if (whole.back().size() > 1) {
        EXPECT_EQ(cut, whole) << table << " in blocks of " << block;
      }
      EXPECT_GE(cut.size() + 1, good) << table;
    }
  }
}

TEST(CsvRecords, refuse_a_record_without_end_in_bounded_memory) {
  const std::string table = "a,b\n1,2\n3,\"" + std::string(std::size_t{70} << 20, 'x');
  const Records records = records_of(table, 1 << 20);
  EXPECT_EQ(records.back()[0],
            "t.csv:3:2: the quoted field that opens here is over 16,777,216 bytes; is a quote left open?");
}

// The header gives the names, each further record an object; values are texts.
nlohmann::json as_objects(const std::string& path) {
  ByteStream stream(path);
  CsvBlocks blocks(stream, 0, false);
  CsvRecords records(blocks);
  std::vector<CsvField> fields;
  records.next(fields);
  std::vector<std::string> names;
  for (const CsvField& field : fields) names.emplace_back(field.text);
  nlohmann::json objects = nlohmann::json::array();
  while (records.next(fields)) {
    nlohmann::json object = nlohmann::json::object();
    for (std::size_t i = 0; i < std::min(names.size(), fields.size()); ++i) object[names[i]] = fields[i].text;
    objects.push_back(object);
  }
  return objects;
}

TEST(CsvRecords, read_the_csv_spectrum_as_the_json_beside_it_says) {
  const std::filesystem::path folder = ZTILDE_CSV_SPECTRUM;
  ASSERT_TRUE(std::filesystem::is_directory(folder / "csvs"))
      << "install node-csv-spectrum: scripts/packages test";
  int read = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "csvs")) {
    std::ifstream json_file(folder / "json" / (entry.path().stem().string() + ".json"));
    std::ostringstream json;
    json << json_file.rdbuf();
    EXPECT_EQ(as_objects(entry.path()), nlohmann::json::parse(json.str())) << entry.path();
    ++read;
  }
  EXPECT_GE(read, 10);
}

TEST(Numbers, that_are_plain_decimals_are_rounded_once) {
  // 1 + 2^-24 lies half way between two floats, and what is told apart from it by the 17th digit must
  // not go through a double that it is not.
  EXPECT_EQ(parse_number<float>("1.00000005960464").value, 1.f);
  EXPECT_EQ(parse_number<float>("1.00000005960465").value, 1.00000012f);
  EXPECT_EQ(parse_number<float>("8388608.5").value, 8388608.f);
  EXPECT_EQ(parse_number<float>("8388609.5").value, 8388610.f);
  for (const char* text : {"-", ".", "-.", "1..2", "1.2.3", "--1", "1-", ""}) {
    EXPECT_NE(parse_number<float>(text).kind, NumberKind::number) << text;
  }
  EXPECT_TRUE(std::signbit(parse_number<float>("-0").value));
  std::uint32_t state = 1;
  for (int i = 0; i < 200000; ++i) {
    state = state * 1664525u + 1013904223u;
    const std::string text =
        std::to_string(state >> (state % 24)) + "." + std::to_string((state >> 7) % 100000);
    ASSERT_EQ(parse_number<float>(text).value, std::strtof(text.c_str(), nullptr)) << text;
    ASSERT_EQ(parse_number<double>(text).value, std::strtod(text.c_str(), nullptr)) << text;
  }
}

}  // namespace
}  // namespace ztilde
