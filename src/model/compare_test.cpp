// compare(): what differs is found, named, and the worst of it said first.
#include "ztilde/compare.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "model/model_file_test_support.hpp"
#include "model/model_test_models.hpp"
#include "plan/plan_test_networks.hpp"
#include "ztilde/error.hpp"
#include "ztilde/fold.hpp"
#include "ztilde/insert.hpp"

namespace ztilde {
namespace {

Model model_of(const Network& network) {
  Model model = testing_models::model_of(network);
  for (std::size_t c = 0; c < network.inputs; ++c) model.column_names.push_back("x" + std::to_string(c));
  return model;
}

const Network kNetwork = {4, {Standardise{}, Dense{6, false}, BatchNorm{}, Activation{}, Dense{5}, Dense{3}}};

Dataset rows_for(const Model& model, std::size_t rows = 41) {
  Dataset data = testing_models::rows_for(model, rows);
  data.column_names = model.column_names;
  for (std::size_t r = 0; r < rows; ++r) data.targets.push_back(static_cast<float>(r % model.classes.size()));
  data.classes = model.classes;
  return data;
}

float& parameter(Model& model, std::size_t layer, std::string_view name, std::size_t index) {
  for (const ParameterSlot& slot : parameter_slots(model.network)) {
    if (slot.layer == layer && slot.name == name) return model.parameters[slot.offset + index];
  }
  throw std::runtime_error("no such tensor");
}

double& statistic(Model& model, std::size_t layer, std::size_t index) {
  for (const StatisticSlot& slot : statistic_slots(model.network)) {
    if (slot.layer == layer) return model.statistics[slot.offset + index];
  }
  throw std::runtime_error("no such statistics");
}

TEST(Compare, says_of_a_model_and_itself_that_they_are_the_same) {
  for (const auto& [name, network] : testing_networks::with_images()) {
    SCOPED_TRACE(name);
    const Model model = model_of(network);
    const ModelComparison comparison = compare(model, model);
    EXPECT_TRUE(comparison.identical);
    EXPECT_EQ(comparison.headline, "the same, bit for bit");
    EXPECT_TRUE(comparison.tensors.empty() && comparison.statistics.empty() &&
                comparison.conventions.empty());
    EXPECT_GT(comparison.equal_tensors, 0u);
    ASSERT_TRUE(comparison.outputs.has_value());
    EXPECT_EQ(comparison.outputs->rows, 3u);
    EXPECT_EQ(comparison.outputs->equal_share, 1);
    EXPECT_FALSE(comparison.outputs->first_layer.has_value());
  }
}

TEST(Compare, names_the_one_thing_that_was_changed) {
  struct Change {
    std::function<void(Model&)> make;
    std::string headline;
    std::optional<std::size_t> first_layer;  // whose output differs
  };
  const std::vector<Change> changes = {
      {[](Model& m) { parameter(m, 4, "weight", 8) += 0.5f; },
       "weight of layer 4 (dense) differs by 0.5 at most", 4},
      {[](Model& m) { parameter(m, 2, "weight", 1) = 3; }, "gamma of layer 2 (batch_norm) differs by ", 2},
      {[](Model& m) { parameter(m, 2, "bias", 1) = 3; }, "beta of layer 2 (batch_norm) differs by ", 2},
      {[](Model& m) { statistic(m, 2, 3) += 1; }, "the mean of layer 2 (batch_norm) differs by ", 2},
      {[](Model& m) { statistic(m, 2, 6 + 3) *= 4; },
       "the deviation of layer 2 (batch_norm) differs by a factor of 1 + ", 2},
      {[](Model& m) { statistic(m, 0, 1) += 1; }, "the mean of layer 0 (standardise) differs by ", 0},
      {[](Model& m) { std::get<BatchNorm>(m.network.layers[2]).epsilon = 1e-3; },
       "layer 2: epsilon is 1e-05 in A and 0.001 in B", 2},
      {[](Model& m) { std::get<BatchNorm>(m.network.layers[2]).keep = 0.99; },
       "layer 2: keep is 0.9 in A and 0.99 in B",
       {}},
      {[](Model& m) { std::get<Activation>(m.network.layers[3]).kind = ActivationKind::tanh; },
       "layer 3: kind is relu in A and tanh in B", 3},
      {[](Model& m) { m.classes[1] = "other"; }, "class 1 is class 1 in A and other in B", {}},
      {[](Model& m) { m.statistics_source = StatisticsSource::running; },
       "statistics is population in A and running in B",
       {}},
      {[](Model& m) { m.training.seed = 7; },
       "the same model, bit for bit; only what is told of it differs: training: seed is 0 in A and 7 in B",
       {}},
  };
  const Model model = model_of(kNetwork);
  for (const Change& change : changes) {
    SCOPED_TRACE(change.headline);
    Model changed = model;
    change.make(changed);
    const ModelComparison comparison = compare(model, changed, rows_for(model));
    EXPECT_FALSE(comparison.identical);
    EXPECT_TRUE(comparison.headline.starts_with(change.headline)) << comparison.headline;
    EXPECT_EQ(comparison.tensors.size() + comparison.statistics.size() + comparison.conventions.size(), 1u);
    ASSERT_TRUE(comparison.outputs.has_value());
    ASSERT_EQ(comparison.outputs->first_layer.has_value(), change.first_layer.has_value());
    if (change.first_layer) {
      EXPECT_EQ(comparison.outputs->first_layer->layer_a, *change.first_layer);
      EXPECT_GT(comparison.outputs->relative, 0);
    } else {
      EXPECT_EQ(comparison.outputs->equal_share, 1);
    }
  }
}

TEST(Compare, measures_tensors_in_their_own_units_and_ranks_them) {
  const Model model = model_of(kNetwork);
  Model changed = model;
  for (const ParameterSlot& slot : parameter_slots(model.network)) {
    if (slot.layer == 5 && slot.name == "weight") {
      for (std::size_t i = 0; i < slot.size(); ++i) changed.parameters[slot.offset + i] = 2;
    }
  }
  parameter(changed, 4, "weight", 7) += 0.125f;  // output 1, input 1 of [5, 6]
  const ModelComparison comparison = compare(model, changed);
  ASSERT_EQ(comparison.tensors.size(), 2u);
  EXPECT_EQ(comparison.tensors[0].name, "5.weight");
  EXPECT_EQ(comparison.tensors[0].equal_share, 0);
  const TensorDifference& one = comparison.tensors[1];
  EXPECT_EQ(one.name, "4.weight");
  EXPECT_EQ(one.size, 30u);
  EXPECT_DOUBLE_EQ(one.equal_share, 29.0 / 30);
  EXPECT_NEAR(one.largest, 0.125, 1e-7);
  EXPECT_EQ(one.row, 1u);
  EXPECT_EQ(one.column, 1u);
  double squares = 0;
  Model copy = model;
  for (std::size_t i = 0; i < 30; ++i) squares += std::pow(parameter(copy, 4, "weight", i), 2);
  EXPECT_NEAR(one.relative, one.largest / std::sqrt(squares / 30), 1e-12);
  EXPECT_EQ(comparison.equal_tensors, 5u);
}

TEST(Compare, compares_a_folded_model_with_what_folding_gives) {
  const Network residual = {8 * 8,
                            {Conv2d{4, 3, 1, 1, false, false}, BatchNorm{}, Activation{}, Conv2d{4},
                             BatchNorm{}, Add{3}, MaxPool{}, Flatten{}, Dense{3}},
                            8,
                            8};
  for (const Network& network : {kNetwork, residual}) {
    const Model model = model_of(network);
    const Model folded = fold(model);
    const Dataset data = rows_for(model);
    const ModelComparison there = compare(model, folded, data), back = compare(folded, model, data);
    EXPECT_EQ(there.alignment, Alignment::b_is_folded);
    EXPECT_EQ(back.alignment, Alignment::a_is_folded);
    for (const ModelComparison& comparison : {there, back}) {
      EXPECT_TRUE(comparison.tensors.empty());
      EXPECT_TRUE(comparison.headline.find("they are equal, bit for bit") != std::string::npos)
          << comparison.headline;
      EXPECT_LT(comparison.outputs->relative, 1e-5);
      EXPECT_FALSE(comparison.outputs->first_layer.has_value());
      EXPECT_LT(comparison.outputs->worst_layer->relative, 1e-6);
    }
    // A weight behind the folding shows, and from which layer on.
    Model off = folded;
    const std::size_t last = off.network.layers.size() - 1;
    parameter(off, last, "weight", 0) += 1;
    const ModelComparison comparison = compare(model, off, data);
    EXPECT_EQ(comparison.tensors.at(0).layer_b, last);
    EXPECT_EQ(comparison.outputs->first_layer->layer_b, last);
    EXPECT_EQ(comparison.outputs->first_layer->layer_a, model.network.layers.size() - 1);
  }
}

TEST(Compare, compares_the_layers_in_front_where_networks_differ) {
  Network other = kNetwork;
  other.layers.insert(other.layers.begin() + 4, Dense{7});
  const Model a = model_of(kNetwork), b = model_of(other);
  const ModelComparison comparison = compare(a, b, rows_for(a));
  EXPECT_EQ(comparison.alignment, Alignment::front);
  EXPECT_EQ(comparison.aligned_layers, 4u);
  EXPECT_EQ(comparison.headline,
            "the networks differ: layer 4 is dense giving 5 numbers in A and dense giving 7 numbers in B; "
            "numbers of "
            "the 4 layers before are compared");
  ASSERT_TRUE(comparison.outputs.has_value());
  EXPECT_GT(comparison.outputs->largest, 0);
}

TEST(Compare, gives_the_same_image_to_a_network_that_sees_it_and_to_one_that_does_not) {
  Model a = model_of({6 * 6 * 2, {Dense{5}, Activation{}, Dense{3}}});
  Model b = model_of({6 * 6 * 2, {Conv2d{4}, GlobalAveragePool{}, Dense{3}}, 6, 6});
  for (Model* model : {&a, &b}) {
    model->column_names.clear();
    model->image_width = model->image_height = 6;
  }
  const ModelComparison comparison = compare(a, b);
  ASSERT_TRUE(comparison.outputs.has_value()) << comparison.no_outputs;
  EXPECT_EQ(comparison.aligned_layers, 0u);
  b.image_width = 12;
  b.image_height = 3;
  EXPECT_EQ(compare(a, b).no_outputs, "they take images of different sizes");
}

// The same function with its columns in another order.
TEST(Compare, gives_both_models_the_same_rows_by_the_names_of_columns_and_classes) {
  Model a = model_of(kNetwork), b = a;
  const std::vector<std::size_t> order = {2, 0, 3, 1};
  for (std::size_t c = 0; c < 4; ++c) {
    b.column_names[c] = a.column_names[order[c]];
    for (const std::size_t part : {0, 4}) statistic(b, 0, part + c) = statistic(a, 0, part + order[c]);
    for (std::size_t o = 0; o < 6; ++o)
      parameter(b, 1, "weight", 4 * o + c) = parameter(a, 1, "weight", 4 * o + order[c]);
    for (std::size_t r = 0; r < 3; ++r) b.test_inputs[4 * r + c] = a.test_inputs[4 * r + order[c]];
  }
  for (std::size_t c = 0; c < 3; ++c) {  // and its classes turned
    b.classes[c] = a.classes[(c + 1) % 3];
    for (std::size_t i = 0; i < 5; ++i)
      parameter(b, 5, "weight", 5 * c + i) = parameter(a, 5, "weight", 5 * ((c + 1) % 3) + i);
    parameter(b, 5, "bias", c) = parameter(a, 5, "bias", (c + 1) % 3);
  }
  b.test_outputs = outputs(b, b.test_inputs, 1);
  for (const bool given : {true, false}) {
    const ModelComparison comparison = given ? compare(a, b, rows_for(a)) : compare(a, b);
    ASSERT_TRUE(comparison.outputs.has_value()) << comparison.no_outputs;
    EXPECT_EQ(comparison.outputs->rows, given ? 41u : 3u);
    EXPECT_EQ(comparison.outputs->argmax_changes, 0u);
    EXPECT_LT(comparison.outputs->relative, 1e-6);  // other orders of the same sums
    EXPECT_EQ(comparison.outputs->notes.size(), 2u);
    EXPECT_EQ(comparison.conventions.front().what, "class 0");
    EXPECT_EQ(comparison.conventions.front().meaning, "the same classes in another order");
  }
}

TEST(Compare, knows_categories_by_their_names) {
  const Encode encode{{{.kind = Encoding::one_hot, .categories = 2}, {.kind = Encoding::numeric}}};
  Model a = model_of({2, {encode, Dense{4}, Dense{3}}});
  a.column_info = {{"x0", ColumnKind::categorical, {"red", "green"}}, {"x1"}};
  Model b = a;
  b.column_info[0].categories = {"green", "red"};
  // Features: the number, then red, green, unseen.
  for (std::size_t o = 0; o < 4; ++o)
    std::swap(parameter(b, 1, "weight", 4 * o + 1), parameter(b, 1, "weight", 4 * o + 2));
  for (const EncodingSlot& slot : encoding_slots(b.network)) {
    if (slot.name == "frequency") std::swap(b.statistics[slot.offset], b.statistics[slot.offset + 1]);
  }
  b.test_inputs = a.test_inputs;
  for (std::size_t r = 0; r < 3; ++r) {
    float& category = b.test_inputs[2 * r];
    if (category < 2) category = 1 - category;
  }
  Dataset data = rows_for(a);
  data.column_info = a.column_info;
  EXPECT_LT(compare(a, b, data).outputs->relative, 1e-6);
  EXPECT_LT(compare(a, b).outputs->relative, 1e-6);
}

TEST(Compare, says_why_outputs_cannot_be_compared_and_compares_the_rest) {
  const Model a = model_of(kNetwork);
  const auto reason = [&](const std::function<void(Model&)>& change) {
    Model b = a;
    change(b);
    const ModelComparison comparison = compare(a, b);
    EXPECT_FALSE(comparison.outputs.has_value());
    EXPECT_FALSE(comparison.identical);
    EXPECT_FALSE(comparison.headline.empty());
    return comparison.no_outputs;
  };
  EXPECT_EQ(reason([](Model& b) {
              b = model_of({3, {Standardise{}, Dense{6}, Dense{3}}});
            }),
            "A takes 4 inputs, B 3");
  EXPECT_EQ(reason([](Model& b) { b.column_names[2] = "y"; }), "A knows no column 'y', which B takes");
  EXPECT_EQ(reason([](Model& b) {
              b = model_of({4, {Standardise{}, Dense{6}, Dense{4}}});
            }),
            "A has 3 classes, B 4");
  Model bare = a;
  bare.test_inputs.clear();
  bare.test_outputs.clear();
  EXPECT_EQ(compare(bare, bare).no_outputs, "neither of them has test rows; give some with data");
}

TEST(Compare, scores_both_models_as_evaluate_does_and_pairs_their_rows) {
  for (const bool weighted : {false, true}) {
    for (const std::size_t outputs : {std::size_t{1}, std::size_t{3}}) {
      Network network = kNetwork;
      std::get<Dense>(network.layers.back()).outputs = outputs;
      const Model a = model_of(network);
      Model b = a;
      parameter(b, 4, "weight", 8) += 0.5f;
      Dataset data = rows_for(a);
      for (std::size_t r = 0; weighted && r < data.rows; ++r)
        data.weights.push_back(static_cast<float>(r % 4));
      const OutputDifference found = *compare(a, b, data).outputs;
      // evaluate() sums floats' losses.
      EXPECT_NEAR(found.loss->a, evaluate(a, data, 1).loss, 1e-6);
      EXPECT_NEAR(found.loss->b, evaluate(b, data, 1).loss, 1e-6);
      EXPECT_NEAR(found.accuracy->a, evaluate(a, data, 1).accuracy, 1e-12);
      EXPECT_NEAR(found.accuracy->b, evaluate(b, data, 1).accuracy, 1e-12);
      EXPECT_NEAR(found.loss->difference, found.loss->b - found.loss->a, 1e-12);
      EXPECT_GT(found.loss->standard_error, 0);
      // Twice the rows, each again: the mean stays, its error is that of twice as many.
      Dataset twice = data;
      twice.rows *= 2;
      twice.floats.insert(twice.floats.end(), data.floats.begin(), data.floats.end());
      twice.targets.insert(twice.targets.end(), data.targets.begin(), data.targets.end());
      twice.weights.insert(twice.weights.end(), data.weights.begin(), data.weights.end());
      const PairedScore more = *compare(a, b, twice).outputs->loss;
      EXPECT_NEAR(more.difference, found.loss->difference, 1e-12);
      EXPECT_NEAR(more.standard_error, found.loss->standard_error * std::sqrt(40.0 / 81), 1e-9);
    }
  }
}

TEST(Compare, finds_the_rows_whose_class_changed) {
  const Model a = model_of(kNetwork);
  Model b = a;
  parameter(b, 5, "bias", 0) += 0.7f;
  const Dataset data = rows_for(a);
  const OutputDifference found = *compare(a, b, data).outputs;
  const Predictions of_a = predict(a, data, 1), of_b = predict(b, data, 1);
  std::vector<std::size_t> rows;
  for (std::size_t r = 0; r < data.rows; ++r) {
    if (of_a.values[r] != of_b.values[r]) rows.push_back(r);
  }
  ASSERT_GT(rows.size(), 0u);
  EXPECT_EQ(found.argmax_changes, rows.size());
  rows.resize(std::min(rows.size(), found.changed_rows.size()));
  EXPECT_EQ(found.changed_rows, rows);
  EXPECT_NEAR(found.mean, 0.7 / 3, 1e-6);
}

TEST(Compare, sees_two_seeds_as_two_models) {
  const Model a = model_of(kNetwork);
  Model b = a;
  const std::vector<float> others = testing_networks::random_rows(1, b.parameters.size(), 99);
  for (const ParameterSlot& slot : parameter_slots(b.network))
    std::copy_n(others.begin() + static_cast<std::ptrdiff_t>(slot.offset), slot.size(),
                b.parameters.begin() + static_cast<std::ptrdiff_t>(slot.offset));
  b.training.seed = 1;
  const ModelComparison comparison = compare(a, b, rows_for(a));
  EXPECT_EQ(comparison.tensors.size(), 7u);
  EXPECT_TRUE(std::ranges::is_sorted(comparison.tensors, std::greater<>(), &TensorDifference::relative));
  for (const TensorDifference& tensor : comparison.tensors) EXPECT_EQ(tensor.equal_share, 0);
  EXPECT_EQ(comparison.outputs->first_layer->layer_a, 1u);
}

TEST(Compare, says_in_one_line_that_one_of_them_has_no_record_of_training) {
  const Model imported = model_of(kNetwork);
  Model trained = imported;
  trained.training.steps = 20;
  trained.training.options = {{"epochs", "2"}, {"lr", "0.1"}};
  const ModelComparison comparison = compare(trained, imported);
  ASSERT_EQ(comparison.conventions.size(), 1u);
  EXPECT_EQ(comparison.conventions[0].what, "record of training");
  EXPECT_EQ(comparison.conventions[0].a, "there");
  EXPECT_EQ(comparison.conventions[0].b, "none");
  EXPECT_TRUE(comparison.conventions[0].in_record);
}

TEST(Compare, sees_an_inserted_model_as_one_that_folds_back) {
  const Model plain = model_of({4, {Standardise{}, Dense{6}, Activation{}, Dense{3}}});
  const Dataset data = rows_for(plain);
  const ModelComparison comparison = compare(plain, insert(plain, data).model, data);
  EXPECT_EQ(comparison.alignment, Alignment::a_is_folded);
  EXPECT_LT(comparison.outputs->relative, 1e-6);
}

TEST(Compare, refuses_rows_that_are_not_the_models) {
  const Model model = model_of(kNetwork);
  Dataset data = rows_for(model);
  data.column_names[0] = "other";
  EXPECT_THROW((void)compare(model, model, data), Error);
}

}  // namespace
}  // namespace ztilde
