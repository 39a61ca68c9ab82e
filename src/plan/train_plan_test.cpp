#include "plan/train_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>

#include "plan/plan_test_networks.hpp"
#include "plan/reference_plan.hpp"

namespace ztilde {
namespace {

using testing_networks::Case;

struct StepResult {
  std::vector<float> output, gradients;
  std::vector<double> statistics;
};

// One forward and backward pass; the loss is Σ output · w for fixed random w.
StepResult run_step(const Network& network, const std::vector<float>& x, std::size_t rows,
                    std::size_t threads, const std::vector<float>& parameters,
                    const std::vector<double>& statistics, const std::vector<float>& w, std::uint64_t step,
                    bool keep_statistics = false) {
  const std::size_t outputs = layer_outputs(network).back();
  StepResult result{std::vector<float>(rows * outputs), std::vector<float>(parameters.size()), statistics};
  TrainPlan plan(network, {rows, rows + 1}, threads, parameters.data(), result.gradients.data(),
                 statistics.data(), 3);
  if (keep_statistics) plan.keep_statistics(statistics);
  Team team(threads);
  const Batch batch{{nullptr, x.data(), network.inputs}, nullptr, rows, nullptr};
  plan.begin(step);
  const Cut blocks = plan.blocks(rows);
  team.run([&](const Worker& worker) {
    plan.forward(worker, batch);
    plan.for_own_blocks(worker, rows, [&](std::size_t block) {
      const std::size_t first = blocks.first(block), size = blocks.size(block);
      const auto out = plan.output(first, size);
      const auto gradient = plan.output_gradient(first, size);
      for (std::size_t r = 0; r < size; ++r) {
        for (std::size_t c = 0; c < outputs; ++c) {
          result.output[(first + r) * outputs + c] = out(r, c);
          gradient(r, c) = w[(first + r) * outputs + c];
        }
      }
    });
    plan.backward(worker, batch, [] { return true; });
  });
  std::vector<std::uint64_t> batches(statistic_slots(network).size());
  plan.update_running(rows, result.statistics, batches);
  return result;
}

class EveryNetwork : public testing::TestWithParam<Case> {};

// With known statistics the forward pass is that of use, and the gradient is its derivative: complex steps
// of the oracle at some parameters of every tensor.
TEST_P(EveryNetwork, with_its_statistics_kept_is_the_network_in_use) {
  const Network& network = GetParam().network;
  if (has_layer<Dropout>(network)) GTEST_SKIP() << "dropping out is no part of use";
  using Complex = std::complex<double>;
  constexpr std::size_t kRows = 31;
  const std::vector<float> parameters = testing_networks::random_parameters(network);
  const std::vector<double> statistics = testing_networks::random_statistics(network);
  const std::vector<float> x = testing_networks::random_inputs(network, kRows);
  const std::vector<float> w = testing_networks::random_rows(kRows, layer_outputs(network).back(), 9);
  const StepResult fast = run_step(network, x, kRows, 2, parameters, statistics, w, 4, true);
  EXPECT_EQ(fast.statistics, statistics);

  ReferencePlan<Complex> reference(network);
  std::vector<Complex> at(parameters.begin(), parameters.end());
  const std::vector<Complex> inputs(x.begin(), x.end()), known(statistics.begin(), statistics.end());
  const std::vector<Complex> exact = reference.forward_inference(inputs, kRows, at, known);
  double largest = 1;
  for (const Complex& value : exact) largest = std::max(largest, std::abs(value.real()));
  for (std::size_t i = 0; i < exact.size(); ++i) ASSERT_NEAR(fast.output[i], exact[i].real(), 5e-5 * largest);

  constexpr double kStep = 1e-30;
  double whole = 0;
  for (const float gradient : fast.gradients) whole = std::max(whole, std::abs(double{gradient}));
  for (const ParameterSlot& slot : parameter_slots(network)) {
    for (const std::size_t i : {std::size_t{0}, slot.size() / 3, slot.size() - 1}) {
      at[slot.offset + i] = {parameters[slot.offset + i], kStep};
      Complex sum = 0;
      const std::vector<Complex> moved = reference.forward_inference(inputs, kRows, at, known);
      for (std::size_t k = 0; k < moved.size(); ++k) sum += moved[k] * double{w[k]};
      at[slot.offset + i] = parameters[slot.offset + i];
      // Sums of floats over the rows, as in the next test.
      EXPECT_NEAR(fast.gradients[slot.offset + i], sum.imag() / kStep, 2e-4 * whole)
          << "layer " << slot.layer << " " << slot.name << " " << i;
    }
  }
}

TEST_P(EveryNetwork, forward_and_backward_equal_the_reference_in_double) {
  const Network& network = GetParam().network;
  const std::vector<float> parameters = testing_networks::random_parameters(network);
  const std::vector<double> statistics = testing_networks::random_statistics(network);
  const std::size_t outputs = layer_outputs(network).back();
  for (const std::size_t rows : {2u, 3u, 31u, 60u, 129u, 300u}) {
    const std::vector<float> x = testing_networks::random_inputs(network, rows);
    const std::vector<float> w = testing_networks::random_rows(rows, outputs, 9);
    const StepResult fast = run_step(network, x, rows, 2, parameters, statistics, w, 4);

    ReferencePlan<double> reference(network);
    const std::vector<double> exact = reference.forward_training(
        {x.begin(), x.end()}, rows, {parameters.begin(), parameters.end()}, statistics, 3, 4);
    std::vector<double> d_parameters(parameters.size(), 0.0);
    reference.backward({w.begin(), w.end()}, d_parameters);

    // Each layer rounds sums of up to 300 terms to float (2^-24 relative to the terms) and up to 13
    // layers follow each other; with 2 rows batch norm divides by |z1 - z2|, which may be small.
    const double slack = rows <= 3 ? 2e-3 : 5e-5;
    double largest = 1;
    for (const double value : exact) largest = std::max(largest, std::abs(value));
    for (std::size_t i = 0; i < exact.size(); ++i) {
      ASSERT_NEAR(fast.output[i], exact[i], slack * largest) << "row " << i / outputs << " of " << rows;
    }
    double whole = 0;
    for (const double gradient : d_parameters) whole = std::max(whole, std::abs(gradient));
    for (const ParameterSlot& slot : parameter_slots(network)) {
      // A bias before batch norm, or a batch norm before another, has a gradient that is all
      // cancellation: what is left is rounding of terms as large as the other gradients.
      double scale = 1e-2 * whole;
      for (std::size_t i = 0; i < slot.size(); ++i)
        scale = std::max(scale, std::abs(d_parameters[slot.offset + i]));
      // 2 rows: the gradient through batch norm is a difference that cancels to O(epsilon).
      const double gradient_slack = rows <= 3 ? 0.05 : 2e-4;
      for (std::size_t i = 0; i < slot.size(); ++i) {
        ASSERT_NEAR(fast.gradients[slot.offset + i], d_parameters[slot.offset + i], gradient_slack * scale)
            << "layer " << slot.layer << " " << slot.name << "[" << i << "], " << rows << " rows";
      }
    }
    for (const StatisticSlot& slot : statistic_slots(network)) {
      if (!std::holds_alternative<BatchNorm>(network.layers[slot.layer])) continue;
      const double keep = std::get<BatchNorm>(network.layers[slot.layer]).keep;
      for (std::size_t i = 0; i < 2 * slot.channels; ++i) {
        const double batch = reference.batch_statistics()[slot.offset + i];
        const double expected = keep * statistics[slot.offset + i] + (1 - keep) * batch;
        ASSERT_NEAR(fast.statistics[slot.offset + i], expected, 2e-4 * (1 + std::abs(batch)));
      }
    }
  }
}

TEST_P(EveryNetwork, the_bits_do_not_depend_on_the_number_of_threads) {
  const Network& network = GetParam().network;
  const std::vector<float> parameters = testing_networks::random_parameters(network);
  const std::vector<double> statistics = testing_networks::random_statistics(network);
  const std::size_t rows = 251;
  const std::vector<float> x = testing_networks::random_inputs(network, rows);
  const std::vector<float> w = testing_networks::random_rows(rows, layer_outputs(network).back(), 9);
  const StepResult one = run_step(network, x, rows, 1, parameters, statistics, w, 4);
  for (const std::size_t threads : {2u, 3u, 4u}) {
    const StepResult many = run_step(network, x, rows, threads, parameters, statistics, w, 4);
    EXPECT_EQ(one.output, many.output) << threads;
    EXPECT_EQ(one.gradients, many.gradients) << threads;
    EXPECT_EQ(one.statistics, many.statistics) << threads;
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, EveryNetwork, testing::ValuesIn(testing_networks::with_images()),
                         [](const auto& network) {
                           std::string name = network.param.name;
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

TEST(TrainPlan, gamma_sqrt_of_variance_and_beta_mean_make_batch_norm_the_identity) {
  const Network plain{6, {Dense{16, false}, Activation{ActivationKind::tanh}, Dense{3, true}}};
  const Network normed{6, {Dense{16, false}, BatchNorm{}, Activation{ActivationKind::tanh}, Dense{3, true}}};
  const std::size_t rows = 200;
  const std::vector<float> x = testing_networks::random_rows(rows, 6), w(rows * 3, 0.0f);
  const std::vector<float> start = testing_networks::random_parameters(plain);
  const StepResult without = run_step(plain, x, rows, 2, start, {}, w, 0);

  std::vector<float> parameters(parameter_arena_size(normed));
  const auto copy = [&](std::size_t from_layer, std::size_t to_layer, std::string_view name) {
    for (const ParameterSlot& from : parameter_slots(plain)) {
      for (const ParameterSlot& to : parameter_slots(normed)) {
        if (from.layer != from_layer || to.layer != to_layer || from.name != name || to.name != name)
          continue;
        std::copy_n(start.begin() + from.offset, from.size(), parameters.begin() + to.offset);
      }
    }
  };
  copy(0, 0, "weight");
  copy(2, 3, "weight");
  copy(2, 3, "bias");
  // keep 0.9 from 0: the batch's statistics are ten times what one update left.
  const StepResult measured = run_step(normed, x, rows, 2, parameters, std::vector<double>(32, 0.0), w, 0);
  for (const ParameterSlot& slot : parameter_slots(normed)) {
    if (slot.layer != 1) continue;
    for (std::size_t c = 0; c < 16; ++c) {
      parameters[slot.offset + c] =
          static_cast<float>(slot.name == "weight" ? std::sqrt(10 * measured.statistics[16 + c] + 1e-5)
                                                   : 10 * measured.statistics[c]);
    }
  }
  const StepResult identity = run_step(normed, x, rows, 2, parameters, std::vector<double>(32, 0.0), w, 0);
  for (std::size_t i = 0; i < without.output.size(); ++i)
    EXPECT_NEAR(identity.output[i], without.output[i], 3e-6);
}

TEST(TrainPlan, equal_layers_of_a_large_batch_keep_one_buffer_more_than_there_are_layers) {
  constexpr std::size_t kRows = 256, kLayers = 3, kWidth = 64, kOutputs = 4;
  const Network network =
      dense_network({.inputs = 20, .outputs = kOutputs, .hidden = std::vector<std::size_t>(kLayers, kWidth)});
  std::vector<float> parameters(parameter_arena_size(network)), gradients(parameters.size());
  const std::vector<double> statistics = testing_networks::random_statistics(network);
  const TrainPlan plan(network, {kRows}, 2, parameters.data(), gradients.data(), statistics.data(), 0);
  EXPECT_EQ(plan.activation_bytes(), ((kLayers + 1) * kWidth + 2 * kOutputs) * kRows * sizeof(float));
}

TEST(TrainPlan, a_nan_is_named_by_layer_and_channel_and_changes_no_gradient) {
  const Network network{4, {Dense{5, false}, BatchNorm{}, Activation{}, Dense{2, true}}};
  std::vector<float> parameters = testing_networks::random_parameters(network);
  parameters[parameter_slots(network)[0].offset + 3 * 4] = std::nanf("");  // the weight of channel 3
  std::vector<float> gradients(parameters.size(), 7.0f);
  const std::vector<float> x = testing_networks::random_rows(10, 4);
  TrainPlan plan(network, {10}, 2, parameters.data(), gradients.data(), nullptr, 0);
  Team team(2);
  const Batch batch{{nullptr, x.data(), 4}, nullptr, 10, nullptr};
  plan.begin(0);
  team.run([&](const Worker& worker) {
    plan.forward(worker, batch);
    EXPECT_FALSE(plan.backward(worker, batch, [] { return true; }));
  });
  ASSERT_TRUE(plan.fault());
  EXPECT_EQ(plan.fault()->layer, 1u);
  EXPECT_EQ(plan.fault()->channel, 3u);
  EXPECT_EQ(gradients, std::vector<float>(parameters.size(), 7.0f));
}

}  // namespace
}  // namespace ztilde
