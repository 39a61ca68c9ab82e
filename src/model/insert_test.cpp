// insert(): the same function with batch norm in it, which trains on, and a report that says truly how it is.
#include "ztilde/insert.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.hpp"
#include "model/channel_moments.hpp"
#include "model/model_file_test_support.hpp"
#include "model/model_test_models.hpp"
#include "plan/plan_test_networks.hpp"
#include "plan/reference_plan.hpp"
#include "ztilde/error.hpp"
#include "ztilde/fold.hpp"
#include "ztilde/train.hpp"
#include "ztilde/train_session.hpp"

namespace ztilde {
namespace {

using A = ActivationKind;
using testing_models::model_of;
using testing_models::outputs_in_double;
using testing_models::rows_for;
constexpr std::size_t kRows = 23;

// The largest difference, as a share of the largest number of y.
template <class X, class Y>
double relative_difference(const std::vector<X>& x, const std::vector<Y>& y) {
  EXPECT_EQ(x.size(), y.size());
  double largest = 0, difference = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    difference = std::max(difference, std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i])));
    largest = std::max(largest, std::abs(static_cast<double>(y[i])));
  }
  return difference / largest;
}

std::string refusal(const Model& model, const Dataset& data, const InsertOptions& options = {}) {
  try {
    (void)insert(model, data, options);
  } catch (const Error& error) {
    return error.what();
  }
  return "inserted";
}

std::size_t norms_in(const Network& network) {
  return static_cast<std::size_t>(std::ranges::count_if(
      network.layers, [](const Layer& layer) { return std::holds_alternative<BatchNorm>(layer); }));
}

// The new statistics make each norm the identity in double, so what is left is the order of additions.
constexpr double kDoubleRounding = 1e-13;
// Float rounds each of a few layers' sums by some 1e-7 of what they add up to.
constexpr double kFloatRounding = 1e-5;

// As it is, and with as much folded as can be.
std::vector<Model> models_of(const Network& network) {
  std::vector<Model> models = {model_of(network)};
  try {
    models.push_back(fold(models[0]));
  } catch (const Error&) {  // nothing to fold
  }
  return models;
}

void expect_unchanged(const Model& model, NormPlace place, std::size_t& inserted) {
  const Dataset data = rows_for(model, kRows);
  InsertOptions options{.place = place, .batch = 16, .threads = 2};
  if (refusal(model, data, options).starts_with("there is nothing to insert")) return;
  const Insertion insertion = insert(model, data, options);
  const InsertCertificate& certificate = insertion.certificate;
  inserted += certificate.inserted.size();
  EXPECT_EQ(norms_in(insertion.model.network), norms_in(model.network) + certificate.inserted.size());
  for (const InsertedNorm& norm : certificate.inserted) {
    EXPECT_TRUE(std::holds_alternative<BatchNorm>(insertion.model.network.layers[norm.layer]));
    EXPECT_EQ(norm.behind == norm.contraction, place == NormPlace::before);
  }

  const std::vector<double> expected = outputs_in_double(model, data);
  const double exact = relative_difference(outputs_in_double(insertion.model, data), expected);
  EXPECT_LT(exact, kDoubleRounding);
  EXPECT_EQ(certificate.double_relative, exact);
  EXPECT_LT(certificate.relative, kFloatRounding);
  EXPECT_EQ(certificate.relative, relative_difference(outputs(insertion.model, data.floats, 1), expected));
  EXPECT_TRUE(certificate.holds());
  EXPECT_EQ(certificate.compared_rows, kRows);
  options.threads = 1;
  const Insertion alone = insert(model, data, options);
  EXPECT_EQ(alone.certificate, certificate);
  EXPECT_EQ(alone.noise.output_rms, insertion.noise.output_rms);
  model_file::expect_same(alone.model, insertion.model);

  // Loading runs the test rows, made anew.
  model_file::expect_same(model_file::from_bytes(model_file::to_bytes(insertion.model, "m"), "m"),
                          insertion.model);
}

TEST(Insert, leaves_the_outputs_of_every_network_and_says_truly_how_far_they_are_off) {
  std::size_t inserted = 0;
  for (const auto& [name, network] : testing_networks::with_images()) {
    for (const Model& model : models_of(network)) {
      for (const NormPlace place : {NormPlace::before, NormPlace::after}) {
        SCOPED_TRACE(name + (place == NormPlace::before ? " before" : " after"));
        expect_unchanged(model, place, inserted);
      }
    }
  }
  EXPECT_GT(inserted, 100u);
}

TEST(Insert, is_undone_by_fold_and_undoes_it) {
  for (const Network& network :
       {Network{6, {Standardise{}, Dense{7}, Activation{}, Dense{5}, Activation{A::tanh}, Dense{3}}},
        Network{8 * 8,
                {Conv2d{4}, Activation{}, Conv2d{4}, Add{2}, Activation{}, MaxPool{}, Flatten{}, Dense{3}},
                8,
                8}}) {
    SCOPED_TRACE(to_json(network));
    const Model model = model_of(network);
    const Dataset data = rows_for(model, kRows);
    const Model back = fold(insert(model, data).model, data);
    EXPECT_EQ(back.network, network);
    // gamma · inv_std is 1 to the last bits of a double, so the weights round to what they were; a bias
    // went through the mean and beta, of the size of z.
    EXPECT_LT(relative_difference(back.parameters, model.parameters), 1e-7);
    EXPECT_TRUE(back.fold_certificate->holds());

    const Model normed = insert(model, data).model, folded = fold(normed, data);
    const Insertion again = insert(folded, data);
    EXPECT_EQ(again.model.network, normed.network);
    EXPECT_LT(relative_difference(again.model.parameters, normed.parameters), 1e-6);
    EXPECT_LT(relative_difference(again.model.statistics, normed.statistics), 1e-6);
    EXPECT_TRUE(again.certificate.holds());
    EXPECT_FALSE(again.model.fold_certificate.has_value());
  }
}

TEST(Insert, measures_what_training_measures_at_its_end) {
  const Model model = model_of({6, {Dense{7}, Activation{}, Dense{5}, Activation{}, Dense{3}}});
  Dataset data = rows_for(model, 300);
  for (std::size_t r = 0; r < data.rows; ++r) data.weights.push_back(static_cast<float>(r % 5));
  const Model made = insert(model, data).model;
  const Model measured = with_population_statistics(made, data, 1);
  // Floats' sums of 300 rows against doubles, in deviations.
  for (const StatisticsMove& move : statistics_moves(made, measured)) {
    EXPECT_LT(move.mean.most, 1e-5);
    EXPECT_LT(move.deviation.most - 1, 1e-5);
  }
  data.weights.clear();
  const Model unweighted = with_population_statistics(made, data, 1);
  EXPECT_GT(statistics_moves(made, unweighted)[0].mean.most, 1e-3);
}

// W = (1, 2), b = (10, 0), rows 0, 1, 2, 3: z = 10 … 13 and 0 … 6. Means 11.5 and 3, variances 1.25 and 5.
TEST(Insert, computes_the_numbers_worked_out_by_hand) {
  Model model = model_of({1, {Dense{2}, Activation{}, Dense{2}}});
  std::ranges::copy(std::vector<float>{1, 2}, model.parameters.begin());
  std::ranges::copy(std::vector<float>{10, 0}, model.parameters.begin() + 16);
  Dataset data = rows_for(model, 4);
  data.floats = {0, 1, 2, 3};
  const Insertion insertion = insert(model, data, {.epsilon = 1, .keep = 0.5});
  const Model& made = insertion.model;
  EXPECT_EQ(made.network.layers,
            (std::vector<Layer>{Dense{2, false}, BatchNorm{1, 0.5}, Activation{}, Dense{2}}));
  EXPECT_EQ(made.parameters[16], 1.5f);             // gamma = sqrt(1.25 + 1)
  EXPECT_EQ(made.parameters[17], std::sqrt(6.0f));  // sqrt(5 + 1)
  EXPECT_EQ(made.parameters[32], 11.5f);            // beta
  EXPECT_EQ(made.parameters[33], 3.0f);
  EXPECT_EQ(made.statistics[0], 1.5);  // the mean without the bias
  EXPECT_EQ(made.statistics[1], 3.0);
  EXPECT_EQ(made.statistics[2], 1.25);
  EXPECT_NEAR(made.statistics[3], 5.0, 5e-7);  // what gamma, rounded to float, stands for
  EXPECT_EQ(insertion.certificate.inserted,
            (std::vector<InsertedNorm>{
                {.layer = 1, .contraction = 0, .behind = 0, .channels = 2, .dropped_bias = true}}));
  EXPECT_EQ(made.training.recalibrated_rows, 4u);
}

TEST(Insert, makes_a_constant_channel_pass_as_it_is) {
  Model model = model_of({1, {Dense{2}, Activation{}, Dense{2}}});
  model.parameters[0] = 0;  // W of channel 0
  const Dataset data = rows_for(model, kRows);
  const Insertion insertion = insert(model, data);
  EXPECT_EQ(insertion.certificate.inserted[0].constant_channels, 1u);
  EXPECT_EQ(insertion.model.statistics[2], 0.0);
  EXPECT_FLOAT_EQ(insertion.model.parameters[16], std::sqrt(1e-5f));
  EXPECT_TRUE(insertion.certificate.holds());
  EXPECT_EQ(refusal(model, data, {.epsilon = 0}),
            "layer 0 (dense): channel 0 is the same in all rows, which an epsilon of 0 cannot scale; give an "
            "epsilon above 0");
}

// z of 1e6 with deviation 1: beta has 0.06 of a deviation as its last digit, which the mean takes up.
TEST(Insert, loses_nothing_where_means_are_large) {
  Model model = model_of({1, {Dense{2}, Activation{}, Dense{2}}});
  model.parameters[16] = model.parameters[17] = 1e6f + 0.25f;
  const Insertion insertion = insert(model, rows_for(model, kRows));
  EXPECT_LT(insertion.certificate.double_relative, 1e-9);
  EXPECT_TRUE(insertion.certificate.holds());
}

TEST(Insert, goes_where_it_is_told_and_refuses_what_cannot_be) {
  const Model model =
      model_of({6, {Dense{7}, Activation{}, Dense{5}, BatchNorm{}, Activation{}, Dense{4}, Dense{3}}});
  const Dataset data = rows_for(model, kRows);
  const auto places = [&](const InsertOptions& options) {
    std::vector<std::size_t> layers;
    for (const InsertedNorm& norm : insert(model, data, options).certificate.inserted)
      layers.push_back(norm.layer);
    return layers;
  };
  EXPECT_EQ(places({}), (std::vector<std::size_t>{1, 7}));
  EXPECT_EQ(places({.place = NormPlace::after}), (std::vector<std::size_t>{2}));
  EXPECT_EQ(places({.layers = {6, 0, 6}}), (std::vector<std::size_t>{1, 8}));
  EXPECT_EQ(
      refusal(model, data, {.layers = {1}}),
      "layer 1 (activation) has no weights; batch norm goes behind a dense or a conv2d, layers 0, 2, 5, 6");
  EXPECT_EQ(refusal(model, data, {.layers = {9}}),
            "there is no layer 9; batch norm goes behind a dense or a conv2d, layers 0, 2, 5, 6");
  EXPECT_EQ(refusal(model, data, {.layers = {2}}),
            "layer 2 (dense): layer 3 normalises it already; leave it out");
  EXPECT_EQ(
      refusal(model, data, {.place = NormPlace::after, .layers = {5}}),
      "layer 5 (dense): no activation follows it directly; insert before the activation, or leave it out");
  const Model normed = model_of({6, {Dense{7}, BatchNorm{}, Activation{}, Dense{3}}});
  EXPECT_EQ(refusal(normed, rows_for(normed, kRows)),
            "there is nothing to insert (layer 0 (dense): layer 1 normalises it, layer 3 (dense): it is the "
            "last); use the model as it is, or name layers");
}

TEST(Insert, refuses_rows_that_give_no_statistics) {
  Model model = model_of({6, {Dense{7}, Activation{}, Dense{3}}});
  EXPECT_EQ(refusal(model, rows_for(model, 0)), "the data have no rows; there is nothing to measure");
  EXPECT_EQ(refusal(model, rows_for(model, 1)),
            "the data have 1 row, which has no variance; give 2 rows or more");
  Dataset data = rows_for(model, kRows);
  data.floats[8] = std::nanf("");
  EXPECT_EQ(refusal(model, data), "input 2 is nan in row 1; fill it in or leave the row out");
  model.parameters[3] = 3e38f;
  EXPECT_EQ(refusal(model, rows_for(model, kRows)),
            "NaN or infinity behind layer 0 (dense), channel 0; there are no statistics to insert");
}

TEST(Insert, compares_as_many_rows_as_it_is_told) {
  const Model model = model_of({6, {Dense{7}, Activation{}, Dense{3}}});
  const Dataset data = rows_for(model, kRows);
  EXPECT_EQ(insert(model, data, {.compared_rows = 10}).certificate.compared_rows, 10u);
  EXPECT_EQ(insert(model, data, {.compared_rows = 0}).certificate.compared_rows, kRows);
}

TEST(ChannelMoments, are_those_of_all_rows_whatever_the_blocks) {
  constexpr std::size_t kCount = 1000;
  const RandomStream stream(1, Purpose::initialise, 0, 0);
  std::vector<float> z(2 * kCount), weights(kCount);
  for (std::size_t r = 0; r < kCount; ++r) {
    z[2 * r] = static_cast<float>(1000 + stream.normal(r));
    z[2 * r + 1] = 7;
    weights[r] = static_cast<float>(stream.below(3, r));
  }
  const MatrixView<const float> all(z.data(), kCount, 2);
  const ChannelMoments whole = moments_of(all, A::identity, weights);
  ChannelMoments pooled;
  for (std::size_t first = 0; first < kCount; first += 125)
    pooled.add(moments_of(all.block(first, 125), A::identity, std::span(weights).subspan(first, 125)));
  EXPECT_EQ(pooled.weight, whole.weight);
  EXPECT_NEAR(pooled.mean[0], whole.mean[0], 1e-12 * 1000);
  EXPECT_NEAR(pooled.variance(0), whole.variance(0), 1e-12);
  EXPECT_NEAR(pooled.m3[0], whole.m3[0], 1e-9 * whole.m4[0]);
  EXPECT_NEAR(pooled.kurtosis(0), whole.kurtosis(0), 1e-11);
  EXPECT_NEAR(whole.kurtosis(0), 3, 0.5);  // a normal distribution's; its standard error is sqrt(24 / 600)
  EXPECT_EQ(pooled.mean[1], 7);
  EXPECT_EQ(pooled.m2[1], 0);
}

// Independent normal numbers: the batches' means and variances spread as they are expected to.
TEST(BatchNoise, is_as_expected_of_independent_rows) {
  const Model model = model_of({6, {Dense{40}, Activation{}, Dense{3}}});
  Dataset data = rows_for(model, 4000);
  for (std::size_t r = 0; r < data.rows; ++r) data.targets.push_back(static_cast<float>(r % 3));
  data.classes = model.classes;
  const Insertion insertion = insert(model, data, {.compared_rows = 10, .batch = 50, .threads = 1});
  const BatchNoise& noise = insertion.noise;
  ASSERT_EQ(noise.norms.size(), 1u);
  const NormNoise& norm = noise.norms[0];
  EXPECT_EQ(noise.batches, 80u);
  EXPECT_EQ(norm.rows, 50);
  EXPECT_DOUBLE_EQ(norm.mean_expected, 1 / std::sqrt(50.0));
  // 80 batches of 6 independent inputs: 480 squares, whose mean has a relative error of sqrt(2 / 480), twice
  // that with its root taken back; three of these.
  EXPECT_NEAR(norm.mean_measured, norm.mean_expected, 0.1 * norm.mean_expected);
  EXPECT_NEAR(norm.variance_expected, std::sqrt(2 / 50.0), 0.1 * std::sqrt(2 / 50.0));
  EXPECT_NEAR(norm.variance_measured, norm.variance_expected, 0.15 * norm.variance_expected);
  EXPECT_GT(noise.output_rms, 0);
  EXPECT_GE(noise.output_largest, noise.output_rms);
  EXPECT_NEAR(*noise.loss, evaluate(model, data, 1).loss, 1e-6);
  EXPECT_NEAR(*noise.loss_in_batches, *noise.loss, 0.2 * *noise.loss);
  // One batch of all rows is no noise, but for float.
  const BatchNoise none = insert(model, data, {.compared_rows = 10, .batch = 4000}).noise;
  EXPECT_LT(none.norms[0].mean_measured, 1e-5);
  EXPECT_NEAR(*none.loss_in_batches, *none.loss, 1e-5);
  data.targets.clear();
  EXPECT_FALSE(insert(model, data, {.batch = 50}).noise.loss.has_value());
}

TEST(Insert, makes_a_model_that_trains_on_from_where_it_was) {
  Dataset data;
  data.rows = 600;
  data.columns = 4;
  data.floats = testing_networks::random_rows(600, 4);
  data.classes = {"no", "yes"};
  for (std::size_t r = 0; r < data.rows; ++r)
    data.targets.push_back(data.floats[4 * r] * data.floats[4 * r + 1] > 0 ? 1.0f : 0.0f);
  TrainOptions options;
  options.hidden = {24, 24};
  options.batch_norm = false;
  options.epochs = 12;
  options.batch = 50;
  options.threads = 1;
  options.valid_fraction = 0;
  const Model plain = train(data, options).model;
  const double before = evaluate(plain, data, 1).loss;
  ASSERT_LT(before, 0.4);  // it has learned something: ln 2 is 0.69

  const Insertion insertion = insert(plain, data, {.batch = 50, .threads = 1});
  TrainOptions more;
  more.from = insertion.model;
  more.epochs = 4;
  more.batch = 50;
  more.threads = 1;
  more.valid_fraction = 0;
  TrainSession session(data, more);
  double loss = 0;
  for (std::size_t step = 0; step < session.steps_per_epoch(); ++step) loss += session.step(0);
  loss /= static_cast<double>(session.steps_per_epoch());
  // Other batches of the same rows: each has its own noise, a few percent of the loss in the mean of 12.
  EXPECT_NEAR(loss, *insertion.noise.loss_in_batches, 0.1 * loss);
  EXPECT_NEAR(loss, before, 0.25 * before);
  EXPECT_LT(evaluate(train(data, more).model, data, 1).loss, before);
}

}  // namespace
}  // namespace ztilde
