// A model file as Python sees it: numpy alone, and torch.nn.Sequential where torch is installed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "base/test_support.hpp"
#include "plan/plan_test_networks.hpp"
#include "ztilde/model.hpp"

namespace ztilde {
namespace {

// A Python that has the module: Debian's own first, since that is where its packages are.
std::string python_with(const std::string& module) {
  for (const std::string python : {"/usr/bin/python3", "python3"}) {
    if (std::system((python + " -c 'import " + module + "' 2>/dev/null").c_str()) == 0) return python;
  }
  return {};
}

// Every kind of layer, with statistics that are not 0 and 1.
Model a_model_of_everything() {
  using A = ActivationKind;
  Model model;
  model.network = {5,
                   {Standardise{}, Dense{12, false}, BatchNorm{}, Activation{A::relu}, Dense{11, true},
                    Activation{A::gelu}, BatchNorm{1e-3, 0.99}, Dropout{0.3}, Dense{10, true},
                    Activation{A::silu}, Dense{9, true}, Activation{A::leaky_relu}, Dense{8, true},
                    Activation{A::tanh}, Dense{7, true}, Activation{A::sigmoid}, Dense{3, true}}};
  model.parameters = testing_networks::random_parameters(model.network);
  model.statistics = testing_networks::random_statistics(model.network);
  model.statistic_batches = {1, 2, 3};
  model.column_names = {"a", "b", "c", "d", "e"};
  model.target_name = "kind";
  model.classes = {"x", "y", "z"};
  model.test_inputs = testing_networks::random_rows(4, 5);
  model.test_outputs = outputs(model, model.test_inputs, 1);
  return model;
}

// Every kind of column, with categories and numbers that training did and did not meet.
Model a_model_of_a_table() {
  Model model;
  const Encode encode = testing_networks::every_encoding();
  model.network =
      dense_network({.inputs = encode.columns.size(), .outputs = 3, .encode = encode, .hidden = {12}});
  model.parameters = testing_networks::random_parameters(model.network);
  model.statistics = testing_networks::random_statistics(model.network);
  model.statistic_batches = {1, 2};
  for (std::size_t c = 0; c < encode.columns.size(); ++c) model.column_names.push_back(std::to_string(c));
  model.target_name = "kind";
  model.classes = {"x", "y", "z"};
  model.test_inputs = testing_networks::random_inputs(model.network, 60);
  model.test_outputs = outputs(model, model.test_inputs, 1);
  return model;
}

// Every kind of layer that works on images: a residual block, a flattened image of several channels with
// batch norm before the dense.
Model a_model_of_images() {
  const BatchNorm norm{1e-3, 0.99};
  const Activation relu;
  Model model;
  model.network = {16 * 10 * 2,
                   {Standardise{},
                    Conv2d{5, 3, 1, 1, false, false},
                    norm,
                    relu,
                    MaxPool{},
                    Conv2d{6, 3, 2, 1, false, true},
                    norm,
                    relu,
                    Conv2d{6, 3, 1, 1, true, true},
                    norm,
                    Shortcut{6},
                    Conv2d{6, 1, 2, 0, false, false},
                    norm,
                    Add{4},
                    relu,
                    AveragePool{2, 1},
                    Flatten{},
                    norm,
                    Activation{ActivationKind::tanh},
                    Dropout{0.3},
                    Dense{7, false},
                    norm,
                    relu,
                    Dense{3}},
                   16,
                   10};
  model.parameters = testing_networks::random_parameters(model.network);
  model.statistics = testing_networks::random_statistics(model.network);
  model.statistic_batches.assign(statistic_slots(model.network).size(), 3);
  model.target_name = "kind";
  model.classes = {"x", "y", "z"};
  model.test_inputs = testing_networks::random_inputs(model.network, 5);
  model.test_outputs = outputs(model, model.test_inputs, 1);
  return model;
}

// The same up to the last convolution, whose mean over all pixels is the output.
Model a_model_of_pooled_images() {
  Model model = a_model_of_images();
  model.network.layers.resize(15);
  model.network.layers.insert(model.network.layers.end(), {GlobalAveragePool{}, Dense{3}});
  model.parameters = testing_networks::random_parameters(model.network);
  model.statistics = testing_networks::random_statistics(model.network);
  model.statistic_batches.assign(statistic_slots(model.network).size(), 3);
  model.test_outputs = outputs(model, model.test_inputs, 1);
  return model;
}

int run_script(const std::string& python, const std::string& script, const std::string& model_path) {
  const int status = std::system(
      (python + " " ZTILDE_SOURCE_DIR "/tests/python/" + script + " '" + model_path + "'").c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(ModelFilePython, numpy_alone_reads_the_tensors) {
  const std::string python = python_with("numpy");
  if (python.empty()) GTEST_SKIP() << "numpy is not installed (Debian package python3-numpy)";
  const TemporaryFolder folder;
  save(a_model_of_everything(), folder / "model.ztilde");
  EXPECT_EQ(run_script(python, "model_file_numpy.py", folder / "model.ztilde"), 0);
  save(a_model_of_a_table(), folder / "table.ztilde");
  EXPECT_EQ(run_script(python, "model_file_numpy.py", folder / "table.ztilde"), 0);
}

TEST(ModelFilePython, torch_loads_it_strictly_and_computes_the_same) {
  const std::string python = python_with("torch");
  if (python.empty()) GTEST_SKIP() << "torch is not installed (Debian package python3-torch)";
  const TemporaryFolder folder;
  save(a_model_of_everything(), folder / "model.ztilde");
  EXPECT_EQ(run_script(python, "model_file_torch.py", folder / "model.ztilde"), 0);
  save(a_model_of_a_table(), folder / "table.ztilde");
  EXPECT_EQ(run_script(python, "model_file_torch.py", folder / "table.ztilde"), 0);
  save(a_model_of_images(), folder / "images.ztilde");
  EXPECT_EQ(run_script(python, "model_file_torch.py", folder / "images.ztilde"), 0);
  save(a_model_of_pooled_images(), folder / "pooled.ztilde");
  EXPECT_EQ(run_script(python, "model_file_torch.py", folder / "pooled.ztilde"), 0);
}

}  // namespace
}  // namespace ztilde
