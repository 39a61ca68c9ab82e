// Models cut, measured anew, and judged as training saw them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.hpp"
#include "base/test_support.hpp"
#include "plan/reference_plan.hpp"
#include "ztilde/model.hpp"

namespace ztilde {
namespace {

// Sums of floats against doubles, of numbers near 1.
constexpr double kRounding = 2e-6;

std::vector<float> normal_numbers(std::size_t count, std::uint32_t which) {
  const RandomStream stream(3, Purpose::initialise, which, 0);
  std::vector<float> numbers(count);
  for (std::size_t i = 0; i < count; ++i) numbers[i] = static_cast<float>(stream.normal(i));
  return numbers;
}

Model some_model() {
  Model model;
  model.network = {3,
                   {Dense{5, false}, BatchNorm{}, Activation{ActivationKind::tanh}, Dropout{0.5},
                    Dense{4, false}, BatchNorm{}, Activation{}, Dense{3, true}}};
  model.parameters = normal_numbers(parameter_arena_size(model.network), 1);
  model.statistics.assign(statistic_arena_size(model.network), 0.75);
  model.statistic_batches.assign(2, 9);
  model.statistics_source = StatisticsSource::running;
  model.classes = {"a", "b", "c"};
  model.test_inputs = normal_numbers(6, 2);
  model.test_outputs = outputs(model, model.test_inputs, 1);
  return model;
}

Dataset some_rows(std::size_t rows) {
  Dataset data;
  data.rows = rows;
  data.columns = 3;
  data.floats = normal_numbers(3 * rows, 4);
  data.classes = {"a", "b", "c"};
  for (std::size_t r = 0; r < rows; ++r) data.targets.push_back(static_cast<float>(r * r % 3));
  return data;
}

std::vector<double> doubles(const std::vector<float>& numbers) { return {numbers.begin(), numbers.end()}; }

TEST(FirstLayers, give_what_leaves_them) {
  const Model model = some_model();
  const std::vector<float> inputs = normal_numbers(21, 5);
  for (std::size_t layers = 1; layers <= model.network.layers.size(); ++layers) {
    const Model first = first_layers(model, layers);
    const std::vector<float> given = outputs(first, inputs, 1);
    ReferencePlan<double> plan(first.network);
    const std::vector<double> expected =
        plan.forward_inference(doubles(inputs), 7, doubles(first.parameters), first.statistics);
    ASSERT_EQ(given.size(), expected.size()) << layers;
    for (std::size_t i = 0; i < given.size(); ++i)
      EXPECT_NEAR(given[i], expected[i], kRounding * std::max(1.0, std::abs(expected[i]))) << layers;
  }
  EXPECT_EQ(outputs(first_layers(model, 8), inputs, 1), outputs(model, inputs, 1));
  const TemporaryFolder none;
  EXPECT_EQ(failure(none, [&] { first_layers(model, 9); }),
            "data: the first 9 layers of a network of 8; give 1 to 8");
  EXPECT_EQ(failure(none, [&] { first_layers(model, 0); }),
            "data: the first 0 layers of a network of 8; give 1 to 8");
}

TEST(PopulationStatistics, are_those_of_the_rows_as_one_batch) {
  const Model model = some_model();
  const Dataset data = some_rows(40);
  const Model measured = with_population_statistics(model, data, 2);
  const std::vector<float> z = outputs(first_layers(model, 1), data.floats, 1);
  for (std::size_t c = 0; c < 5; ++c) {
    double mean = 0, variance = 0;
    for (std::size_t r = 0; r < 40; ++r) mean += z[5 * r + c] / 40.0;
    for (std::size_t r = 0; r < 40; ++r) variance += std::pow(z[5 * r + c] - mean, 2) / 40.0;
    EXPECT_NEAR(measured.statistics[c], mean, kRounding);
    EXPECT_NEAR(measured.statistics[5 + c], variance, kRounding * std::max(1.0, variance));
  }
  EXPECT_EQ(measured.statistics_source, StatisticsSource::population);
  EXPECT_EQ(measured.statistic_batches, (std::vector<std::uint64_t>{1, 1}));
  EXPECT_EQ(measured.parameters, model.parameters);
  EXPECT_EQ(measured.test_outputs, outputs(measured, model.test_inputs, 1));
  EXPECT_NE(measured.test_outputs, model.test_outputs);
}

TEST(BatchScores, of_one_batch_are_those_with_its_population_statistics) {
  const Model model = some_model();
  const Dataset data = some_rows(40);
  const Scores whole = evaluate(with_population_statistics(model, data, 1), data, 1);
  for (const std::size_t threads : {1, 2}) {
    const Scores batch = evaluate_in_batches(model, data, 40, threads);
    EXPECT_NEAR(batch.loss, whole.loss, kRounding * whole.loss);
    EXPECT_EQ(batch.confusion, whole.confusion);
  }
  EXPECT_GT(std::abs(evaluate(model, data, 1).loss - whole.loss), 0.01);
}

// 41 rows in batches of at most 8: 5 of 7 and one of 6, none of them a leftover.
TEST(BatchScores, are_the_mean_over_batches_with_statistics_of_their_own) {
  const Model model = some_model();
  const Dataset data = some_rows(41);
  double loss = 0;
  std::size_t first = 0;
  for (const std::size_t size : {7, 7, 7, 7, 7, 6}) {
    Dataset part = data;
    part.rows = size;
    part.floats.assign(data.floats.begin() + static_cast<std::ptrdiff_t>(3 * first),
                       data.floats.begin() + static_cast<std::ptrdiff_t>(3 * (first + size)));
    part.targets.assign(data.targets.begin() + static_cast<std::ptrdiff_t>(first),
                        data.targets.begin() + static_cast<std::ptrdiff_t>(first + size));
    loss +=
        evaluate(with_population_statistics(model, part, 1), part, 1).loss * static_cast<double>(size) / 41;
    first += size;
  }
  EXPECT_NEAR(evaluate_in_batches(model, data, 8, 2).loss, loss, kRounding * loss);
}

TEST(BatchScores, never_come_from_a_batch_of_one_row) {
  const Model model = some_model();
  const Dataset data = some_rows(5);
  const Scores pairs = evaluate_in_batches(model, data, 1, 1),
               two_and_three = evaluate_in_batches(model, data, 3, 1);
  EXPECT_EQ(pairs.loss, two_and_three.loss);
  EXPECT_TRUE(std::isfinite(pairs.loss));
}

}  // namespace
}  // namespace ztilde
