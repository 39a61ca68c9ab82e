// ztilde import of ONNX files: what is written, what is said, and what is refused.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/cli_test_support.hpp"

namespace ztilde::cli_test {
namespace {

namespace fs = std::filesystem;
const fs::path kSeeds = fs::path(ZTILDE_SOURCE_DIR) / "fuzz/seeds/onnx";
const fs::path kData = "/usr/share/libonnx-testdata/data";

class ImportOnnx : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"table", "image", "old"})
      fs::copy(kSeeds / name, folder_ / (std::string(name) + ".onnx"));
    const Result run = ztilde(folder_, {"import", "table.onnx", "--out", "probe"});
    if (run.err.find("was built without ONNX") != std::string::npos)
      GTEST_SKIP() << "this build is without ONNX: libonnx-dev or libprotobuf-dev is missing";
  }
  bool exists(const std::string& name) const { return fs::exists(folder_ / name); }

  TemporaryFolder folder_;
};

TEST_F(ImportOnnx, writes_a_model_and_says_what_was_read_and_each_difference) {
  const Result run = ztilde(folder_, {"import", "table.onnx", "--out", "table.ztilde", "--classes", "a,b,c"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.err, "");
  for (const char* part :
       {"written     table.ztilde\n", "14 nodes, opset 17, made by seed", "3 → 4 → 3, ", "3 classes: a, b, c",
        "momentum 0.9 weighs the old value, as keep 0.9", "epsilon 1e-05", "the softmax at the end",
        "standardise", "ztilde recalibrate table.ztilde", "ztilde train --from table.ztilde"}) {
    EXPECT_NE(run.out.find(part), std::string::npos) << part << "\n" << run.out;
  }
  for (const std::string& line : lines_of(run.out)) EXPECT_LE(line.size(), 100u) << line;

  folder_.write("rows.csv", "p,q,r\n1,2,3\n0,-1,0.5\n");
  const Result predicted =
      ztilde(folder_, {"predict", "table.ztilde", "--data", "rows.csv", "--probabilities"});
  ASSERT_EQ(predicted.exit_code, 0) << predicted.err;
  EXPECT_EQ(lines_of(predicted.out).size(), 3u);
  const Result inspected = ztilde(folder_, {"inspect", "table.ztilde"});
  ASSERT_EQ(inspected.exit_code, 0) << inspected.err;
  EXPECT_NE(inspected.out.find("imported onnx"), std::string::npos) << inspected.out;
}

TEST_F(ImportOnnx, prints_one_object_with_json) {
  const Result run = ztilde(folder_, {"import", "image.onnx", "--out", "image.ztilde", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto object = parsed(run.out);
  EXPECT_EQ(object["model"], "image.ztilde");
  EXPECT_EQ(object["opset"], 11);
  EXPECT_EQ(object["inputs"], 60);
  EXPECT_EQ(object["outputs"], 2);
  EXPECT_EQ(object["notes"][0]["about"], "batch norm");
  EXPECT_EQ(lines_of(run.out).size(), 1u);
  const auto inspected = parsed(ztilde(folder_, {"inspect", "image.ztilde", "--json"}).out);
  EXPECT_EQ(inspected["inputs"], 60);
}

TEST_F(ImportOnnx, names_columns_and_target_so_that_labelled_tables_fit) {
  folder_.write("labelled.csv", "r,kind,p,q\n3,a,1,2\n0.5,b,0,-1\n1,c,1,1\n2,a,2,2\n");
  const Result run = ztilde(folder_, {"import", "table.onnx", "--out", "named", "--classes", "a,b,c",
                                      "--columns", "p,q,r", "--target", "kind"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Result evaluated = ztilde(folder_, {"evaluate", "named", "--data", "labelled.csv", "--json"});
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
  EXPECT_EQ(parsed(evaluated.out)["rows"], 4);
  const Result trained = ztilde(folder_, {"train", "--from", "named", "--data", "labelled.csv", "--out",
                                          "more", "--epochs", "1", "--valid-fraction", "0", "--quiet"});
  EXPECT_EQ(trained.exit_code, 0) << trained.err;
  const Result few = ztilde(folder_, {"import", "table.onnx", "--out", "new", "--columns", "p"});
  EXPECT_EQ(few.exit_code, 2);
  EXPECT_EQ(few.err, "error: --columns: there are 1 names, the network takes 3 numbers\n");
}

TEST_F(ImportOnnx, takes_back_what_export_wrote_with_its_names_and_answers) {
  folder_.write("flowers.csv", flowers());
  ASSERT_EQ(ztilde(folder_, quick_train("flowers.csv", {"--out", "flowers", "--quiet"})).exit_code, 0);
  ASSERT_EQ(ztilde(folder_, {"export", "flowers", "--onnx", "flowers.onnx", "--test-data", "data"}).exit_code,
            0);
  const Result run =
      ztilde(folder_, {"import", "flowers.onnx", "--out", "back", "--check", "data/test_data_set_0"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto before = parsed(ztilde(folder_, {"inspect", "flowers", "--json"}).out);
  const auto after = parsed(ztilde(folder_, {"inspect", "back", "--json"}).out);
  for (const char* name : {"task", "target", "classes", "inputs", "parameters"})
    EXPECT_EQ(before[name], after[name]) << name;
  const auto loss = [&](const char* model) -> double {
    return parsed(ztilde(folder_, {"evaluate", model, "--data", "flowers.csv", "--json"}).out)["loss"];
  };
  EXPECT_NEAR(loss("back"), loss("flowers"), 1e-5 * loss("flowers"));
}

TEST_F(ImportOnnx, compares_with_test_data_and_binds_further_inputs_to_it) {
  const std::string model = kData / "node/test_batchnorm_epsilon/model.onnx";
  const std::string check = kData / "node/test_batchnorm_epsilon/test_data_set_0";
  const Result run = ztilde(folder_, {"import", model, "--out", "norm", "--check", check, "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(parsed(run.out)["check"]["rows"], 2);
  EXPECT_LT(parsed(run.out)["check"]["difference"], 1e-5);
  const Result open = ztilde(folder_, {"import", model, "--out", "open"});
  EXPECT_EQ(open.exit_code, 2);
  EXPECT_NE(open.err.find("(BatchNormalization, opset 15): its input 's' has no value in the file"),
            std::string::npos)
      << open.err;
  const std::string other = kData / "node/test_batchnorm_example/test_data_set_0";
  const Result wrong = ztilde(folder_, {"import", model, "--out", "wrong", "--check", other});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_NE(wrong.err.find("the imported model gives"), std::string::npos) << wrong.err;
  EXPECT_FALSE(exists("open"));
  EXPECT_FALSE(exists("wrong"));
}

TEST_F(ImportOnnx, refuses_in_one_line_and_writes_nothing) {
  folder_.write("empty.onnx", "");
  folder_.write("text.onnx", "not a model\n");
  folder_.write("cut.onnx", folder_.read("table.onnx").substr(0, 300));
  const std::string transposed = kData / "node/test_convtranspose/model.onnx";
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"none.onnx"}, "none.onnx: "},
      {{"empty.onnx"}, "empty.onnx: it is empty"},
      {{"text.onnx"}, "text.onnx: it is not an ONNX model, or "},
      {{"cut.onnx"}, "cut.onnx: it is not an ONNX model, or it is cut off or damaged"},
      {{"table.onnx", "--classes", "a,b"}, "--classes: there are 2 names, and 3 outputs ask for 3"},
      {{"table.onnx", "--task", "guess"}, "--task: "},
      {{"table.onnx", "--output", "nowhere"}, "--output: 'nowhere' is no value of the graph"},
      {{"table.onnx", "--input-shape", "0"}, "--input-shape: "},
      {{"table.onnx", "--check", "."}, ".: has no input_0.pb and output_0.pb"},
      {{"table.onnx", "--net", "x"}, "--net: is for --pytorch"},
      {{transposed},
       transposed + ": node 0 (ConvTranspose, opset 11): ztilde has no layer for this operator"},
  };
  for (const auto& [arguments, line] : cases) {
    std::vector<std::string> all{"import", "--out", "new"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Result run = ztilde(folder_, all);
    EXPECT_NE(run.exit_code, 0) << line;
    EXPECT_LE(run.exit_code, 2) << line;
    EXPECT_EQ(run.out, "") << line;
    EXPECT_TRUE(run.err.starts_with("error: " + line)) << run.err;
    EXPECT_EQ(lines_of(run.err).size(), 1u) << run.err;
    EXPECT_FALSE(exists("new")) << line;
  }
}

}  // namespace
}  // namespace ztilde::cli_test
