// Modules that PyTorch trained and saved go on training here as they do there (tests/golden/README.md).
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "model/safetensors.hpp"
#include "training/trainer.hpp"
#include "ztilde/pytorch.hpp"

namespace ztilde {
namespace {

using Json = nlohmann::json;

Json trace() {
  std::ifstream file(ZTILDE_SOURCE_DIR "/tests/golden/pytorch_trace.json");
  return Json::parse(file);
}

PytorchImport import_of(const Json& golden) {
  PytorchImportOptions options;
  options.network = golden.at("network").dump();
  options.network_name = golden.at("name");
  if (golden["name"] == "cnn") options.image_width = options.image_height = 6;
  return import_pytorch(
      ZTILDE_SOURCE_DIR "/tests/golden/pytorch_" + golden.at("name").get<std::string>() + ".safetensors",
      options);
}

using Tensors = std::map<std::string, std::vector<float>>;

// The model's numbers by the names that PyTorch's module has for them, in PyTorch's order.
Tensors tensors_of(const Model& model, const PytorchImport& import) {
  const std::string state_dict = export_pytorch(model).state_dict;
  Tensors tensors;
  for (const safetensors::Tensor& tensor : safetensors::read(state_dict, "model").tensors) {
    if (tensor.dtype != safetensors::Dtype::f32) continue;
    const std::size_t dot = tensor.name.find('.'), layer = std::stoul(tensor.name.substr(0, dot));
    for (const auto& [prefix, of_layer] : import.layers) {
      if (of_layer != layer) continue;
      std::vector<float>& numbers = tensors[prefix + tensor.name.substr(dot)];
      numbers.resize(tensor.bytes.size() / sizeof(float));
      std::memcpy(numbers.data(), tensor.bytes.data(), tensor.bytes.size());
    }
  }
  return tensors;
}

// The largest difference as a share of the largest number: one that is near 0 has no digits of its own.
double relative_difference(const std::vector<float>& got, const std::vector<double>& expected) {
  EXPECT_EQ(got.size(), expected.size());
  double largest = 0, difference = 0;
  for (std::size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
    largest = std::max(largest, std::abs(expected[i]));
    difference = std::max(difference, std::abs(got[i] - expected[i]));
  }
  return difference / largest;
}

// The gradient of a bias before a batch norm is 0 but for roundings, and Adam takes a step of full length
// whatever the gradient's size. So these, and the running means that follow them, wander in float, PyTorch's
// own by 0.1 to 0.3 of the largest; neither changes what the network computes in training.
std::set<std::string> wanderers(const std::string& name) {
  if (name == "mlp") return {"fc1.bias", "fc2.bias", "bn1.running_mean", "bn2.running_mean"};
  return {"features.0.bias", "classifier.0.bias", "features.1.running_mean", "classifier.1.running_mean"};
}

TEST(PytorchTrace, an_imported_module_answers_as_in_pytorch) {
  const Json json = trace();
  for (const Json& golden : json.at("cases")) {
    SCOPED_TRACE(golden.at("name"));
    const std::vector<float> got =
        outputs(import_of(golden).model, golden.at("inputs")[0].get<std::vector<float>>(), 1);
    EXPECT_LT(relative_difference(got, golden.at("outputs")), 2e-6);  // some roundings of 6e-8, added up
  }
}

TEST(PytorchTrace, ten_more_steps_of_an_imported_module_equal_pytorchs) {
  // PyTorch itself in float is 3e-7 off its double, and ours as much: ten times that. Adam divides by the
  // gradient's own size, so that roundings of small ones count in full: PyTorch's 1.1e-6, ours 6e-6.
  constexpr double kTolerance = 3e-6, kAdamTolerance = 2e-5;
  const Json json = trace();
  const std::size_t steps = json.at("steps");
  for (const Json& golden : json.at("cases")) {
    const PytorchImport import = import_of(golden);
    const auto inputs = golden.at("inputs").get<std::vector<std::vector<float>>>();
    const auto classes = golden.at("classes").get<std::vector<std::vector<float>>>();
    const std::size_t rows = golden.at("rows"), columns = import.model.network.inputs;
    for (const Json& run : golden.at("runs")) {
      const std::string optimiser = run.at("optimiser");
      SCOPED_TRACE(golden.at("name").get<std::string>() + ", " + optimiser);
      const OptimizerKind kind = optimiser == "sgd"        ? OptimizerKind::sgd
                                 : optimiser == "momentum" ? OptimizerKind::momentum
                                                           : OptimizerKind::adam;
      const double tolerance = kind == OptimizerKind::adam ? kAdamTolerance : kTolerance;
      Team team(2);
      Trainer trainer(import.model, {LossKind::softmax_cross_entropy}, {kind, 0, false, 0},
                      plan_batches(rows, rows, 1), 0, team, 0);
      for (std::size_t step = 0; step < steps; ++step) {
        const std::size_t b = step % inputs.size();
        const Batch batch{{nullptr, inputs[b].data(), columns}, nullptr, rows, classes[b].data()};
        const double loss = trainer.step(batch, golden.at("learning_rates").at(optimiser));
        const double expected = run.at("losses")[step];
        ASSERT_NEAR(loss, expected, tolerance * expected) << "step " << step;
      }
      const std::set<std::string> wander =
          kind == OptimizerKind::adam ? wanderers(golden.at("name")) : std::set<std::string>();
      std::size_t compared = 0;
      const Tensors final = tensors_of(trainer.model, import);
      for (const auto& [name, expected] : run.at("final").items()) {
        if (wander.contains(name)) continue;
        ASSERT_TRUE(final.contains(name)) << name;
        EXPECT_LT(relative_difference(final.at(name), expected), tolerance) << name;
        ++compared;
      }
      EXPECT_EQ(compared, final.size() - wander.size());
      for (const std::uint64_t batches : trainer.model.statistic_batches) EXPECT_EQ(batches, 5 + steps);
    }
  }
}

}  // namespace
}  // namespace ztilde
