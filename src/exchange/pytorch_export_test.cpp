// A model as a state dict, there and back, and the Python that builds its module.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "exchange/exchange_test_support.hpp"
#include "exchange/torch_modules.hpp"
#include "model/model_test_models.hpp"
#include "ztilde/pytorch.hpp"

namespace ztilde {
namespace {

// statistics as PyTorch would have them: floats.
Model model_of(const Network& network, bool float_statistics) {
  Model model = testing_models::model_of(network);
  if (float_statistics) {
    for (double& number : model.statistics) number = static_cast<float>(number);
  }
  model.statistic_batches.assign(statistic_slots(network).size(), 3);
  model.image_height = network.height * network.width > 1 ? network.height : 0;
  model.image_width = network.height * network.width > 1 ? network.width : 0;
  model.test_outputs = outputs(model, model.test_inputs, 1);
  return model;
}

std::vector<testing_networks::Case> cases() {
  std::vector<testing_networks::Case> all = testing_networks::all();
  std::erase_if(all, [](const testing_networks::Case& c) { return has_layer<Encode>(c.network); });
  for (const testing_networks::Case& c : testing_networks::of_images()) all.push_back(c);
  return all;
}

Model there_and_back(const PytorchExport& made, const PytorchImportOptions& options = {}) {
  const TemporaryFolder folder;
  folder.write("dict", made.state_dict);
  return import_pytorch(folder / "dict", options).model;
}

TEST(PytorchExport, there_and_back_is_the_same_model_bit_for_bit) {
  ASSERT_GT(cases().size(), 30u);
  for (const testing_networks::Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const Model model = model_of(c.network, true);
    const PytorchExport made = export_pytorch(model);
    EXPECT_EQ(made.largest_difference, 0);
    const Model back = there_and_back(made);
    EXPECT_EQ(back.network, model.network);
    EXPECT_EQ(back.parameters, model.parameters);
    EXPECT_EQ(back.statistics, model.statistics);
    EXPECT_EQ(back.statistic_batches, model.statistic_batches);
    EXPECT_EQ(back.classes, model.classes);
    EXPECT_EQ(back.test_inputs, model.test_inputs);
    EXPECT_EQ(back.test_outputs, model.test_outputs);
    EXPECT_EQ(export_pytorch(back).state_dict, made.state_dict);
  }
}

TEST(PytorchExport, the_network_of_a_file_does_as_well_as_the_one_that_was_exported) {
  for (const testing_networks::Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const Model model = model_of(c.network, true);
    PytorchImportOptions options;
    options.network = to_json(c.network);
    options.network_name = "net.json";
    const Model back = there_and_back(export_pytorch(model), options);
    EXPECT_EQ(back.parameters, model.parameters);
    EXPECT_EQ(back.statistics, model.statistics);
    EXPECT_EQ(outputs(back, model.test_inputs, 1), model.test_outputs);
  }
}

TEST(PytorchExport, statistics_are_rounded_to_float_and_the_difference_told_or_kept_as_doubles) {
  const Model model = model_of(dense_network({.inputs = 20, .outputs = 5, .hidden = {33, 17}}), false);
  const PytorchExport rounded = export_pytorch(model),
                      exact = export_pytorch(model, {.double_statistics = true});
  ASSERT_TRUE(rounded.largest_difference);
  EXPECT_GT(*rounded.largest_difference, 0);
  // Some roundings of 6e-8 for each of a few layers, of outputs of order 1.
  EXPECT_LT(*rounded.largest_difference, 1e-5);
  for (const bool doubles : {false, true}) {
    const std::string& bytes = doubles ? exact.state_dict : rounded.state_dict;
    for (const safetensors::Tensor& tensor : safetensors::read(bytes, "dict").tensors) {
      const bool counts = tensor.name.ends_with("num_batches_tracked");
      const bool statistic = tensor.name.find("running_") != std::string::npos;
      EXPECT_EQ(tensor.dtype, counts                 ? safetensors::Dtype::i64
                              : statistic && doubles ? safetensors::Dtype::f64
                                                     : safetensors::Dtype::f32)
          << tensor.name;
    }
  }
  EXPECT_EQ(there_and_back(exact).statistics, model.statistics);
  EXPECT_EQ(there_and_back(exact).test_outputs, model.test_outputs);
}

TEST(PytorchExport, what_float_or_pytorch_has_not_is_refused) {
  Model model = model_of({3, {Standardise{}, Dense{2}}}, false);
  model.statistics[4] = 1e-60;
  const auto told = [](const Model& of) {
    try {
      export_pytorch(of);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(told(model), "tensor 0.running_var: 1e-60 is 0 in float; export with --double");
  model.statistics[4] = 1e60;
  EXPECT_EQ(told(model), "tensor 0.running_var: 1e+60 is inf in float; export with --double");
  const Encode encode = testing_networks::every_encoding();
  const Model table = model_of(
      dense_network({.inputs = encode.columns.size(), .outputs = 3, .encode = encode, .hidden = {4}}), false);
  EXPECT_TRUE(told(table).starts_with("layer 0 (encode): the model encodes its columns"));
}

TEST(PytorchExport, the_module_is_written_with_pytorchs_names_and_conventions) {
  const Network network{
      6 * 6 * 2,
      {Standardise{}, Conv2d{4, 3, 2, 1, false, false}, BatchNorm{1e-3, 0.99}, Activation{},
       Conv2d{4, 3, 1, 1, true, true}, MaxPool{2, 1}, Flatten{}, BatchNorm{}, Dropout{0.25}, Dense{3}},
      6,
      6};
  EXPECT_EQ(exchange::torch_source(network).modules,
            (std::vector<std::string>{
                "nn.BatchNorm2d(2, eps=0, affine=False)", "nn.Conv2d(2, 4, 3, 2, 1, bias=False)",
                "nn.BatchNorm2d(4, eps=0.001, momentum=0.01)", "nn.ReLU()",
                "nn.Conv2d(4, 4, 3, 1, 1, groups=4)", "nn.MaxPool2d(2, 1)", "nn.Flatten()",
                "nn.BatchNorm1d(16, eps=1e-05, momentum=0.1)", "nn.Dropout(0.25)", "nn.Linear(16, 3)"}));
  // One pixel is left, and still an image in PyTorch.
  const Network pooled{
      4 * 4, {Conv2d{5}, MaxPool{4, 4}, BatchNorm{}, Flatten{}, BatchNorm{}, Dense{2}}, 4, 4};
  const std::vector<std::string> modules = exchange::torch_source(pooled).modules;
  EXPECT_TRUE(modules[2].starts_with("nn.BatchNorm2d(5, "));
  EXPECT_TRUE(modules[4].starts_with("nn.BatchNorm1d(5, "));
}

}  // namespace
}  // namespace ztilde
