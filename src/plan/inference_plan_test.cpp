#include "plan/inference_plan.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "plan/image_statistics.hpp"
#include "plan/plan_test_networks.hpp"
#include "plan/population.hpp"
#include "plan/reference_plan.hpp"
#include "ztilde/batch_norm.hpp"

namespace ztilde {
namespace {

std::vector<float> infer(const Network& network, const std::vector<float>& x, std::size_t rows,
                         std::size_t threads, const std::vector<float>& parameters,
                         const std::vector<double>& statistics) {
  const std::size_t outputs = layer_outputs(network).back();
  std::vector<float> result(rows * outputs);
  InferencePlan plan(network, rows, threads, parameters.data(), statistics.data());
  Team team(threads);
  plan.run(team, {{nullptr, x.data(), network.inputs}, nullptr, rows, nullptr},
           [&](const Worker&, std::size_t, std::size_t first, kernels::View out) {
             for (std::size_t r = 0; r < out.rows; ++r) {
               std::memcpy(result.data() + (first + r) * outputs, out.row(r), outputs * sizeof(float));
             }
           });
  return result;
}

TEST(InferencePlan, equals_the_reference_in_double_for_every_network) {
  for (const auto& [name, network] : testing_networks::with_images()) {
    const std::vector<float> parameters = testing_networks::random_parameters(network);
    const std::vector<double> statistics = testing_networks::random_statistics(network);
    const std::size_t rows = 70;
    const std::vector<float> x = testing_networks::random_inputs(network, rows);
    const std::vector<float> fast = infer(network, x, rows, 2, parameters, statistics);
    ReferencePlan<double> reference(network);
    const std::vector<double> exact = reference.forward_inference(
        {x.begin(), x.end()}, rows, {parameters.begin(), parameters.end()}, statistics);
    double largest = 1;
    for (const double value : exact) largest = std::max(largest, std::abs(value));
    // Up to 13 layers, each rounding sums of up to 300 terms to float.
    for (std::size_t i = 0; i < exact.size(); ++i) ASSERT_NEAR(fast[i], exact[i], 2e-5 * largest) << name;
  }
}

TEST(InferencePlan, a_row_has_the_same_bits_alone_and_in_any_company_on_any_number_of_threads) {
  for (const auto& network :
       {dense_network({.inputs = 784, .outputs = 10, .hidden = {256, 256}}),
        dense_network({.inputs = 13, .outputs = 1, .hidden = {1024, 7}, .norm_place = NormPlace::after}),
        dense_network({.inputs = 11, .outputs = 2, .encode = testing_networks::every_encoding()})}) {
    const std::vector<float> parameters = testing_networks::random_parameters(network);
    const std::vector<double> statistics = testing_networks::random_statistics(network);
    const std::size_t outputs = layer_outputs(network).back();
    const std::vector<float> x = testing_networks::random_inputs(network, 300);
    const std::vector<float> all = infer(network, x, 300, 1, parameters, statistics);
    EXPECT_EQ(all, infer(network, x, 300, 4, parameters, statistics));
    for (const std::size_t rows : {1u, 2u, 5u, 17u, 64u, 65u, 129u, 200u}) {
      const std::vector<float> few = infer(network, x, rows, 2, parameters, statistics);
      EXPECT_EQ(few, std::vector<float>(all.begin(), all.begin() + rows * outputs)) << rows;
    }
  }
}

TEST(InferencePlan, so_has_an_image) {
  for (const auto& [name, network] : testing_networks::of_images()) {
    const std::vector<float> parameters = testing_networks::random_parameters(network);
    const std::vector<double> statistics = testing_networks::random_statistics(network);
    const std::size_t outputs = layer_outputs(network).back();
    const std::vector<float> x = testing_networks::random_inputs(network, 67);
    const std::vector<float> all = infer(network, x, 67, 1, parameters, statistics);
    EXPECT_EQ(all, infer(network, x, 67, 4, parameters, statistics)) << name;
    for (const std::size_t rows : {1u, 2u, 5u, 33u}) {
      const std::vector<float> few = infer(network, x, rows, 2, parameters, statistics);
      EXPECT_EQ(few, std::vector<float>(all.begin(), all.begin() + rows * outputs)) << name << ' ' << rows;
    }
  }
}

TEST(Population, of_every_network_equals_the_reference) {
  for (const auto& [name, network] : testing_networks::with_images()) {
    Network without_dropout = network;
    for (Layer& layer : without_dropout.layers) {
      if (auto* dropout = std::get_if<Dropout>(&layer)) dropout->probability = 0;
    }
    const std::vector<float> parameters = testing_networks::random_parameters(network);
    const std::size_t rows = 150;
    const std::vector<float> x = testing_networks::random_inputs(network, rows);
    std::vector<double> statistics = testing_networks::random_statistics(network);
    ReferencePlan<double> reference(without_dropout);
    reference.forward_training({x.begin(), x.end()}, rows, {parameters.begin(), parameters.end()}, statistics,
                               0, 0);
    Team team(2);
    std::vector<std::uint64_t> batches(statistic_slots(network).size());
    ASSERT_FALSE(measure_population(network, parameters.data(),
                                    {{nullptr, x.data(), network.inputs}, nullptr, rows, nullptr}, team,
                                    statistics, batches));
    for (std::size_t i = 0; i < statistics.size(); ++i) {
      const double expected = reference.batch_statistics()[i];
      ASSERT_NEAR(statistics[i], expected, 1e-4 * (1 + std::abs(expected))) << name << ' ' << i;
    }
  }
}

TEST(Population, of_images_is_the_same_whatever_is_kept_between_the_passes) {
  std::size_t kept = 0;
  for (const auto& [name, network] : testing_networks::of_images()) {
    if (!has_images(lower(network))) continue;
    const std::vector<float> parameters = testing_networks::random_parameters(network);
    const std::vector<double> statistics = testing_networks::random_statistics(network);
    const std::size_t rows = 41;
    const std::vector<float> x = testing_networks::random_inputs(network, rows);
    const Batch batch{{nullptr, x.data(), network.inputs}, nullptr, rows, nullptr};
    Team team(2);
    std::vector<std::vector<double>> found;
    for (const std::size_t memory : {std::size_t{0}, std::size_t{30'000}, std::size_t{1} << 30}) {
      std::vector<double> arena = statistics;
      ImageStatistics images(network, parameters.data(), batch, team, arena.data(), memory);
      std::vector<double>& means = found.emplace_back();
      for (const ImagePass& pass : images.passes()) {
        kept += pass.from.has_value();
        EXPECT_TRUE(memory > 0 || (!pass.from && !pass.keep));
        const NormState norm = images.measure(pass);
        means.insert(means.end(), norm.mean.span().begin(), norm.mean.span().end());
        means.insert(means.end(), norm.variance.span().begin(), norm.variance.span().end());
        for (const StatisticSlot& slot : statistic_slots(network)) {
          if (slot.layer != images.stages()[pass.up_to].norm_layer) continue;
          std::copy_n(norm.mean.data(), slot.channels, arena.begin() + slot.offset);
          std::copy_n(norm.variance.data(), slot.channels, arena.begin() + slot.offset + slot.channels);
        }
        images.use(pass.up_to);
      }
    }
    EXPECT_EQ(found[0], found[1]) << name;
    EXPECT_EQ(found[0], found[2]) << name;
  }
  EXPECT_GT(kept, 10u);
}

TEST(Population, equals_the_reference_over_all_rows_also_when_they_are_sorted) {
  const Network network = dense_network({.inputs = 9, .outputs = 2, .hidden = {14, 12}, .dropout = 0.5});
  const std::vector<float> parameters = testing_networks::random_parameters(network);
  const std::size_t rows = 1000;
  std::vector<float> x = testing_networks::random_rows(rows, 9);
  for (std::size_t r = 0; r < rows; ++r) x[r * 9] += static_cast<float>(r) * 0.01f;
  std::vector<double> statistics = testing_networks::random_statistics(network);
  Network without_dropout = dense_network({.inputs = 9, .outputs = 2, .hidden = {14, 12}});
  ReferencePlan<double> reference(without_dropout);
  reference.forward_training({x.begin(), x.end()}, rows, {parameters.begin(), parameters.end()}, statistics,
                             0, 0);

  Team team(2);
  std::vector<std::uint64_t> batches(statistic_slots(network).size(), 99);
  ASSERT_FALSE(measure_population(network, parameters.data(),
                                  {{nullptr, x.data(), 9}, nullptr, rows, nullptr}, team, statistics,
                                  batches));
  EXPECT_EQ(batches, (std::vector<std::uint64_t>{99, 1, 1}));
  for (std::size_t i = 0; i < statistics.size(); ++i) {
    const double expected = reference.batch_statistics()[i];
    // Statistics are exact for the z they see; z itself is a product in float.
    EXPECT_NEAR(statistics[i], expected, 2e-5 * (1 + std::abs(expected))) << i;
  }
}

TEST(Population, input_columns_are_measured_exactly_and_constant_ones_named) {
  std::vector<float> x;
  for (int r = 0; r < 1000; ++r) {
    x.push_back(static_cast<float>(r));
    x.push_back(14.62f);
    x.push_back(1e7f + static_cast<float>(r % 2));
  }
  Team team(2);
  std::vector<double> mean(3), variance(3);
  EXPECT_EQ(measure_inputs({{nullptr, x.data(), 3}, nullptr, 1000, nullptr}, 3, team, mean, variance),
            std::vector<std::size_t>{1});
  EXPECT_DOUBLE_EQ(mean[0], 499.5);
  EXPECT_NEAR(variance[0], (1000.0 * 1000.0 - 1) / 12, 1e-6);
  EXPECT_EQ(mean[1], static_cast<double>(14.62f));
  EXPECT_EQ(variance[1], 1.0);
  EXPECT_DOUBLE_EQ(mean[2], 1e7 + 0.5);
  EXPECT_NEAR(variance[2], 0.25, 1e-9);  // the mean of 1e7 is known to 1e-9 in double
}

}  // namespace
}  // namespace ztilde
