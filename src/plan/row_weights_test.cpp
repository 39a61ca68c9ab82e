// Rows that count by weights: in the batch statistics, backward through them, and what follows for a
// row that counts twice or not at all.
#include <gtest/gtest.h>

#include <cmath>

#include "layers/complex_step.hpp"
#include "plan/plan_test_networks.hpp"
#include "plan/population.hpp"
#include "plan/reference_plan.hpp"
#include "plan/train_plan.hpp"

namespace ztilde {
namespace {

using testing::Complex;
using testing::complex_step_gradient;
using testing::largest;
using testing::largest_difference;
using testing::to_complex;
using Vector = std::vector<double>;

struct StepResult {
  std::vector<float> output, gradients;
  std::vector<double> statistics;
};

// The loss is Σ output · d_output.
StepResult run_step(const Network& network, const std::vector<float>& x, const std::vector<float>& weights,
                    const std::vector<float>& d_output, std::size_t threads = 2) {
  const std::vector<float> parameters = testing_networks::random_parameters(network);
  const std::vector<double> statistics = testing_networks::random_statistics(network);
  const std::size_t rows = x.size() / network.inputs, outputs = layer_outputs(network).back();
  StepResult result{std::vector<float>(rows * outputs), std::vector<float>(parameters.size()), statistics};
  TrainPlan plan(network, {rows}, threads, parameters.data(), result.gradients.data(), statistics.data(), 3);
  Team team(threads);
  const Batch batch{{nullptr, x.data(), network.inputs},
                    nullptr,
                    rows,
                    nullptr,
                    weights.empty() ? nullptr : weights.data()};
  plan.begin(0);
  const Cut blocks = plan.blocks(rows);
  team.run([&](const Worker& worker) {
    plan.forward(worker, batch);
    worker.share(blocks.parts, [&](std::size_t block) {
      const std::size_t first = blocks.first(block), size = blocks.size(block);
      copy_rows(plan.output(first, size), {result.output.data() + first * outputs, size, outputs});
      copy_rows({d_output.data() + first * outputs, size, outputs}, plan.output_gradient(first, size));
    });
    plan.backward(worker, batch, [] { return true; });
  });
  std::vector<std::uint64_t> batches(statistic_slots(network).size());
  plan.update_running(rows, result.statistics, batches);
  return result;
}

std::vector<float> some_weights(std::size_t rows) {
  std::vector<float> weights(rows);
  for (std::size_t r = 0; r < rows; ++r)
    weights[r] = r % 4 == 1 ? 0.0f : 0.25f * static_cast<float>(1 + r % 5);
  return weights;
}

std::vector<Network> normed_networks() {
  std::vector<Network> networks;
  for (const auto& [name, network] : testing_networks::all()) {
    for (const Layer& layer : network.layers) {
      if (!std::holds_alternative<BatchNorm>(layer)) continue;
      networks.push_back(network);
      break;
    }
  }
  return networks;
}

TEST(RowWeights, gradients_of_the_reference_are_those_of_its_forward) {
  for (const NormPlace place : {NormPlace::before, NormPlace::after}) {
    const Network network = dense_network({.inputs = 4,
                                           .outputs = 3,
                                           .hidden = {5, 6},
                                           .activation = ActivationKind::tanh,
                                           .norm_place = place});
    const std::size_t rows = 11;
    const std::vector<float> drawn_x = testing_networks::random_rows(rows, 4),
                             drawn_d = testing_networks::random_rows(rows, 3, 9),
                             drawn_weights = some_weights(rows),
                             drawn_parameters = testing_networks::random_parameters(network);
    const Vector x(drawn_x.begin(), drawn_x.end()), d_output(drawn_d.begin(), drawn_d.end()),
        weights(drawn_weights.begin(), drawn_weights.end()),
        parameters(drawn_parameters.begin(), drawn_parameters.end());
    const Vector statistics = testing_networks::random_statistics(network);
    const auto loss = [&](const std::vector<Complex>& at_x, const std::vector<Complex>& at_parameters) {
      ReferencePlan<Complex> plan(network);
      const auto output =
          plan.forward_training(at_x, rows, at_parameters, to_complex(statistics), 0, 0, weights);
      Complex sum(0);
      for (std::size_t i = 0; i < output.size(); ++i) sum += output[i] * d_output[i];
      return sum;
    };
    ReferencePlan<double> plan(network);
    plan.forward_training(x, rows, parameters, statistics, 0, 0, weights);
    Vector d_parameters(parameters.size());
    const Vector d_x = plan.backward(d_output, d_parameters);
    const auto by_x =
        complex_step_gradient([&](const auto& at) { return loss(at, to_complex(parameters)); }, x);
    const auto by_parameters =
        complex_step_gradient([&](const auto& at) { return loss(to_complex(x), at); }, parameters);
    // As in reference_plan_test.cpp: a few layers of sums in double.
    EXPECT_LE(largest_difference(d_x, by_x), 1e-11 * largest(by_x));
    EXPECT_LE(largest_difference(d_parameters, by_parameters), 1e-11 * largest(by_parameters));
  }
}

TEST(RowWeights, the_plan_equals_the_reference_in_double_for_every_network) {
  for (const Network& network : normed_networks()) {
    for (const std::size_t rows : {31u, 129u, 300u}) {
      const std::vector<float> x = testing_networks::random_inputs(network, rows),
                               weights = some_weights(rows),
                               d = testing_networks::random_rows(rows, layer_outputs(network).back(), 9);
      const StepResult fast = run_step(network, x, weights, d);
      const std::vector<float> parameters = testing_networks::random_parameters(network);
      const std::vector<double> statistics = testing_networks::random_statistics(network);
      ReferencePlan<double> reference(network);
      const Vector exact =
          reference.forward_training({x.begin(), x.end()}, rows, {parameters.begin(), parameters.end()},
                                     statistics, 3, 0, {weights.begin(), weights.end()});
      Vector d_parameters(parameters.size());
      reference.backward({d.begin(), d.end()}, d_parameters);
      // The tolerances of train_plan_test.cpp, for the same reasons.
      const double size = std::max(1.0, largest(exact)), whole = largest(d_parameters);
      for (std::size_t i = 0; i < exact.size(); ++i) ASSERT_NEAR(fast.output[i], exact[i], 5e-5 * size);
      for (const ParameterSlot& slot : parameter_slots(network)) {
        double scale = 1e-2 * whole;
        for (std::size_t i = slot.offset; i < slot.offset + slot.size(); ++i)
          scale = std::max(scale, std::abs(d_parameters[i]));
        for (std::size_t i = slot.offset; i < slot.offset + slot.size(); ++i)
          ASSERT_NEAR(fast.gradients[i], d_parameters[i], 2e-4 * scale) << "layer " << slot.layer;
      }
      for (const StatisticSlot& slot : statistic_slots(network)) {
        const auto* norm = std::get_if<BatchNorm>(&network.layers[slot.layer]);
        if (norm == nullptr) continue;
        for (std::size_t i = slot.offset; i < slot.offset + 2 * slot.channels; ++i) {
          const double batch = reference.batch_statistics()[i];
          ASSERT_NEAR(fast.statistics[i], norm->keep * statistics[i] + (1 - norm->keep) * batch,
                      2e-4 * (1 + std::abs(batch)));
        }
      }
    }
  }
}

TEST(RowWeights, the_bits_do_not_depend_on_the_number_of_threads) {
  for (const Network& network : normed_networks()) {
    const std::size_t rows = 251;
    const std::vector<float> x = testing_networks::random_inputs(network, rows), weights = some_weights(rows),
                             d = testing_networks::random_rows(rows, layer_outputs(network).back(), 9);
    const StepResult one = run_step(network, x, weights, d, 1);
    for (const std::size_t threads : {2u, 4u}) {
      const StepResult many = run_step(network, x, weights, d, threads);
      EXPECT_EQ(one.output, many.output);
      EXPECT_EQ(one.gradients, many.gradients);
      EXPECT_EQ(one.statistics, many.statistics);
    }
  }
}

const Network kNetwork = dense_network({.inputs = 6, .outputs = 2, .hidden = {20, 20}});

// Both went through three layers of float products, in other orders.
void expect_close(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  float size = 0;
  for (const float value : a) size = std::max(size, std::abs(value));
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 3e-5f * size) << i;
}

void expect_close(const std::vector<double>& a, const std::vector<double>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-5 * (1 + std::abs(a[i]))) << i;
}

TEST(RowWeights, weights_of_one_or_all_alike_are_no_weights) {
  const std::size_t rows = 200;
  const std::vector<float> x = testing_networks::random_rows(rows, 6),
                           d = testing_networks::random_rows(rows, 2, 9);
  const StepResult plain = run_step(kNetwork, x, {}, d);
  for (const float weight : {1.0f, 0.001f, 77.0f}) {
    const StepResult weighted = run_step(kNetwork, x, std::vector<float>(rows, weight), d);
    expect_close(plain.output, weighted.output);
    expect_close(plain.gradients, weighted.gradients);
    expect_close(plain.statistics, weighted.statistics);
  }
}

TEST(RowWeights, a_weight_of_two_is_the_row_twice_and_a_weight_of_zero_the_row_left_out) {
  const std::size_t rows = 300;
  const std::vector<float> x = testing_networks::random_rows(rows, 6),
                           d = testing_networks::random_rows(rows, 2, 9);
  std::vector<float> weights(rows), d_weighted(d), repeated_x, repeated_d;
  for (std::size_t r = 0; r < rows; ++r) {
    weights[r] = static_cast<float>(r % 3);
    // A loss that counts the row so often has a gradient so many times as large.
    for (std::size_t i = 2 * r; i < 2 * r + 2; ++i) d_weighted[i] *= weights[r];
    for (std::size_t n = 0; n < r % 3; ++n) {
      repeated_x.insert(repeated_x.end(), x.begin() + 6 * r, x.begin() + 6 * r + 6);
      repeated_d.insert(repeated_d.end(), d.begin() + 2 * r, d.begin() + 2 * r + 2);
    }
  }
  const StepResult weighted = run_step(kNetwork, x, weights, d_weighted);
  const StepResult repeated = run_step(kNetwork, repeated_x, {}, repeated_d);
  expect_close(weighted.gradients, repeated.gradients);
  expect_close(weighted.statistics, repeated.statistics);
}

TEST(RowWeights, the_unbiased_variance_counts_the_rows_that_weights_leave) {
  Network network{1, {BatchNorm{0, 0, VarianceKind::unbiased}, Dense{1}}};
  // Σ w = 4, Σ w² = 6: 8/3 rows. Mean 1, variance 1, times (8/3) / (5/3).
  const StepResult result = run_step(network, {0, 2, 0, 9}, {1, 2, 1, 0}, std::vector<float>(4, 0));
  EXPECT_DOUBLE_EQ(result.statistics[0], 1.0);
  EXPECT_DOUBLE_EQ(result.statistics[1], 1.0 * 1.6);
}

TEST(RowWeights, standardise_and_population_statistics_count_them_too) {
  std::vector<float> x, weights, repeated;
  for (int r = 0; r < 500; ++r) {
    const std::vector<float> row = {static_cast<float>(r % 50), 1e7f + static_cast<float>(r % 7)};
    weights.push_back(static_cast<float>(r % 3));
    x.insert(x.end(), row.begin(), row.end());
    for (int n = 0; n < r % 3; ++n) repeated.insert(repeated.end(), row.begin(), row.end());
  }
  Team team(2);
  Vector mean(2), variance(2), mean_twice(2), variance_twice(2);
  const Batch weighted{{nullptr, x.data(), 2}, nullptr, 500, nullptr, weights.data()};
  const Batch twice{{nullptr, repeated.data(), 2}, nullptr, repeated.size() / 2, nullptr};
  measure_inputs(weighted, 2, team, mean, variance);
  measure_inputs(twice, 2, team, mean_twice, variance_twice);
  for (std::size_t c = 0; c < 2; ++c) {
    EXPECT_NEAR(mean[c], mean_twice[c], 1e-15 * mean[c] * 4);
    EXPECT_NEAR(variance[c], variance_twice[c], 1e-8);  // the mean of 1e7 is known to 1e-9 in double
  }
  const Network network{2, {Standardise{}, Dense{4, false}, BatchNorm{}, Dense{1}}};
  const std::vector<float> parameters = testing_networks::random_parameters(network);
  Vector statistics(statistic_arena_size(network));
  std::copy(mean.begin(), mean.end(), statistics.begin());
  std::copy(variance.begin(), variance.end(), statistics.begin() + 2);
  Vector other = statistics;
  std::vector<std::uint64_t> batches(2);
  ASSERT_FALSE(measure_population(network, parameters.data(), weighted, team, statistics, batches));
  ASSERT_FALSE(measure_population(network, parameters.data(), twice, team, other, batches));
  for (std::size_t i = 0; i < statistics.size(); ++i)
    EXPECT_NEAR(statistics[i], other[i], 1e-6 * (1 + std::abs(other[i])));
}

}  // namespace
}  // namespace ztilde
