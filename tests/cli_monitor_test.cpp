// ztilde monitor: what it says of rows like the training rows and of others, its exit codes, what it refuses.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/cli_test_support.hpp"

namespace ztilde::cli_test {
namespace {

// A table with a number, one that may be missing, and categories.
std::string orders(int rows, int seed, double shift = 0, double missing = 0.1, bool without_blue = false) {
  std::mt19937 random(static_cast<unsigned>(seed));
  std::normal_distribution<double> normal(0, 1);
  std::uniform_real_distribution<double> uniform(0, 1);
  const char* colours[] = {"red", "green", "blue"};
  std::string text = "weight,age,colour,late\n";
  for (int r = 0; r < rows; ++r) {
    const double weight = 50 + 5 * normal(random), age = 30 + 10 * normal(random);
    const bool gap = uniform(random) < missing;
    const double u = uniform(random);
    const int colour = u < 0.6 ? 0 : u < 0.85 || without_blue ? 1 : 2;
    const bool late = weight + 5 * colour + 3 * normal(random) > 53;
    text += std::to_string(weight + 5 * shift) + "," + (gap ? "" : std::to_string(age)) + "," +
            colours[colour] + "," + (late ? "yes" : "no") + "\n";
  }
  return text;
}

std::string without_target(const std::string& csv) {
  std::string text;
  for (const std::string& line : lines_of(csv)) text += line.substr(0, line.rfind(',')) + "\n";
  return text;
}

const TemporaryFolder& models() {
  static const TemporaryFolder folder;
  static const bool trained = [] {
    folder.write("orders.csv", orders(1500, 1));
    folder.write("fresh.csv", orders(400, 2));
    folder.write("heavier.csv", orders(400, 3, 0.5));
    folder.write("gaps.csv", orders(400, 4, 0, 0.3));
    folder.write("no-blue.csv", orders(400, 5, 0, 0.1, true));
    folder.write("bare.csv", without_target(orders(400, 6)));
    const std::vector<std::string> common = {"--quiet", "--missing", "indicator"};
    const auto with = [&](std::vector<std::string> more) {
      more.insert(more.end(), common.begin(), common.end());
      return more;
    };
    bool sound = ztilde(folder, quick_train("orders.csv", with({"--out", "m", "--valid-fraction", "0.2"})))
                     .exit_code == 0;
    sound &= ztilde(folder, quick_train("orders.csv", with({"--out", "old", "--valid-fraction", "0"})))
                 .exit_code == 0;
    return sound;
  }();
  EXPECT_TRUE(trained);
  return folder;
}

Result monitor(const std::string& model, const std::string& data, const std::vector<std::string>& more = {},
               const Setting& setting = {}) {
  std::vector<std::string> arguments = {"monitor", model, "--data", data};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return ztilde(models(), arguments, setting);
}

nlohmann::json finding(const nlohmann::json& report, const std::string& name, const std::string& statistic) {
  for (const auto& of : report["findings"])
    if (of["name"] == name && of["statistic"] == statistic) return of;
  return nullptr;
}

TEST(Monitor, finds_no_drift_in_fresh_rows_and_ends_with_0) {
  for (const char* data : {"fresh.csv", "bare.csv"}) {
    const Result run = monitor("m", data);
    EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
    EXPECT_TRUE(run.out.starts_with("verdict     no drift")) << run.out;
    EXPECT_EQ(run.err, "");
    const auto report = parsed(monitor("m", data, {"--json"}).out);
    EXPECT_EQ(report["drift"], false);
    EXPECT_EQ(report["rows"], 400);
    EXPECT_EQ(report["thresholds"], "model");
    EXPECT_EQ(report["threshold_rows"], 300);
    for (const auto& of : report["findings"]) EXPECT_LE(of["distance"], of["threshold"]) << of;
  }
}

TEST(Monitor, names_the_column_that_drifted_first_and_ends_with_4) {
  struct Case {
    const char *data, *column, *statistic;
    double stored, now;
  };
  // Standard deviations of the two over 400 rows: 0.25 of 50, 1.5 % and 2.3 % of shares of 10 % and 30 %, 1.8
  // %.
  const Case cases[] = {{"heavier.csv", "weight", "mean", 50, 52.5},
                        {"gaps.csv", "age", "missing", 0.1, 0.3},
                        {"no-blue.csv", "colour", "category", 0.15, 0}};
  for (const Case& of : cases) {
    const Result run = monitor("m", of.data, {"--json"});
    EXPECT_EQ(run.exit_code, 4) << of.data;
    EXPECT_EQ(run.err, "");
    const auto report = parsed(run.out);
    EXPECT_EQ(report["drift"], true);
    EXPECT_GE(report["columns_beyond"], 1);
    const auto found = finding(report, of.column, of.statistic);
    ASSERT_FALSE(found.is_null()) << report;
    EXPECT_EQ(found["beyond"], true) << found;
    EXPECT_GT(found["ratio"], 1);
    EXPECT_NEAR(found["stored"], of.stored, of.stored > 1 ? 1 : 0.06);
    EXPECT_NEAR(found["now"], of.now, of.now > 1 ? 1 : 0.08);
    const auto& ratios = report["findings"];
    EXPECT_TRUE(std::is_sorted(ratios.begin(), ratios.end(),
                               [](const auto& a, const auto& b) { return a["ratio"] > b["ratio"]; }));
    const Result words = monitor("m", of.data);
    EXPECT_EQ(words.exit_code, 4);
    EXPECT_TRUE(words.out.starts_with("verdict     drift: ")) << words.out;
    EXPECT_NE(words.out.find(of.column), std::string::npos);
    EXPECT_NE(words.out.find("ztilde recalibrate m"), std::string::npos);
    EXPECT_NE(words.out.find("ztilde doctor m"), std::string::npos);
  }
  EXPECT_EQ(finding(parsed(monitor("m", "no-blue.csv", {"--json"}).out), "colour", "category")["category"],
            "blue");
}

TEST(Monitor, reads_a_pipe_and_is_quiet_if_asked) {
  Setting setting;
  setting.standard_input = models() / "heavier.csv";
  const Result piped = monitor("m", "-", {"--json"}, setting);
  EXPECT_EQ(piped.exit_code, 4) << piped.err;
  EXPECT_EQ(piped.out, monitor("m", "heavier.csv", {"--json"}).out);
  const Result quiet = monitor("m", "heavier.csv", {"--quiet"});
  EXPECT_EQ(quiet.exit_code, 4);
  EXPECT_EQ(quiet.out + quiet.err, "");
}

TEST(Monitor, lists_as_many_as_asked_for) {
  const std::size_t all = parsed(monitor("m", "heavier.csv", {"--json"}).out)["findings"].size();
  for (const std::size_t top : {0u, 2u}) {
    const std::string text = monitor("m", "heavier.csv", {"--top", std::to_string(top)}).out;
    EXPECT_EQ(text.find("! weight") != std::string::npos, top > 0) << text;
    const std::string rest = "… and " + std::to_string(all - top) + " more";
    EXPECT_EQ(text.find(rest) != std::string::npos, top > 0) << text;
  }
  EXPECT_EQ(monitor("m", "heavier.csv", {"--top", "1000"}).out.find(" more;"), std::string::npos);
}

TEST(Monitor, without_held_out_rows_assumes_thresholds_and_says_so_or_learns_them_from_a_reference) {
  const Result assumed = monitor("old", "fresh.csv");
  EXPECT_NE(assumed.out.find("assumed, none were learned"), std::string::npos) << assumed.out;
  EXPECT_EQ(monitor("old", "heavier.csv").exit_code, 4);
  const Result learned = monitor("old", "fresh.csv", {"--reference", "bare.csv"});
  EXPECT_EQ(learned.exit_code, 0) << learned.out;
  EXPECT_NE(learned.out.find("learned from 400 reference rows"), std::string::npos) << learned.out;
  EXPECT_EQ(monitor("old", "heavier.csv", {"--reference", "bare.csv"}).exit_code, 4);
  EXPECT_EQ(monitor("old", "heavier.csv", {"--reference", "bare.csv", "--seed", "3"}).exit_code, 4);
}

TEST(Monitor, says_what_one_row_can_tell) {
  models().write("one.csv", "weight,age,colour\n51,33,red\n");
  const Result run = monitor("m", "one.csv");
  EXPECT_EQ(run.exit_code, 0) << run.out;
  EXPECT_NE(run.out.find("1 row has no deviation"), std::string::npos) << run.out;
  models().write("far.csv", "weight,age,colour\n510,33,red\n");
  EXPECT_EQ(monitor("m", "far.csv").exit_code, 4);
}

// An IDX file of 4 × 4 pixels and one of labels: the left half is as bright as the class.
std::pair<std::string, std::string> pictures(unsigned rows, unsigned seed, double brightness) {
  std::mt19937 random(seed);
  const auto size = [](unsigned n) { return std::string{char(0), char(0), char(n >> 8), char(n & 255)}; };
  std::string images = std::string{0, 0, 8, 3} + size(rows) + size(4) + size(4);
  std::string labels = std::string{0, 0, 8, 1} + size(rows);
  for (unsigned r = 0; r < rows; ++r) {
    const unsigned kind = random() % 2;
    labels += static_cast<char>(kind);
    for (unsigned i = 0; i < 16; ++i) {
      const unsigned pixel = (i % 4 < 2 ? 60 + 80 * kind : 100) + static_cast<unsigned>(random() % 60);
      images += static_cast<char>(static_cast<unsigned char>(brightness * pixel));
    }
  }
  return {images, labels};
}

TEST(Monitor, tells_dimmed_images_from_others) {
  const auto [images, labels] = pictures(1200, 1, 1);
  models().write("images", images);
  models().write("labels", labels);
  models().write("fresh-images", pictures(300, 2, 1).first);
  models().write("dimmed-images", pictures(300, 3, 0.9).first);
  ASSERT_EQ(ztilde(models(), quick_train("images", {"--labels", "labels", "--quiet", "--out", "pictures"}))
                .exit_code,
            0);
  EXPECT_EQ(monitor("pictures", "fresh-images").exit_code, 0);
  const Result dimmed = monitor("pictures", "dimmed-images", {"--json"});
  EXPECT_EQ(dimmed.exit_code, 4) << dimmed.err;
  const auto report = parsed(dimmed.out);
  EXPECT_GE(report["columns_beyond"], 8);
  EXPECT_EQ(report["layers_beyond"], 1);
}

TEST(Monitor, thresholds_are_shown_by_inspect) {
  const Result words = ztilde(models(), {"inspect", "m"});
  EXPECT_NE(words.out.find("monitor"), std::string::npos) << words.out;
  EXPECT_NE(words.out.find("drift thresholds for 5 statistics and 1 layer"), std::string::npos) << words.out;
  EXPECT_EQ(parsed(ztilde(models(), {"inspect", "m", "--json"}).out)["monitor"]["rows"], 300);
  EXPECT_FALSE(parsed(ztilde(models(), {"inspect", "old", "--json"}).out).contains("monitor"));
}

TEST(Monitor, refuses_in_one_line_what_it_cannot_use) {
  models().write("empty.csv", "weight,age,colour\n");
  models().write("few.csv", orders(20, 9));
  models().write("other.csv", "a,b\n1,2\n");
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{"monitor", "m"}, "--data: missing; name a table, an IDX image file or a folder of images"},
      {{"monitor", "m", "--data", "empty.csv"}, "empty.csv:1: a header and no rows; add rows below it"},
      {{"monitor", "m", "--data", "fresh.csv", "--seed", "1"},
       "--seed: given without --reference; no samples are drawn, leave it out"},
      {{"monitor", "m", "--data", "fresh.csv", "--reference", "few.csv"},
       "few.csv: has 20 rows, too few to learn thresholds from; give 32 or more"},
      {{"monitor", "m", "--data", "-", "--reference", "-"},
       "--reference: both it and --data are standard input; name a file for one of them"}};
  for (const auto& [arguments, message] : cases) {
    const Result run = ztilde(models(), arguments);
    EXPECT_EQ(run.exit_code, 2);
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(run.err, "error: " + message + "\n");
  }
  EXPECT_EQ(ztilde(models(), {"monitor", "m", "--data", "other.csv"}).exit_code, 2);
  EXPECT_EQ(ztilde(models(), {"monitor", "m", "--data", "none.csv"}).exit_code, 1);
}

}  // namespace
}  // namespace ztilde::cli_test
