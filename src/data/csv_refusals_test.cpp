// What read_csv refuses, word for word.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/test_support.hpp"
#include "ztilde/dataset.hpp"

namespace ztilde {
namespace {

std::string refusal(const std::string& table, const CsvOptions& options = {}) {
  const TemporaryFolder folder;
  return failure(folder, [&] { read_csv(folder.write("t.csv", table), options); });
}

struct Case {
  std::string table, message;
};

TEST(CsvRefusals, say_what_a_file_is_that_is_no_table) {
  const Case cases[] = {
      {"", "data: t.csv: is empty; give a table with a header line"},
      {"\n\r\n\n", "data: t.csv: is empty; give a table with a header line"},
      {"\xEF\xBB\xBF", "data: t.csv: is empty; give a table with a header line"},
      {"a,b\n", "data: t.csv:1: a header and no rows; add rows below it"},
      {std::string("\xFF\xFE"
                   "a\0,\0",
                   6),
       "data: t.csv: is UTF-16 text; save it as UTF-8"},
      {std::string("\xFE\xFF"
                   "\0a\0,",
                   6),
       "data: t.csv: is UTF-16 text; save it as UTF-8"},
      {std::string("a,b\n1,\0\n", 8),
       "data: t.csv:2: has a zero byte, so it is no text (or UTF-16); give a CSV file in UTF-8"},
      {std::string("\xFF\xFE\0\0a\0\0\0", 8), "data: t.csv: is UTF-32 text; save it as UTF-8"},
      {"a,y\n1,caf\xE9\n",
       "data: t.csv:2: has the byte 0xE9, which is no UTF-8 text there; save the file as UTF-8"},
      {"a,y\n1,\xED\xA0\x80\n",
       "data: t.csv:2: has the byte 0xED, which is no UTF-8 text there; save the file as UTF-8"},
      {"  \n", "data: t.csv:1: a blank line where the header should be; put the columns' names there"},
      {"\na,b\n1,2\n",
       "data: t.csv:1: a blank line where the header should be; put the columns' names there"},
      {"PK\x03\x04rest", "data: t.csv: is a zip or spreadsheet file; save the table as CSV"},
  };
  for (const Case& c : cases) EXPECT_EQ(refusal(c.table), c.message);
  const TemporaryFolder folder;
  EXPECT_EQ(failure(folder, [&] { read_csv(folder / "absent.csv", {}); }),
            "io: absent.csv: no such file; check the name");
}

TEST(CsvRefusals, name_the_line_of_a_record_with_another_number_of_fields) {
  const std::string todo =
      " where the header has 3; add what is missing, or quote a field that has delimiters in it";
  const Case cases[] = {
      {"a,b,y\n1,2,u\n1,2\n", "data: t.csv:3: 2 fields" + todo},
      {"a,b,y\n1,2,u,\n", "data: t.csv:2: 4 fields" + todo},
      {"a,b,y\n1,2,\"u\r\n\n\"\n1\n", "data: t.csv:5: 1 field" + todo},
      {"a,b,y\n1,2,u\n\n1,2,v\n", "data: t.csv:3: a blank line where the header has 3; remove it"},
  };
  for (const Case& c : cases) EXPECT_EQ(refusal(c.table), c.message);
}

TEST(CsvRefusals, name_the_place_of_a_wrong_quote) {
  const std::string unclosed =
      "the quote that opens here is never closed; close it, or double it where it is part of the text";
  const Case cases[] = {
      {"a,y\n1,u\n2,\"v\n3,w\n", "data: t.csv:3:2: " + unclosed},
      {"a,y\n1,\"", "data: t.csv:2:2: " + unclosed},
      {"\"a,y\n1,2\n", "data: t.csv:1:1: " + unclosed},
      {"a,y\n\"1\n\",\"\"\"\n", "data: t.csv:3:2: " + unclosed},
      {"a,y\n1,u\n2,5\" pipe\n",
       "data: t.csv:3:2: a quote within a field that none opens; put the whole field into quotes and double "
       "those inside"},
      {"a,y\n1,\"u\"v\n",
       "data: t.csv:2:2: text follows the closing quote; double the quotes inside a quoted field"},
  };
  for (const Case& c : cases) EXPECT_EQ(refusal(c.table), c.message);
}

TEST(CsvRefusals, name_file_line_and_column_of_what_is_no_number) {
  const std::string is_text =
      " in column 2 ('age') is not a number; correct it, or leave the column out with --ignore";
  const std::string too_large =
      " in column 2 ('age') is beyond the largest float, 3.4e38; scale the column down";
  const std::string hexadecimal = " in column 2 ('age') is hexadecimal; write it as a decimal number";
  const std::string comma =
      " in column 2 ('age') has a comma; say --decimal-comma if it stands before the decimals, else write "
      "the "
      "number without it";
  const std::string missing =
      "1 missing value (1 in column 2 ('age')); fill them in or leave the rows out, or train with --missing "
      "mean";
  const std::string infinite = "infinity in column 2 ('age'); put a number in its place or leave the row out";
  const Case cases[] = {
      {"old", "'old'" + is_text},
      {"1 2", "'1 2'" + is_text},
      {"1e", "'1e'" + is_text},
      {"+-1", "'+-1'" + is_text},
      {"++1", "'++1'" + is_text},
      {"--1", "'--1'" + is_text},
      {"1_000", "'1_000'" + is_text},
      {"\"o\x1b\n\"", "'o\\x1B\\n'" + is_text},
      {std::string(50, 'x'), "'" + std::string(40, 'x') + "…'" + is_text},
      {"\"1,5\"", "'1,5'" + comma},
      {"0x1A", "'0x1A'" + hexadecimal},
      {"-0X1p3", "'-0X1p3'" + hexadecimal},
      {"1e400", "'1e400'" + too_large},
      {"-1e39", "'-1e39'" + too_large},
      {"3.4028236e38", "'3.4028236e38'" + too_large},
      {"NaN", missing},
      {"-nan", missing},
      {" inf ", infinite},
      {"-Infinity", infinite},
      {"NA", missing},
      {" ? ", missing},
      {"None", "'None'" + is_text},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(refusal("a,age,y\n1,2,\"u\n\"\n1," + c.table + ",v\n1,2,u\n"), "data: t.csv:4:2: " + c.message);
  }
}

TEST(CsvRefusals, count_missing_values_by_column) {
  const Case cases[] = {
      {"a,b,y\n1,2,u\n1,,v\n",
       "data: t.csv:3:2: 1 missing value (1 in column 2 ('b')); fill them in or leave the rows out, or train "
       "with --missing mean"},
      {"a,b,y\n1,2,u\n 1,\"\",v\n , ,\n",
       "data: t.csv:3:2: 4 missing values (1 in column 1 ('a'), 2 in column 2 ('b'), 1 in column 3 ('y')); "
       "fill them in or leave the rows out, or train with --missing mean"},
      {"a,b,c,d,y\n,,,,u\n",
       "data: t.csv:2:1: 4 missing values (1 in column 1 ('a'), 1 in column 2 ('b'), 1 in column 3 ('c') and "
       "more in "
       "1 other column); fill them in or leave the rows out, or train with --missing mean"},
  };
  for (const Case& c : cases) EXPECT_EQ(refusal(c.table), c.message);
}

TEST(CsvRefusals, name_columns_that_the_header_has_twice_or_without_a_name) {
  const Case cases[] = {
      {"a,b,a\n1,2,3\n", "data: t.csv:1:3: columns 1 and 3 are both called 'a'; rename one"},
      {"5,3,5\n1,2,3\n",
       "data: t.csv:1:3: columns 1 and 3 are both called '5'; is the header line missing? Then say "
       "--no-header"},
      {",a,y\n0,1,u\n",
       "data: t.csv:1:1: column 1 has no name; name it, or leave it out where it only numbers the rows"},
      {"y\n1\n2\n", "data: t.csv:1: the only column, 'y', is the target; give columns to predict it from"},
  };
  for (const Case& c : cases) EXPECT_EQ(refusal(c.table), c.message);
}

TEST(CsvRefusals, name_asked_for_columns_that_are_missing) {
  CsvOptions options;
  options.target = "yy";
  EXPECT_EQ(refusal("a,b,y\n1,2,3\n", options),
            "data: t.csv:1: no column is called 'yy', the target; did you mean y?");
  options.target = "z";
  EXPECT_EQ(refusal("a,b,y\n1,2,3\n", options),
            "data: t.csv:1: no column is called 'z', the target; known are a, b, y");
  for (const std::string number : {"0", "4", "99999999999999999999999"}) {
    options.target = number;
    EXPECT_EQ(refusal("a,b,y\n1,2,3\n", options),
              "data: t.csv:1: the target is to be column " + number +
                  ", and the header has 3 columns; give a name, or a number from 1 to 3");
  }
  options.target = "y";
  options.columns = {{.name = "a"}, {.name = "agee"}};
  EXPECT_EQ(refusal("a,age,y\n1,2,3\n", options),
            "data: t.csv:1: the header lacks column 'agee'; did you mean age?");
  options.columns = {{.name = "p"}, {.name = "q"}, {.name = "a"}, {.name = "r"}, {.name = "s"}};
  EXPECT_EQ(refusal("a,age,y\n1,2,3\n", options),
            "data: t.csv:1: the header lacks columns 'p', 'q', 'r' and 1 more; known are a, age, y");
  options.columns = {{.name = "a"}, {.name = "y"}};
  EXPECT_EQ(refusal("a,age,y\n1,2,3\n", options),
            "data: t.csv:1:3: column 3 ('y') is both an input and the target; choose one");
  options.columns = {};
  options.keep = {"id"};
  EXPECT_EQ(refusal("a,age,y\n1,2,3\n", options),
            "data: t.csv:1: the header lacks column 'id'; known are a, age, y");
}

TEST(CsvRefusals, name_classes_that_cannot_be) {
  CsvOptions options;
  options.classes = {"setosa", "versicolor", "virginica"};
  EXPECT_EQ(refusal("a,y\n1,setosa\n2,virginca\n", options),
            "data: t.csv:3:2: 'virginca' in column 2 ('y') is none of the 3 known classes; did you mean "
            "virginica?");
  options.classes = {"0", "1"};
  EXPECT_EQ(refusal("a,y\n1,0\n2,77\n", options),
            "data: t.csv:3:2: '77' in column 2 ('y') is none of the 2 known classes; known are 0, 1");
  EXPECT_EQ(refusal("a,y\n1,u\n2,u\n"),
            "data: t.csv:2:2: 'u' is the only value of the target, column 2 ('y'); classification needs at "
            "least two "
            "classes");
  EXPECT_EQ(refusal("a,y\n1,3\n2,3.0\n"),
            "data: t.csv:2:2: '3' is the only value of the target, column 2 ('y'); classification needs at "
            "least two "
            "classes");
}

TEST(CsvRefusals, name_targets_that_are_no_numbers_where_they_should_be) {
  CsvOptions options;
  options.task = Task::regress;
  EXPECT_EQ(refusal("a,y\n1,2\n2,u\n", options),
            "data: t.csv:3:2: 'u' in column 2 ('y') is not a number; correct it, or leave the column out "
            "with --ignore");
  EXPECT_EQ(
      refusal("a,y\n1,2\n2,1e39\n", options),
      "data: t.csv:3:2: '1e39' in column 2 ('y') is beyond the largest float, 3.4e38; scale the column down");
  EXPECT_EQ(refusal("a,y\n1,0\n2,1\n3,nan\n4,0\n5,1\n"),
            "data: t.csv:4:2: 1 missing value (1 in column 2 ('y')); fill them in or leave the rows out");
  EXPECT_EQ(
      refusal("a,y\n1,2.5\n2,1\n3,3..5\n"),
      "data: t.csv:4:2: '3..5' in the target, column 2 ('y'), is not a number, as most of its values are; "
      "correct it, or say --task classify");
}

}  // namespace
}  // namespace ztilde
