// What rows add to the statistics of a model, and what their noise makes of a distance.
#include "model/drift_statistics.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "model/model_test_models.hpp"

namespace ztilde {
namespace {

using testing_models::model_of;

TEST(DriftSums, are_those_of_what_the_layers_below_give_in_use) {
  const std::size_t rows = 37;
  std::size_t compared = 0;
  for (const auto& [name, network] : testing_networks::all()) {
    const Model model = model_of(network);
    const DriftLayout layout = drift_layout(model);
    const std::vector<float> x = testing_networks::random_inputs(network, rows);
    std::vector<float> weights(rows);
    for (std::size_t r = 0; r < rows; ++r) weights[r] = static_cast<float>(r % 3);
    Team team(2);
    const Batch batch{{nullptr, x.data(), network.inputs}, nullptr, rows, nullptr, weights.data()};
    const DriftSums sums = drift_sums(model, layout, batch, team);
    for (const DriftChannels& channels : layout.layers) {
      if (channels.layer == 0 || layer_source(network, channels.layer) != channels.layer - 1) continue;
      const std::vector<float> z = outputs(first_layers(model, channels.layer), x, 1);
      for (std::size_t c = 0; c < channels.count; ++c) {
        double weight = 0, mean = 0, squares = 0;
        for (std::size_t i = c, n = 0; i < z.size(); i += channels.count, ++n) {
          const double w = weights[n / channels.pixels];
          const double d = std::clamp((z[i] - channels.mean[c]) * channels.inv_std[c], -5.0, 5.0);
          weight += w;
          mean += w * d;
          squares += w * d * d;
        }
        mean /= weight;
        const double variance = squares / weight - mean * mean;
        // Both are sums in double of the same floats, but for what a block's size rounds otherwise in a
        // product of up to 300 terms.
        const double most = 1e-4 * (1 + squares / weight);
        ASSERT_NEAR(sums.mean(channels.first + c), mean, most) << name << " layer " << channels.layer;
        ASSERT_NEAR(sums.variance(channels.first + c), variance, most) << name << " layer " << channels.layer;
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 300u);
}

TEST(DriftSums, do_not_depend_on_threads_or_stretches) {
  for (const auto& [name, network] : testing_networks::all()) {
    const Model model = model_of(network);
    const DriftLayout layout = drift_layout(model);
    const std::size_t rows = name == "before" ? 4200 : 20;  // one of them in two stretches
    const std::vector<float> x = testing_networks::random_inputs(network, rows);
    const Batch batch{{nullptr, x.data(), network.inputs}, nullptr, rows, nullptr};
    Team one(1), three(3);
    const DriftSums a = drift_sums(model, layout, batch, one), b = drift_sums(model, layout, batch, three);
    EXPECT_EQ(a.u, b.u) << name;
    EXPECT_EQ(a.v, b.v) << name;
    EXPECT_EQ(a.shares, b.shares) << name;
    EXPECT_EQ(a.weight, static_cast<double>(rows));
  }
}

TEST(DriftSums, count_categories_and_missing_numbers) {
  Model model;
  const EncodedColumn colour{Encoding::one_hot, 2, 0, MissingValue::none, 0};
  const EncodedColumn number{Encoding::numeric, 0, 0, MissingValue::indicator, 0};
  model.network = {2, {Encode{{colour, number}}, Standardise{}, Dense{1}}};
  model.parameters.resize(parameter_arena_size(model.network));
  model.statistics.assign(statistic_arena_size(model.network), 1);
  const DriftLayout layout = drift_layout(model);
  EXPECT_EQ(layout.columns, (std::vector<std::size_t>{1}));
  const std::vector<float> x = {0, 1, 0, NAN, 1, 3, 2, NAN, 1, 5, 1, 7};
  Team team(1);
  const DriftSums sums = drift_sums(model, layout, {{nullptr, x.data(), 2}, nullptr, 6, nullptr}, team);
  EXPECT_EQ(sums.shares, (std::vector<double>{2, 2, 3, 1}));  // missing; category 0, 1, none of them
  EXPECT_EQ(sums.changed, (std::vector<double>{3}));          // 3, 5 and 7 are not at the mean, 1
}

TEST(DriftNoise, gives_the_distance_that_it_gives_the_ratio_of) {
  for (const DriftNoise noise : {DriftNoise{1, std::sqrt(3)}, {0.2, 30}, {1e-3, 1e3}}) {
    for (const double rows : {2.0, 100.0, 1e6}) {
      for (const double ratio : {0.1, 3.0, 20.0})
        EXPECT_NEAR(noise_ratio(noise_distance(ratio, noise, rows), noise, rows), ratio, 1e-9 * ratio);
    }
  }
  // Without tails it is the central limit theorem's.
  EXPECT_DOUBLE_EQ(noise_distance(3, {2, 0}, 400), 0.3);
  EXPECT_TRUE(std::isinf(noise_ratio(1e-3, {0, 0}, 10)));
}

TEST(DriftNoise, of_a_share_allows_for_few_rows_that_were_never_seen) {
  const DriftNoise noise = share_noise(0, 10'000);
  EXPECT_GT(noise_distance(3.5, noise, 50), 2.0 / 50);       // 2 of 50 rows may be chance
  EXPECT_LT(noise_distance(3.5, noise, 5000), 10.0 / 5000);  // 10 of 5,000 are none
}

TEST(SampleSizes, interpolates_between_samples_and_goes_on_by_the_root_of_rows) {
  const std::vector<std::uint64_t> sizes = {8, 32, 128};
  const SampledDistance distance{0.1, {0.8, 0.4, 0.2}, {0.08, 0.04, 0.02}};
  const std::vector<double> limits = {5, 4, 3};
  const SampleSizes at_32(sizes, 32), at_64(sizes, 64), at_2(sizes, 2), at_512(sizes, 512), far(sizes, 1e12);
  EXPECT_DOUBLE_EQ(at_32.mean(distance), 0.4);
  EXPECT_NEAR(at_64.mean(distance), 0.4 / std::sqrt(2), 1e-12);
  EXPECT_NEAR(at_64.limit(limits), std::sqrt(12), 1e-12);
  EXPECT_DOUBLE_EQ(at_2.mean(distance), 1.6);
  EXPECT_DOUBLE_EQ(at_2.deviation(distance), 0.16);
  EXPECT_DOUBLE_EQ(at_2.limit(limits), 5);
  // 0.2² = 0.1² + noise, a quarter of which is left.
  EXPECT_NEAR(at_512.mean(distance), std::sqrt(0.01 + 0.03 / 4), 1e-12);
  EXPECT_NEAR(far.mean(distance), 0.1, 1e-6);
  EXPECT_DOUBLE_EQ(at_512.limit(limits), 3);
}

}  // namespace
}  // namespace ztilde
