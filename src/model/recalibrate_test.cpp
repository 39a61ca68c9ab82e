// Population statistics measured anew, and how far they moved.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.hpp"
#include "base/test_support.hpp"
#include "model/model_file.hpp"
#include "ztilde/model.hpp"

namespace ztilde {
namespace {

std::vector<float> normal_numbers(std::size_t count, std::uint32_t which) {
  const RandomStream stream(5, Purpose::initialise, which, 0);
  std::vector<float> numbers(count);
  for (std::size_t i = 0; i < count; ++i) numbers[i] = static_cast<float>(stream.normal(i));
  return numbers;
}

Model some_model() {
  Model model;
  model.network = {3,
                   {Dense{5, false}, BatchNorm{}, Activation{ActivationKind::tanh}, Dense{4, false},
                    BatchNorm{.epsilon = 0.5}, Activation{}, Dense{2, true}}};
  model.parameters = normal_numbers(parameter_arena_size(model.network), 1);
  model.statistics.assign(statistic_arena_size(model.network), 0.5);
  model.statistic_batches.assign(2, 9);
  model.target_name = "y";
  model.classes = {"a", "b"};
  model.test_inputs = normal_numbers(6, 2);
  model.test_outputs = outputs(model, model.test_inputs, 1);
  return model;
}

Dataset some_rows(std::size_t rows) {
  Dataset data;
  data.rows = rows;
  data.columns = 3;
  data.floats = normal_numbers(3 * rows, 4);
  return data;
}

TEST(Recalibrate, gives_the_same_bits_for_any_number_of_threads) {
  const Model model = some_model();
  const Dataset data = some_rows(1500);
  const Model one = with_population_statistics(model, data, 1);
  for (const std::size_t threads : {2, 4}) {
    EXPECT_EQ(model_file::to_bytes(with_population_statistics(model, data, threads), "m"),
              model_file::to_bytes(one, "m"));
  }
}

TEST(Recalibrate, of_the_rows_it_was_done_with_changes_nothing_more) {
  const Dataset data = some_rows(300);
  const Model once = with_population_statistics(some_model(), data, 1);
  const Model twice = with_population_statistics(once, data, 1);
  EXPECT_EQ(twice.statistics, once.statistics);
  for (const StatisticsMove& move : statistics_moves(once, twice)) {
    EXPECT_EQ(move.mean.most, 0);
    EXPECT_EQ(move.deviation.most, 1);
  }
}

// Sums of floats in another order, of numbers near 1.
TEST(Recalibrate, counts_rows_by_their_weights) {
  const Model model = some_model();
  Dataset some = some_rows(40), weighted = some_rows(60);
  for (std::size_t r = 0; r < 60; ++r) weighted.weights.push_back(r < 40 ? 1.5f : 0.0f);
  const Model expected = with_population_statistics(model, some, 1);
  const Model given = with_population_statistics(model, weighted, 2);
  for (std::size_t i = 0; i < given.statistics.size(); ++i)
    EXPECT_NEAR(given.statistics[i], expected.statistics[i], 2e-6 * std::max(1.0, expected.statistics[i]));
}

TEST(Recalibrate, is_told_by_the_model_and_its_file) {
  const Model measured = with_population_statistics(some_model(), some_rows(40), 1);
  EXPECT_EQ(measured.training.recalibrated_rows, 40u);
  const TemporaryFolder folder;
  save(measured, folder / "m");
  const Model loaded = load(folder / "m");  // which runs the test rows again
  EXPECT_EQ(loaded.training, measured.training);
  EXPECT_EQ(loaded.statistics, measured.statistics);
  save(some_model(), folder / "n");
  EXPECT_EQ(load(folder / "n").training.recalibrated_rows, 0u);
}

TEST(Recalibrate, refuses_what_has_no_variance_and_what_overflows) {
  const TemporaryFolder none;
  EXPECT_EQ(failure(none, [] { with_population_statistics(some_model(), some_rows(1), 1); }),
            "data: the data have 1 row, which has no variance; give 2 rows or more");
  Model model = some_model();
  model.parameters[4] = 3e38f;
  Dataset data = some_rows(20);
  data.floats[10] = 1e30f;
  EXPECT_EQ(failure(none, [&] { with_population_statistics(model, data, 1); }),
            "diverged: NaN or infinity in layer 1 (batch_norm), channel 1; there are no statistics to keep");
}

TEST(StatisticsMoves, are_in_standard_deviations_of_before) {
  const Model before = some_model();
  Model after = before;
  // Layer 1: variance 0.5, epsilon 1e-5; layer 4: variance 0.5, epsilon 0.5.
  after.statistics[3] += 2 * std::sqrt(0.5 + 1e-5);  // mean of channel 3
  after.statistics[0] -= 1 * std::sqrt(0.5 + 1e-5);
  after.statistics[5 + 1] = 4 * (0.5 + 1e-5) - 1e-5;  // variance of channel 1
  after.statistics[10] += 3;
  after.statistics[11] += 1;
  after.statistics[10 + 4 + 2] = 0;
  const std::vector<StatisticsMove> moves = statistics_moves(before, after);
  ASSERT_EQ(moves.size(), 2u);
  EXPECT_EQ(moves[0].layer, 1u);
  EXPECT_EQ(moves[0].channels, 5u);
  EXPECT_NEAR(moves[0].mean.most, 2, 1e-12);
  EXPECT_EQ(moves[0].mean.channel, 3u);
  EXPECT_EQ(moves[0].mean.median, 0);
  EXPECT_NEAR(moves[0].deviation.most, 2, 1e-12);
  EXPECT_EQ(moves[0].deviation.channel, 1u);
  EXPECT_EQ(moves[0].deviation.median, 1);
  EXPECT_EQ(moves[1].layer, 4u);
  EXPECT_NEAR(moves[1].mean.most, 3, 1e-12);
  EXPECT_NEAR(moves[1].mean.median, 0.5, 1e-12);              // of 0, 0, 1, 3
  EXPECT_NEAR(moves[1].deviation.most, std::sqrt(2), 1e-12);  // of a smaller one too
  const TemporaryFolder none;
  EXPECT_EQ(failure(none, [&] { statistics_moves(before, first_layers(before, 3)); }),
            "data: the models have different networks; compare two of the same network");
}

}  // namespace
}  // namespace ztilde
