// ztilde recalibrate: what it measures, says, refuses and writes.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/cli_test_support.hpp"

namespace ztilde::cli_test {
namespace {

// Every number of the inputs times a factor, plus a shift; what the cells of the target say stays.
std::string measured_otherwise(const std::string& csv, double factor, double shift) {
  std::string text;
  for (const std::string& line : lines_of(csv)) {
    const std::size_t first = line.find(','), second = line.find(',', first + 1);
    if (text.empty()) {
      text = line + "\n";
      continue;
    }
    text += std::to_string(factor * std::stod(line.substr(0, first)) + shift) + "," +
            std::to_string(factor * std::stod(line.substr(first + 1)) + shift) + line.substr(second) + "\n";
  }
  return text;
}

std::string without_target(const std::string& csv) {
  std::string text;
  for (const std::string& line : lines_of(csv))
    text += line.substr(0, line.find(',', line.find(',') + 1)) + "\n";
  return text;
}

// Rows of one class alone.
std::string only(const std::string& csv, const std::string& name) {
  std::string text;
  for (const std::string& line : lines_of(csv)) {
    if (text.empty() || line.ends_with(name)) text += line + "\n";
  }
  return text;
}

const TemporaryFolder& models() {
  static const TemporaryFolder folder;
  static const bool trained = [] {
    folder.write("flowers.csv", flowers());
    folder.write("shifted.csv", measured_otherwise(flowers(), 1.3, 1.5));
    folder.write("bare.csv", without_target(folder.read("shifted.csv")));
    folder.write("one.csv", only(flowers(), "setosa"));
    folder.write("houses.csv", houses());
    folder.write("moved.csv", measured_otherwise(houses(), 2, 3));
    const Result first =
        ztilde(folder, quick_train("flowers.csv", {"--quiet", "--out", "flowers", "--valid-fraction", "0"}));
    const Result second = ztilde(folder, quick_train("houses.csv", {"--quiet", "--out", "houses"}));
    return first.exit_code == 0 && second.exit_code == 0;
  }();
  EXPECT_TRUE(trained);
  return folder;
}

Result recalibrate(const std::string& model, const std::string& data,
                   const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"recalibrate", model, "--data", data, "--out", "new"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return ztilde(models(), arguments);
}

double loss_of(const std::string& model, const std::string& data) {
  return parsed(ztilde(models(), {"evaluate", model, "--data", data, "--json"}).out)["loss"];
}

TEST(Recalibrate, makes_up_for_inputs_that_are_measured_otherwise) {
  for (const auto& [model, data] : {std::pair{"flowers", "shifted.csv"}, {"houses", "moved.csv"}}) {
    const Result run = recalibrate(model, data, {"--json", "--force"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(run.err, "");
    const auto object = parsed(run.out);
    EXPECT_EQ(object["rows"], 240);
    EXPECT_LT(object["after"]["loss"], 0.5 * object["before"]["loss"].get<double>());
    EXPECT_EQ(object["worse"], false);
    EXPECT_EQ(object["before"]["loss"], loss_of(model, data));
    EXPECT_EQ(object["after"]["loss"], loss_of("new", data));
    ASSERT_EQ(object["layers"].size(), 1u);
    EXPECT_EQ(object["layers"][0]["layer"], 2);
    EXPECT_EQ(object["layers"][0]["channels"], 16);
    EXPECT_GT(object["layers"][0]["mean_moved"]["worst"], 1);
    EXPECT_GE(object["layers"][0]["mean_moved"]["worst"], object["layers"][0]["mean_moved"]["median"]);
    EXPECT_GT(object["layers"][0]["deviation_factor"]["median"], 1.2);
  }
}

TEST(Recalibrate, over_the_training_rows_leaves_every_statistic_and_output) {
  ASSERT_EQ(recalibrate("flowers", "flowers.csv", {"--json", "--force", "--threads", "2"}).exit_code, 0);
  const auto predictions = [](const char* model) {
    return ztilde(models(), {"predict", model, "--data", "shifted.csv", "--probabilities"}).out;
  };
  EXPECT_EQ(predictions("new"), predictions("flowers"));
  const auto object = parsed(ztilde(models(), {"inspect", "new", "--json"}).out);
  EXPECT_EQ(object["training"]["recalibrated_rows"], 240);
  EXPECT_EQ(object["training"]["rows"], 240);
  EXPECT_NE(ztilde(models(), {"inspect", "new"}).out.find("240 rows, measured anew after\n"),
            std::string::npos);
}

TEST(Recalibrate, needs_no_target_and_says_what_that_leaves_open) {
  const Result bare = recalibrate("flowers", "bare.csv", {"--force"});
  ASSERT_EQ(bare.exit_code, 0) << bare.err;
  const std::string without = models().read("new");
  EXPECT_EQ(bare.out.find("before  "), bare.out.npos);
  EXPECT_NE(bare.out.find("nothing says that it helped"), bare.out.npos);
  EXPECT_FALSE(parsed(recalibrate("flowers", "bare.csv", {"--force", "--json"}).out).contains("after"));
  const Result labelled = recalibrate("flowers", "shifted.csv", {"--force"});
  EXPECT_NE(labelled.out.find("\nloss "), labelled.out.npos);
  EXPECT_EQ(models().read("new"), without);
  for (const Result& run : {bare, labelled}) {
    for (const std::string& line : lines_of(run.out)) EXPECT_LE(line.size(), 80u) << line;
  }
  EXPECT_EQ(recalibrate("flowers", "bare.csv", {"--force", "--quiet"}).out, "");
}

TEST(Recalibrate, refuses_statistics_that_hurt_unless_told_to_take_them) {
  std::filesystem::remove(models() / "new");
  const Result refused = recalibrate("flowers", "one.csv");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_EQ(refused.out, "");
  EXPECT_TRUE(refused.err.starts_with("error: one.csv: with statistics of these rows their loss is "))
      << refused.err;
  EXPECT_TRUE(refused.err.ends_with("or write it with --allow-worse\n")) << refused.err;
  EXPECT_EQ(lines_of(refused.err).size(), 1u);
  EXPECT_FALSE(std::filesystem::exists(models() / "new"));
  // --force is about files, here as everywhere.
  EXPECT_EQ(recalibrate("flowers", "one.csv", {"--force"}).exit_code, 2);

  const Result taken = recalibrate("flowers", "one.csv", {"--allow-worse", "--json"});
  ASSERT_EQ(taken.exit_code, 0) << taken.err;
  EXPECT_TRUE(taken.err.starts_with("warning: with statistics of these rows their loss is ")) << taken.err;
  EXPECT_EQ(parsed(taken.out)["worse"], true);
  EXPECT_GT(parsed(taken.out)["after"]["loss"], parsed(taken.out)["before"]["loss"]);
  EXPECT_TRUE(std::filesystem::exists(models() / "new"));
}

TEST(Recalibrate, counts_rows_by_a_column) {
  std::string weighted;
  for (const std::string& line : lines_of(models().read("bare.csv")))
    weighted += line + (weighted.empty() ? ",often" : line.starts_with("1") ? ",2" : ",1") + "\n";
  models().write("weighted.csv", weighted);
  ASSERT_EQ(recalibrate("flowers", "bare.csv", {"--force", "--quiet"}).exit_code, 0);
  const std::string alike = models().read("new");
  const Result run = recalibrate("flowers", "weighted.csv", {"--weight-column", "often", "--force"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.err, "");
  EXPECT_NE(run.out.find("each counting by its weight"), run.out.npos);
  EXPECT_NE(models().read("new"), alike);
  EXPECT_EQ(recalibrate("flowers", "weighted.csv", {"--weight-column", "ofen", "--force"}).err,
            "error: --weight-column: no column of weighted.csv is called 'ofen'; name the one that has the "
            "weights\n");
}

TEST(Recalibrate, refuses_a_model_without_batch_norm) {
  ASSERT_EQ(
      ztilde(models(), quick_train("flowers.csv", {"--norm", "none", "--quiet", "--out", "plain", "--force"}))
          .exit_code,
      0);
  const Result run = recalibrate("plain", "flowers.csv", {"--force"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_EQ(run.err,
            "error: plain: has no batch norm, so there are no statistics to measure; use it as it is\n");
}

}  // namespace
}  // namespace ztilde::cli_test
