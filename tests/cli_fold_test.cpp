// ztilde fold: the folded file, its certificate, and what is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "tests/cli_test_support.hpp"

namespace ztilde::cli_test {
namespace {

const TemporaryFolder& models() {
  static const TemporaryFolder folder;
  static const bool trained = [] {
    folder.write("flowers.csv", flowers());
    folder.write("houses.csv", houses());
    const auto train = [&](const char* data, std::vector<std::string> more) {
      more.insert(more.begin(), "--quiet");
      return ztilde(folder, quick_train(data, std::move(more))).exit_code == 0;
    };
    return train("flowers.csv", {"--out", "flowers"}) && train("houses.csv", {"--out", "houses"}) &&
           train("flowers.csv", {"--out", "after", "--norm-place", "after"}) &&
           train("flowers.csv", {"--out", "plain", "--norm", "none"});
  }();
  EXPECT_TRUE(trained);
  return folder;
}

bool exists(const std::string& name) { return std::filesystem::exists(models().path() + "/" + name); }

TEST(Fold, writes_a_model_that_answers_as_the_unfolded_one_and_says_how_far_it_is_off) {
  for (const std::string name : {"flowers", "houses", "after"}) {
    const std::string data = name == "houses" ? "houses.csv" : "flowers.csv", out = name + ".folded";
    const Result run = ztilde(models(), {"fold", name, "--out", out, "--data", data, "--json"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(run.err, "");
    const auto object = parsed(run.out), certificate = object["fold"];
    EXPECT_EQ(object["rows"], 240);
    EXPECT_EQ(object["layers"].get<int>() + 1, object["layers_before"].get<int>());
    EXPECT_EQ(certificate["folded"].size(), 1u);
    EXPECT_EQ(certificate["unfolded"].size(), 0u);
    EXPECT_EQ(certificate["argmax_changes"], 0);
    EXPECT_LT(certificate["relative"], 1e-5);
    EXPECT_GT(certificate["absolute"], 0);
    EXPECT_EQ(certificate["layers"].size(), 2u);

    const auto answers = [&](const std::string& model) {
      return ztilde(models(), {"evaluate", model, "--data", data, "--json"}).out;
    };
    const auto before = parsed(answers(name)), after = parsed(answers(out));
    EXPECT_NEAR(before["loss"].get<double>(), after["loss"].get<double>(),
                1e-5 * before["loss"].get<double>());
    EXPECT_EQ(before.value("accuracy", -1.0), after.value("accuracy", -1.0));
    const auto inspected = parsed(ztilde(models(), {"inspect", out, "--json"}).out);
    EXPECT_EQ(inspected["fold"], certificate);
  }
}

TEST(Fold, makes_rows_up_where_none_are_given_and_prints_the_certificate_in_words) {
  const Result run = ztilde(models(), {"fold", "flowers", "--out", "words", "--seed", "3"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  for (const char* part :
       {"written     words: ", "folded      1 batch norm; ", "layer 2 into layer 1 before it",
        "256 built-in rows of seed 3", "\nargmax      0 of 260 rows changed\n"}) {
    EXPECT_NE(run.out.find(part), std::string::npos) << part << "\n" << run.out;
  }
  const std::string certificate = run.out.substr(run.out.find("folded      "));
  EXPECT_NE(ztilde(models(), {"inspect", "words"}).out.find(certificate), std::string::npos);
  const auto absolute = [&](const char* seed, const char* threads) -> double {
    return parsed(ztilde(models(), {"fold", "flowers", "--out", "seeded", "--force", "--json", "--seed", seed,
                                    "--threads", threads})
                      .out)["fold"]["absolute"];
  };
  EXPECT_EQ(absolute("3", "1"), absolute("3", "2"));
  EXPECT_NE(absolute("3", "1"), absolute("4", "1"));
}

TEST(Fold, writes_nothing_where_the_tolerance_is_not_kept) {
  const Result run = ztilde(models(), {"fold", "flowers", "--out", "off", "--tolerance", "1e-12"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_EQ(run.out, "");
  EXPECT_TRUE(run.err.starts_with("error: --tolerance: the folded model is off by ")) << run.err;
  EXPECT_EQ(lines_of(run.err).size(), 1u);
  EXPECT_FALSE(exists("off"));
}

TEST(Fold, has_nothing_to_fold_without_batch_norm_or_a_second_time) {
  const Result plain = ztilde(models(), {"fold", "plain", "--out", "none"});
  EXPECT_EQ(plain.exit_code, 2);
  EXPECT_EQ(plain.err, "error: the model has no batch norm to fold; use it as it is\n");
  ASSERT_EQ(ztilde(models(), {"fold", "flowers", "--out", "once"}).exit_code, 0);
  const Result twice = ztilde(models(), {"fold", "once", "--out", "none"});
  EXPECT_EQ(twice.exit_code, 2);
  EXPECT_EQ(twice.err,
            "error: the model has no batch norm to fold, it has been folded already; use it as it is\n");
  EXPECT_FALSE(exists("none"));
}

TEST(Fold, refuses_what_makes_no_sense_in_one_line) {
  models().write("old", "something");
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"flowers"}, "--out: missing; name the file of the folded model"},
      {{"flowers", "--out", "-"}, "--out: a model cannot go to standard output; name a file"},
      {{"flowers", "--out", "flowers", "--force"},
       "--out: flowers is also the file of MODEL; choose another name"},
      {{"flowers", "--out", "old"}, "old: exists already; choose another name, or overwrite it with --force"},
      {{"flowers", "--out", "new", "--labels", "old"},
       "--labels: given without --data; add that, or leave it out"},
      {{"flowers", "--out", "new", "--data", "flowers.csv", "--seed", "1"},
       "--seed: does not go with --data; no rows are made up"},
      {{"flowers", "--out", "new", "--tolerance", "-1"},
       "--tolerance: -1 is out of range; give a number from 0"},
  };
  for (const auto& [more, line] : cases) {
    std::vector<std::string> arguments = {"fold"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Result run = ztilde(models(), arguments);
    EXPECT_EQ(run.exit_code, 2) << line;
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(run.err, "error: " + line + "\n");
  }
  EXPECT_EQ(models().read("old"), "something");
  EXPECT_FALSE(exists("new"));
}

}  // namespace
}  // namespace ztilde::cli_test
