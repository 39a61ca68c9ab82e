// ztilde export --onnx: the file, its test data, and what is refused.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "tests/cli_test_support.hpp"

namespace ztilde::cli_test {
namespace {

// Missing numbers and categories, long tails, a column that is called like an output.
std::string passengers(int rows = 300) {
  std::mt19937 random(9);
  std::normal_distribution<double> normal(0, 1);
  const char* cities[] = {"Aachen", "Köln", "Bonn", "Essen, West", "", "NA"};
  std::string text = "age,fare,city,label,class\n";
  for (int r = 0; r < rows; ++r) {
    const double age = 40 + 12 * normal(random), fare = std::exp(2 + normal(random));
    const auto city = random() % 6;
    const bool is_x = random() % 2 == 0;
    const double score = (age - 40) / 12 + (fare > 8) + (city == 1) - is_x;
    text += (random() % 8 == 0 ? "" : std::to_string(age)) + "," +
            (random() % 8 == 0 ? "NA" : std::to_string(fare)) + ",\"" + cities[city] + "\"," +
            (is_x ? "x" : "y") + "," +
            (score < 0   ? "low"
             : score < 1 ? "middle"
                         : "high") +
            "\n";
  }
  return text;
}

const TemporaryFolder& models() {
  static const TemporaryFolder folder;
  static const bool trained = [] {
    folder.write("flowers.csv", flowers());
    folder.write("houses.csv", houses());
    folder.write("passengers.csv", passengers());
    const auto train = [&](const std::string& name, std::vector<std::string> more) {
      more.insert(more.end(), {"--quiet", "--out", name});
      return ztilde(folder, quick_train(name + ".csv", std::move(more))).exit_code == 0;
    };
    return train("flowers", {}) && train("houses", {"--norm", "none"}) &&
           train("passengers", {"--one-hot", "2", "--missing", "indicator", "--standardise", "quantile"});
  }();
  EXPECT_TRUE(trained);
  return folder;
}

bool exists(const std::string& name) { return std::filesystem::exists(models().path() + "/" + name); }

Result exported(std::vector<std::string> more) {
  more.insert(more.begin(), "export");
  return ztilde(models(), std::move(more));
}

#ifdef ZTILDE_WITH_ONNX

TEST(ExportOnnx, gives_the_answers_of_predict_for_the_cells_of_a_table_as_they_stand) {
  if (std::system("/usr/bin/python3 -c 'import onnx, numpy' 2>/dev/null") != 0)
    GTEST_SKIP() << "onnx is not installed (Debian package python3-onnx)";
  const Result run = exported({"passengers", "--onnx", "passengers.onnx", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto object = parsed(run.out);
  EXPECT_EQ(object["inputs"][0]["name"], "age");
  EXPECT_EQ(object["inputs"][2]["type"], "string");
  EXPECT_EQ(object["outputs"][2]["name"], "label_");
  for (const char* op : {"LabelEncoder", "IsNaN", "GreaterOrEqual", "Gather", "BatchNormalization"})
    EXPECT_GT(object["operators"].value(op, 0), 0) << op;
  ASSERT_EQ(ztilde(models(), {"predict", "passengers", "--data", "passengers.csv", "--probabilities", "--out",
                              "answers.csv"})
                .exit_code,
            0);
  const std::string there = "cd '" + models().path() + "' && ";
  EXPECT_EQ(
      std::system((there + "/usr/bin/python3 " ZTILDE_SOURCE_DIR
                           "/tests/python/onnx_numpy.py passengers.onnx --table passengers.csv answers.csv")
                      .c_str()),
      0);
}

TEST(ExportOnnx, writes_the_same_file_on_any_number_of_threads_and_says_what_is_in_it) {
  const Result run = exported({"flowers", "--onnx", "flowers.onnx", "--threads", "1"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.err, "");
  for (const char* part : {"written     flowers.onnx: ", "opset 17, IR version 8", "input: float [rows, 2]\n",
                           "output: float [rows, 3]; probabilities: float [rows, 3]", "batch norm  1 kept\n",
                           "Gemm 2", "test rows   4 in the file\n"})
    EXPECT_NE(run.out.find(part), std::string::npos) << part << "\n" << run.out;
  ASSERT_EQ(exported({"flowers", "--onnx", "again.onnx", "--threads", "2"}).exit_code, 0);
  EXPECT_EQ(models().read("flowers.onnx"), models().read("again.onnx"));
}

TEST(ExportOnnx, folds_where_it_is_asked_to_and_shows_the_certificate) {
  const Result run = exported({"flowers", "--onnx", "folded.onnx", "--fold", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto object = parsed(run.out);
  EXPECT_EQ(object["batch_norms"], 0);
  EXPECT_FALSE(object["operators"].contains("BatchNormalization"));
  EXPECT_EQ(object["fold"]["folded"].size(), 1u);
  EXPECT_LT(object["fold"]["relative"], 1e-5);
  EXPECT_NE(exported({"flowers", "--onnx", "folded2.onnx", "--fold"}).out.find("batch norm  folded\n"),
            std::string::npos);
  const Result none = exported({"houses", "--onnx", "none.onnx", "--fold"});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_EQ(none.err, "error: the model has no batch norm to fold; use it as it is\n");
  EXPECT_FALSE(exists("none.onnx"));
}

TEST(ExportOnnx, writes_test_data_as_onnx_has_them) {
  const Result run = exported({"passengers", "--onnx", "tested.onnx", "--test-data", "sets", "--data",
                               "passengers.csv", "--rows", "100", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(parsed(run.out)["test_data"], "sets/test_data_set_0");
  EXPECT_EQ(parsed(run.out)["test_data_rows"], 100);
  for (const char* name : {"input_0.pb", "input_3.pb", "output_0.pb", "output_2.pb"})
    EXPECT_TRUE(exists(std::string("sets/test_data_set_0/") + name)) << name;
  EXPECT_FALSE(exists("sets/test_data_set_0/input_4.pb"));

  const Result twice = exported({"houses", "--onnx", "tested2.onnx", "--test-data", "sets"});
  EXPECT_EQ(twice.exit_code, 2);
  EXPECT_EQ(twice.err,
            "error: sets/test_data_set_0: exists already; choose another folder, or overwrite it "
            "with --force\n");
  EXPECT_FALSE(exists("tested2.onnx"));
  // Of the set before, no more tensors stay than the new one has.
  ASSERT_EQ(exported({"houses", "--onnx", "tested2.onnx", "--test-data", "sets", "--force"}).exit_code, 0);
  EXPECT_TRUE(exists("sets/test_data_set_0/input_0.pb"));
  EXPECT_FALSE(exists("sets/test_data_set_0/input_1.pb"));
  EXPECT_FALSE(exists("sets/test_data_set_0/output_1.pb"));
}

TEST(ExportOnnx, takes_the_columns_in_one_matrix_where_it_is_asked_to) {
  const Result run = exported({"passengers", "--onnx", "matrix.onnx", "--inputs", "matrix", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto object = parsed(run.out);
  EXPECT_EQ(object["inputs"].dump(), R"([{"name":"input","shape":["rows",4],"type":"float"}])");
  EXPECT_EQ(object["outputs"][2]["name"], "label");
  EXPECT_FALSE(object["operators"].contains("LabelEncoder"));
}

#else

TEST(ExportOnnx, says_that_it_was_built_without_onnx) {
  const Result run = exported({"flowers", "--onnx", "flowers.onnx"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_EQ(run.err,
            "error: --onnx: this ztilde was built without ONNX; install libonnx-dev and libprotobuf-dev "
            "and build it anew\n");
  EXPECT_FALSE(exists("flowers.onnx"));
}

#endif

TEST(ExportOnnx, refuses_what_makes_no_sense_in_one_line) {
  models().write("old", "something");
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"flowers", "--onnx", "old"},
       "old: exists already; choose another name, or overwrite it with --force"},
      {{"flowers", "--onnx", "flowers", "--force"},
       "--onnx: flowers is also the file of MODEL; choose another name"},
      {{"flowers", "--onnx", "-"}, "--onnx: a model cannot go to standard output; name a file"},
      {{"flowers", "--onnx", "new", "--inputs", "colums"},
       "--inputs: unknown value 'colums'; did you mean columns?"},
      {{"flowers", "--onnx", "new", "--data", "flowers.csv"},
       "--data: given without --test-data; add that, or leave it out"},
      {{"flowers", "--onnx", "new", "--test-data", "set", "--rows", "3"},
       "--rows: given without --data; add that, or leave it out"},
      {{"flowers", "--c", "new", "--layout", "nhwc"}, "--layout: is for --onnx; add that, or leave it out"},
      {{"flowers", "--onnx", "flowers.csv", "--test-data", "set", "--data", "flowers.csv", "--force"},
       "--onnx: flowers.csv is also the file of --data; choose another name"},
  };
  for (const auto& [arguments, line] : cases) {
    const Result run = exported(arguments);
    EXPECT_EQ(run.exit_code, 2) << line;
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(run.err, "error: " + line + "\n");
  }
  EXPECT_EQ(models().read("old"), "something");
  EXPECT_FALSE(exists("new") || exists("set"));
}

#ifdef ZTILDE_WITH_ONNX

TEST(ExportOnnx, refuses_what_does_not_suit_the_model) {
  const Result layout = exported({"flowers", "--onnx", "new", "--layout", "nhwc"});
  EXPECT_EQ(layout.exit_code, 2);
  EXPECT_EQ(layout.err, "error: --layout: the model takes no images; leave it out\n");
  models().write("empty.csv", "length,width\n");
  const Result empty = exported({"flowers", "--onnx", "new", "--test-data", "set", "--data", "empty.csv"});
  EXPECT_EQ(empty.exit_code, 2);
  EXPECT_EQ(lines_of(empty.err).size(), 1u) << empty.err;
  EXPECT_FALSE(exists("new") || exists("set"));
}

#endif

}  // namespace
}  // namespace ztilde::cli_test
