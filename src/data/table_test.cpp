// Tables as people have them: roles, categories, weights, missing values, ways of writing.
#include <gtest/gtest.h>

#include <cmath>
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

std::string refusal(const std::string& table, const CsvOptions& options = {}) {
  const TemporaryFolder folder;
  return failure(folder, [&] { read_csv(folder.write("t.csv", table), options); });
}

const std::string kCities = "size,city,y\n1,Bonn,u\n2,Aachen,v\n3,Bonn,u\n4,,v\n";

TEST(Table, makes_columns_of_text_categories_in_an_order_that_rows_do_not_change) {
  const Dataset data = read(kCities);
  ASSERT_EQ(data.column_info.size(), 2u);
  EXPECT_EQ(data.column_info[0], (Column{"size"}));
  EXPECT_EQ(data.column_info[1], (Column{"city", ColumnKind::categorical, {"", "Aachen", "Bonn"}}));
  EXPECT_EQ(data.floats, (Floats{1, 2, 2, 1, 3, 2, 4, 0}));
  EXPECT_EQ(read("size,city,y\n4,,v\n3,Bonn,u\n2,Aachen,v\n1,Bonn,u\n").column_info, data.column_info);
  EXPECT_TRUE(read("a,y\n1,u\n2,v\n").column_info.empty());
}

TEST(Table, takes_numbers_for_categories_on_request_and_sorts_them_by_number) {
  CsvOptions options;
  options.roles = {{"zip", ColumnRole::categorical}};
  const Dataset data = read("zip,y\n10,u\n9,v\n010,u\n", options);
  EXPECT_EQ(data.column_info[0].categories, (Names{"9", "010", "10"}));
  EXPECT_EQ(data.floats, (Floats{2, 0, 1}));
}

TEST(Table, looks_categories_of_a_model_up_and_gives_others_a_slot_or_refuses_them) {
  CsvOptions options;
  options.columns = read(kCities).column_info;
  options.target = "y";
  options.target_use = CsvOptions::Target::ignored;
  const Dataset data = read("city,size\nBonn,1\nBohn,2\nNA,3\n", options);
  EXPECT_EQ(data.floats, (Floats{1, 2, 2, 3, 3, 0}));
  EXPECT_EQ(data.column_info, options.columns);
  EXPECT_EQ(data.notes,
            Names{"categories: 1 value of 'city' was not there in training, the first is 'Bohn'"});
  options.refuse_unseen = true;
  EXPECT_EQ(refusal("city,size\nBonn,1\nBohn,2\n", options),
            "data: t.csv:3:1: 'Bohn' in column 1 ('city') was not there in training; did you mean Bonn?");
}

TEST(Table, keeps_the_categories_of_many_columns_apart) {
  std::string names, cells;
  CsvOptions options;
  options.target_use = CsvOptions::Target::ignored;
  for (int i = 0; i < 9; ++i) {
    const std::string name = "a rather long name of column " + std::to_string(i);
    names += (i == 0 ? "" : ",") + name;
    cells += (i == 0 ? "" : ",") + name;
    options.columns.push_back({name, ColumnKind::categorical, {"another text", name}});
  }
  const Dataset data = read(names + "\n" + cells + "\n", options);
  EXPECT_EQ(data.floats, Floats(9, 1));
  EXPECT_TRUE(data.notes.empty());
}

TEST(Table, refuses_an_unseen_missing_category_by_its_place) {
  CsvOptions options;
  options.columns = {{"city", ColumnKind::categorical, {"Bonn"}}};
  options.target_use = CsvOptions::Target::ignored;
  EXPECT_EQ(read("city\n?\n", options).floats, Floats{1});
  options.refuse_unseen = true;
  EXPECT_EQ(
      refusal("city\n?\n", options),
      "data: t.csv:2:1: a missing value in column 1 ('city'), which had none in training; fill it in, or "
      "say --unseen slot");
}

TEST(Table, leaves_columns_of_different_texts_out_and_says_so) {
  std::string table = "name,a,y\n";
  for (int i = 0; i < 30; ++i) {
    table += "n" + std::to_string(i) + "," + std::to_string(i) + "," + (i % 2 ? "u" : "v") + "\n";
  }
  const Dataset data = read(table);
  EXPECT_EQ(data.column_names, Names{"a"});
  EXPECT_EQ(data.rules.ignored, Names{"name"});
  EXPECT_EQ(data.notes[0],
            "ignored: 'name', as it has 30 different texts in 30 rows; --categorical name uses it");
  CsvOptions options;
  options.roles = {{"name", ColumnRole::categorical}};
  EXPECT_EQ(read(table, options).column_info[0].categories.size(), 30u);
}

TEST(Table, ignores_columns_and_weighs_rows_as_told) {
  CsvOptions options;
  options.roles = {{"id", ColumnRole::ignored}, {"w", ColumnRole::weight}};
  const Dataset data = read("id,a,w,y\nx,1,0.5,u\n,2,0,v\n", options);
  EXPECT_EQ(data.column_names, Names{"a"});
  EXPECT_EQ(data.weights, (Floats{0.5, 0}));
  EXPECT_EQ(data.rules.weight_name, "w");
  EXPECT_EQ(data.rules.ignored, Names{"id"});
  EXPECT_EQ(data.target_name, "y");
}

TEST(Table, refuses_weights_that_are_none) {
  CsvOptions options;
  options.roles = {{"w", ColumnRole::weight}};
  EXPECT_EQ(refusal("a,w,y\n1,1,u\n2,-1,v\n", options),
            "data: t.csv:3:2: the weight in column 2 ('w') is -1; weights are at least 0");
  EXPECT_EQ(refusal("a,w,y\n1,0,u\n2,0,v\n", options),
            "data: t.csv:1:2: every weight in column 2 ('w') is 0; give some rows a weight above 0");
  EXPECT_EQ(refusal("a,w,y\n1,1,u\n2,,v\n", options),
            "data: t.csv:3:2: 1 missing value (1 in column 2 ('w')); fill them in or leave the rows out");
  EXPECT_EQ(
      refusal("a,w,y\n1,1,u\n2,x,v\n", options),
      "data: t.csv:3:2: 'x' in column 2 ('w') is not a number; correct it, or leave the column out with "
      "--ignore");
}

TEST(Table, takes_the_last_column_without_another_role_as_target) {
  CsvOptions options;
  options.roles = {{"w", ColumnRole::weight}};
  EXPECT_EQ(read("a,y,w\n1,u,1\n2,v,1\n", options).target_name, "y");
  options.roles = {{"a", ColumnRole::target}};
  EXPECT_EQ(read("a,y,w\n1,2,1\n2,3,1\n1,3,3\n2,3,3\n", options).target_name, "a");
}

TEST(Table, refuses_two_roles_for_a_column_and_two_columns_for_a_role) {
  CsvOptions options;
  options.roles = {{"a", ColumnRole::ignored}, {"a", ColumnRole::weight}};
  EXPECT_EQ(refusal("a,b,y\n1,2,u\n", options),
            "data: t.csv:1:1: column 1 ('a') is to be both ignored and the weight; choose one");
  options.roles = {{"a", ColumnRole::weight}, {"b", ColumnRole::weight}};
  EXPECT_EQ(refusal("a,b,y\n1,2,u\n", options),
            "data: t.csv:1:2: column 1 ('a') and column 2 ('b') are both to be the weight; choose one");
  options.roles = {{"ab", ColumnRole::ignored}};
  EXPECT_EQ(refusal("abc,x,y\n1,2,u\n", options),
            "data: t.csv:1: the header lacks column 'ab'; did you mean abc?");
  options.roles = {{"a", ColumnRole::ignored}, {"b", ColumnRole::ignored}};
  EXPECT_EQ(refusal("a,b,y\n1,2,u\n", options),
            "data: t.csv:1: no column is left to predict from; ignore fewer");
}

TEST(Table, leaves_missing_numbers_nan_where_they_are_allowed) {
  CsvOptions options;
  options.rules.missing = MissingUse::mean;
  options.rules.missing_words = {"-9", "none"};
  const Dataset data = read("a,b,y\n1,NA,u\n-9.0,2,v\nnone,?,u\n", options);
  ASSERT_EQ(data.floats.size(), 6u);
  for (const std::size_t missing : {1u, 2u, 4u, 5u}) EXPECT_TRUE(std::isnan(data.floats[missing])) << missing;
  EXPECT_EQ(data.floats[0], 1);
  EXPECT_EQ(data.floats[3], 2);
  EXPECT_EQ(data.rules, options.rules);
}

TEST(Table, takes_question_mark_and_minus_for_classes_of_a_text_target) {
  EXPECT_EQ(read("a,y\n1,+\n2,-\n3,?\n").classes, (Names{"+", "-", "?"}));
}

TEST(Table, reads_without_a_header) {
  CsvOptions options;
  options.header = false;
  const Dataset data = read("1,2,u\n3,4,v\n", options);
  EXPECT_EQ(data.column_names, (Names{"1", "2"}));
  EXPECT_EQ(data.target_name, "3");
  EXPECT_EQ(data.floats, (Floats{1, 2, 3, 4}));
  EXPECT_EQ(
      refusal("1,2,u\n3,4\n", options),
      "data: t.csv:2: 2 fields where the first line has 3; add what is missing, or quote a field that has "
      "delimiters in it");
}

TEST(Table, reads_decimal_commas_when_asked_only) {
  CsvOptions options;
  options.decimal_comma = true;
  EXPECT_EQ(read("a;y\n1,5;u\n-0,25;v\n", options).floats, (Floats{1.5, -0.25}));
  EXPECT_EQ(read("a,b;y\n1,5;u\n2;v\n", options).column_names, Names{"a,b"});
  EXPECT_EQ(
      refusal("a;y\n1,5;u\n1.5;v\n", options),
      "data: t.csv:3:1: '1.5' in column 1 ('a') has a decimal point; leave --decimal-comma out, or write it "
      "with a comma");
  EXPECT_EQ(
      refusal("a;y\n1,5;u\n1,5;v\n"),
      "data: t.csv:2:1: '1,5' in column 1 ('a') has a comma; say --decimal-comma if it stands before the "
      "decimals, else write the number without it");
}

TEST(Table, is_separated_by_whatever_it_is_told) {
  EXPECT_EQ(read("a|y\n1|u\n2|v\n").notes[0], "delimiter: pipe, because the first line has it");
  CsvOptions options;
  options.delimiter = ':';
  const Dataset data = read("a:b,c:y\n1:2:u\n3:4:v\n", options);
  EXPECT_EQ(data.column_names, (Names{"a", "b,c"}));
  EXPECT_EQ(data.notes.size(), 1u);  // of the task
}

TEST(Table, takes_quotes_within_fields_for_text_where_tabs_separate) {
  EXPECT_EQ(read("a\ty\n1\t5\" pipe\n2\t\"6\"\" pipe\"\n").classes, (Names{"5\" pipe", "6\" pipe"}));
}

TEST(Roles, are_read_from_json) {
  const TemporaryFolder folder;
  CsvOptions options;
  read_roles(folder.write("c.json", "{\"a\": \"ignored\",\n \"b\": \"target\"}"), options);
  EXPECT_EQ(options.roles, (std::vector<std::pair<std::string, ColumnRole>>{{"a", ColumnRole::ignored},
                                                                            {"b", ColumnRole::target}}));
  const std::vector<std::pair<std::string, std::string>> refusals = {
      {"", "data: c.json:1: is no JSON there; write {\"NAME\": \"numeric\", …}"},
      {"{\"a\":\n \"ignored\",,}", "data: c.json:2: is no JSON there; write {\"NAME\": \"numeric\", …}"},
      {"[1]", "data: c.json: is no JSON object; write {\"NAME\": \"numeric\", …}"},
      {"{\"a\": \"numerc\"}", "data: c.json: the role of column 'a' is numerc; did you mean numeric?"},
      {"{\"a\": \"target\", \"a\": \"ignored\"}",
       "data: c.json: column 'a' is there twice; give it one role"},
  };
  for (const auto& refused : refusals) {
    EXPECT_EQ(failure(folder, [&] { read_roles(folder.write("c.json", refused.first), options); }),
              refused.second);
  }
}

TEST(Survey, counts_what_reading_would_refuse) {
  const TemporaryFolder folder;
  const TableSurvey survey = survey_csv(folder.write("t.csv", "a,b,c\n1,x,\n3,y,2\n,x,oops\n4,x,6\n"), {});
  ASSERT_EQ(survey.columns.size(), 3u);
  EXPECT_EQ(survey.rows, 4u);
  const ColumnSurvey& a = survey.columns[0];
  EXPECT_EQ(a.role, ColumnRole::numeric);
  EXPECT_EQ(a.missing, 1u);
  EXPECT_EQ(a.numbers, 3u);
  EXPECT_DOUBLE_EQ(a.mean, 8.0 / 3);
  EXPECT_EQ(a.least, 1);
  EXPECT_EQ(a.most, 4);
  const ColumnSurvey& b = survey.columns[1];
  EXPECT_EQ(b.role, ColumnRole::categorical);
  EXPECT_EQ(b.values, (std::vector<std::pair<std::string, std::uint64_t>>{{"x", 3}, {"y", 1}}));
  const ColumnSurvey& c = survey.columns[2];
  EXPECT_EQ(c.role, ColumnRole::target);
  EXPECT_EQ(c.odd, "oops");
  EXPECT_EQ(c.odd_line, 4u);
}

TEST(Survey, stops_counting_values_where_there_are_many) {
  std::string table = "a,y\n";
  for (std::size_t i = 0; i <= kMostSurveyed; ++i) table += std::to_string(i) + ",u\n";
  const TemporaryFolder folder;
  const TableSurvey survey = survey_csv(folder.write("t.csv", table), {});
  EXPECT_FALSE(survey.columns[0].all_values);
  EXPECT_EQ(survey.columns[0].numbers, kMostSurveyed + 1);
  EXPECT_TRUE(survey.columns[1].all_values);
}

}  // namespace
}  // namespace ztilde
