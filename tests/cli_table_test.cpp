// Tables as people have them, through the program: looked at, trained on, used.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/cli_test_support.hpp"

namespace ztilde::cli_test {
namespace {

// Whether someone is in, by the town and a little by the age, which every fifth row misses.
std::string passengers(int rows = 300) {
  std::mt19937 random(3);
  const char* towns[] = {"Bonn", "Köln", "Aachen", ""};
  std::string text = "id,age,town,weight,in\n";
  for (int r = 0; r < rows; ++r) {
    const auto town = random() % 4;
    const auto age = random() % 80;
    const bool in = town == 0 || (town == 1 && age < 40);
    text += "n" + std::to_string(r) + "," + (r % 5 == 0 ? "NA" : std::to_string(age)) + "," + towns[town] +
            "," + (r % 2 ? "1" : "2") + "," + (in ? "yes" : "no") + "\n";
  }
  return text;
}

const TemporaryFolder& trained() {
  static const TemporaryFolder folder;
  static const Result run = [] {
    folder.write("p.csv", passengers());
    return ztilde(folder, quick_train("p.csv", {"--missing", "indicator", "--weight-column", "weight"}));
  }();
  EXPECT_EQ(run.exit_code, 0) << run.err;
  return folder;
}

TEST(Tables, are_trained_on_with_categories_missing_numbers_and_weights) {
  const auto object = parsed(ztilde(trained(), {"inspect", "model.ztilde", "--json"}).out);
  ASSERT_EQ(object["columns"].size(), 2u);
  EXPECT_EQ(object["columns"][0]["name"], "age");
  EXPECT_GT(object["columns"][0]["mean"], 30);
  EXPECT_EQ(object["columns"][1]["categories"], nlohmann::json({"", "Aachen", "Bonn", "Köln"}));
  const Result scores = ztilde(trained(), {"evaluate", "model.ztilde", "--data", "p.csv", "--json"});
  EXPECT_EQ(scores.exit_code, 0);
  EXPECT_EQ(scores.err, "");
  EXPECT_GT(parsed(scores.out)["accuracy"], 0.85);
}

TEST(Tables, are_predicted_on_in_any_order_without_target_and_weight) {
  trained().write("new.csv", "town,else,age\nBonn,1,20\nBohn,2,\n,3,70\n");
  const Result run = ztilde(trained(), {"predict", "model.ztilde", "--data", "new.csv"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.err,
            "warning: new.csv: 1 column is ignored: 'else'\n"
            "warning: new.csv: 1 value of 'town' was not there in training, the first is 'Bohn'\n");
  const auto answers = lines_of(run.out);
  ASSERT_EQ(answers.size(), 4u);
  EXPECT_EQ(answers[1], "yes");
  EXPECT_EQ(answers[3], "no");
  const Result strict =
      ztilde(trained(), {"predict", "model.ztilde", "--data", "new.csv", "--unseen", "error"});
  EXPECT_EQ(strict.exit_code, 2);
  EXPECT_EQ(
      strict.err,
      "error: new.csv:3:1: 'Bohn' in column 1 ('town') was not there in training; did you mean Bonn?\n");
}

TEST(Tables, that_miss_numbers_are_refused_by_a_model_that_knows_none_missing) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  ASSERT_EQ(ztilde(folder, quick_train("flowers.csv", {"--quiet"})).exit_code, 0);
  folder.write("new.csv", "length,width\n1,NA\n");
  const Result run = ztilde(folder, {"predict", "model.ztilde", "--data", "new.csv"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_TRUE(run.err.starts_with("error: new.csv:2:2: 1 missing value (1 in column 2 ('width'))"))
      << run.err;
}

TEST(InspectData, shows_every_column_in_lines_no_wider_than_the_terminal) {
  for (const std::size_t columns : {30u, 60u, 120u}) {
    Setting setting;
    setting.columns = std::to_string(columns);
    const Result run = ztilde(trained(), {"inspect-data", "p.csv"}, setting);
    ASSERT_EQ(run.exit_code, 0) << run.err;
    for (const std::string& line : lines_of(run.out)) {
      const auto width =
          std::ranges::count_if(line, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
      EXPECT_LE(width, columns) << line;
    }
    for (const char* words : {"300 rows", "ignored", "60 missing", "categorical", "Aachen", "target"}) {
      EXPECT_NE(run.out.find(words), run.out.npos) << words << " is not in\n" << run.out;
    }
  }
}

TEST(InspectData, prints_one_json_object) {
  const auto object = parsed(ztilde(trained(), {"inspect-data", "p.csv", "--json"}).out);
  EXPECT_EQ(object["rows"], 300);
  ASSERT_EQ(object["columns"].size(), 5u);
  EXPECT_EQ(object["columns"][1]["missing"], 60);
  EXPECT_EQ(object["columns"][2]["role"], "categorical");
  EXPECT_EQ(object["columns"][2]["values"].size(), 3u);
  EXPECT_EQ(object["columns"][4]["role"], "target");
}

TEST(InspectData, writes_roles_that_train_takes) {
  const TemporaryFolder folder;
  folder.write("p.csv", passengers());
  ASSERT_EQ(ztilde(folder, {"inspect-data", "p.csv", "--write-columns", "c.json"}).exit_code, 0);
  const auto roles = parsed(folder.read("c.json"));
  EXPECT_EQ(roles["id"], "ignored");
  EXPECT_EQ(roles["in"], "target");
  const Result run = ztilde(folder, quick_train("p.csv", {"--columns", "c.json", "--missing", "mean"}));
  EXPECT_EQ(run.exit_code, 0) << run.err;
}

}  // namespace
}  // namespace ztilde::cli_test
