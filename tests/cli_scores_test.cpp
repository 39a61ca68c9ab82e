// The program judges models: metrics, class weights, cross-validation.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/cli_test_support.hpp"

namespace ztilde::cli_test {
namespace {

// Two overlapping clouds, one row in ten is "yes".
std::string rare(int rows = 400) {
  std::mt19937 random(9);
  std::normal_distribution<double> noise(0, 1);
  std::string text = "a,b,answer\n";
  for (int r = 0; r < rows; ++r) {
    const double shift = r % 10 == 0 ? 1.2 : 0;
    text += std::to_string(noise(random) + shift) + "," + std::to_string(noise(random)) +
            (shift > 0 ? ",yes\n" : ",no\n");
  }
  return text;
}

std::vector<std::string> keys(const nlohmann::json& object) {
  std::vector<std::string> keys;
  for (const auto& item : object.items()) keys.push_back(item.key());
  return keys;
}

TEST(Metrics, stand_in_the_json_of_evaluate_and_train) {
  const TemporaryFolder folder;
  folder.write("rare.csv", rare());
  folder.write("houses.csv", houses());
  const auto trained = parsed(ztilde(folder, quick_train("rare.csv", {"--json"})).out);
  for (const char* key : {"valid_accuracy", "valid_balanced_accuracy", "valid_auc", "valid_log_loss"})
    EXPECT_TRUE(trained.contains(key)) << key;
  EXPECT_EQ(trained["valid_loss"], trained["valid_log_loss"]);
  const auto scores =
      parsed(ztilde(folder, {"evaluate", "model.ztilde", "--data", "rare.csv", "--json", "--confusion"}).out);
  EXPECT_EQ(keys(scores), (std::vector<std::string>{"accuracy", "auc", "balanced_accuracy", "by_class",
                                                    "classes", "confusion", "log_loss", "loss", "rows"}));
  EXPECT_EQ(scores["loss"], scores["log_loss"]);
  const double found = scores["confusion"][1][1];
  EXPECT_DOUBLE_EQ(scores["by_class"][1]["recall"], found / 40);
  EXPECT_DOUBLE_EQ(scores["balanced_accuracy"],
                   (scores["confusion"][0][0].get<double>() / 360 + found / 40) / 2);

  const auto regression =
      parsed(ztilde(folder, quick_train("houses.csv", {"--json", "--out", "houses"})).out);
  for (const char* key : {"valid_rmse", "valid_mae", "valid_r2"})
    EXPECT_TRUE(regression.contains(key)) << key;
  EXPECT_EQ(keys(parsed(ztilde(folder, {"evaluate", "houses", "--data", "houses.csv", "--json"}).out)),
            (std::vector<std::string>{"loss", "mae", "r2", "rmse", "rows"}));
}

TEST(Metrics, that_absent_classes_leave_undefined_are_absent_and_said_so) {
  const TemporaryFolder folder;
  folder.write("rare.csv", rare());
  folder.write("one.csv", "a,b,answer\n0,0,no\n1,1,no\n");
  folder.write("same.csv", "a,b,price\n0,0,5\n1,1,5\n");
  folder.write("houses.csv", houses());
  ASSERT_EQ(ztilde(folder, quick_train("rare.csv", {"--quiet"})).exit_code, 0);
  ASSERT_EQ(ztilde(folder, quick_train("houses.csv", {"--quiet", "--out", "houses"})).exit_code, 0);
  const Result json =
      ztilde(folder, {"evaluate", "model.ztilde", "--data", "one.csv", "--json", "--confusion"});
  const auto scores = parsed(json.out);
  EXPECT_FALSE(scores.contains("auc"));
  EXPECT_EQ(scores["absent_classes"], nlohmann::json({"yes"}));
  EXPECT_FALSE(scores["by_class"][1].contains("recall"));
  EXPECT_EQ(json.out.find("null"), json.out.npos);
  const Result words = ztilde(folder, {"evaluate", "model.ztilde", "--data", "one.csv"});
  EXPECT_NE(words.out.find("1 of 2 classes has no row: 'yes'"), words.out.npos) << words.out;
  const Result same = ztilde(folder, {"evaluate", "houses", "--data", "same.csv", "--json"});
  EXPECT_FALSE(parsed(same.out).contains("r2"));
}

TEST(ClassWeights, are_said_used_and_recorded) {
  const TemporaryFolder folder;
  folder.write("rare.csv", rare());
  folder.write("weights.json", "{\"yes\": 9, \"no\": 1}");
  const Result plain = ztilde(folder, quick_train("rare.csv", {"--valid-fraction", "0"}));
  EXPECT_NE(plain.err.find("'no' 360 (90 %), 'yes' 40 (10 %); --class-weights balanced"), plain.err.npos)
      << plain.err;
  const auto trained = [&](const std::string& weights) {
    const Result run = ztilde(
        folder, quick_train("rare.csv", {"--valid-fraction", "0", "--class-weights", weights, "--force"}));
    EXPECT_EQ(run.exit_code, 0) << run.err;
    const Result scores =
        ztilde(folder, {"evaluate", "model.ztilde", "--data", "rare.csv", "--json", "--confusion"});
    return std::pair{run.err, parsed(scores.out)};
  };
  const auto none = trained("none").second;
  const auto [said, balanced] = trained("balanced");
  EXPECT_NE(said.find("(10 %) counting 5"), said.npos) << said;
  EXPECT_GT(balanced["by_class"][1]["recall"].get<double>(),
            none["by_class"][1]["recall"].get<double>() + 0.2);
  const auto recorded = [&] {
    const auto object = parsed(ztilde(folder, {"inspect", "model.ztilde", "--json"}).out);
    return object["training"]["options"].dump();
  };
  EXPECT_NE(recorded().find("balanced: no=0.5556,yes=5"), std::string::npos) << recorded();
  // The same proportions by a list and by a file.
  const auto by_list = trained("yes=9").second;
  EXPECT_NE(recorded().find("no=1,yes=9"), std::string::npos) << recorded();
  EXPECT_EQ(by_list, trained("weights.json").second);
}

TEST(Folds, are_reported_and_leave_no_model_unless_one_is_asked_for) {
  const TemporaryFolder folder;
  folder.write("rare.csv", rare());
  folder.write("model.ztilde", "something of somebody");
  const Result run = ztilde(folder, quick_train("rare.csv", {"--folds", "4", "--json"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(lines_of(run.out).size(), 1u);
  const auto object = parsed(run.out);
  EXPECT_EQ(object["folds"].size(), 4u);
  double mean = 0;
  for (const auto& fold : object["folds"]) {
    EXPECT_EQ(fold["valid_rows"], 100);
    mean += fold["accuracy"].get<double>() / 4;
  }
  EXPECT_NEAR(object["metrics"]["accuracy"]["mean"], mean, 1e-12);
  for (const char* key : {"std", "min", "max", "folds"})
    EXPECT_TRUE(object["metrics"]["auc"].contains(key)) << key;
  EXPECT_FALSE(object.contains("model"));
  EXPECT_EQ(folder.read("model.ztilde"), "something of somebody");
  EXPECT_NE(run.err.find("fold 4 of 4:"), run.err.npos) << run.err;

  const Result saved = ztilde(folder, quick_train("rare.csv", {"--folds", "2", "--json", "--out", "all"}));
  ASSERT_EQ(saved.exit_code, 0) << saved.err;
  EXPECT_EQ(parsed(saved.out)["rows"], 400);  // of the model of all rows
  EXPECT_EQ(parsed(saved.out)["folds"].size(), 2u);
  EXPECT_EQ(ztilde(folder, {"evaluate", "all", "--data", "rare.csv"}).exit_code, 0);
}

TEST(Folds, print_a_table_and_the_same_bits_for_any_number_of_threads) {
  const TemporaryFolder folder;
  folder.write("houses.csv", houses());
  std::string first;
  for (const char* threads : {"1", "2", "4"}) {
    const Result run = ztilde(folder, {"train", "--data", "houses.csv", "--hidden", "8", "--epochs", "3",
                                       "--folds", "3", "--threads", threads});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(lines_of(run.out).size(), 8u) << run.out;
    if (first.empty()) first = run.out;
    EXPECT_EQ(first, run.out);
  }
  for (const char* word : {"fold 3", "mean", "std", "min", "max", "rmse", "mae", "r2"})
    EXPECT_NE(first.find(word), first.npos) << word;
}

TEST(Folds, and_class_weights_that_cannot_be_are_refused_in_one_line) {
  const TemporaryFolder folder;
  folder.write("rare.csv", rare());
  folder.write("few.csv", "a,b,answer\n1,2,no\n2,1,no\n3,1,no\n4,1,yes\n");
  folder.write("odd.json", "{\"yes\": \"three\"}");
  folder.write("list.json", "[1, 2]");
  folder.write("broken.json", "{\"yes\": 3");
  folder.write("twice.json", "{\"yes\": 3, \"yes\": 4}");
  const std::size_t files = folder.files();
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--folds", "1"}, "--folds: 1 is out of range; give a whole number from 2"},
      {{"--folds", "401"}, "401 folds of 400 rows would leave some empty; give at most 400"},
      {{"--folds", "3", "--valid", "rare.csv"},
       "--valid: does not go with --folds; each fold is validated with rows of --data"},
      {{"--folds", "3", "--log", "log"},
       "--log: does not go with --folds; it would be the log of many trainings; --json has every fold's "
       "metrics"},
      {{"--folds", "3", "--valid-fraction", "0.2"},
       "--valid-fraction: does not go with --folds; it is used with --patience only, to hold out rows to "
       "stop "
       "by"},
      {{"--data", "few.csv", "--folds", "2", "--hidden", "none"},
       "class 'yes' has 1 row, and folds need 2 of each class, one to learn from and one to validate with; "
       "leave it out or give more rows"},
      {{"--class-weights", "balance"}, "--class-weights: unknown value 'balance'; did you mean balanced?"},
      {{"--class-weights", "yes=-1"}, "--class-weights: -1 is out of range; give a number from 0"},
      {{"--class-weights", "yes=1,yes=2"}, "--class-weights: class 'yes' is given twice; give it once"},
      {{"--class-weights", "yes=1,no"},
       "--class-weights: 'no' is no NAME=WEIGHT; give balanced, none, a list like yes=3,no=1 or a JSON file"},
      {{"--class-weights", "yess=2"},
       "a class weight is given for 'yess', which is no class of the target; did you mean yes?"},
      {{"--class-weights", "odd.json"},
       "odd.json: the weight of 'yes' is no number; write it as {\"yes\": 3, \"no\": 1}"},
      {{"--class-weights", "list.json"}, "list.json: is no JSON object; write it as {\"yes\": 3, \"no\": 1}"},
      {{"--class-weights", "broken.json"},
       "broken.json: is not valid JSON; write it as {\"yes\": 3, \"no\": 1}"},
      {{"--class-weights", "twice.json"}, "twice.json: class 'yes' is given twice; give it once"},
  };
  for (const auto& [more, line] : cases) {
    std::vector<std::string> arguments = {"train", "--epochs", "1"};
    if (more[0] != "--data") arguments.insert(arguments.end(), {"--data", "rare.csv"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Result run = ztilde(folder, arguments);
    EXPECT_EQ(run.exit_code, 2) << line;
    EXPECT_EQ(run.err, "error: " + line + "\n");
    EXPECT_EQ(run.out, "") << line;
    EXPECT_EQ(folder.files(), files) << line;
  }
}

TEST(Folds, that_are_interrupted_report_those_that_are_whole) {
  const TemporaryFolder folder;
  folder.write("rare.csv", rare());
  Setting setting;
  setting.meanwhile = [](pid_t process) {
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    ::kill(process, SIGINT);
  };
  const Result run = ztilde(folder,
                            {"train", "--data", "rare.csv", "--hidden", "8", "--epochs", "1000000", "--folds",
                             "3", "--threads", "1", "--json"},
                            setting);
  EXPECT_EQ(run.exit_code, 130);
  EXPECT_EQ(parsed(run.out)["interrupted"], true) << run.out;
  EXPECT_NE(run.err.find("interrupted after 0 folds"), run.err.npos) << run.err;
  EXPECT_EQ(folder.files(), 1u);
}

}  // namespace
}  // namespace ztilde::cli_test
