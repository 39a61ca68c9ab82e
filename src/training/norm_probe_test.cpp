#include "training/norm_probe.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

#include "base/test_support.hpp"
#include "model/model_file.hpp"
#include "plan/plan_test_networks.hpp"
#include "plan/reference_plan.hpp"
#include "training/test_tables.hpp"

namespace ztilde {
namespace {

using Numbers = std::vector<double>;

double at(Numbers numbers, double percent) {
  std::sort(numbers.begin(), numbers.end());
  const double position = percent / 100 * static_cast<double>(numbers.size() - 1);
  const double below = std::floor(position);
  const auto i = static_cast<std::size_t>(below);
  return numbers[i] + (position - below) * (numbers[std::min(i + 1, numbers.size() - 1)] - numbers[i]);
}

std::array<double, 3> three(const Numbers& numbers) {
  return {at(numbers, 15), at(numbers, 50), at(numbers, 85)};
}
std::array<double, 5> five(const Numbers& numbers) {
  return {at(numbers, 0), at(numbers, 15), at(numbers, 50), at(numbers, 85), at(numbers, 100)};
}
std::array<double, 2> two(const Numbers& numbers) { return {at(numbers, 50), at(numbers, 100)}; }

// What enters a layer, by the layers below in double. A network has a Dense: one that gives what enters it
// stands at the end, with W the identity.
Numbers layer_input(const Model& model, std::size_t layer, const Numbers& x, std::size_t rows) {
  if (layer == 0) return x;
  Network below = model.network;
  below.layers.resize(layer);
  const std::size_t channels = layer_outputs(below).back();
  below.layers.push_back(Dense{channels, false});
  Numbers parameters(model.parameters.begin(), model.parameters.end()), statistics = model.statistics;
  parameters.resize(parameter_arena_size(below));
  statistics.resize(statistic_arena_size(below));
  const std::size_t identity = parameter_slots(below).back().offset;
  for (std::size_t r = 0; r < channels; ++r) {
    for (std::size_t c = 0; c < channels; ++c) parameters[identity + r * channels + c] = r == c ? 1 : 0;
  }
  return ReferencePlan<double>(below).forward_inference(x, rows, parameters, statistics);
}

Numbers tensor(const Model& model, std::size_t layer, std::string_view name) {
  for (const ParameterSlot& slot : parameter_slots(model.network)) {
    const auto first = model.parameters.begin() + static_cast<std::ptrdiff_t>(slot.offset);
    if (slot.layer == layer && slot.name == name)
      return {first, first + static_cast<std::ptrdiff_t>(slot.size())};
  }
  return {};
}

// A point made number by number, from rows [rows, columns] that weigh so much.
std::vector<NormPoint> scalar_points(const Model& model, const std::vector<float>& x,
                                     const Numbers& weights) {
  const std::size_t rows = weights.size();
  std::vector<NormPoint> points;
  for (const StatisticSlot& slot : statistic_slots(model.network)) {
    const auto* norm = std::get_if<BatchNorm>(&model.network.layers[slot.layer]);
    if (!norm) continue;
    const std::size_t channels = slot.channels;
    const Numbers z = layer_input(model, slot.layer, {x.begin(), x.end()}, rows);
    Numbers z_tilde = z, distances, ratios, dead;
    const Numbers gamma = tensor(model, slot.layer, "weight"), beta = tensor(model, slot.layer, "bias");
    for (std::size_t c = 0; c < channels; ++c) {
      const double running_mean = model.statistics[slot.offset + c];
      const double running_variance = model.statistics[slot.offset + channels + c];
      double weight = 0, mean = 0, variance = 0;
      for (std::size_t r = 0; r < rows; ++r) {
        weight += weights[r];
        mean += weights[r] * z[r * channels + c];
      }
      mean /= weight;
      bool alive = false;
      for (std::size_t r = 0; r < rows; ++r) {
        const double distance = z[r * channels + c] - mean;
        variance += weights[r] * distance * distance / weight;
        double& given = z_tilde[r * channels + c];
        given = gamma[c] * (given - running_mean) / std::sqrt(running_variance + norm->epsilon) + beta[c];
        alive |= given > 0;
      }
      dead.push_back(alive ? 0 : 1);
      distances.push_back(std::abs(running_mean - mean) / std::sqrt(variance + norm->epsilon));
      const double a = running_variance + norm->epsilon, b = variance + norm->epsilon;
      ratios.push_back(std::max(a / b, b / a));
    }
    NormPoint point{slot.layer, three(z), three(z_tilde), five(gamma), five(beta),
                    {},         {},       two(distances), two(ratios)};
    const auto beyond = [&](double limit) {
      double count = 0;
      for (const double value : z_tilde) count += std::abs(value) > limit;
      return count / static_cast<double>(z_tilde.size());
    };
    const Activation* next = slot.layer + 1 < model.network.layers.size()
                                 ? std::get_if<Activation>(&model.network.layers[slot.layer + 1])
                                 : nullptr;
    if (next && next->kind == ActivationKind::relu)
      point.dead = std::accumulate(dead.begin(), dead.end(), 0.0) / static_cast<double>(channels);
    if (next && next->kind == ActivationKind::sigmoid) point.saturated = beyond(4);
    if (next && next->kind == ActivationKind::tanh) point.saturated = beyond(2);
    points.push_back(point);
  }
  return points;
}

// z is a sum of up to 300 products in float, after up to 12 such layers: InferencePlan's tests allow for 2e-5
// of the largest, and what is divided by a standard deviation here may be some times as large.
template <std::size_t N>
void expect_near(const std::array<double, N>& found, const std::array<double, N>& exact,
                 const std::string& what) {
  for (std::size_t i = 0; i < N; ++i)
    EXPECT_NEAR(found[i], exact[i], 1e-4 * (1 + std::abs(exact[i]))) << what << i;
}

void expect_same(const std::vector<NormPoint>& found, const std::vector<NormPoint>& exact,
                 const std::string& name) {
  ASSERT_EQ(found.size(), exact.size()) << name;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::string where = name + ", layer " + std::to_string(exact[i].layer) + ": ";
    EXPECT_EQ(found[i].layer, exact[i].layer) << where;
    expect_near(found[i].z, exact[i].z, where + "z ");
    expect_near(found[i].z_tilde, exact[i].z_tilde, where + "z_tilde ");
    EXPECT_EQ(found[i].gamma, exact[i].gamma) << where;
    EXPECT_EQ(found[i].beta, exact[i].beta) << where;
    EXPECT_EQ(found[i].dead, exact[i].dead) << where;
    EXPECT_EQ(found[i].saturated, exact[i].saturated) << where;
    expect_near(found[i].mean_distance, exact[i].mean_distance, where + "mean_distance ");
    expect_near(found[i].variance_ratio, exact[i].variance_ratio, where + "variance_ratio ");
  }
}

std::vector<std::uint32_t> first_rows(std::size_t rows) {
  std::vector<std::uint32_t> index(rows);
  std::iota(index.begin(), index.end(), 0u);
  return index;
}

TEST(NormProbe, equals_a_scalar_recomputation_for_every_network) {
  bool any_dead = false, any_saturated = false;
  for (const auto& [name, network] : testing_networks::all()) {
    Model model;
    model.network = network;
    model.parameters = testing_networks::random_parameters(network);
    model.statistics = testing_networks::random_statistics(network);
    for (const bool weighted : {false, true}) {
      for (const std::size_t most : {1u, 70u, 1000u}) {
        const std::size_t rows = 300;
        const std::vector<std::uint32_t> index = first_rows(rows);
        const std::vector<float> x = testing_networks::random_inputs(network, rows);
        std::vector<float> weights(rows);
        for (std::size_t r = 0; r < rows; ++r) weights[r] = static_cast<float>(1 + r % 3) / 2;
        const Batch batch{{nullptr, x.data(), network.inputs},
                          index.data(),
                          rows,
                          nullptr,
                          weighted ? weights.data() : nullptr};
        Team team(2);
        NormProbe probe(model, batch, most, 5, team);
        std::vector<float> chosen;
        Numbers their_weights;
        for (const std::uint32_t row : probe_rows(batch, most, 5)) {
          const float* first = x.data() + row * network.inputs;
          chosen.insert(chosen.end(), first, first + network.inputs);
          their_weights.push_back(weighted ? weights[row] : 1);
        }
        const std::vector<NormPoint> points = probe.measure();
        expect_same(points, scalar_points(model, chosen, their_weights), name);
        for (const NormPoint& point : points) {
          any_dead |= point.dead > 0;
          any_saturated |= point.saturated > 0;
        }
      }
    }
  }
  EXPECT_TRUE(any_dead && any_saturated);
}

TEST(NormProbe, looks_at_rows_spread_over_all_chosen_by_the_seed_alone) {
  std::vector<std::uint32_t> index = first_rows(1000);
  for (std::uint32_t& row : index) row = 7 + 3 * row;
  const Batch rows{{}, index.data(), index.size(), nullptr, nullptr};
  const std::vector<std::uint32_t> chosen = probe_rows(rows, 100, 1);
  ASSERT_EQ(chosen.size(), 100u);
  for (std::size_t i = 0; i < chosen.size(); ++i) EXPECT_EQ((chosen[i] - 7) / 3 / 10, i);
  EXPECT_EQ(probe_rows(rows, 100, 1), chosen);
  EXPECT_NE(probe_rows(rows, 100, 2), chosen);
  EXPECT_EQ(probe_rows(rows, 5000, 1), index);
}

TrainOptions small_options() {
  TrainOptions options;
  options.hidden = {12, 9};
  options.batch = 50;
  options.epochs = 3;
  options.threads = 2;
  options.seed = 4;
  return options;
}

TEST(NormPoints, at_the_end_of_an_epoch_are_of_its_model) {
  const Dataset data = spirals(400);
  TrainOptions options = small_options();
  options.valid_fraction = 0;
  options.statistics = StatisticsSource::running;
  TrainObserver observer;
  observer.probe_rows = 60;
  const TrainResult result = train(data, options, observer);
  const std::vector<std::uint32_t> index = first_rows(data.rows);
  std::vector<float> chosen;
  for (const std::uint32_t row :
       probe_rows({{}, index.data(), data.rows, nullptr, nullptr}, 60, options.seed)) {
    for (std::size_t c = 0; c < 3; ++c) chosen.push_back(data.floats[3 * row + c]);
  }
  expect_same(result.history.back().norms, scalar_points(result.model, chosen, Numbers(60, 1)), "saved");
  EXPECT_NE(result.history[0].norms[0].z, result.history[1].norms[0].z);
}

TEST(NormPoints, are_where_the_observer_asks_and_change_nothing) {
  const Dataset data = spirals(400);
  for (const std::size_t ghost : {0u, 20u}) {
    TrainOptions options = small_options();
    options.dropout = 0.1;
    options.ghost = ghost;
    const TrainResult without = train(data, options);
    for (const HistoryPoint& point : without.history) EXPECT_TRUE(point.norms.empty() && !point.time);
    for (const std::size_t threads : {1u, 3u}) {
      options.threads = threads;
      std::size_t told = 0;
      TrainObserver observer;
      observer.probe_rows = 100;
      observer.on_point = [&](const HistoryPoint& point) { told += point.norms.size(); };
      const TrainResult with = train(data, options, observer);
      EXPECT_EQ(model_file::to_bytes(with.model, "m"), model_file::to_bytes(without.model, "m"));
      EXPECT_GE(told, 2 * options.epochs);
      for (const HistoryPoint& point : with.history) EXPECT_TRUE(point.norms.size() == 2 && point.time);
    }
  }
}

TEST(NormPoints, are_of_the_epochs_that_this_process_ended_and_no_checkpoint_keeps_them) {
  const Dataset data = spirals(400);
  const TemporaryFolder folder;
  TrainOptions options = small_options();
  options.checkpoint.path = folder / "c";
  options.checkpoint.resume = true;
  std::size_t steps = 0;
  TrainObserver observer;
  observer.probe_rows = 20;
  observer.should_stop = [&] { return ++steps == 10; };  // of 8 in an epoch
  const TrainResult first = train(data, options, observer);
  EXPECT_EQ(first.history[0].norms.size(), 2u);
  const TrainResult second = train(data, options, observer);
  ASSERT_EQ(second.history.size(), 3u);
  EXPECT_TRUE(second.history[0].norms.empty() && !second.history[0].time);
  EXPECT_TRUE(second.history[1].norms.size() == 2 && second.history[1].time);
  EXPECT_NE(second.history[1].norms[0].z, second.history[2].norms[0].z);
}

TEST(RunningError, is_of_the_running_statistics_against_the_saved_ones) {
  const Dataset data = spirals(400);
  TrainOptions options = small_options();
  options.valid_fraction = 0;
  const TrainResult population = train(data, options);
  options.statistics = StatisticsSource::running;
  const TrainResult running = train(data, options);
  EXPECT_TRUE(running.running_error.empty());
  ASSERT_EQ(population.running_error.size(), 2u);
  std::size_t i = 0;
  for (const StatisticSlot& slot : statistic_slots(running.model.network)) {
    const auto* norm = std::get_if<BatchNorm>(&running.model.network.layers[slot.layer]);
    if (!norm) continue;
    Numbers distances, ratios;
    for (std::size_t c = slot.offset; c < slot.offset + slot.channels; ++c) {
      const double a = running.model.statistics[c + slot.channels] + norm->epsilon;
      const double b = population.model.statistics[c + slot.channels] + norm->epsilon;
      distances.push_back(std::abs(running.model.statistics[c] - population.model.statistics[c]) /
                          std::sqrt(b));
      ratios.push_back(std::max(a / b, b / a));
    }
    EXPECT_EQ(population.running_error[i].layer, slot.layer);
    EXPECT_EQ(population.running_error[i].mean_distance, two(distances));
    EXPECT_EQ(population.running_error[i].variance_ratio, two(ratios));
    EXPECT_GT(population.running_error[i].mean_distance[1], 0);
    ++i;
  }
}

TEST(RunningError, of_a_constant_unit_is_none_without_epsilon_too) {
  const Network network{2, {Dense{2}, BatchNorm{0}}};
  ASSERT_EQ(statistic_slots(network)[0].offset, 0u);
  const std::vector<RunningError> same = running_errors(network, Numbers{1, 2, 0, 0}, Numbers{1, 2, 0, 0});
  EXPECT_EQ(same[0].mean_distance, (std::array<double, 2>{0, 0}));
  EXPECT_EQ(same[0].variance_ratio, (std::array<double, 2>{1, 1}));
  const std::vector<RunningError> other = running_errors(network, Numbers{1, 2, 0, 0}, Numbers{1, 2, 1, 0});
  EXPECT_TRUE(std::isinf(other[0].variance_ratio[1]));
}

}  // namespace
}  // namespace ztilde
