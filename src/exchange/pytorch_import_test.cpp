// A state dict as a model: conventions, gaps of the network, inputs and answers, and back.
#include <gtest/gtest.h>

#include <cmath>

#include "exchange/exchange_test_support.hpp"
#include "model/safetensors.hpp"
#include "plan/plan_test_networks.hpp"
#include "ztilde/pytorch.hpp"

namespace ztilde {
namespace {

using testing_exchange::refusal;
using testing_exchange::StateDictFile;

constexpr const char* kMlp =
    R"({"layers": [{"layer": "dense", "outputs": 6, "bias": false}, {"layer": "batch_norm"}, {"layer": "activation"},
                   {"layer": "dense"}]})";

StateDictFile mlp(std::size_t inputs = 4, std::size_t outputs = 3) {
  StateDictFile file;
  file.linear("fc1", 6, inputs).norm("bn1", 6).linear("fc2", outputs, 6);
  return file;
}

PytorchImportOptions of(const char* network) {
  PytorchImportOptions options;
  options.network = network;
  options.network_name = "net.json";
  options.threads = 1;
  return options;
}

PytorchImport imported(StateDictFile file, const PytorchImportOptions& options) {
  const TemporaryFolder folder;
  return import_pytorch(file.save(folder), options);
}

std::string refused(StateDictFile file, const PytorchImportOptions& options) {
  const TemporaryFolder folder;
  file.save(folder);
  return refusal(folder, [&] { import_pytorch(folder / "dict.safetensors", options); });
}

bool tells(const PytorchImport& import, const std::string& part) {
  for (const auto& [topic, sentence] : import.notes) {
    if (sentence.find(part) != std::string::npos) return true;
  }
  return false;
}

TEST(PytorchImport, keeps_the_conventions_of_pytorch_and_the_biases_of_the_module) {
  const PytorchImport import = imported(mlp(), of(kMlp));
  const Model& model = import.model;
  EXPECT_EQ(
      model.network,
      (Network{
          4, {Dense{6, true}, BatchNorm{1e-5, 0.9, VarianceKind::unbiased}, Activation{}, Dense{3, true}}}));
  EXPECT_EQ(model.statistics_source, StatisticsSource::running);
  EXPECT_EQ(model.statistic_batches, std::vector<std::uint64_t>{17});
  EXPECT_EQ(model.classes, (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_TRUE(tells(import, "added to layer 0, as in the module"));
  EXPECT_TRUE(tells(import, "no standardisation: the rows must be what the module was trained on"));
  EXPECT_EQ(model.test_outputs, outputs(model, model.test_inputs, 1));
  EXPECT_EQ(model.test_inputs.size(), 16u);

  PytorchImportOptions options = of(kMlp);
  options.epsilon = 1e-3;
  options.momentum = 0.25;
  const Model other = imported(mlp(), options).model;
  EXPECT_EQ(std::get<BatchNorm>(other.network.layers[1]), (BatchNorm{1e-3, 0.75, VarianceKind::unbiased}));

  StateDictFile without;
  without.linear("fc1", 6, 4, false).norm("bn1", 6).linear("fc2", 3, 6, false);
  const PytorchImport no_bias = imported(std::move(without), of(kMlp));
  EXPECT_FALSE(std::get<Dense>(no_bias.model.network.layers[3]).bias);
  EXPECT_TRUE(tells(no_bias, "taken from layer 3, as the module has none"));
}

// Of the formula in double, from the tensors alone.
TEST(PytorchImport, computes_what_the_module_computes_in_use) {
  StateDictFile file;
  using safetensors::Dtype;
  file.add("a.weight", {1, 2}, Dtype::f32, std::vector<float>{2, -1})
      .add("a.bias", {1}, Dtype::f32, std::vector<float>{0.5f});
  file.add("n.weight", {1}, Dtype::f32, std::vector<float>{3})
      .add("n.bias", {1}, Dtype::f32, std::vector<float>{-1});
  file.add("n.running_mean", {1}, Dtype::f32, std::vector<float>{4})
      .add("n.running_var", {1}, Dtype::f32, std::vector<float>{9});
  const Model model =
      imported(std::move(file), of(R"({"layers": [{"layer": "dense"}, {"layer": "batch_norm"}]})")).model;
  const double z = 2 * 7 - 5 + 0.5;
  EXPECT_NEAR(outputs(model, {7, 5}, 1)[0], 3 * (z - 4) / std::sqrt(9 + 1e-5) - 1, 1e-6);
  EXPECT_EQ(model.task, Task::regress);
  EXPECT_EQ(model.statistic_batches, std::vector<std::uint64_t>{0});
}

TEST(PytorchImport, raw_rows_go_through_the_scaling_that_the_module_had_in_front) {
  const std::vector<float> raw = {10, 200, 30, 255, 0, 1, 2, 3};
  InputScaling scaling{255, {0.5}, {0.25, 0.5, 0.125, 2}};
  std::vector<float> scaled;
  for (std::size_t i = 0; i < raw.size(); ++i)
    scaled.push_back(static_cast<float>((raw[i] / 255.0 - 0.5) / scaling.deviation[i % 4]));
  PytorchImportOptions options = of(kMlp);
  const Model bare = imported(mlp(), options).model;
  options.input_scaling = scaling;
  const PytorchImport import = imported(mlp(), options);
  EXPECT_TRUE(std::holds_alternative<Standardise>(import.model.network.layers[0]));
  EXPECT_EQ(import.layers[0], (std::pair<std::string, std::size_t>{"fc1", 1}));
  const std::vector<float> expected = outputs(bare, scaled, 1), got = outputs(import.model, raw, 1);
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(got[i], expected[i], 1e-5 * (1 + std::abs(expected[i])));

  // A network that has the layer, without tensors for it, keeps it for the numbers given and loses it
  // without.
  const std::string with = std::string(R"({"layers": [{"layer": "standardise"}, )") + (kMlp + 12);
  options.network = with;
  EXPECT_EQ(imported(mlp(), options).model.network, import.model.network);
  options.input_scaling.reset();
  EXPECT_EQ(imported(mlp(), options).model.network, bare.network);
  options.input_scaling = InputScaling{1, {1, 2, 3}, {1}};
  EXPECT_EQ(refused(mlp(), options),
            "--input-mean: 3 numbers for 4 input channels; give one for all or one for each");
}

TEST(PytorchImport, shapes_fill_the_gaps_of_the_network_and_make_one_where_none_is_given) {
  EXPECT_EQ(imported(mlp(9, 2), of(kMlp)).model.network.inputs, 9u);
  PytorchImportOptions options;
  options.activation = ActivationKind::tanh;
  const Model model = imported(mlp(), options).model;
  EXPECT_EQ(std::get<Activation>(model.network.layers[2]).kind, ActivationKind::tanh);
  EXPECT_EQ(model.network.layers.size(), 4u);
  options.norm_place = NormPlace::after;
  EXPECT_TRUE(std::holds_alternative<BatchNorm>(imported(mlp(), options).model.network.layers[2]));
  options.activation.reset();
  EXPECT_EQ(refused(mlp(), options),
            "--activation: missing, no tensor tells it; say which one is between the layers, or give --net");
  StateDictFile reversed;
  reversed.linear("out", 6, 4).linear("then", 3, 4);
  EXPECT_EQ(
      refused(std::move(reversed), options),
      "dict.safetensors: tensor then.weight: [3, 4] does not take what out.weight gives, [6, 4], which comes "
      "before it by name; give --net");
  StateDictFile images;
  images.conv("c", 4, 3);
  EXPECT_EQ(refused(std::move(images), options),
            "dict.safetensors: tensor c.weight: [4, 3, 3, 3]; only a network of Linear and BatchNorm1d can "
            "be told from "
            "its tensors, give --net");
}

constexpr const char* kImages =
    R"({"layers": [{"layer": "conv2d", "outputs": 4}, {"layer": "batch_norm"}, {"layer": "flatten"}, {"layer": "dense"}]})";

TEST(PytorchImport, images_get_their_channels_from_the_tensors_and_their_size_from_the_caller) {
  StateDictFile file;
  file.conv("conv", 4, 3).norm("bn", 4).linear("fc", 5, 6 * 7 * 4);
  EXPECT_EQ(refused(file, of(kImages)),
            "net.json: the network is of images and does not say of which size; give --image-size");
  PytorchImportOptions options = of(kImages);
  options.image_width = 7;
  options.image_height = 6;
  const Model model = imported(file, options).model;
  EXPECT_EQ(model.network.input_shape(), (Shape{6, 7, 3}));
  EXPECT_EQ(model.image_width, 7u);
  EXPECT_EQ(model.image_height, 6u);
  options.column_names = {"a"};
  EXPECT_EQ(refused(file, options), "--columns: given for images, which have none; leave it out");
}

TEST(PytorchImport, task_classes_and_columns_are_as_said_or_assumed_aloud) {
  PytorchImportOptions options = of(kMlp);
  EXPECT_TRUE(tells(imported(mlp(4, 1), options), "regress, because there is 1 output"));
  options.task = Task::classify;
  EXPECT_EQ(imported(mlp(4, 1), options).model.classes, (std::vector<std::string>{"0", "1"}));
  options.task = Task::regress;
  EXPECT_NE(refused(mlp(), options), "");
  options = of(kMlp);
  options.classes = {"no", "yes"};
  EXPECT_EQ(imported(mlp(4, 1), options).model.task, Task::classify);
  EXPECT_EQ(imported(mlp(4, 2), options).model.classes, options.classes);
  EXPECT_NE(refused(mlp(4, 3), options), "");
  options = of(kMlp);
  options.column_names = {"a", "b", "c", "d"};
  options.target_name = "kind";
  const Model model = imported(mlp(), options).model;
  EXPECT_EQ(model.column_names, options.column_names);
  EXPECT_EQ(model.target_name, "kind");
  options.column_names.pop_back();
  EXPECT_EQ(refused(mlp(), options),
            "--columns: 3 names for 4 inputs; name each column once, in the module's order");
}

TEST(PytorchImport, numbers_that_no_module_should_have_are_refused_by_tensor) {
  using safetensors::Dtype;
  const auto with = [&](const std::string& name, const std::vector<std::size_t>& shape, Dtype dtype,
                        const auto& numbers) {
    StateDictFile file;
    file.linear("fc1", 6, 4).linear("fc2", 3, 6).add("bn1.weight", {6}).add("bn1.bias", {6});
    if (name != "bn1.running_var") file.add("bn1.running_var", {6});
    file.add("bn1.running_mean", {6}).add(name, shape, dtype, numbers);
    return refused(std::move(file), of(kMlp));
  };
  const std::string start = "dict.safetensors: tensor bn1.";
  EXPECT_EQ(with("bn1.running_var", {6}, Dtype::f32, std::vector<float>{1, 1, 1, 1, -2, 1}),
            start + "running_var: -2 at [4]; a variance is never negative");
  EXPECT_EQ(with("bn1.running_var", {6}, Dtype::i64, std::vector<std::int64_t>(6)),
            start + "running_var: I64, where floating-point numbers are needed");
  EXPECT_EQ(with("bn1.num_batches_tracked", {}, Dtype::f32, std::vector<float>{3}),
            start + "num_batches_tracked: one I64 from 0 is needed here, a count of batches");
  EXPECT_EQ(with("bn1.num_batches_tracked", {}, Dtype::i64, std::vector<std::int64_t>{-1}),
            start + "num_batches_tracked: one I64 from 0 is needed here, a count of batches");
}

TEST(PytorchImport, ztildes_own_files_are_no_state_dicts) {
  StateDictFile model = mlp(), checkpoint = mlp();
  model.say("format", "ztilde");
  EXPECT_EQ(refused(std::move(model), of(kMlp)), "dict.safetensors: a ztilde model already; use it as it is");
  checkpoint.say("format", "ztilde checkpoint");
  EXPECT_EQ(refused(std::move(checkpoint), of(kMlp)),
            "dict.safetensors: a ztilde checkpoint; 'ztilde train' goes on from it with --resume");
}

}  // namespace
}  // namespace ztilde
