// Runs that go on from a model, and what stays as it was in them.
#include "training/start.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/test_support.hpp"
#include "training/checkpoint_test_runs.hpp"
#include "training/session_test_support.hpp"
#include "training/test_tables.hpp"
#include "ztilde/reference.hpp"

namespace ztilde {
namespace {

TrainOptions options_for(std::size_t epochs) {
  TrainOptions options;
  options.hidden = {16, 8};
  options.batch = 32;
  options.epochs = epochs;
  options.threads = 2;
  return options;
}

Model model_of(const Dataset& data, std::size_t epochs = 3) { return train(data, options_for(epochs)).model; }

TrainOptions from(const Model& model, std::size_t epochs = 2) {
  TrainOptions options = options_for(epochs);
  options.from = model;
  return options;
}

bool is_norm(const Model& model, const ParameterSlot& slot) {
  return std::holds_alternative<BatchNorm>(model.network.layers[slot.layer]);
}

// Whether every number of a tensor, or none, is what it was.
enum class Change { none, some };
Change change_of(const ParameterSlot& slot, const Model& before, const Model& after) {
  const auto first = static_cast<std::ptrdiff_t>(slot.offset),
             size = static_cast<std::ptrdiff_t>(slot.size());
  return std::equal(before.parameters.begin() + first, before.parameters.begin() + first + size,
                    after.parameters.begin() + first)
             ? Change::none
             : Change::some;
}

TEST(From, a_run_without_a_step_is_the_model) {
  const Dataset data = spirals(300);
  const Model model = model_of(data);
  const Model same = TrainSession(data, from(model)).model();
  EXPECT_EQ(same.parameters, model.parameters);
  EXPECT_EQ(same.statistics, model.statistics);
  // The last layer of a regression is brought to the target's standard deviations and back.
  const Dataset numbers = linear(300);
  const Model regression = model_of(numbers);
  const Model nearly = TrainSession(numbers, from(regression)).model();
  for (std::size_t i = 0; i < nearly.parameters.size(); ++i) {
    EXPECT_NEAR(nearly.parameters[i], regression.parameters[i], 4e-7 * std::abs(regression.parameters[i]))
        << i;
  }
  EXPECT_EQ(nearly.statistics, regression.statistics);
}

// Steps of plain gradient descent with all rows at once, against the oracle in double: floats against
// doubles, 1e-4 of the largest parameter after 6 steps.
TEST(From, its_steps_are_those_of_the_reference) {
  Dataset data = spirals(90);
  for (std::size_t i = 0; i < data.floats.size(); i += 3) data.floats[i] -= 1000;
  TrainOptions options = options_for(4);
  options.standardise = false;
  options.valid_fraction = 0;
  const Model model = train(data, options).model;

  TrainOptions further = from(model, 6);
  further.optimizer = OptimizerKind::sgd;
  further.valid_fraction = 0;
  further.batch = 90;
  TrainSession session(data, further);
  std::vector<double> parameters(model.parameters.begin(), model.parameters.end());
  std::vector<double> gradient(parameters.size());
  const std::vector<double> inputs(data.floats.begin(), data.floats.end());
  double largest = 0;
  for (int step = 0; step < 6; ++step) {
    const double loss = reference::loss_and_gradient(model.network, Task::classify, parameters, inputs,
                                                     data.targets, gradient);
    EXPECT_NEAR(session.step(0.1), loss, 1e-5 * loss);
    for (std::size_t i = 0; i < parameters.size(); ++i) parameters[i] -= 0.1 * gradient[i];
  }
  for (const double parameter : parameters) largest = std::max(largest, std::abs(parameter));
  for (std::size_t i = 0; i < parameters.size(); ++i)
    EXPECT_NEAR(session.parameters()[i], parameters[i], 1e-4 * largest) << i;
}

TEST(From, keeps_the_encoding_and_standardisation_of_the_model) {
  const Model model = model_of(table_rows(200));
  Dataset other = table_rows(260);
  for (std::size_t r = 0; r < other.rows; ++r) other.floats[2 * r] = 3 * other.floats[2 * r] + 10;
  const Model tuned = train(other, from(model)).model;
  std::size_t fixed = parameter_arena_size(tuned.network) > 0 ? statistic_slots(tuned.network)[1].offset : 0;
  ASSERT_TRUE(
      std::holds_alternative<BatchNorm>(tuned.network.layers[statistic_slots(tuned.network)[1].layer]));
  ASSERT_GT(fixed, 0u);
  for (std::size_t i = 0; i < fixed; ++i) EXPECT_EQ(tuned.statistics[i], model.statistics[i]);
  EXPECT_NE(tuned.statistics[fixed], model.statistics[fixed]);
}

TEST(From, goes_on_where_the_model_was) {
  const Dataset data = spirals(400);
  const TrainResult first = train(data, options_for(30));
  TrainOptions further = from(first.model, 1);
  further.learning_rate = 1e-4;
  EXPECT_LT(train(data, further).history.front().train_loss, 1.2 * first.history.back().train_loss);
  EXPECT_GT(train(data, options_for(1)).history.front().train_loss, 1.5 * first.history.back().train_loss);
}

TEST(From, has_the_same_bits_on_any_number_of_threads) {
  const Dataset data = spirals(300);
  TrainOptions options = from(model_of(data));
  options.freeze_statistics = true;
  options.threads = 1;
  const std::string one = bytes_of(train(data, options));
  for (const std::size_t threads : {2, 4}) {
    options.threads = threads;
    EXPECT_EQ(bytes_of(train(data, options)), one);
  }
}

TEST(From, refuses_other_columns_classes_and_tasks) {
  const TemporaryFolder none;
  const Dataset data = spirals(100);
  const Model model = model_of(data, 1);
  const auto refusal = [&](const std::function<void(Dataset&)>& change) {
    Dataset other = data;
    change(other);
    return failure(none, [&] { train(other, from(model)); });
  };
  EXPECT_EQ(
      refusal([](Dataset& d) {
        d.classes = {"0", "1", "2", "many", "few"};
      }),
      "data: the data have classes that the model does not know: 'many', 'few'; leave those rows out, or "
      "train a new model");
  EXPECT_EQ(
      refusal([](Dataset& d) { std::swap(d.classes[0], d.classes[1]); }),
      "data: the data's classes are not the model's, in the model's order; read them with the classes of "
      "the model");
  EXPECT_EQ(refusal([](Dataset& d) { d.task = Task::regress, d.classes.clear(); }),
            "data: the targets are numbers, and the model classifies; give it classes");
  EXPECT_EQ(refusal([](Dataset& d) { d.column_names[1] = "z"; }),
            "data: the data's columns are not the model's, in the model's order; give it the columns it was "
            "trained on");
}

TEST(Freeze, leaves_frozen_tensors_as_they_were_and_trains_the_others) {
  for (const Dataset& data : {spirals(200), linear(200)}) {
    const Model model = model_of(data);
    const std::size_t last = model.network.layers.size() - 1;
    const std::pair<Freeze, std::function<bool(const ParameterSlot&)>> cases[] = {
        {{FreezeKind::norms, {}}, [&](const ParameterSlot& slot) { return is_norm(model, slot); }},
        {{FreezeKind::all_but_norms, {}}, [&](const ParameterSlot& slot) { return !is_norm(model, slot); }},
        {{FreezeKind::layers, {1, last}},
         [&](const ParameterSlot& slot) { return slot.layer == 1 || slot.layer == last; }}};
    for (const auto& [freeze, frozen] : cases) {
      for (const double average : {0.0, 0.9}) {
        TrainOptions options = from(model);
        options.freeze = freeze;
        options.decay_all = true;
        options.clip_norm = 0.5;
        options.average_weights = average;
        const Model tuned = train(data, options).model;
        for (const ParameterSlot& slot : parameter_slots(model.network)) {
          EXPECT_EQ(change_of(slot, model, tuned), frozen(slot) ? Change::none : Change::some)
              << slot.layer << " " << slot.name;
        }
        EXPECT_NE(tuned.statistics, model.statistics);
      }
    }
  }
}

TEST(Freeze, tells_how_much_is_frozen) {
  TrainOptions options = options_for(1);
  options.freeze = {FreezeKind::norms, {}};
  TrainObserver observer;
  observer.on_start = [](const TrainPlanSummary& plan) { EXPECT_EQ(plan.frozen_parameters, 2 * (16u + 8u)); };
  train(spirals(60), options, observer);
}

TEST(Freeze, works_on_a_new_network_too) {
  const Dataset data = table_rows(200);
  TrainOptions options = options_for(2);
  options.freeze = {FreezeKind::layers, {0, 2}};
  const Model start = TrainSession(data, options).model(), trained = train(data, options).model;
  ASSERT_TRUE(std::holds_alternative<Encode>(start.network.layers[0]));
  for (const ParameterSlot& slot : parameter_slots(start.network)) {
    EXPECT_EQ(change_of(slot, start, trained), slot.layer <= 2 ? Change::none : Change::some) << slot.layer;
  }
}

TEST(Freeze, does_not_let_frozen_gradients_count_in_the_norm_that_is_clipped) {
  const Dataset data = spirals(100);
  const Model model = model_of(data, 1);
  TrainOptions options = from(model);
  options.optimizer = OptimizerKind::sgd;
  options.freeze = {FreezeKind::all_but_norms, {}};
  options.clip_norm = 1e-3;
  TrainSession session(data, options);
  const std::vector<float> before(session.parameters().begin(), session.parameters().end());
  session.find_gradients();
  session.apply(1);
  double squares = 0;
  for (std::size_t i = 0; i < before.size(); ++i) squares += std::pow(session.parameters()[i] - before[i], 2);
  EXPECT_NEAR(std::sqrt(squares), 1e-3, 2e-5);
}

TEST(Freeze, refuses_what_cannot_be) {
  const TemporaryFolder none;
  const auto refusal = [&](Freeze freeze, bool norm = true) {
    TrainOptions options = options_for(1);
    options.batch_norm = norm;
    options.freeze = std::move(freeze);
    return failure(none, [&] { train(spirals(60), options); });
  };
  EXPECT_EQ(refusal({FreezeKind::layers, {3}}),
            "data: layer 3 (activation) has no parameters to freeze; leave it out");
  EXPECT_EQ(refusal({FreezeKind::layers, {8}}),
            "data: there is no layer 8 to freeze; the network's are 0 to 7, as ztilde inspect lists them");
  EXPECT_EQ(refusal({FreezeKind::layers, {1, 2, 4, 5, 7}}),
            "data: every parameter would be frozen and nothing be left to train; freeze fewer");
  EXPECT_EQ(refusal({FreezeKind::all_but_norms, {}}, false),
            "data: every parameter would be frozen and nothing be left to train; freeze fewer");
  EXPECT_EQ(refusal({FreezeKind::norms, {}}, false),
            "data: the network has no batch norm to freeze; leave that out");
}

TEST(Freeze, a_frozen_tensor_that_changed_is_an_error) {
  const TemporaryFolder none;
  const Network network = {2, {Dense{2, false}, BatchNorm{}, Dense{1, true}}};
  const std::vector<bool> frozen = frozen_slots(network, {FreezeKind::norms, {}});
  std::vector<float> end(parameter_arena_size(network), 1.0f);
  const std::vector<float> start = frozen_numbers(network, frozen, end);
  end[parameter_slots(network)[0].offset] = 2;
  EXPECT_NO_THROW(require_unchanged(network, frozen, start, end));
  end[parameter_slots(network)[2].offset] = std::nextafter(1.0f, 2.0f);
  EXPECT_EQ(
      failure(none, [&] { require_unchanged(network, frozen, start, end); }),
      "diverged: the bias of layer 1 (batch_norm) was frozen and changed all the same; please report it");
  const std::vector<double> statistics(statistic_arena_size(network), 1.0);
  std::vector<double> others = statistics;
  EXPECT_NO_THROW(require_unchanged_statistics(network, statistics, others));
  others.back() = -1.0;
  EXPECT_EQ(
      failure(none, [&] { require_unchanged_statistics(network, statistics, others); }),
      "diverged: the mean or variance of layer 1 (batch_norm) was frozen and changed all the same; please "
      "report it");
}

TEST(FreezeStatistics, keeps_them_and_trains_with_them) {
  for (const Dataset& data : {spirals(300), linear(300)}) {
    const Model model = model_of(data, 10);
    for (const double average : {0.0, 0.9}) {
      TrainOptions options = from(model, 4);
      options.freeze_statistics = true;
      options.average_weights = average;
      const TrainResult tuned = train(data, options);
      EXPECT_EQ(tuned.model.statistics, model.statistics);
      EXPECT_EQ(tuned.model.statistic_batches, model.statistic_batches);
      EXPECT_TRUE(tuned.running_error.empty());
      EXPECT_LT(tuned.train_loss, model.training.train_loss);
    }
    // The loss before the first step is that of the model in use: it normalises with what it holds.
    TrainOptions all = from(model);
    all.freeze_statistics = true;
    all.batch = 300;
    all.valid_fraction = 0;
    const double used = evaluate(model, data).loss;
    EXPECT_NEAR(TrainSession(data, all).step(), used, 1e-5 * used);
  }
}

TEST(FreezeStatistics, needs_a_model_with_some) {
  const TemporaryFolder none;
  TrainOptions options = options_for(1);
  options.freeze_statistics = true;
  EXPECT_EQ(failure(none, [&] { train(spirals(60), options); }),
            "data: a new network has no statistics to freeze; give the model to start --from, or leave out "
            "--freeze-statistics");
  options.freeze_statistics = false;
  options.batch_norm = false;
  TrainOptions further = from(train(spirals(60), options).model);
  further.freeze_statistics = true;
  EXPECT_EQ(
      failure(none, [&] { train(spirals(60), further); }),
      "data: the model has no batch norm, whose statistics --freeze-statistics would keep; leave it out");
}

TEST(Recalibrate, over_its_own_training_rows_a_model_stays_as_it_is) {
  for (const Dataset& data : {spirals(700), linear(700)}) {
    TrainOptions options = options_for(2);
    options.valid_fraction = 0;
    const Model model = train(data, options).model;
    for (const std::size_t threads : {1, 2, 4}) {
      const Model same = with_population_statistics(model, data, threads);
      EXPECT_EQ(same.statistics, model.statistics);
      EXPECT_EQ(same.test_outputs, model.test_outputs);
    }
  }
}

TEST(Recalibrate, over_rows_that_are_shifted_it_loses_less) {
  const Dataset data = spirals(600);
  const Model model = model_of(data, 20);
  Dataset shifted = data;
  for (std::size_t i = 0; i < shifted.floats.size(); i += 3) shifted.floats[i] += 0.7f;
  const double before = evaluate(model, shifted).loss;
  EXPECT_LT(evaluate(with_population_statistics(model, shifted), shifted).loss, 0.5 * before);
}

TEST(Checkpoint, of_a_run_from_a_model_goes_on_with_it_and_no_other) {
  const TemporaryFolder folder;
  const Dataset data = some_rows(150);
  const Model model = train(data, small_options()).model;
  TrainOptions options = small_options();
  options.from = model;
  options.freeze = {FreezeKind::layers, {1}};
  for (const bool keep : {false, true}) {
    options.freeze_statistics = keep;
    const std::string path = folder / (keep ? "kept" : "measured");
    train_until(data, options, path, 5);
    EXPECT_EQ(bytes_of(train_until(data, options, path, kToTheEnd)), bytes_of(train(data, options)));
  }
  train_until(data, options, folder / "c", 5);
  const auto refusal = [&](const std::function<void(TrainOptions&)>& change) {
    TrainOptions others = options;
    change(others);
    return failure(folder, [&] { train_until(data, others, folder / "c", kToTheEnd); });
  };
  const std::string start = "data: c: the checkpoint is of another run: ",
                    end = "; give what that was begun with, or another --checkpoint";
  EXPECT_EQ(refusal([](TrainOptions& o) { o.from->parameters[3] += 1; }),
            start + "the starting model changed" + end);
  EXPECT_EQ(refusal([](TrainOptions& o) { o.from.reset(), o.freeze_statistics = false; }),
            start + "the starting model was given and is none, --freeze-statistics was on and is off" + end);
  EXPECT_EQ(refusal([](TrainOptions& o) {
              o.freeze = {FreezeKind::norms, {}};
            }),
            start + "--freeze-parameters was 1 and is norm" + end);
}

}  // namespace
}  // namespace ztilde
