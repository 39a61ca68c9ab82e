// ztilde import --pytorch and export --pytorch: files of PyTorch's own, there and back, and what is refused.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "exchange/exchange_test_support.hpp"
#include "plan/plan_test_networks.hpp"
#include "tests/cli_test_support.hpp"
#include "ztilde/pytorch.hpp"

namespace ztilde::cli_test {
namespace {

const std::string kGolden = ZTILDE_SOURCE_DIR "/tests/golden/";

constexpr const char* kMlp =
    R"({"layers": [{"layer": "dense", "outputs": 16, "bias": false}, {"layer": "batch_norm"}, {"layer": "activation"},
                   {"layer": "dense", "outputs": 16}, {"layer": "batch_norm"}, {"layer": "activation"},
                   {"layer": "dense"}]})";

// The trace's rows as a table; with_target: and their classes.
std::string table(bool with_target) {
  std::ifstream file(kGolden + "pytorch_trace.json");
  const nlohmann::json mlp = nlohmann::json::parse(file)["cases"][0];
  std::string text;
  for (int c = 0; c < 12; ++c) text += (c ? ",column " : "column ") + std::to_string(c);
  text += with_target ? ",kind\n" : "\n";
  for (std::size_t b = 0; b < mlp["inputs"].size(); ++b) {
    for (std::size_t r = 0; r < 16; ++r) {
      for (std::size_t c = 0; c < 12; ++c) text += (c ? "," : "") + mlp["inputs"][b][12 * r + c].dump();
      if (with_target) text += "," + std::to_string(mlp["classes"][b][r].get<int>());
      text += "\n";
    }
  }
  return text;
}

const TemporaryFolder& models() {
  static const TemporaryFolder folder;
  static const bool made = [] {
    folder.write("net.json", kMlp);
    folder.write("rows.csv", table(true));
    folder.write("bare.csv", table(false));
    folder.write("flowers.csv", flowers());
    std::filesystem::copy_file(kGolden + "pytorch_mlp.safetensors", folder / "mlp.safetensors");
    return ztilde(folder, {"import", "--pytorch", "mlp.safetensors", "--net", "net.json", "--out", "mlp"})
                   .exit_code == 0 &&
           ztilde(folder, quick_train("flowers.csv", {"--quiet", "--out", "flowers"})).exit_code == 0;
  }();
  EXPECT_TRUE(made);
  return folder;
}

bool exists(const std::string& name) { return std::filesystem::exists(models() / name); }

void expect_parts(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) EXPECT_NE(text.find(part), text.npos) << part << "\n" << text;
}

TEST(Pytorch, import_says_which_tensors_are_which_layers_and_what_it_assumed) {
  const Result words =
      ztilde(models(), {"import", "--pytorch", "mlp.safetensors", "--net", "net.json", "--out", "words"});
  ASSERT_EQ(words.exit_code, 0) << words.err;
  EXPECT_EQ(words.err, "");
  expect_parts(
      words.out,
      {"written     words\n", "\n  fc1                   layer 0 (dense): weight [16, 12], bias [16]\n",
       "\n  bn2                   layer 4 (batch_norm): weight [16], bias [16], statistics\n",
       "biases      added to layer 0, as in the module: ",
       "momentum 0.1 (keep 0.9), running variance unbiased,\n",
       "inputs      no standardisation: the rows must be what the module was trained on\n",
       "called 0 to 2, --classes names them\n"});
  const Result json =
      ztilde(models(), {"import", "--pytorch", "mlp.safetensors", "--net", "net.json", "--out", "json",
                        "--json", "--classes", "a,b,c", "--momentum", "0.2"});
  ASSERT_EQ(json.exit_code, 0) << json.err;
  const nlohmann::json object = parsed(json.out);
  EXPECT_EQ(object["layers"],
            nlohmann::json::parse(R"({"fc1": 0, "bn1": 1, "fc2": 3, "bn2": 4, "head": 6})"));
  EXPECT_EQ(object["classes"], (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(object["network"]["layers"][1]["keep"], 0.8);
  EXPECT_EQ(object["network"]["layers"][1]["running_variance"], "unbiased");
  EXPECT_EQ(object["parameters"], 595);
}

TEST(Pytorch, a_model_without_column_names_reads_tables_by_counting) {
  const nlohmann::json scores =
      parsed(ztilde(models(), {"evaluate", "mlp", "--data", "rows.csv", "--json"}).out);
  EXPECT_EQ(scores["rows"], 80);
  EXPECT_GT(scores["accuracy"], 0.5);
  const Result all = ztilde(models(), {"predict", "mlp", "--data", "rows.csv"});
  const Result bare = ztilde(models(), {"predict", "mlp", "--data", "bare.csv"});
  EXPECT_EQ(lines_of(all.out).size(), 81u);
  EXPECT_EQ(all.out, bare.out);
  EXPECT_EQ(all.err, "");

  const Result few = ztilde(models(), {"predict", "mlp", "--data", "flowers.csv"});
  EXPECT_EQ(
      few.err,
      "error: flowers.csv: it has 3 columns, and the model takes 12 without names; leave others out, or name "
      "them with --columns when importing it\n");
  Setting from_file;
  from_file.standard_input = models() / "bare.csv";
  const Result piped = ztilde(models(), {"predict", "mlp", "--data", "-"}, from_file);
  EXPECT_EQ(piped.exit_code, 2);
  EXPECT_TRUE(piped.err.starts_with("error: standard input: the columns of the model have no names"))
      << piped.err;
}

TEST(Pytorch, training_goes_on_from_an_imported_model_and_learns_the_names_of_its_columns) {
  const Result run =
      ztilde(models(), {"train", "--from", "mlp", "--data", "rows.csv", "--epochs", "2", "--batch", "16",
                        "--threads", "1", "--statistics", "running", "--out", "tuned", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(parsed(run.out)["steps"], 10);
  const nlohmann::json tuned = parsed(ztilde(models(), {"inspect", "tuned", "--json"}).out);
  EXPECT_EQ(tuned["columns"].size(), 12u);
  EXPECT_EQ(tuned["target"], "kind");
  EXPECT_EQ(tuned["network"]["layers"][1]["running_variance"], "unbiased");
  const Result answers = ztilde(models(), {"predict", "tuned", "--data", "rows.csv"});
  EXPECT_EQ(answers.exit_code, 0) << answers.err;
}

TEST(Pytorch, there_and_back_gives_the_same_file) {
  ASSERT_EQ(ztilde(models(), {"export", "mlp", "--pytorch", "back.safetensors"}).exit_code, 0);
  ASSERT_EQ(ztilde(models(), {"import", "--pytorch", "back.safetensors", "--out", "back"}).exit_code, 0);
  EXPECT_EQ(models().read("back"), models().read("mlp"));
  ASSERT_EQ(ztilde(models(), {"export", "flowers", "--pytorch", "exact", "--double"}).exit_code, 0);
  ASSERT_EQ(ztilde(models(), {"import", "--pytorch", "exact", "--out", "exact.ztilde"}).exit_code, 0);
  EXPECT_EQ(models().read("exact.ztilde"), models().read("flowers"));
  const Result inspected = ztilde(models(), {"inspect", "mlp"});
  expect_parts(inspected.out, {"classifies from 12 inputs", "what another program had; imported"});
}

TEST(Pytorch, the_map_is_a_file) {
  models().write("map.json", R"({"fc1": 3, "fc2": 0})");
  const Result wrong = ztilde(models(), {"import", "--pytorch", "mlp.safetensors", "--net", "net.json",
                                         "--map", "map.json", "--out", "mapped"});
  EXPECT_EQ(wrong.err,
            "error: mlp.safetensors: tensor fc1.weight: [16, 12] where layer 3 (dense) needs [16, 16]\n");
  models().write("map.json", R"({"fc1": 0, "fc2": "three"})");
  const Result text = ztilde(models(), {"import", "--pytorch", "mlp.safetensors", "--net", "net.json",
                                        "--map", "map.json", "--out", "mapped"});
  EXPECT_EQ(text.err,
            "error: map.json: 'fc2' is text; it must be a layer's number, or null to leave the tensors "
            "out\n");
  EXPECT_FALSE(exists("mapped"));
  models().write("map.json", R"({"fc1": 0, "bn2": 4})");
  EXPECT_EQ(ztilde(models(), {"import", "--pytorch", "mlp.safetensors", "--net", "net.json", "--map",
                              "map.json", "--out", "mapped"})
                .exit_code,
            0);
}

TEST(Pytorch, refuses_what_makes_no_sense_in_one_line_and_writes_nothing) {
  models().write("model.pt", "PK\x03\x04 and so on");
  models().write("old", "something");
  models().write("whole.json", R"({"inputs": 12, "layers": [{"layer": "dense"}]})");
  std::filesystem::create_directory(models() / "folder");
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"import", "--pytorch", "model.pt", "--net", "net.json", "--out", "new"},
       "model.pt: a pickled PyTorch file, which only Python can read; convert its state dict: python3 -c "
       "\"import "
       "torch, safetensors.torch as s; s.save_file(torch.load('model.pt', map_location='cpu'), "
       "'model.safetensors')\""},
      {{"import", "--pytorch", "mlp", "--net", "net.json", "--out", "new"},
       "mlp: a ztilde model already; use it as it is"},
      {{"import", "--pytorch", "mlp.safetensors", "--out", "new"},
       "--activation: missing, no tensor tells it; say which one is between the layers, or give --net"},
      {{"import", "--pytorch", "mlp.safetensors", "--net", "net.json", "--out", "new", "--activation",
        "relu"},
       "--activation: does not go with --net, which has its own; leave it out"},
      {{"import", "--pytorch", "mlp.safetensors", "--out", "new", "--image-size", "3"},
       "--image-size: given without --net, which it completes; leave it out"},
      {{"import", "--pytorch", "mlp.safetensors", "--net", "whole.json", "--out", "new", "--image-size",
        "3x4"},
       "--image-size: given for whole.json, which says what enters it; leave it out"},
      {{"import", "--pytorch", "mlp.safetensors", "--net", "net.json", "--out", "new", "--input-std", "0"},
       "--input-std: 0 is out of range; give a number above 0"},
      {{"import", "--pytorch", "mlp.safetensors", "--net", "net.json", "--out", "new", "--input-mean", "1,2"},
       "--input-mean: 2 numbers for 12 input channels; give one for all or one for each"},
      {{"import", "--pytorch", "mlp.safetensors", "--net", "net.json", "--out", "new", "--classes", "a,b"},
       "--classes: 2 names for 3 outputs, which are 3 classes; name each class once, in the outputs' order"},
      {{"import", "--pytorch", "mlp.safetensors", "--net", "net.json", "--out", "-"},
       "--out: a model cannot go to standard output; name a file"},
      {{"import", "model.onnx", "--net", "net.json", "--out", "new"},
       "--net: is for --pytorch; add that, or leave it out"},
      {{"export", "mlp", "--onnx", "new", "--double"},
       "--double: is for --pytorch; add that, or leave it out"},
      {{"export", "mlp", "--pytorch", "-"}, "--pytorch: tensors cannot go to standard output; name a file"},
      {{"export", "mlp", "--pytorch", "new", "--module", "-"},
       "--module: it finds the tensors beside itself; name a file"},
      {{"export", "mlp", "--pytorch", "new", "--module", "folder/new.py"},
       "--module: it must be in the folder of --pytorch, beside which it looks for it"},
      {{"export", "mlp", "--pytorch", "new", "--module", "new", "--force"},
       "--module: new is also the file of --pytorch; choose another name"},
      {{"export", "mlp", "--pytorch", "new", "--module", "old"},
       "old: exists already; choose another name, or overwrite it with --force"},
  };
  for (const auto& [arguments, line] : cases) {
    const Result run = ztilde(models(), arguments);
    EXPECT_EQ(run.exit_code, 2) << line;
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(run.err, "error: " + line + "\n");
    EXPECT_FALSE(exists("new"));
  }
  EXPECT_EQ(models().read("old"), "something");
}

// A Python that has torch: Debian's own first, since that is where its packages are.
std::string python_with_torch() {
  for (const std::string python : {"/usr/bin/python3", "python3"}) {
    if (std::system((python + " -c 'import torch' 2>/dev/null").c_str()) == 0) return python;
  }
  return {};
}

Model model_of(const Network& network) {
  Model model;
  model.network = network;
  model.parameters = testing_networks::random_parameters(network);
  model.statistics = testing_networks::random_statistics(network);
  model.statistic_batches.assign(statistic_slots(network).size(), 3);
  model.classes = {"x", "y", "z"};
  model.test_inputs = testing_networks::random_inputs(network, 5);
  model.test_outputs = outputs(model, model.test_inputs, 1);
  return model;
}

TEST(Pytorch, the_written_programs_load_their_state_dicts_strictly_and_compute_the_same) {
  const std::string python = python_with_torch();
  if (python.empty()) GTEST_SKIP() << "torch is not installed (Debian package python3-torch)";
  const TemporaryFolder folder;
  std::string programs;
  const BatchNorm norm{1e-3, 0.99};
  const Activation relu, gelu{ActivationKind::gelu};
  const auto conv = [](std::size_t outputs, std::size_t stride) {
    return Conv2d{outputs, 3, stride, 1, false, false};
  };
  const std::vector<std::pair<std::string, Network>> cases = {
      {"table",
       {5, {Standardise{}, Dense{12, false}, norm, gelu, Dropout{0.3}, Dense{9}, norm, relu, Dense{3}}}},
      {"residual",
       {8 * 6 * 2,
        {Standardise{},
         conv(4, 1),
         norm,
         relu,
         conv(6, 2),
         norm,
         relu,
         Conv2d{6, 3, 1, 1, true},
         norm,
         Shortcut{6},
         Conv2d{6, 1, 2, 0, false, false},
         norm,
         Add{4},
         relu,
         MaxPool{2, 1},
         Flatten{},
         norm,
         Dense{7},
         norm,
         Dense{3}},
        8,
        6}},
      {"pooled", {4 * 4, {conv(5, 1), AveragePool{}, norm, relu, GlobalAveragePool{}, Dense{3}}, 4, 4}},
      {"pixel", {4 * 4, {conv(5, 1), MaxPool{4, 4}, norm, Flatten{}, norm, Dense{3}}, 4, 4}},
  };
  for (const auto& [name, network] : cases) {
    for (const bool doubles : {false, true}) {
      if (doubles && name != "table") continue;
      const std::string base = name + (doubles ? "64" : "");
      save(model_of(network), folder / name);
      std::vector<std::string> arguments = {"export",   name,         "--pytorch", base + ".safetensors",
                                            "--module", base + ".py", "--force"};
      if (doubles) arguments.push_back("--double");
      const Result run = ztilde(folder, arguments);
      ASSERT_EQ(run.exit_code, 0) << run.err;
      programs += " '" + (folder / base) + ".py'";
    }
  }
  const std::string all =
      python + " -c 'import runpy, sys\nfor f in sys.argv[1:]: runpy.run_path(f, run_name=\"__main__\")'";
  EXPECT_EQ(std::system((all + programs + " > '" + (folder / "out") + "'").c_str()), 0);
  const std::string said = folder.read("out");
  EXPECT_EQ(lines_of(said).size(), cases.size() + 1) << said;
  // A wrong number is told.
  std::string broken = folder.read("table.safetensors");
  broken[broken.size() - 10] = static_cast<char>(broken[broken.size() - 10] ^ 0x7F);
  folder.write("table.safetensors", broken);
  EXPECT_NE(std::system((all + " '" + (folder / "table.py") + "' > /dev/null 2>&1").c_str()), 0);
}

}  // namespace
}  // namespace ztilde::cli_test
