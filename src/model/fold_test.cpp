// fold(): the same function with fewer layers, and a certificate that says so truly.
#include "ztilde/fold.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "model/model_file_test_support.hpp"
#include "model/model_test_models.hpp"
#include "plan/plan_test_networks.hpp"
#include "plan/reference_plan.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

using A = ActivationKind;
using testing_models::model_of;
using testing_models::outputs_in_double;
using testing_models::rows_for;
constexpr std::size_t kRows = 37;

// Of every norm: one gamma below 0, one 0, one variance 0; where it has as many channels.
Model with_awkward_norms(Model model) {
  for (const ParameterSlot& slot : parameter_slots(model.network)) {
    if (!std::holds_alternative<BatchNorm>(model.network.layers[slot.layer]) || slot.name != "weight")
      continue;
    float* gamma = model.parameters.data() + slot.offset;
    gamma[0] = -gamma[0];
    if (slot.rows > 2) gamma[2] = 0;
  }
  for (const StatisticSlot& slot : statistic_slots(model.network)) {
    const auto* norm = std::get_if<BatchNorm>(&model.network.layers[slot.layer]);
    if (norm && slot.channels > 1) model.statistics[slot.offset + slot.channels + 1] = 0;
  }
  model.test_outputs = outputs(model, model.test_inputs, 1);
  return model;
}

template <class X, class Y>
double largest_difference(const std::vector<X>& x, const std::vector<Y>& y) {
  EXPECT_EQ(x.size(), y.size());
  double largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i])));
  return largest;
}

double largest_size(const std::vector<double>& numbers) {
  return largest_difference(numbers, std::vector<double>(numbers.size()));
}

std::string refusal(const Model& model) {
  try {
    (void)fold(model);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    return error.what();
  }
  return "folded";
}

std::size_t norms_in(const Network& network) {
  return static_cast<std::size_t>(std::ranges::count_if(
      network.layers, [](const Layer& layer) { return std::holds_alternative<BatchNorm>(layer); }));
}

std::vector<std::size_t> unfolded_layers(const Model& folded) {
  std::vector<std::size_t> layers;
  for (const UnfoldedNorm& norm : folded.fold_certificate->unfolded) layers.push_back(norm.layer);
  return layers;
}

// Rounding weights of a few layers to float, and computing in float: some 1e-6 of what they add up to. A
// gamma of a constant channel (variance 0) is 1 / sqrt(1e-5) = 316 times that, once for each such norm in a
// row.
double bound(const Network& network) { return norms_in(network) > 3 ? 1e-2 : 2e-4; }

TEST(Fold, gives_the_outputs_of_every_network_and_says_truly_how_far_they_are_off) {
  std::size_t folded_norms = 0;
  for (const auto& [name, network] : testing_networks::with_images()) {
    SCOPED_TRACE(name);
    const Model plain = model_of(network);
    for (const bool awkward : {false, true}) {
      const Model model = awkward ? with_awkward_norms(plain) : plain;
      if (norms_in(network) == 0) {
        EXPECT_EQ(refusal(model), "the model has no batch norm to fold; use it as it is");
        continue;
      }
      if (refusal(model).starts_with("none of the model's ")) continue;
      const Dataset data = rows_for(model, kRows);
      const Model folded = fold(model, data, {.threads = 2});
      const FoldCertificate& certificate = *folded.fold_certificate;
      folded_norms += certificate.folded.size();
      EXPECT_EQ(norms_in(folded.network), certificate.unfolded.size());
      EXPECT_EQ(norms_in(network), certificate.folded.size() + certificate.unfolded.size());

      const std::vector<double> expected = outputs_in_double(model, data);
      const double scale = largest_size(expected);
      const double tolerance = awkward ? bound(network) : 1e-5;
      EXPECT_LE(largest_difference(outputs_in_double(folded, data), expected), tolerance * scale);
      const double absolute = largest_difference(outputs(folded, data.floats, 1), expected);
      EXPECT_LE(absolute, tolerance * scale);
      // The oracle sums in the same order whatever the rows beside it.
      EXPECT_EQ(certificate.absolute, absolute);
      EXPECT_EQ(certificate.largest_output, scale);
      EXPECT_EQ(certificate.relative, absolute / scale);
      EXPECT_EQ(certificate.float_absolute, largest_difference(outputs(model, data.floats, 1), expected));
      EXPECT_EQ(certificate.data_rows, kRows);
      EXPECT_EQ(certificate.rows(), kRows);
      EXPECT_EQ(certificate, *fold(model, data, {.threads = 1}).fold_certificate);

      // Loading runs the test rows, made anew.
      const Model loaded = model_file::from_bytes(model_file::to_bytes(folded, "m"), "m");
      model_file::expect_same(loaded, folded);
      EXPECT_EQ(loaded.fold_certificate, folded.fold_certificate);
      // A second time there is nothing left to fold.
      EXPECT_NE(refusal(folded), "folded");
    }
  }
  EXPECT_GT(folded_norms, 100u);
}

TEST(Fold, leaves_what_no_weights_can_take_up_and_says_why) {
  const auto reasons = [](Network network) {
    const Model model = with_awkward_norms(model_of(network));
    const Model folded = fold(model);
    std::string text;
    for (const UnfoldedNorm& norm : folded.fold_certificate->unfolded)
      text += std::to_string(norm.layer) + ": " + norm.reason + "\n";
    return text;
  };
  const BatchNorm norm;
  const Activation relu;
  const Dense d6{6};
  const auto image = [](std::vector<Layer> layers) { return Network{8 * 8, std::move(layers), 8, 8}; };
  // Each has a norm in front that folds, so that there is a model to ask.
  EXPECT_EQ(reasons({6, {d6, norm, relu, norm, relu, d6}}),
            "3: before it: the relu of layer 2 is in between; after it: the relu of layer 4 is in between\n");
  EXPECT_EQ(
      reasons({6, {d6, norm, relu, d6, norm, relu, d6, Add{4}}}),
      "4: before it: layer 7 (add) reads layer 3 (dense) without it; after it: the relu of layer 5 is in "
      "between\n");
  EXPECT_EQ(reasons({6, {d6, norm, relu, norm, d6, Add{2}}}),
            "3: before it: the relu of layer 2 is in between; after it: layer 5 (add) is in between\n");
  EXPECT_EQ(reasons({6, {d6, norm, relu, norm}}),
            "3: before it: the relu of layer 2 is in between; after it: no dense or conv2d\n");
  EXPECT_EQ(reasons(image({Conv2d{4}, norm, relu, norm, Conv2d{4}, GlobalAveragePool{}})),
            "3: before it: the relu of layer 2 is in between; after it: the padding of layer 4 (conv2d) is 0 "
            "behind the norm, not before it\n");
  EXPECT_EQ(
      reasons(image({Conv2d{4}, norm, relu, norm, MaxPool{}, Flatten{}, d6})),
      "3: before it: the relu of layer 2 is in between; after it: layer 4 (max_pool) is in between, which "
      "a gamma below 0 would turn into the smallest\n");
  EXPECT_EQ(
      reasons(image({Conv2d{4}, norm, relu, Conv2d{4}, Flatten{}, norm, relu, d6})),
      "5: before it: layer 4 (flatten) gave each pixel channels of its own; after it: the relu of layer 6 "
      "is in between\n");
}

TEST(Fold, takes_up_all_that_stands_beside_weights_residual_and_pooled) {
  const BatchNorm norm;
  const Activation relu;
  const Conv2d conv{4, 3, 1, 1, false, false}, bare{4, 3, 1, 0, false, false};
  const std::vector<Network> networks = {
      {8 * 8, {conv, norm, relu, bare, AveragePool{}, norm, relu, norm, Flatten{}, Dense{3}}, 8, 8},
      {8 * 8, {Standardise{}, norm, bare, relu, norm, Dropout{0.2}, GlobalAveragePool{}, Dense{3}}, 8, 8},
      {8 * 8, {conv, relu, norm, Conv2d{4, 3, 2, 0, true}, relu, norm, bare, Flatten{}, Dense{3}}, 8, 8},
      {8 * 8,
       {conv, norm, relu, conv, norm, Add{3}, Shortcut{4}, conv, norm, Add{4}, Flatten{}, Dense{3}},
       8,
       8},
      {6, {norm, norm, Dense{5}, norm, norm, Activation{A::tanh}, norm, norm, Dense{3, false}, norm, norm}},
      // One norm into two layers that read it.
      {6, {Dense{5}, Activation{A::tanh}, norm, Dense{5}, Shortcut{2}, Dense{5}, Add{3}, Dense{2}}},
  };
  for (const Network& network : networks) {
    SCOPED_TRACE(to_json(network));
    const Model model = with_awkward_norms(model_of(network));
    const Dataset data = rows_for(model, kRows);
    const Model folded = fold(model, data);
    EXPECT_EQ(unfolded_layers(folded), std::vector<std::size_t>{});
    EXPECT_EQ(norms_in(folded.network), 0u);
    const std::vector<double> expected = outputs_in_double(model, data);
    EXPECT_LE(largest_difference(outputs_in_double(folded, data), expected), 1e-4 * largest_size(expected));
    for (const LayerDifference& layer : folded.fold_certificate->layers)
      EXPECT_LT(layer.relative, 1e-4) << layer.layer;
  }
  const Model two = fold(model_of(networks.back()));
  EXPECT_EQ(two.fold_certificate->folded.front().into, (std::vector<std::size_t>{3, 5}));
}

// a = gamma / sqrt(variance + epsilon) = (2, -2, 0), W = (1, 2, 3), no bias, mean 10 20 30, beta 1 2 3.
TEST(Fold, computes_the_weights_worked_out_by_hand) {
  Model model;
  model.network = {1, {Dense{3, false}, BatchNorm{0.25}, Activation{}, Dense{2}}};
  model.parameters = model_of(model.network).parameters;
  std::ranges::copy(std::vector<float>{1, 2, 3}, model.parameters.begin());
  std::ranges::copy(std::vector<float>{2, -1, 0}, model.parameters.begin() + 16);
  std::ranges::copy(std::vector<float>{1, 2, 3}, model.parameters.begin() + 32);
  model.statistics = {10, 20, 30, 0.75, 0, 5};
  model.statistic_batches = {1};
  model.classes = {"a", "b"};
  const Model folded = fold(model);
  EXPECT_EQ(folded.network.layers, (std::vector<Layer>{Dense{3, true}, Activation{}, Dense{2}}));
  const auto floats = [&](std::size_t first) {
    return std::vector<float>(folded.parameters.begin() + static_cast<std::ptrdiff_t>(first),
                              folded.parameters.begin() + static_cast<std::ptrdiff_t>(first) + 3);
  };
  EXPECT_EQ(floats(0), (std::vector<float>{2, -4, 0}));
  EXPECT_EQ(floats(16), (std::vector<float>{1 - 2 * 10, 2 + 2 * 20, 3}));
  const FoldCertificate& certificate = *folded.fold_certificate;
  ASSERT_EQ(certificate.folded.size(), 1u);
  EXPECT_EQ(certificate.folded[0], (FoldedNorm{1, {0}, 2.0}));
  EXPECT_EQ(certificate.test_rows, 0u);
  EXPECT_EQ(certificate.built_in_rows, 256u);
}

// A deviation of a thousandth of the mean: what normalising takes away, the folded weights must cancel in
// float, and lose a thousand times what float rounds by.
TEST(Fold, certifies_no_fold_that_is_off_by_more_than_the_tolerance) {
  Model model = model_of({1, {Dense{2, false}, BatchNorm{0}, Activation{}, Dense{2}}});
  model.parameters[0] = model.parameters[1] = 1.0f / 3;
  model.statistics = {1000.0 / 3, 1000.0 / 3, 1.0 / 9e6, 1.0 / 9e6};
  Dataset data = rows_for(model, 4);
  data.floats = {999.999f, 1000, 1000.001f, 1000.002f};
  const FoldCertificate certificate = *fold(model, data).fold_certificate;
  EXPECT_GT(certificate.relative, certificate.tolerance);
  EXPECT_FALSE(certificate.holds());
  EXPECT_GT(certificate.folded[0].amplification, 1000);
  EXPECT_TRUE(fold(model, data, {.tolerance = 2 * certificate.relative}).fold_certificate->holds());
}

TEST(Fold, leaves_a_norm_whose_weights_would_be_too_large_for_a_float) {
  Model model =
      model_of({4, {Dense{3}, BatchNorm{0}, Activation{}, Dense{4}, BatchNorm{}, Activation{}, Dense{3}}});
  model.statistics[3] = 1e-90;
  const Model folded = fold(model);
  ASSERT_EQ(unfolded_layers(folded), std::vector<std::size_t>{1});
  EXPECT_EQ(folded.fold_certificate->unfolded[0].reason,
            "before it: the weights of layer 0 (dense) would be too large for a float; after it: the relu of "
            "layer 2 is in between");
}

TEST(Fold, counts_the_rows_whose_class_is_another) {
  // Two outputs that differ by far less than the float in front of them is rounded by.
  Model model = model_of({1, {Dense{2}, BatchNorm{0}, Dense{2}}});
  std::ranges::fill(model.parameters, 0.0f);
  model.parameters[0] = model.parameters[1] = 1;                    // W of layer 0
  for (const std::size_t c : {0, 1}) model.parameters[32 + c] = 1;  // gamma
  model.parameters[64] = model.parameters[67] = 1;                  // W of layer 2: the identity
  model.statistics = {0, 0, 1, 1 + 1e-12};                          // double sees output 1 below output 0
  Dataset data;
  data.rows = 4;
  data.columns = 1;
  data.floats = {1, 2, -1, -2};  // negative: output 1 is the larger by a trillionth
  const FoldCertificate certificate = *fold(model, data).fold_certificate;
  EXPECT_EQ(certificate.argmax_changes, 2u);
  EXPECT_LT(certificate.absolute, 1e-11);
}

TEST(Fold, refuses_rows_that_are_not_the_models) {
  const Model model = model_of({4, {Dense{3}, BatchNorm{}, Activation{}, Dense{3}}});
  Dataset data = rows_for(model, kRows);
  data.columns = 2;
  data.rows *= 2;
  EXPECT_THROW((void)fold(model, data), Error);
  data = rows_for(model, kRows);
  data.floats[5] = std::nanf("");
  EXPECT_THROW((void)fold(model, data), Error);
}

TEST(FoldCertificate, goes_with_the_model_that_it_is_about_and_no_other) {
  const Model folded =
      fold(model_of({4, {Dense{3}, BatchNorm{}, Activation{}, BatchNorm{}, Activation{}, Dense{3}}}));
  EXPECT_TRUE(folded.fold_certificate.has_value());
  EXPECT_FALSE(first_layers(folded, 2).fold_certificate.has_value());
  EXPECT_FALSE(with_population_statistics(folded, rows_for(folded, kRows)).fold_certificate.has_value());
}

TEST(FoldCertificate, is_refused_where_the_file_has_something_else) {
  using namespace model_file;
  expect_refused(with_metadata("fold", "{"), "metadata 'fold' is not JSON");
  expect_refused(with_metadata("fold", "{}"), "metadata 'fold' should be an object with 'folded'");
  expect_refused(with_metadata("fold", R"({"folded":[{"layer":1,"into":["x"],"amplification":1}]})"),
                 "metadata 'fold' should be whole numbers in 'into'");
}

}  // namespace
}  // namespace ztilde
