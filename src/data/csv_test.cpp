// What read_csv takes from a table; its refusals are in csv_refusals_test.cpp.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/test_support.hpp"
#include "ztilde/dataset.hpp"

namespace ztilde {
namespace {

using Names = std::vector<std::string>;
using Floats = std::vector<float>;

Dataset read(const std::string& table, const CsvOptions& options = {}) {
  const TemporaryFolder folder;
  return read_csv(folder.write("t.csv", table), options);
}

TEST(Csv, takes_the_last_column_as_target_and_the_others_as_inputs) {
  const Dataset data = read("a,b,species\n1,2,cat\n3,4,dog\n5,6,ant\n");
  EXPECT_EQ(data.rows, 3u);
  EXPECT_EQ(data.columns, 2u);
  EXPECT_EQ(data.column_names, (Names{"a", "b"}));
  EXPECT_EQ(data.floats, (Floats{1, 2, 3, 4, 5, 6}));
  EXPECT_FALSE(data.is_bytes());
  EXPECT_EQ(data.target_name, "species");
  EXPECT_EQ(data.task, Task::classify);
  EXPECT_EQ(data.classes, (Names{"ant", "cat", "dog"}));
  EXPECT_EQ(data.targets, (Floats{1, 2, 0}));
  EXPECT_EQ(data.notes, Names{"task: classify, because the target 'species' holds text"});
}

TEST(Csv, takes_a_target_by_name_before_number) {
  CsvOptions options;
  options.target = "a";
  EXPECT_EQ(read("a,b,c\n1,2,3\n9,5,6\n1,2,3\n9,5,6\n", options).column_names, (Names{"b", "c"}));
  options.target = "2";
  EXPECT_EQ(read("a,b,c\n1,2,3\n9,5,6\n1,2,3\n9,5,6\n", options).target_name, "b");
  EXPECT_EQ(read("2,b,c\n1,2,3\n9,5,6\n1,2,3\n9,5,6\n", options).target_name, "2");
}

TEST(Csv, reads_all_line_ends_quotes_marks_and_missing_last_line_ends_alike) {
  const std::vector<std::string> tables = {
      "a,b,y\n1,2,u\n3,4,v\n",
      "a,b,y\n1,2,u\n3,4,v",
      "a,b,y\r\n1,2,u\r\n3,4,v\r\n",
      "a,b,y\r\n1,2,u\r\n3,4,v\r\n\r\n\n",
      "a,b,y\r1,2,u\r3,4,v\r",
      "\xEF\xBB\xBF"
      "a,b,y\n1,2,u\n3,4,v\n\n",
      "\"a\",\"b\",\"y\"\n\"1\",\"2\",\"u\"\n3,\"4\",\"v\"",
      " a , b,y \n +1 ,2.0e0, u\n.3e1,\t4. ,v \n",
      "a\tb\ty\n1\t2\tu\n3\t4\tv\n",
      "a;b;y\r\n1;2;u\r\n3;4;v\r\n",
  };
  for (const std::string& table : tables) {
    const Dataset data = read(table);
    EXPECT_EQ(data.column_names, (Names{"a", "b"})) << table;
    EXPECT_EQ(data.floats, (Floats{1, 2, 3, 4})) << table;
    EXPECT_EQ(data.classes, (Names{"u", "v"})) << table;
    EXPECT_EQ(data.targets, (Floats{0, 1})) << table;
  }
}

TEST(Csv, keeps_what_quotes_hold) {
  const Dataset data = read(
      "x,\"the \"\"class\"\",\ngood\"\n1,\"say \"\"hi\"\"\"\n2,\"a,b\r\nc\"\n3,\" a \"\n4,\"5\"\" pipe\"\n");
  EXPECT_EQ(data.target_name, "the \"class\",\ngood");
  EXPECT_EQ(data.classes, (Names{" a ", "5\" pipe", "a,b\r\nc", "say \"hi\""}));
  EXPECT_EQ(data.floats, (Floats{1, 2, 3, 4}));
}

TEST(Csv, notes_a_delimiter_other_than_the_comma) {
  EXPECT_EQ(read("a;y\n1;u\n2;v\n").notes[0], "delimiter: semicolon, because the first line has it");
  EXPECT_EQ(read("a\ty\n1\tu\n2\tv\n").notes[0], "delimiter: tab, because the first line has it");
  EXPECT_EQ(read("\"a;;;\",y\n1,u\n2,v\n").column_names, Names{"a;;;"});
}

TEST(Csv, rounds_numbers_once_to_the_nearest_float) {
  CsvOptions options;
  options.task = Task::regress;
  const Dataset data =
      read("a,b,y\n0.1,3.4028235e38,1\n16777217,-1e-400,1\n1.00000017881393432617187499,-0,2\n", options);
  EXPECT_EQ(data.floats, (Floats{0.1f, 3.4028235e38f, 16777216.f, -0.f, 1.00000011920928955f, -0.f}));
}

// One row each: the task is decided from the target alone.
TEST(Csv, decides_the_task_from_the_target_and_says_why) {
  struct Case {
    Names targets;
    Task task;
    std::string why;
  };
  Names many, few;
  for (int i = 0; i < 21; ++i) many.insert(many.end(), 3, std::to_string(i));
  for (int i = 0; i < 60; ++i) few.push_back(std::to_string(i % 20));
  const Case cases[] = {
      {{"a", "b", "1"}, Task::classify, "holds text"},
      {{"0", "1", "0", "1", "2", "2"}, Task::classify, "has 3 distinct values; say --task regress otherwise"},
      {{"0", "1.0", "-0", "1"}, Task::classify, "has 2 distinct values; say --task regress otherwise"},
      {few, Task::classify, "has 20 distinct values; say --task regress otherwise"},
      {many, Task::regress, "has more than 20 distinct values; say --task classify otherwise"},
      {{"1", "2", "3"}, Task::regress, "has 3 distinct values in 3 rows; say --task classify otherwise"},
      {{"0.5", "1", "0.5", "1"},
       Task::regress,
       "holds numbers that are not all integers; say --task classify otherwise"},
  };
  for (const Case& c : cases) {
    std::string table = "x,y\n";
    for (const std::string& target : c.targets) table += "1," + target + "\n";
    const Dataset data = read(table);
    EXPECT_EQ(data.task, c.task);
    const std::string task = c.task == Task::classify ? "classify" : "regress";
    EXPECT_EQ(data.notes, Names{"task: " + task + ", because the target 'y' " + c.why});
  }
}

TEST(Csv, obeys_the_task_it_is_told_without_a_note) {
  CsvOptions options;
  options.task = Task::regress;
  const Dataset numbers = read("x,y\n1,0\n1,1\n1,0\n1,1\n", options);
  EXPECT_EQ(numbers.targets, (Floats{0, 1, 0, 1}));
  EXPECT_TRUE(numbers.classes.empty());
  EXPECT_TRUE(numbers.notes.empty());
  options.task = Task::classify;
  EXPECT_EQ(read("x,y\n1,0.5\n1,1.25\n", options).classes, (Names{"0.5", "1.25"}));
}

TEST(Csv, sorts_classes_by_number_where_all_are_numbers) {
  CsvOptions options;
  options.task = Task::classify;
  EXPECT_EQ(read("x,y\n1,10\n1,9\n1,-1\n", options).classes, (Names{"-1", "9", "10"}));
  EXPECT_EQ(read("x,y\n1,10\n1,9\n1,b\n", options).classes, (Names{"10", "9", "b"}));
}

TEST(Csv, takes_equal_numbers_for_one_class_unless_a_double_cannot_tell) {
  CsvOptions options;
  options.task = Task::classify;
  const Dataset data = read("x,y\n1,1\n1,1.0\n1,01\n1,2\n", options);
  EXPECT_EQ(data.classes, (Names{"1", "2"}));
  EXPECT_EQ(data.targets, (Floats{0, 0, 0, 1}));
  EXPECT_EQ(read("x,y\n1,90071992547409930\n1,90071992547409931\n", options).classes.size(), 2u);
}

TEST(Csv, looks_given_classes_up_by_text_and_else_by_number) {
  CsvOptions options;
  options.classes = {"9", "10", "11"};
  const Dataset data = read("x,y\n1,10\n1,9.0\n", options);
  EXPECT_EQ(data.targets, (Floats{1, 0}));
  EXPECT_EQ(data.classes, options.classes);
  EXPECT_TRUE(data.notes.empty());
  options.classes = {"dog", "cat"};
  EXPECT_EQ(read("x,y\n1,cat\n1,cat\n", options).targets, (Floats{1, 1}));
}

TEST(Csv, reads_asked_for_columns_in_their_order_and_notes_the_others) {
  CsvOptions options;
  options.columns = {{.name = "c"}, {.name = "a"}};
  options.target = "y";
  const Dataset data = read("a,id,b,y,c\n1,p,2,u,3\n4,q,5,v,6\n", options);
  EXPECT_EQ(data.column_names, (Names{"c", "a"}));
  EXPECT_EQ(data.floats, (Floats{3, 1, 6, 4}));
  EXPECT_EQ(data.notes[0], "columns: 2 columns are ignored: 'id', 'b'");
  options.keep = {"id"};
  const Dataset kept = read("a,id,b,y,c\n1, p ,2,u,3\n4,\"q,\"\"\",5,v,6\n", options);
  EXPECT_EQ(kept.kept_names, Names{"id"});
  EXPECT_EQ(kept.kept, (std::vector<Names>{{" p ", "q,\""}}));
  EXPECT_EQ(kept.notes[0], "columns: 1 column is ignored: 'b'");
}

TEST(Csv, does_without_the_target_where_it_may) {
  CsvOptions options;
  options.target = "y";
  options.target_use = CsvOptions::Target::if_present;
  const Dataset absent = read("a,b\n1,2\n", options);
  EXPECT_EQ(absent.columns, 2u);
  EXPECT_TRUE(absent.targets.empty());
  EXPECT_EQ(absent.target_name, "");
  EXPECT_EQ(read("a,y\n1,u\n2,v\n", options).targets, (Floats{0, 1}));
  options.target_use = CsvOptions::Target::ignored;
  const Dataset ignored = read("a,y,b\n1,,2\n", options);
  EXPECT_EQ(ignored.column_names, (Names{"a", "b"}));
  EXPECT_TRUE(ignored.targets.empty());
  EXPECT_TRUE(ignored.notes.empty());
  options.columns = {{.name = "b"}};
  EXPECT_EQ(read("a,y,b\n1,,2\n", options).notes, Names{"columns: 1 column is ignored: 'a'"});
}

TEST(Csv, wonders_about_a_header_of_numbers) {
  EXPECT_EQ(read("0,1\n1,u\n2,v\n").notes[0],
            "header: every name in it is a number; is the header line missing? Then say --no-header");
}

TEST(Csv, takes_a_nameless_column_that_it_does_not_read) {
  CsvOptions options;
  options.columns = {{.name = "a"}};
  EXPECT_EQ(read(",a,y\n0,1,u\n1,2,v\n", options).floats, (Floats{1, 2}));
}

}  // namespace
}  // namespace ztilde
