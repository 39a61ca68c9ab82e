// The program with a trained model: evaluate, predict, inspect.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "tests/cli_test_support.hpp"

namespace ztilde::cli_test {
namespace {

// A folder with rows and models of both tasks, trained once.
const TemporaryFolder& models() {
  static const TemporaryFolder folder;
  static const bool trained = [] {
    folder.write("flowers.csv", flowers());
    folder.write("houses.csv", houses());
    const Result first = ztilde(folder, quick_train("flowers.csv", {"--quiet", "--out", "flowers"}));
    const Result second = ztilde(folder, quick_train("houses.csv", {"--quiet", "--out", "houses"}));
    return first.exit_code == 0 && second.exit_code == 0;
  }();
  EXPECT_TRUE(trained);
  return folder;
}

// "a,b,y" → the columns in the given order, separated by commas; no quoted fields.
std::string reordered(const std::string& csv, const std::vector<std::size_t>& order) {
  std::string text;
  for (const std::string& line : lines_of(csv)) {
    std::vector<std::string> fields;
    std::istringstream stream(line);
    for (std::string field; std::getline(stream, field, ',');) fields.push_back(field);
    for (std::size_t i = 0; i < order.size(); ++i) text += (i == 0 ? "" : ",") + fields[order[i]];
    text += "\n";
  }
  return text;
}

TEST(Evaluate, prints_the_metrics_of_a_classifier) {
  const Result run =
      ztilde(models(), {"evaluate", "flowers", "--data", "flowers.csv", "--json", "--confusion"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.err, "");
  const auto object = parsed(run.out);
  EXPECT_EQ(object["rows"], 240);
  EXPECT_GT(object["accuracy"], 0.95);
  EXPECT_GT(object["loss"], 0);
  EXPECT_EQ(object["classes"], nlohmann::json({"setosa", "versi color", "vir,ginica"}));
  std::size_t counted = 0, diagonal = 0;
  for (std::size_t truth = 0; truth < 3; ++truth) {
    for (std::size_t answer = 0; answer < 3; ++answer) {
      counted += object["confusion"][truth][answer].get<std::size_t>();
      if (truth == answer) diagonal += object["confusion"][truth][answer].get<std::size_t>();
    }
  }
  EXPECT_EQ(counted, 240u);
  EXPECT_DOUBLE_EQ(object["accuracy"].get<double>(), static_cast<double>(diagonal) / 240);
}

TEST(Evaluate, prints_the_metrics_of_a_regression) {
  const Result run = ztilde(models(), {"evaluate", "houses", "--data", "houses.csv", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto object = parsed(run.out);
  EXPECT_EQ(object["rows"], 240);
  EXPECT_GT(object["r2"], 0.8);
  EXPECT_GT(object["rmse"], object["mae"]);
}

TEST(Evaluate, does_not_mind_the_order_of_the_columns_and_ignores_others_with_a_warning) {
  const std::string rows = models().read("houses.csv");
  models().write("mixed.csv", reordered(rows, {2, 1, 0}));
  const Result plain = ztilde(models(), {"evaluate", "houses", "--data", "houses.csv", "--json"});
  const Result mixed = ztilde(models(), {"evaluate", "houses", "--data", "mixed.csv", "--json"});
  EXPECT_EQ(plain.out, mixed.out);
  EXPECT_EQ(mixed.err, "");

  std::string more;
  for (const std::string& line : lines_of(rows)) more += (more.empty() ? "id" : "x17") + ("," + line) + "\n";
  models().write("more.csv", more);
  const Result extra = ztilde(models(), {"evaluate", "houses", "--data", "more.csv", "--json"});
  EXPECT_EQ(plain.out, extra.out);
  EXPECT_EQ(extra.err, "warning: more.csv: 1 column is ignored: 'id'\n");
  EXPECT_EQ(ztilde(models(), {"evaluate", "houses", "--data", "more.csv", "--quiet"}).err, "");
}

TEST(Evaluate, normalises_with_each_batch_where_it_is_told_to) {
  const TemporaryFolder folder;
  folder.write("houses.csv", houses());
  ASSERT_EQ(ztilde(folder, quick_train("houses.csv", {"--valid-fraction", "0"})).exit_code, 0);
  const auto loss = [&](const std::vector<std::string>& more) -> double {
    std::vector<std::string> arguments = {"evaluate", "model.ztilde", "--data", "houses.csv", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return parsed(ztilde(folder, arguments).out)["loss"];
  };
  // All rows at once are the population that the model was measured over.
  const double known = loss({});
  EXPECT_NEAR(loss({"--statistics", "batch", "--batch", "100000"}), known, 1e-4 * known);
  EXPECT_GT(loss({"--statistics", "batch", "--batch", "2"}), 1.5 * known);
  EXPECT_EQ(ztilde(folder, {"evaluate", "model.ztilde", "--data", "houses.csv", "--batch", "4"}).err,
            "error: --batch: given without --statistics batch; add that\n");
}

TEST(Evaluate, needs_the_target) {
  models().write("bare.csv", reordered(models().read("houses.csv"), {0, 1}));
  const Result run = ztilde(models(), {"evaluate", "houses", "--data", "bare.csv"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(lines_of(run.err).size(), 1u);
}

TEST(Predict, needs_no_target_and_keeps_the_order_of_the_rows) {
  const std::string rows = models().read("houses.csv");
  models().write("bare.csv", reordered(rows, {0, 1}));
  models().write("swapped.csv", reordered(rows, {1, 0}));
  const Result full = ztilde(models(), {"predict", "houses", "--data", "houses.csv"});
  ASSERT_EQ(full.exit_code, 0) << full.err;
  EXPECT_EQ(full.err, "");
  EXPECT_EQ(ztilde(models(), {"predict", "houses", "--data", "bare.csv"}).out, full.out);
  EXPECT_EQ(ztilde(models(), {"predict", "houses", "--data", "swapped.csv"}).out, full.out);
  const auto answers = lines_of(full.out);
  ASSERT_EQ(answers.size(), 241u);
  EXPECT_EQ(answers[0], "prediction");
  const auto truths = lines_of(reordered(rows, {2}));
  double squares = 0;
  for (std::size_t i = 1; i < answers.size(); ++i)
    squares += std::pow(std::stod(answers[i]) - std::stod(truths[i]), 2);
  const auto scores = parsed(ztilde(models(), {"evaluate", "houses", "--data", "houses.csv", "--json"}).out);
  // Answers are floats, near 100 with 24 bits.
  EXPECT_NEAR(std::sqrt(squares / 240), scores["rmse"].get<double>(), 1e-4);
}

TEST(Predict, puts_kept_columns_first_and_a_column_a_class_last) {
  const Result run = ztilde(models(), {"predict", "flowers", "--data", "flowers.csv", "--with-columns",
                                       "species,width", "--probabilities"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto lines = lines_of(run.out);
  ASSERT_EQ(lines.size(), 241u);
  EXPECT_EQ(lines[0], "species,width,prediction,setosa,versi color,\"vir,ginica\"");
  EXPECT_TRUE(lines[1].starts_with("setosa,")) << lines[1];
  EXPECT_TRUE(lines[2].starts_with("\"vir,ginica\",")) << lines[2];
}

TEST(Predict, writes_a_file_and_overwrites_it_with_force_only) {
  const std::vector<std::string> arguments = {"predict",    "houses", "--data",
                                              "houses.csv", "--out",  "answers.csv"};
  const Result first = ztilde(models(), arguments);
  EXPECT_EQ(first.exit_code, 0);
  EXPECT_EQ(first.out, "");
  EXPECT_EQ(models().read("answers.csv"),
            ztilde(models(), {"predict", "houses", "--data", "houses.csv"}).out);
  EXPECT_EQ(ztilde(models(), arguments).exit_code, 2);
  auto forced = arguments;
  forced.emplace_back("--force");
  EXPECT_EQ(ztilde(models(), forced).exit_code, 0);
}

// An IDX file of images 2 × 2, or of labels where `images` is false: class k has its pixel k bright.
std::string idx_file(bool images, unsigned rows, unsigned classes) {
  std::string text = {0, 0, 8, static_cast<char>(images ? 3 : 1), 0, 0, 0, static_cast<char>(rows)};
  if (images) text += std::string{0, 0, 0, 2, 0, 0, 0, 2};
  for (unsigned r = 0; r < rows; ++r) {
    const unsigned kind = r % classes;
    if (!images) text += static_cast<char>(kind);
    for (unsigned pixel = 0; images && pixel < 4; ++pixel) {
      text += static_cast<char>(pixel == kind ? 100 + r % 7 : r % 5);
    }
  }
  return text;
}

TEST(Images, are_known_by_their_first_bytes_and_need_not_show_every_class) {
  const TemporaryFolder folder;
  folder.write("images", idx_file(true, 120, 4));
  folder.write("labels", idx_file(false, 120, 4));
  const Result trained = ztilde(folder, quick_train("images", {"--labels", "labels", "--quiet"}));
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const Result predicted = ztilde(folder, {"predict", "model.ztilde", "--data", "images"});
  ASSERT_EQ(predicted.exit_code, 0) << predicted.err;
  EXPECT_EQ(lines_of(predicted.out).size(), 121u);

  folder.write("fewer-images", idx_file(true, 30, 3));
  folder.write("fewer-labels", idx_file(false, 30, 3));
  const Result fewer = ztilde(
      folder, {"evaluate", "model.ztilde", "--data", "fewer-images", "--labels", "fewer-labels", "--json"});
  ASSERT_EQ(fewer.exit_code, 0) << fewer.err;
  EXPECT_GT(parsed(fewer.out)["accuracy"], 0.95);

  const Result unlabelled = ztilde(folder, {"evaluate", "model.ztilde", "--data", "images"});
  EXPECT_EQ(unlabelled.exit_code, 2);
  EXPECT_TRUE(unlabelled.err.starts_with("error: --labels: missing")) << unlabelled.err;
}

TEST(Output, that_cannot_be_written_is_an_error) {
  Setting full, closed;
  full.standard_output = "/dev/full";
  closed.close_output = true;
  for (const Setting& setting : {full, closed}) {
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"predict", "houses", "--data", "houses.csv"},
          {"evaluate", "houses", "--data", "houses.csv"},
          {"inspect", "houses"},
          {"--version"},
          {"train", "--help"}}) {
      const Result run = ztilde(models(), arguments, setting);
      EXPECT_EQ(run.exit_code, 1) << arguments[0];
      EXPECT_TRUE(run.err.starts_with("error: standard output: cannot be written")) << run.err;
      EXPECT_EQ(lines_of(run.err).size(), 1u);
    }
  }
}

TEST(Output, whose_reader_has_gone_ends_without_words) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  Setting setting;
  setting.standard_output = "/dev/fd/" + std::to_string(ends[1]);
  const Result run = ztilde(models(), {"predict", "houses", "--data", "houses.csv"}, setting);
  ::close(ends[1]);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.err, "");
}

TEST(Inspect, tells_layers_conventions_and_columns) {
  const Result run = ztilde(models(), {"inspect", "flowers"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  for (const char* words :
       {"classifies 'species' from 2 columns", "115; 16 fewer", "[rows, 16]", "batch norm", "momentum=0.1",
        "epsilon 1e-05, keep 0.9", "population", "216 rows, 15 epochs", "length", "width"}) {
    EXPECT_NE(run.out.find(words), run.out.npos) << words << " is not in\n" << run.out;
  }
}

TEST(Inspect, prints_one_json_object_with_all_of_it) {
  const auto object = parsed(ztilde(models(), {"inspect", "flowers", "--json"}).out);
  EXPECT_EQ(object["task"], "classify");
  EXPECT_EQ(object["parameters"], 115);
  EXPECT_EQ(object["biases_saved_by_batch_norm"], 16);
  EXPECT_EQ(object["columns"].size(), 2u);
  EXPECT_EQ(object["layers"][2]["pytorch_momentum"], 0.1);
  EXPECT_EQ(object["statistics"], "population");
  EXPECT_EQ(object["training"]["epochs"], 15);
  EXPECT_EQ(object["network"], parsed(ztilde(models(), {"inspect", "flowers", "--network"}).out));
  EXPECT_EQ(object["plan"].size(), lines_of(ztilde(models(), {"inspect", "flowers", "--plan"}).out).size());
}

}  // namespace
}  // namespace ztilde::cli_test
