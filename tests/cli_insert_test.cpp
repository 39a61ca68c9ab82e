// ztilde insert: the new file, what is said of it, training on from it, and what is refused.
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
    return train("flowers.csv", {"--out", "flowers", "--norm", "none"}) &&
           train("houses.csv", {"--out", "houses", "--norm", "none"}) &&
           train("flowers.csv", {"--out", "normed"});
  }();
  EXPECT_TRUE(trained);
  return folder;
}

bool exists(const std::string& name) { return std::filesystem::exists(models().path() + "/" + name); }

TEST(Insert, writes_a_model_that_answers_as_before_and_trains_on_from_there) {
  for (const std::string name : {"flowers", "houses"}) {
    const std::string data = name + ".csv";
    const Result run = ztilde(models(), {"insert", name, "--out", name + ".in", "--data", data, "--json"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(run.err, "");
    const auto object = parsed(run.out), certificate = object["insert"];
    EXPECT_EQ(object["rows"], 240);
    EXPECT_EQ(object["layers"], object["layers_before"].get<int>() + 1);
    EXPECT_EQ(certificate["inserted"][0]["layer"], 2);
    EXPECT_EQ(certificate["inserted"][0]["dropped_bias"], true);
    EXPECT_EQ(certificate["skipped"][0]["reason"], "it is the last");
    EXPECT_EQ(certificate["argmax_changes"], 0);
    EXPECT_LT(certificate["double_relative"], 1e-12);
    EXPECT_LT(certificate["relative"], 1e-6);
    EXPECT_EQ(object["noise"]["batch"], 240);

    const auto loss = [&](const std::string& model) -> double {
      return parsed(ztilde(models(), {"evaluate", model, "--data", data, "--json"}).out)["loss"];
    };
    const double before = loss(name);
    EXPECT_NEAR(loss(name + ".in"), before, 1e-5 * before);
    EXPECT_NEAR(object["noise"]["loss"].get<double>(), before, 1e-5 * before);
    // So small a rate moves nothing, and the statistics are measured anew over the same rows.
    const Result trained =
        ztilde(models(), {"train", "--from", name + ".in", "--data", data, "--epochs", "1", "--lr", "1e-9",
                          "--valid-fraction", "0", "--out", name + ".on", "--json", "--quiet"});
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
    EXPECT_NEAR(parsed(trained.out)["train_loss"].get<double>(), before, 1e-3 * before);
  }
}

TEST(Insert, says_in_words_what_it_did_and_what_training_will_see) {
  const Result run = ztilde(models(), {"insert", "flowers", "--out", "words", "--data", "flowers.csv",
                                       "--batch", "24", "--place", "after", "--compare-rows", "50"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  for (const char* part :
       {"written     words: ", "inserted    1 batch norm, with the statistics of 240 rows\n",
        "layer 3, behind what was layer 2 (relu): 16 channels",
        "none        behind what was layer 3 (dense): it is the last\n", "compared    on 50 of these rows",
        "\nargmax      0 of 50 rows changed\n", "means and variances of 24 rows instead of all",
        "measured in 10 batches", "20.4 %", "\nnext        ztilde train --from words --data ROWS\n"}) {
    EXPECT_NE(run.out.find(part), std::string::npos) << part << "\n" << run.out;
  }
  for (const std::string& line : lines_of(run.out)) EXPECT_LE(line.size(), 80u) << line;
  const Result quiet = ztilde(
      models(), {"insert", "flowers", "--out", "words", "--data", "flowers.csv", "--force", "--quiet"});
  EXPECT_EQ(quiet.exit_code, 0);
  EXPECT_EQ(quiet.out + quiet.err, "");
}

TEST(Insert, writes_nothing_where_the_tolerance_is_not_kept) {
  const Result run =
      ztilde(models(), {"insert", "flowers", "--out", "off", "--data", "flowers.csv", "--tolerance", "0"});
  // In double too some additions are in another order.
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_EQ(run.out, "");
  EXPECT_TRUE(run.err.starts_with("error: --tolerance: the new model is off by ")) << run.err;
  EXPECT_EQ(lines_of(run.err).size(), 1u);
  EXPECT_FALSE(exists("off"));
}

TEST(Insert, refuses_what_makes_no_sense_in_one_line) {
  models().write("old", "something");
  models().write("empty.csv", "length,width,species\n");
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"flowers", "--out", "new"}, "--data: missing; name a table, an IDX image file or a folder of images"},
      {{"flowers", "--data", "flowers.csv"}, "--out: missing; name the file of the new model"},
      {{"flowers", "--out", "flowers", "--data", "flowers.csv", "--force"},
       "--out: flowers is also the file of MODEL; choose another name"},
      {{"flowers", "--out", "old", "--data", "flowers.csv"},
       "old: exists already; choose another name, or overwrite it with --force"},
      {{"flowers", "--out", "new", "--data", "flowers.csv", "--layers", "none"},
       "--layers: empty; name layers, or leave it out"},
      {{"flowers", "--out", "new", "--data", "flowers.csv", "--layers", "2"},
       "layer 2 (activation) has no weights; batch norm goes behind a dense or a conv2d, layers 1, 3"},
      {{"normed", "--out", "new", "--data", "flowers.csv"},
       "there is nothing to insert (layer 1 (dense): layer 2 normalises it, layer 4 (dense): it is the "
       "last); use "
       "the model as it is, or name layers"},
      {{"flowers", "--out", "new", "--data", "empty.csv"},
       "empty.csv:1: a header and no rows; add rows below it"},
      {{"flowers", "--out", "new", "--data", "flowers.csv", "--weight-column", "no"},
       "--weight-column: no column of flowers.csv is called 'no'; name the one that has the weights"},
  };
  for (const auto& [more, line] : cases) {
    std::vector<std::string> arguments = {"insert"};
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
