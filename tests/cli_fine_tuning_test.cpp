// ztilde train --from: a model that goes on learning, and what is kept of it.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/cli_test_support.hpp"

namespace ztilde::cli_test {
namespace {

const TemporaryFolder& models() {
  static const TemporaryFolder folder;
  static const bool trained = [] {
    folder.write("flowers.csv", flowers());
    folder.write("more.csv", flowers(330));
    const Result run = ztilde(folder, quick_train("flowers.csv", {"--quiet", "--out", "flowers"}));
    return run.exit_code == 0;
  }();
  EXPECT_TRUE(trained);
  return folder;
}

Result tune(const std::vector<std::string>& more, const std::string& out = "tuned") {
  std::vector<std::string> arguments = {"train", "--from",    "flowers",  "--data", "more.csv",
                                        "--out", out,         "--epochs", "2",      "--batch",
                                        "32",    "--threads", "1",        "--force"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return ztilde(models(), arguments);
}

nlohmann::json inspected(const std::string& model) {
  return parsed(ztilde(models(), {"inspect", model, "--json"}).out);
}

TEST(FineTuning, goes_on_from_a_model_and_says_so) {
  const Result run = tune({"--lr", "0.001"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.err.find("parameters, from flowers\n"), run.err.npos) << run.err;
  const auto before = inspected("flowers"), after = inspected("tuned");
  EXPECT_EQ(after["network"], before["network"]);
  EXPECT_EQ(after["columns"], before["columns"]);  // with their means and variances
  EXPECT_EQ(after["training"]["options"]["from"], "flowers");
  EXPECT_FALSE(after["training"]["options"].contains("hidden"));
  EXPECT_FALSE(before["training"]["options"].contains("from"));
  const auto first = parsed(tune({"--json", "--quiet"}).out);
  EXPECT_GT(first["valid_accuracy"], 0.95);
}

TEST(FineTuning, keeps_what_is_frozen) {
  const Result norms = tune({"--only-norm"}, "norms");
  ASSERT_EQ(norms.exit_code, 0) << norms.err;
  EXPECT_NE(norms.err.find(", from flowers, 83 of them frozen\n"), norms.err.npos) << norms.err;
  ASSERT_EQ(tune({"--freeze-parameters", "all-but-norm"}, "same").exit_code, 0);
  // The two spellings train the same model; only what was said differs.
  const auto answers = [](const char* model) {
    return ztilde(models(), {"predict", model, "--data", "more.csv", "--probabilities"}).out;
  };
  EXPECT_EQ(answers("norms"), answers("same"));
  const Result kept = tune({"--freeze-parameters", "1,2", "--freeze-statistics"}, "kept");
  ASSERT_EQ(kept.exit_code, 0) << kept.err;
  EXPECT_NE(kept.err.find(", 64 of them frozen, its statistics"), kept.err.npos) << kept.err;
  EXPECT_NE(answers("kept"), answers("flowers"));
  EXPECT_NE(answers("kept"), answers("norms"));
}

TEST(FineTuning, resumes_with_the_model_it_began_with) {
  const std::vector<std::string> more = {"--checkpoint", "c", "--freeze-statistics", "--quiet"};
  ASSERT_EQ(tune(more).exit_code, 0);
  const std::string model = models().read("tuned");
  std::vector<std::string> again = more;
  again.emplace_back("--resume");
  ASSERT_EQ(tune(again).exit_code, 0);
  EXPECT_TRUE(models().read("tuned") == model);
  std::filesystem::copy(models() / "flowers", models() / "aside");
  ASSERT_EQ(
      ztilde(models(), quick_train("flowers.csv", {"--quiet", "--out", "flowers", "--force", "--seed", "1"}))
          .exit_code,
      0);
  const Result other = tune(again);
  std::filesystem::rename(models() / "aside", models() / "flowers");
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_NE(other.err.find("the checkpoint is of another run: the starting model changed;"), other.err.npos)
      << other.err;
}

TEST(FineTuning, counts_rows_by_a_column_and_remembers_it) {
  std::string weighted;
  for (const std::string& line : lines_of(models().read("flowers.csv")))
    weighted += line + (weighted.empty() ? ",often" : line.starts_with("1") ? ",2" : ",1") + "\n";
  models().write("weighted.csv", weighted);
  const auto run = [](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"train",        "--from", "flowers",  "--data",
                                          "weighted.csv", "--out",  "weighted", "--force"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return ztilde(models(), arguments);
  };
  EXPECT_EQ(run({}).err.find("rows count by"), std::string::npos);
  const std::string alike = models().read("weighted");
  const Result given = run({"--weight-column", "often"});
  ASSERT_EQ(given.exit_code, 0) << given.err;
  EXPECT_NE(given.err.find("rows count by 'often'\n"), std::string::npos) << given.err;
  EXPECT_NE(models().read("weighted"), alike);
  EXPECT_NE(ztilde(models(), {"inspect", "weighted"}).out.find("rows count by 'often'"), std::string::npos);
}

TEST(FineTuning, refuses_what_the_model_has_already) {
  const auto refusal = [](std::vector<std::string> more) {
    const Result run = tune(more);
    EXPECT_EQ(run.exit_code, 2);
    return run.err;
  };
  EXPECT_EQ(refusal({"--hidden", "8"}),
            "error: --hidden: does not go with --from; the model has its network\n");
  EXPECT_EQ(refusal({"--keep", "0.5"}),
            "error: --keep: does not go with --from; the model has its network\n");
  EXPECT_EQ(refusal({"--net", "cnn"}),
            "error: --net: does not go with --from; the model has its network and weights\n");
  EXPECT_EQ(refusal({"--target", "width"}), "error: --target: does not go with --from; the model has them\n");
  EXPECT_EQ(refusal({"--ignore", "width"}),
            "error: --ignore: does not go with --from; tables are read as the model's was\n");
  EXPECT_EQ(refusal({"--folds", "3"}),
            "error: --folds: does not go with --from; the model may know the rows of every fold\n");
  EXPECT_EQ(refusal({"--only-norm", "--freeze-parameters", "1"}),
            "error: --freeze-parameters: does not go with --only-norm; give one of the two\n");
  EXPECT_EQ(refusal({"--freeze-parameters", "norms"}),
            "error: --freeze-parameters: unknown value 'norms'; did you mean norm?\n");
  EXPECT_EQ(refusal({"--freeze-statistics", "--statistics", "running"}),
            "error: --statistics: does not go with --freeze-statistics; the model's are kept\n");
  EXPECT_EQ(ztilde(models(), {"train", "--data", "more.csv", "--freeze-statistics"}).err,
            "error: --freeze-statistics: given without --from; a new network has no statistics yet\n");
  EXPECT_EQ(ztilde(models(), {"train", "--data", "more.csv", "--from", "flowers", "--out", "flowers"}).err,
            "error: --out: flowers is also the file of --from; choose another name\n");
}

TEST(FineTuning, refuses_classes_and_columns_that_the_model_does_not_know) {
  models().write("new-class.csv", models().read("more.csv") + "1,1,sunflower\n");
  models().write("columns.csv", "length,height,species\n1,1,setosa\n");
  const auto refusal = [](const char* data) {
    const Result run = ztilde(models(), {"train", "--from", "flowers", "--data", data, "--out", "never"});
    EXPECT_EQ(run.exit_code, 2);
    EXPECT_EQ(run.out, "");
    EXPECT_FALSE(std::filesystem::exists(models() / "never"));
    EXPECT_EQ(lines_of(run.err).size(), 1u);
    return run.err;
  };
  EXPECT_TRUE(
      refusal("new-class.csv")
          .starts_with("error: new-class.csv:332:3: 'sunflower' in column 3 ('species') is none of the 3 "
                       "known classes"));
  EXPECT_NE(refusal("columns.csv").find("'width'"), std::string::npos);
}

}  // namespace
}  // namespace ztilde::cli_test
