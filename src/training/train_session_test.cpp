#include "ztilde/train_session.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/test_support.hpp"
#include "data/shuffle.hpp"
#include "training/session_test_support.hpp"
#include "training/test_tables.hpp"
#include "ztilde/reference.hpp"

namespace ztilde {
namespace {

TrainOptions options_for(std::size_t batch, std::size_t epochs) {
  TrainOptions options;
  options.hidden = {16, 16};
  options.batch = batch;
  options.epochs = epochs;
  options.threads = 2;
  return options;
}

TEST(TrainSession, takes_the_steps_of_train) {
  for (const Dataset& data : {spirals(300), linear(200)}) {
    const TrainOptions options = options_for(64, 3);
    TrainSession session(data, options);
    double last_epoch = 0;
    while (session.steps() < 3 * session.steps_per_epoch()) {
      const double loss = session.step();
      if (session.steps() > 2 * session.steps_per_epoch()) last_epoch += loss;
    }
    const TrainResult trained = train(data, options);
    EXPECT_EQ(bytes(session.model_with_population_statistics()), bytes(trained.model));
    // The batches differ in size by a row of 50, so that the plain mean is near the epoch's.
    const double mean = last_epoch / static_cast<double>(session.steps_per_epoch());
    EXPECT_NEAR(mean, trained.history.back().train_loss, 0.02 * mean);
  }
}

TEST(TrainSession, two_halves_are_a_step) {
  const Dataset data = spirals(300);
  for (const std::size_t ghost : {0, 20}) {
    TrainOptions options = options_for(64, 3);
    options.ghost = ghost;
    TrainSession whole(data, options), halves(data, options);
    for (int i = 0; i < 12; ++i) {
      const double rate = halves.scheduled_rate();
      EXPECT_EQ(whole.step(), halves.find_gradients());
      halves.apply(rate);
    }
    EXPECT_EQ(bytes(whole.model()), bytes(halves.model()));
  }
}

TEST(TrainSession, gradients_set_to_0_leave_their_parameters_as_they_are) {
  const Dataset data = spirals(300);
  TrainOptions options = options_for(64, 3);
  options.optimizer = OptimizerKind::momentum;
  TrainSession session(data, options);
  const std::vector<float> before(session.parameters().begin(), session.parameters().end());
  const ParameterSlot gamma = parameter_slots(session.network())[1];
  ASSERT_TRUE(std::holds_alternative<BatchNorm>(session.network().layers[gamma.layer]));
  for (int i = 0; i < 5; ++i) {
    session.find_gradients();
    std::ranges::fill(session.gradients().subspan(gamma.offset, gamma.size()), 0.0f);
    session.apply(0.1);
  }
  const auto changed = [&](std::size_t i) { return session.parameters()[i] != before[i]; };
  for (std::size_t i = 0; i < gamma.size(); ++i) EXPECT_FALSE(changed(gamma.offset + i));
  EXPECT_TRUE(changed(parameter_slots(session.network())[0].offset));
}

// One batch of 22 rows in groups of 8, 7 and 7: the mean of the groups' losses by their rows, each group
// with statistics of its own. Floats against doubles: 1e-4 of a tensor's largest entry.
TEST(Ghost, gradients_are_those_of_the_groups_together) {
  Dataset data = spirals(22);
  for (std::size_t i = 0; i < data.floats.size(); i += 3) data.floats[i] -= 1000;
  TrainOptions options = options_for(22, 1);
  options.standardise = false;
  options.valid_fraction = 0;
  options.ghost = 8;
  TrainSession session(data, options);
  const std::vector<double> parameters(session.parameters().begin(), session.parameters().end());
  const double loss = session.find_gradients();

  std::vector<std::uint32_t> rows(session.split().train), order(rows.size());
  ASSERT_EQ(rows.size(), 22u);
  shuffle(rows, options.seed, 0, order);
  double expected_loss = 0;
  std::vector<double> expected(parameters.size()), of_group(parameters.size());
  std::size_t first = 0;
  for (const std::size_t size : {8, 7, 7}) {
    std::vector<double> inputs;
    std::vector<float> targets;
    for (std::size_t r = first; r < first + size; ++r) {
      const auto row = data.floats.begin() + 3 * order[r];
      inputs.insert(inputs.end(), row, row + 3);
      targets.push_back(data.targets[order[r]]);
    }
    const double share = static_cast<double>(size) / 22;
    expected_loss += share * reference::loss_and_gradient(session.network(), Task::classify, parameters,
                                                          inputs, targets, of_group);
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += share * of_group[i];
    first += size;
  }
  EXPECT_NEAR(loss, expected_loss, 1e-5 * expected_loss);
  expect_gradients(session, expected);
}

TEST(Ghost, groups_as_large_as_the_batch_change_nothing) {
  const Dataset data = spirals(300);
  const TrainOptions plain = options_for(64, 2);
  TrainOptions ghost = plain;
  ghost.ghost = 64;
  EXPECT_EQ(bytes(train(data, plain).model), bytes(train(data, ghost).model));
  ghost.ghost = 32;
  EXPECT_NE(bytes(train(data, plain).model), bytes(train(data, ghost).model));
}

TEST(Ghost, the_model_is_byte_identical_on_any_number_of_threads) {
  const Dataset data = spirals(301);
  TrainOptions options = options_for(70, 2);
  options.ghost = 16;
  options.dropout = 0.2;
  options.clip_norm = 1;
  std::string one;
  for (const std::size_t threads : {1, 2, 4}) {
    options.threads = threads;
    const std::string here = bytes(train(data, options).model);
    if (one.empty()) one = here;
    EXPECT_EQ(here, one) << threads;
  }
}

TEST(Ghost, a_group_that_diverges_leaves_the_statistics_of_the_whole_step_alone) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    Dataset data = spirals(60);
    data.floats[3 * 7] = std::numeric_limits<float>::max();
    TrainOptions options = options_for(60, 1);
    options.seed = seed;
    options.standardise = false;
    options.valid_fraction = 0;
    options.ghost = 10;
    options.init_scale = 1e3;
    TrainSession session(data, options);
    const Model before = session.model();
    EXPECT_THROW(session.step(), Error);
    EXPECT_EQ(session.model().statistics, before.statistics);
    EXPECT_EQ(session.model().statistic_batches, before.statistic_batches);
    EXPECT_EQ(session.model().parameters, before.parameters);
  }
}

TEST(Ghost, groups_of_one_row_are_refused) {
  TrainOptions options = options_for(60, 1);
  options.ghost = 1;
  EXPECT_EQ(failure(TemporaryFolder(), [&] { train(spirals(60), options); }),
            "data: ghost groups of 1 row have no variance; give --ghost 16 or more, or 0 for none");
}

TEST(Reference, refuses_what_it_cannot_tell) {
  const Network network{2, {Dense{3, true}}};
  std::vector<double> parameters = reference::initial_parameters(network, 0), gradient(parameters.size());
  const auto said = [&](const Network& of, std::vector<double> inputs, std::vector<float> targets) {
    return failure(TemporaryFolder(), [&] {
      reference::loss_and_gradient(of, Task::classify, parameters, inputs, targets, gradient);
    });
  };
  EXPECT_EQ(said(network, {1, 2}, {2}), "no error");
  EXPECT_EQ(said(network, {1}, {2}), "data: 1 inputs where there must be 2");
  EXPECT_EQ(said(network, {1, 2}, {3}), "data: the target 3 is no class of 3");
  EXPECT_EQ(said(network, {}, {}), "data: no rows; give at least one");
  EXPECT_EQ(
      said({2, {Standardise{}, Dense{3, true}}}, {1, 2}, {0}),
      "data: the network begins with what training measures; give it prepared inputs and leave that out");
}

}  // namespace
}  // namespace ztilde
