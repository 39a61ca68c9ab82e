// train(): epochs of steps, validation, the best model kept, population statistics at the end.
#include "ztilde/train.hpp"

#include <chrono>
#include <cmath>
#include <limits>

#include "model/scoring.hpp"
#include "plan/population.hpp"
#include "training/encoding.hpp"
#include "training/prepare.hpp"
#include "training/trainer.hpp"

namespace ztilde {
namespace {

constexpr double kSecondsBetweenPoints = 0.25;
constexpr std::size_t kTestRows = 4;

class Clock {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// What training did since some moment.
struct Since {
  double begun = 0;  // seconds
  double loss = 0;   // Σ over rows
  std::uint64_t rows = 0;

  void add(double mean_loss, std::size_t batch_rows) {
    loss += mean_loss * static_cast<double>(batch_rows);
    rows += batch_rows;
  }
};

TrainPlanSummary summarise(const PreparedRun& run, const Trainer& trainer, const Dataset& data) {
  TrainPlanSummary summary;
  summary.train_rows = run.batcher.all().rows;
  summary.valid_rows = run.valid ? run.valid->rows : 0;
  summary.steps_per_epoch = run.batcher.plan().batches;
  summary.batches = run.batcher.plan().describe();
  summary.parameters = parameter_count(run.model.network);
  summary.memory_bytes = trainer.bytes() + data.bytes.size() +
                         (data.floats.size() + data.targets.size()) * sizeof(float) +
                         2 * run.batcher.plan().rows * sizeof(std::uint32_t);
  summary.stages = describe(trainer.plan().stages());
  summary.network = run.model.network;
  summary.learning_rate = run.schedule.rate;
  summary.weight_decay = run.optimiser.weight_decay;
  summary.warnings = run.warnings;
  return summary;
}

// Scores of a model on rows, its target still standardised by the objective.
Scores score_model(const Model& model, const Batch& rows, const Objective& objective, Team& team) {
  InferencePlan plan(model.network, rows.rows, team.threads(), model.parameters.data(),
                     model.statistics.data());
  return score(plan, team, rows, objective);
}

// Gives the last layer the target's own units: W ← W·std, b ← b·std + mean, rounded once.
void fold_target(Model& model, const Objective& objective) {
  const std::size_t last = model.network.layers.size() - 1;
  for (const ParameterSlot& slot : parameter_slots(model.network)) {
    if (slot.layer != last) continue;
    const double mean = slot.name == "bias" ? objective.target_mean : 0;
    for (std::size_t i = 0; i < slot.size(); ++i) {
      float& value = model.parameters[slot.offset + i];
      value = static_cast<float>(value * objective.target_std + mean);
    }
  }
}

// The first rows of the training set and what the finished model says of them.
void add_test_rows(Model& model, const Batch& rows) {
  const std::size_t count = std::min(kTestRows, rows.rows), columns = model.network.inputs;
  model.test_inputs.resize(count * columns);
  gather(rows, 0, 0, {}, kernels::View(model.test_inputs.data(), count, columns));
  model.test_outputs = outputs(model, model.test_inputs, 1);
}

void measure_population_of(Model& model, const Batch& rows, Team& team, std::uint64_t steps) {
  const auto fault = measure_population(model.network, model.parameters.data(), rows, team, model.statistics,
                                        model.statistic_batches);
  if (fault) throw divergence(model.network, steps, fault, 0);
}

// What the last step broke no further step has met: NaN or infinity in the finished model.
void require_sound(const Model& model, double loss, std::uint64_t steps) {
  for (const ParameterSlot& slot : parameter_slots(model.network)) {
    for (std::size_t i = 0; i < slot.size(); ++i) {
      if (std::isfinite(model.parameters[slot.offset + i])) continue;
      throw divergence(model.network, steps, Fault{slot.layer, i / slot.columns}, loss);
    }
  }
  if (!std::isfinite(loss)) throw divergence(model.network, steps, std::nullopt, loss);
}

TrainResult run_training(const Dataset& data, const Dataset* valid, const TrainOptions& options,
                         const TrainObserver& observer) {
  Team team(options.threads);
  PreparedRun run = prepare_run(data, valid, options, team);
  Trainer trainer(run.model, run.objective, run.optimiser, run.batcher, team, options.seed);
  if (observer.on_start) observer.on_start(summarise(run, trainer, data));

  std::optional<InferencePlan> validation;
  if (run.valid) {
    validation.emplace(run.model.network, run.valid->rows, team.threads(), trainer.model.parameters.data(),
                       trainer.model.statistics.data());
  }

  TrainResult result;
  Model best;
  double best_loss = std::numeric_limits<double>::infinity();
  const std::size_t batches = run.batcher.plan().batches;
  const Clock clock;
  Since last_point, epoch_begin;
  std::uint64_t rows_done = 0;

  const auto point = [&](std::size_t epoch, bool epoch_end) {
    const double now = clock.seconds();
    const Since& since = epoch_end ? epoch_begin : last_point;
    HistoryPoint here;
    here.step = trainer.steps();
    here.epoch = epoch + 1;
    here.epoch_end = epoch_end;
    here.train_loss =
        since.loss / static_cast<double>(since.rows) * run.objective.target_std * run.objective.target_std;
    here.learning_rate = run.schedule.at(trainer.steps() - 1);
    here.seconds = now;
    here.rows_per_second = static_cast<double>(since.rows) / std::max(now - since.begun, 1e-9);
    last_point = {now};
    return here;
  };

  for (std::size_t epoch = 0; epoch < options.epochs; ++epoch) {
    run.batcher.begin_epoch(epoch);
    result.epochs = epoch + 1;
    epoch_begin = last_point = {clock.seconds()};
    for (std::size_t index = 0; index < batches; ++index) {
      const Batch batch = run.batcher.batch(index);
      const double loss = trainer.step(batch, run.schedule.at(trainer.steps()));
      last_point.add(loss, batch.rows);
      epoch_begin.add(loss, batch.rows);
      rows_done += batch.rows;
      const bool last = index + 1 == batches;
      if (observer.should_stop && observer.should_stop() && !(last && epoch + 1 == options.epochs)) {
        result.interrupted = true;
        break;
      }
      if (!last && observer.on_point && clock.seconds() - last_point.begun >= kSecondsBetweenPoints) {
        observer.on_point(point(epoch, false));
      }
    }

    average_unseen(trainer.model.network, trainer.model.statistics, trainer.model.parameters);
    HistoryPoint end = point(epoch, true);
    if (validation) {
      validation->refresh();
      const Scores scores = score(*validation, team, *run.valid, run.objective);
      end.valid_loss = scores.loss;
      if (data.task == Task::classify) end.valid_accuracy = scores.accuracy;
      if (data.task == Task::regress) end.valid_rmse = scores.rmse;
      if (scores.loss < best_loss) {
        best_loss = scores.loss;
        best = trainer.model;
        result.best_epoch = epoch + 1;
      }
    }
    result.history.push_back(end);
    if (observer.on_point) observer.on_point(end);
    if (result.interrupted) break;
    if (options.patience > 0 && validation && epoch + 1 - result.best_epoch >= options.patience &&
        epoch + 1 < options.epochs) {
      result.stopped_early = true;
      break;
    }
  }
  result.seconds = clock.seconds();
  result.rows_per_second = static_cast<double>(rows_done) / result.seconds;
  result.steps = trainer.steps();

  // Early stopping and an interruption keep the best epoch; a run that came to its end keeps the
  // last, which its schedule was made for.
  const bool keep_best = result.best_epoch > 0 && (options.patience > 0 || result.interrupted);
  result.model = keep_best ? std::move(best) : std::move(trainer.model);
  if (!keep_best) result.best_epoch = result.epochs;
  Model& model = result.model;
  model.statistics_source = options.statistics;
  if (options.statistics == StatisticsSource::population) {
    measure_population_of(model, run.batcher.all(), team, result.steps);
  }
  if (run.valid) {
    const Scores scores = score_model(model, *run.valid, run.objective, team);
    result.valid_loss = scores.loss;
    if (data.task == Task::classify) result.valid_accuracy = scores.accuracy;
    if (data.task == Task::regress) result.valid_rmse = scores.rmse;
  }
  result.train_loss = score_model(model, run.batcher.all(), run.objective, team).loss;
  require_sound(model, result.train_loss, result.steps);
  if (data.task == Task::regress) fold_target(model, run.objective);

  model.training.rows = run.batcher.all().rows;
  model.training.epochs = result.epochs;
  model.training.steps = result.steps;
  model.training.seed = options.seed;
  model.training.train_loss = result.train_loss;
  model.training.valid_loss = result.valid_loss.value_or(std::numeric_limits<double>::quiet_NaN());
  add_test_rows(model, run.batcher.all());
  return result;
}

}  // namespace

TrainResult train(const Dataset& data, const TrainOptions& options, const TrainObserver& observer) {
  return run_training(data, nullptr, options, observer);
}

TrainResult train(const Dataset& data, const Dataset& valid, const TrainOptions& options,
                  const TrainObserver& observer) {
  return run_training(data, &valid, options, observer);
}

}  // namespace ztilde
