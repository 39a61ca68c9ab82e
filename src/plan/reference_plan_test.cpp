// Whole networks by complex step, and what the plan promises about statistics and dropout.
#include "plan/reference_plan.hpp"

#include <gtest/gtest.h>

#include "plan/reference_test_support.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

using testing::expect_right_gradients;
using testing::kSeed;
using testing::kStep;
using testing::largest;
using testing::make_case;
using testing::ReferenceCase;
using testing::Vector;

DenseNetworkOptions small_options() {
  DenseNetworkOptions options;
  options.inputs = 4;
  options.outputs = 3;
  options.hidden = {5, 6};
  options.standardise = false;
  return options;
}

TEST(reference_plan, gradients_are_right_for_every_activation_and_both_places_of_the_norm) {
  for (const auto& [kind, name] : layers::kActivationNames) {
    for (const NormPlace place : {NormPlace::before, NormPlace::after}) {
      SCOPED_TRACE(std::string(name) + (place == NormPlace::before ? ", norm before" : ", norm after"));
      DenseNetworkOptions options = small_options();
      options.activation = kind;
      options.norm_place = place;
      expect_right_gradients(make_case(dense_network(options), 16));
    }
  }
}

TEST(reference_plan, gradients_are_right_with_standardise) {
  DenseNetworkOptions options = small_options();
  options.standardise = true;
  expect_right_gradients(make_case(dense_network(options)));
}

TEST(reference_plan, gradients_are_right_with_dropout) {
  DenseNetworkOptions options = small_options();
  options.activation = ActivationKind::silu;
  options.dropout = 0.4;
  expect_right_gradients(make_case(dense_network(options)));
}

TEST(reference_plan, gradients_are_right_without_norm) {
  DenseNetworkOptions options = small_options();
  options.batch_norm = false;
  expect_right_gradients(make_case(dense_network(options)));
}

TEST(reference_plan, gradients_are_right_for_norm_on_the_input_and_on_the_output) {
  expect_right_gradients(make_case({3, {BatchNorm{}, Dense{4}, BatchNorm{1e-3}}}));
}

TEST(reference_plan, gradients_are_right_for_two_rows) {
  DenseNetworkOptions options = small_options();
  options.hidden = {5};
  options.activation = ActivationKind::tanh;
  // With a tiny epsilon the gradient through the norm is itself tiny (x_norm is ±1): see
  // batch_norm.gradients_are_right_for_two_rows.
  options.epsilon = 0.1;
  expect_right_gradients(make_case(dense_network(options), 2));
}

TEST(reference_plan, gradients_are_right_with_a_constant_channel_and_gamma_zero) {
  const Network network{3, {Dense{4}, BatchNorm{1e-2}, Activation{ActivationKind::tanh}, Dense{2}}};
  ReferenceCase c = make_case(network);
  const std::vector<ParameterSlot> slots = parameter_slots(network);
  for (std::size_t i = 0; i < 3; ++i) c.parameters[slots[0].offset + i] = 0;  // channel 0: the bias alone
  c.parameters[slots[2].offset + 1] = 0;                                      // gamma of channel 1
  expect_right_gradients(c);
}

TEST(reference_plan, backward_adds_to_the_gradients_of_parameters) {
  const ReferenceCase c = make_case(dense_network(small_options()));
  ReferencePlan<double> plan(c.network);
  plan.forward_training(c.x, c.rows, c.parameters, c.statistics, kSeed, kStep);
  Vector once(c.parameters.size()), twice(c.parameters.size());
  const Vector d_x = plan.backward(c.d_output, once);
  plan.backward(c.d_output, twice);
  EXPECT_EQ(plan.backward(c.d_output, twice), d_x);
  // Rows are added one by one to what is there, so the second sum rounds differently.
  for (std::size_t i = 0; i < once.size(); ++i) EXPECT_NEAR(twice[i], 2 * once[i], 1e-14 * largest(once));
}

TEST(reference_plan, gaps_of_the_gradient_stay_zero) {
  const ReferenceCase c = make_case(dense_network(small_options()));
  ReferencePlan<double> plan(c.network);
  plan.forward_training(c.x, c.rows, c.parameters, c.statistics, kSeed, kStep);
  Vector gradient(c.parameters.size());
  plan.backward(c.d_output, gradient);
  for (const ParameterSlot& slot : parameter_slots(c.network)) {
    for (std::size_t i = 0; i < slot.size(); ++i) gradient[slot.offset + i] = 0;
  }
  EXPECT_EQ(largest(gradient), 0.0);
}

TEST(reference_plan, inference_with_the_batch_statistics_is_training_without_dropout) {
  DenseNetworkOptions options = small_options();
  options.standardise = true;
  const ReferenceCase plain = make_case(dense_network(options));
  ReferencePlan<double> plan(plain.network);
  const Vector trained =
      plan.forward_training(plain.x, plain.rows, plain.parameters, plain.statistics, kSeed, kStep);
  const Vector statistics = plan.batch_statistics();
  EXPECT_EQ(plan.forward_inference(plain.x, plain.rows, plain.parameters, statistics), trained);
  EXPECT_NE(plan.forward_inference(plain.x, plain.rows, plain.parameters, plain.statistics), trained);
}

TEST(reference_plan, inference_treats_each_row_alone) {
  DenseNetworkOptions options = small_options();
  options.standardise = true;
  options.dropout = 0.5;
  const ReferenceCase c = make_case(dense_network(options));
  ReferencePlan<double> plan(c.network);
  const Vector together = plan.forward_inference(c.x, c.rows, c.parameters, c.statistics);
  for (std::size_t r = 0; r < c.rows; ++r) {
    const Vector row(c.x.begin() + static_cast<std::ptrdiff_t>(4 * r),
                     c.x.begin() + static_cast<std::ptrdiff_t>(4 * r + 4));
    const Vector alone = plan.forward_inference(row, 1, c.parameters, c.statistics);
    for (std::size_t o = 0; o < 3; ++o) EXPECT_EQ(alone[o], together[r * 3 + o]);
  }
}

TEST(reference_plan, batch_statistics_leave_those_of_standardise_alone) {
  const Network network{3, {Standardise{}, Dense{2}, BatchNorm{}, Dense{1}}};
  const ReferenceCase c = make_case(network);
  ReferencePlan<double> plan(network);
  plan.forward_training(c.x, c.rows, c.parameters, c.statistics, kSeed, kStep);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(plan.batch_statistics()[i], c.statistics[i]);
  // The mean of channel 0 of z, by the book.
  double sum = 0;
  for (std::size_t r = 0; r < c.rows; ++r) sum += plan.layer_input(2)[r * 2];
  EXPECT_NEAR(plan.batch_statistics()[6], sum / 7, 1e-14);
}

TEST(reference_plan, dropout_depends_on_seed_layer_and_step) {
  const Network network{8, {Dropout{0.5}, Dense{1}, Dropout{0.5}}};
  ReferenceCase c = make_case(network, 32);
  c.x.assign(c.x.size(), 1.0);
  ReferencePlan<double> plan(network);
  const auto mask = [&](std::uint64_t seed, std::uint64_t step) {
    plan.forward_training(c.x, c.rows, c.parameters, c.statistics, seed, step);
    return plan.layer_input(1);
  };
  const Vector first = mask(5, 3);
  EXPECT_EQ(mask(5, 3), first);
  EXPECT_NE(mask(6, 3), first);
  EXPECT_NE(mask(5, 4), first);
  const RandomStream stream(5, Purpose::dropout, 0, 3);
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_EQ(first[i], stream.bits(i) < (1u << 31) ? 0.0 : 2.0);
}

TEST(reference_plan, runs_in_long_double) {
  const ReferenceCase c = make_case(dense_network(small_options()));
  ReferencePlan<double> plan(c.network);
  ReferencePlan<long double> finer(c.network);
  const std::vector<long double> x(c.x.begin(), c.x.end()),
      parameters(c.parameters.begin(), c.parameters.end());
  const std::vector<long double> statistics(c.statistics.begin(), c.statistics.end());
  const Vector rough = plan.forward_training(c.x, c.rows, c.parameters, c.statistics, kSeed, kStep);
  const auto fine = finer.forward_training(x, c.rows, parameters, statistics, kSeed, kStep);
  for (std::size_t i = 0; i < rough.size(); ++i)
    EXPECT_NEAR(rough[i], static_cast<double>(fine[i]), 1e-12 * largest(rough));
}

TEST(reference_plan, refuses_what_validate_refuses) {
  EXPECT_THROW(ReferencePlan<double>({3, {BatchNorm{-1}, Dense{1}}}), Error);
}

}  // namespace
}  // namespace ztilde
