// Which modules are taken for which layers, and what is refused as another or as ambiguous.
#include "exchange/module_matching.hpp"

#include <gtest/gtest.h>

#include "exchange/exchange_test_support.hpp"

namespace ztilde::exchange {
namespace {

using testing_exchange::StateDictFile;

constexpr BatchNorm kNorm;
constexpr Activation kRelu;

struct Matched {
  std::vector<std::string> prefixes;  // by layer, "" for none
  std::string problem;
};

Matched match(const Network& network, StateDictFile file, const LayerMap& said = {}) {
  const TemporaryFolder folder;
  const StateDict dict = read_state_dict(file.save(folder));
  const Matching matching = match_modules(network, dict, said);
  Matched matched;
  for (const TorchModule* module : matching.by_layer)
    matched.prefixes.push_back(module ? module->prefix : "");
  matched.problem = testing_exchange::refusal(folder, [&] {
    if (matching.problem) throw *matching.problem;
  });
  return matched;
}

using Prefixes = std::vector<std::string>;

TEST(ModuleMatching, indices_are_layers_also_behind_a_common_prefix) {
  const Network network{4, {Dense{4}, kNorm, kRelu, Dense{4}, kNorm, kRelu, Dense{4}}};
  for (const std::string start : {"", "module.", "net.layers."}) {
    StateDictFile file;
    file.linear(start + "6", 4, 4).norm(start + "1", 4).linear(start + "0", 4, 4);
    file.linear(start + "3", 4, 4).norm(start + "4", 4);
    const Matched matched = match(network, std::move(file));
    EXPECT_EQ(matched.problem, "");
    EXPECT_EQ(matched.prefixes,
              (Prefixes{start + "0", start + "1", "", start + "3", start + "4", "", start + "6"}));
  }
}

TEST(ModuleMatching, shapes_tell_what_names_do_not) {
  StateDictFile file;  // by name: classifier, features, norm
  file.linear("classifier", 3, 8).linear("features.dense", 8, 5).norm("norm", 8);
  EXPECT_EQ(match({5, {Dense{8}, kNorm, kRelu, Dense{3}}}, std::move(file)).prefixes,
            (Prefixes{"features.dense", "norm", "", "classifier"}));
}

TEST(ModuleMatching, numbers_in_names_are_numbers) {
  Network network{6, {}};
  StateDictFile file;
  Prefixes expected;
  for (const int i : {10, 2, 1, 11, 9}) file.linear("fc" + std::to_string(i), 6, 6);
  for (const int i : {1, 2, 9, 10, 11}) {
    network.layers.emplace_back(Dense{6});
    expected.push_back("fc" + std::to_string(i));
  }
  EXPECT_EQ(match(network, std::move(file)).prefixes, expected);
}

// As torchvision names them: a stem, two blocks, the second with a projection.
TEST(ModuleMatching, a_norm_is_told_by_the_name_of_the_convolution_before_it) {
  const auto conv = [](std::size_t outputs, std::size_t kernel, std::size_t stride) {
    return Conv2d{outputs, kernel, stride, kernel / 2, false, false};
  };
  const Network network{
      8 * 8 * 3,
      {conv(4, 3, 1), kNorm,       kRelu,         conv(4, 3, 1), kNorm,  kRelu, conv(4, 3, 1),
       kNorm,         Add{5},      kRelu,         conv(6, 3, 2), kNorm,  kRelu, conv(6, 3, 1),
       kNorm,         Shortcut{6}, conv(6, 1, 2), kNorm,         Add{4}, kRelu, GlobalAveragePool{},
       Dense{2}},
      8,
      8};
  StateDictFile file;
  file.conv("conv1", 4, 3).norm("bn1", 4).linear("fc", 2, 6);
  file.conv("layer1.0.conv1", 4, 4)
      .norm("layer1.0.bn1", 4)
      .conv("layer1.0.conv2", 4, 4)
      .norm("layer1.0.bn2", 4);
  file.conv("layer2.0.conv1", 6, 4)
      .norm("layer2.0.bn1", 6)
      .conv("layer2.0.conv2", 6, 6)
      .norm("layer2.0.bn2", 6);
  file.conv("layer2.0.downsample.0", 6, 4, 1).norm("layer2.0.downsample.1", 6);
  const Matched matched = match(network, std::move(file));
  EXPECT_EQ(matched.problem, "");
  EXPECT_EQ(matched.prefixes, (Prefixes{"conv1",
                                        "bn1",
                                        "",
                                        "layer1.0.conv1",
                                        "layer1.0.bn1",
                                        "",
                                        "layer1.0.conv2",
                                        "layer1.0.bn2",
                                        "",
                                        "",
                                        "layer2.0.conv1",
                                        "layer2.0.bn1",
                                        "",
                                        "layer2.0.conv2",
                                        "layer2.0.bn2",
                                        "",
                                        "layer2.0.downsample.0",
                                        "layer2.0.downsample.1",
                                        "",
                                        "",
                                        "",
                                        "fc"}));
}

TEST(ModuleMatching, what_could_be_otherwise_is_refused_until_the_map_says_it) {
  const Network network{4, {Dense{4}, kRelu, Dense{4}, kRelu, Dense{2}}};
  StateDictFile file;
  file.linear("second", 4, 4).linear("first", 4, 4).linear("out", 2, 4);
  EXPECT_EQ(
      match(network, file).problem,
      "dict.safetensors: first and second are both [4, 4], and their names do not tell which is layer 0 and "
      "which layer 2; say so with --map");
  EXPECT_EQ(match(network, file, {{"second", 0}}).prefixes, (Prefixes{"second", "", "first", "", "out"}));
  // A norm between two that are called alike, where the one before it is not told by its name.
  const Network norms{4, {kNorm, Dense{4}, kNorm, kRelu, Dense{2}}};
  StateDictFile pair;
  pair.norm("before", 4).linear("one", 4, 4).norm("behind", 4).linear("out", 2, 4);
  EXPECT_NE(match(norms, std::move(pair)).problem.find("before and behind are both [4]"), std::string::npos);
}

TEST(ModuleMatching, the_map_leaves_modules_out_and_says_what_is_wrong_with_itself) {
  const Network network{4, {Dense{4}, kRelu, Dense{2}}};
  StateDictFile file;
  file.linear("first", 4, 4).linear("out", 2, 4).linear("auxiliary.head", 2, 4).add("scale", {1});
  EXPECT_EQ(
      match(network, file).problem,
      "dict.safetensors: tensor scale: no linear layer, convolution or batch norm has a tensor of this name; "
      "leave it out with --map");
  EXPECT_EQ(
      match(network, file, {{"", std::nullopt}}).problem,
      "dict.safetensors: auxiliary.head and out are both [2, 4], and fewer layers than that are, as layer 2 "
      "(dense); leave one out with --map");
  const LayerMap right = {{"", std::nullopt}, {"auxiliary.head", std::nullopt}};
  EXPECT_EQ(match(network, file, right).prefixes, (Prefixes{"first", "", "out"}));
  const auto problem = [&](const LayerMap& said) { return match(network, file, said).problem; };
  EXPECT_EQ(problem({{"firts", 0}}),
            "--map: no tensor of dict.safetensors begins with 'firts'; did you mean first?");
  EXPECT_EQ(problem({{"first", 1}}),
            "--map: 'first' cannot be layer 1, which has no tensors; ztilde inspect lists the layers");
  EXPECT_EQ(problem({{"first", 7}}),
            "--map: 'first' cannot be layer 7, which is not there; ztilde inspect lists the layers");
  EXPECT_EQ(problem({{"auxiliary.head", 2}, {"out", 2}}),
            "--map: layer 2 is given twice; give each module a layer of its own");
  EXPECT_EQ(problem({{"first", 2}}),
            "dict.safetensors: tensor first.weight: [4, 4] where layer 2 (dense) needs [2, 4]");
}

TEST(ModuleMatching, a_shape_that_does_not_fit_is_told_with_what_was_expected) {
  const Network network{256, {Dense{100}, kNorm, kRelu, Dense{10}}};
  StateDictFile file;
  file.linear("fc1", 100, 256).norm("bn1", 100).linear("fc2", 10, 101);
  EXPECT_EQ(match(network, std::move(file)).problem,
            "dict.safetensors: tensor fc2.weight: [10, 101] where layer 3 (dense) needs [10, 100]");
  StateDictFile short_norm;
  short_norm.linear("fc1", 100, 256).norm("bn1", 99).linear("fc2", 10, 100);
  EXPECT_EQ(
      match(network, std::move(short_norm)).problem,
      "dict.safetensors: tensor bn1.running_mean: [99] where layer 1 (batch_norm) needs statistics of [100]");
  StateDictFile few;
  few.linear("fc1", 100, 256).norm("bn1", 100);
  EXPECT_EQ(match(network, std::move(few)).problem,
            "dict.safetensors: layer 3 (dense) needs [10, 100], and no tensor is left for it; is this the "
            "network of "
            "these tensors?");
  StateDictFile many;
  many.linear("fc1", 100, 256).norm("bn1", 100).linear("fc2", 10, 100).norm("bn2", 10);
  EXPECT_EQ(
      match(network, std::move(many)).problem,
      "dict.safetensors: tensor bn2.running_mean: [10] belongs to no layer of the network; take one that has "
      "it, or leave the tensor out with --map");
}

TEST(ModuleMatching, modules_that_no_layer_is_like_are_named) {
  const Network network{4, {Dense{2}}};
  const auto with = [&](const std::string& name, const std::vector<std::size_t>& shape) {
    StateDictFile file;
    file.linear("fc", 2, 4).add(name, shape);
    return match(network, std::move(file)).problem;
  };
  EXPECT_EQ(with("ln.weight", {4}),
            "dict.safetensors: tensor ln.weight: a scale without running statistics, as of LayerNorm or of a "
            "BatchNorm with track_running_stats=False, which ztilde has no layer for");
  EXPECT_EQ(with("conv.weight", {4, 2, 3}),
            "dict.safetensors: tensor conv.weight: [4, 2, 3], where ztilde has layers for weights of Linear "
            "[outputs, "
            "inputs] and Conv2d [outputs, inputs, kernel, kernel]");
  EXPECT_EQ(
      with("fc.weight_g", {2}),
      "dict.safetensors: tensor fc.weight_g: no linear layer, convolution or batch norm has a tensor of this "
      "name; leave it out with --map");
  EXPECT_EQ(
      with("bn.running_mean", {2}),
      "dict.safetensors: tensor bn.running_mean: of a batch norm that lacks its other running statistic");
}

TEST(ModuleMatching, a_norm_without_gamma_in_front_is_the_standardise_layer) {
  const Network network{5, {Standardise{}, Dense{5}, kNorm, kRelu, Dense{2}}};
  StateDictFile file;
  file.norm("input", 5, false).linear("fc1", 5, 5).norm("bn1", 5).linear("fc2", 2, 5);
  EXPECT_EQ(match(network, std::move(file)).prefixes, (Prefixes{"input", "fc1", "bn1", "", "fc2"}));
  StateDictFile without;
  without.linear("fc1", 5, 5).norm("bn1", 5, false).linear("fc2", 2, 5);
  EXPECT_EQ(match(network, std::move(without)).prefixes, (Prefixes{"", "fc1", "bn1", "", "fc2"}));
}

}  // namespace
}  // namespace ztilde::exchange
