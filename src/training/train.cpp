// train(): epochs of steps, validation, the best model kept, population statistics at the end.
#include "ztilde/train.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>

#include "base/exchange.hpp"
#include "base/files.hpp"
#include "base/output_lock.hpp"
#include "base/text.hpp"
#include "data/on_disk.hpp"
#include "model/scoring.hpp"
#include "training/averaged_model.hpp"
#include "training/checkpoint.hpp"
#include "training/class_weights.hpp"
#include "training/drift_learning.hpp"
#include "training/encoding.hpp"
#include "training/finished_model.hpp"
#include "training/memory_needed.hpp"
#include "training/norm_probe.hpp"
#include "training/prepare.hpp"
#include "training/start.hpp"
#include "training/train_rows.hpp"
#include "training/train_state.hpp"
#include "training/trainer.hpp"
#include "training/windows.hpp"

namespace ztilde {
namespace {

constexpr double kSecondsBetweenPoints = 0.25;
constexpr double kSecondsBetweenProbes = 1;
// What whoever interrupts a run may be made to wait for a finished model, reckoned at the pace of
// training, which is slower than the passes that finish one.
constexpr double kSecondsToFinish = 3;

// Goes on from `before`, what the run had behind it when it was interrupted.
class Clock {
 public:
  explicit Clock(double before) : before_(before) {}
  double here() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  double seconds() const { return before_ + here(); }

 private:
  double before_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

TrainPlanSummary summarise(const PreparedRun& run, const Trainer& trainer,
                           const std::optional<InferencePlan>& validation, const Dataset& data,
                           const Dataset* valid, std::size_t resumed_bytes, std::size_t looks_bytes,
                           const TrainOptions& options) {
  TrainPlanSummary summary;
  summary.train_rows = run.batcher.all().rows;
  summary.valid_rows = run.valid ? run.valid->rows : 0;
  summary.steps_per_epoch = run.batcher.plan().batches;
  summary.batches = run.batcher.plan().describe();
  if (options.ghost > 0 && options.ghost < run.batcher.plan().largest())
    summary.batches += fmt::format(", normalised in groups of at most {}", with_commas(options.ghost));
  summary.parameters = parameter_count(trainer.model.network);
  const std::vector<ParameterSlot> slots = parameter_slots(trainer.model.network);
  for (std::size_t i = 0; i < slots.size(); ++i)
    summary.frozen_parameters += run.frozen[i] ? slots[i].size() : 0;
  const std::size_t rows = run.batcher.plan().rows;
  const std::size_t best = validation ? trainer.model.parameters.size() * sizeof(float) : 0;
  const std::size_t training =
      trainer.bytes() + best + looks_bytes + std::max(validation ? validation->bytes() : 0, resumed_bytes);
  // The model that it goes on from, and what is compared with its end.
  const std::size_t start = (options.from ? options.from->parameters.size() : 0) + summary.frozen_parameters;
  const std::size_t pass_rows = rows_of_a_pass(data, rows, options);
  summary.memory_bytes =
      start * sizeof(float) + memory_of(data) + (valid ? memory_of(*valid) : 0) +
      2 * rows * sizeof(std::uint32_t) +
      std::max(training,
               static_cast<std::size_t>(population_memory(trainer.model.network, pass_rows, options)));
  if (run.pager) {
    summary.window_rows = window_rows(data, options);
    summary.memory_bytes += window_bytes(data, options);
  }
  summary.stages = describe(trainer.plan().stages());
  summary.network = trainer.model.network;
  summary.learning_rate = run.schedule.rate;
  summary.weight_decay = run.optimiser.weight_decay;
  summary.resumed_steps = trainer.steps();
  summary.class_rows = rows_by_class(run.batcher.all(), trainer.model.classes.size());
  summary.class_weights = run.objective.class_weights;
  summary.warnings = run.warnings;
  return summary;
}

// Scores of a model on rows, its target still standardised by the objective.
Scores score_model(const Model& model, const Batch& rows, const Objective& objective, Team& team,
                   Exchange* ranks) {
  InferencePlan plan(model.network, rows.rows, team.threads(), model.parameters.data(),
                     model.statistics.data(), ranks);
  return score(plan, team, rows, objective);
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

void keep_as_best(const Model& model, double loss, TrainState& state) {
  state.best.parameters = model.parameters;
  state.best.statistics = model.statistics;
  state.best.statistic_batches = model.statistic_batches;
  state.best_loss = loss;
  state.best_epoch = state.epoch + 1;
}

bool out_of_patience(const TrainState& state, const TrainOptions& options) {
  return options.patience > 0 && state.best_epoch > 0 && state.epoch - state.best_epoch >= options.patience &&
         state.epoch < options.epochs;
}

template <class Scored>  // a HistoryPoint or the TrainResult
void set_valid_scores(Scored& scored, const Scores& scores, Task task) {
  scored.valid_loss = scores.loss;
  if (task == Task::classify) scored.valid_accuracy = scores.accuracy;
  if (task == Task::regress) scored.valid_rmse = scores.rmse;
}

// Whether to do without passes over the data, so that an interrupted run ends soon.
bool would_take_long(const PreparedRun& run, std::uint64_t rows_here, double seconds_here) {
  const std::size_t rows = 2 * (run.batcher.all().rows + (run.valid ? run.valid->rows : 0));
  return static_cast<double>(rows) * seconds_here > kSecondsToFinish * static_cast<double>(rows_here);
}

// Makes the model that training ended with fit for use. In a hurry no pass over the data is made: it
// keeps its running statistics, and its losses are those that the history has.
// `averaged`: its parameters are, and the statistics beside them were no running ones.
void finish(const PreparedRun& run, const TrainOptions& options, Team& team, Exchange* ranks, bool hurried,
            bool averaged, TrainResult& result) {
  Model& model = result.model;
  if (options.freeze_statistics) {
    model.statistics_source = options.from->statistics_source;
    model.training.recalibrated_rows = options.from->training.recalibrated_rows;
  } else {
    model.statistics_source = hurried ? StatisticsSource::running : options.statistics;
  }
  if (model.statistics_source == StatisticsSource::population && !options.freeze_statistics) {
    const std::vector<double> running = model.statistics;
    measure_population_of(model, run.batcher.all(), team, result.steps, ranks);
    if (!averaged) result.running_error = running_errors(model.network, running, model.statistics);
  }
  if (hurried) {
    const HistoryPoint& then = result.history[result.best_epoch - 1];
    result.train_loss = then.train_loss;
    if (options.average_weights == 0) {  // else they are those of the average, and this model is none
      result.valid_loss = then.valid_loss;
      result.valid_accuracy = then.valid_accuracy;
      result.valid_rmse = then.valid_rmse;
    }
  } else {
    if (run.valid) {
      result.valid_scores = score_fully(model, *run.valid, run.objective, team, ranks);
      const bool weighted = !run.objective.class_weights.empty();
      set_valid_scores(
          result,
          weighted ? score_model(model, *run.valid, run.objective, team, ranks) : *result.valid_scores,
          model.task);
    }
    result.train_loss = score_model(model, run.batcher.all(), run.objective, team, ranks).loss;
  }
  require_sound(model, result.train_loss, result.steps);
  if (model.task == Task::regress) fold_target(model, run.objective);
  if (options.from) copy_frozen(model.network, run.frozen, options.from->parameters, model.parameters);

  model.training.rows = run.batcher.all().rows;
  model.training.epochs = result.epochs;
  model.training.steps = result.steps;
  model.training.seed = options.seed;
  model.training.train_loss = result.train_loss;
  model.training.valid_loss = result.valid_loss.value_or(std::numeric_limits<double>::quiet_NaN());
  add_test_rows(model, run.batcher.all());
  model.drift.reset();
  if (run.valid && !hurried)
    model.drift = drift_of_held_out(model, *run.valid, run.batcher.all(), options.seed, team);
}

// The run's checkpoint; nothing where no path is given.
class Keeper {
 public:
  Keeper(const CheckpointOptions& options, RunIdentity identity, Exchange* ranks)
      : options_(options), owner_{std::move(identity), options.note}, ranks_(ranks) {
    const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
    if (!std::ranges::all_of(options.note, is_ascii))
      throw Error(ErrorKind::data, "the checkpoint's note has characters beyond ASCII; spell them otherwise");
  }

  // Returns the bytes of what there was to read.
  std::size_t resume(const checkpoint::Length& run, Trainer& trainer, TrainState& state) const {
    std::error_code ignored;
    std::string content;
    if (options_.resume && writes() && std::filesystem::exists(options_.path, ignored))
      content = read_file(options_.path);
    if (options_.resume && ranks_) content = ranks_->of_first(std::move(content));
    if (content.empty()) return 0;
    checkpoint::from_bytes(content, shown_path(options_.path), owner_.identity, run, trainer, state);
    return content.size();
  }
  bool due(std::uint64_t steps, bool epoch_end) const {
    if (options_.path.empty()) return false;
    return options_.every_steps == 0 ? epoch_end : steps % options_.every_steps == 0;
  }
  // "", or why it could not be saved. A broken model is divergence, and never saved.
  std::string save(Trainer& trainer, TrainState& state, const TrainObserver& observer) const {
    if (options_.path.empty()) return "";
    require_sound(trainer.model, 0, trainer.steps());
    const std::string problem = writes() ? write(trainer, state, observer) : "";
    const bool any = ranks_ ? ranks_->any(!problem.empty()) : !problem.empty();
    return any && problem.empty() ? "rank 0 could not save the checkpoint" : problem;
  }

 private:
  bool writes() const { return !ranks_ || ranks_->rank() == 0; }
  std::string write(Trainer& trainer, TrainState& state, const TrainObserver& observer) const {
    std::vector<double> history;
    const safetensors::Pieces pieces = checkpoint::to_pieces(owner_, trainer, state, history);
    try {
      write_file_atomically(options_.path, pieces.parts());
    } catch (const Error& error) {
      return error.what();
    }
    if (observer.on_checkpoint) observer.on_checkpoint(trainer.steps());
    return "";
  }

  const CheckpointOptions& options_;
  checkpoint::Owner owner_;
  Exchange* ranks_;
};

TrainResult run_training(const Dataset& data, const Dataset* valid, const Split* chosen,
                         const TrainOptions& options, const TrainObserver& observer) {
  std::optional<Exchange> ranks;
  if (options.transport) ranks.emplace(options.transport, options.rank_timeout);
  Exchange* const exchange = ranks ? &*ranks : nullptr;
  // What ranks must decide alike, since it depends on signals, the clock or the disk: any of them is enough.
  const auto agree = [&](bool mine) {
    const bool any = exchange ? exchange->any(mine) : mine;
    if (exchange && exchange->failed()) throw Error(ErrorKind::io, exchange->problem());
    return any;
  };
  std::optional<OutputLock> lock;
  if (!options.checkpoint.path.empty() && (!exchange || exchange->rank() == 0))
    lock.emplace(options.checkpoint.path);
  Team team(options.threads);
  PreparedRun run = prepare_run(data, valid, options, team, chosen);
  const std::vector<float> start_parameters =
      frozen_numbers(run.model.network, run.frozen, run.model.parameters);
  const std::vector<double> start_statistics =
      options.freeze_statistics ? run.model.statistics : std::vector<double>();
  std::optional<Trainer> trainer(std::in_place, std::move(run.model), run.minimised, run.optimiser,
                                 run.batcher.plan(), options.ghost, team, options.seed,
                                 PlanRanks{exchange, !options.synchronised_statistics});
  trainer->augment(options.augment, run.image);
  if (options.freeze_statistics) trainer->keep_statistics();
  const Network& network = trainer->model.network;
  TrainState state;
  if (run.valid) state.best = trainer->model;
  const std::size_t batches = run.batcher.plan().batches;
  const Keeper keeper(
      options.checkpoint,
      !options.checkpoint.path.empty() ? identity_of(data, valid, network, options) : RunIdentity{},
      exchange);
  const std::size_t resumed_bytes = keeper.resume({batches, options.epochs}, *trainer, state);
  const bool averages = options.average_weights > 0;
  const Batch train_rows = run.batcher.all();
  const std::size_t average_rows = average_probe_rows(network, train_rows.rows, options);
  std::optional<AveragedModel> averaged;
  if (run.valid && averages)
    averaged.emplace(trainer->model, train_rows, options.freeze_statistics ? 0 : average_rows, options.seed,
                     team);
  const Model& validated = averaged ? averaged->model : trainer->model;
  std::optional<InferencePlan> validation;
  if (run.valid) {
    validation.emplace(network, run.valid->rows, team.threads(), validated.parameters.data(),
                       validated.statistics.data(), exchange);
  }
  std::optional<NormProbe> probe;
  if (observer.probe_rows > 0) {
    probe.emplace(trainer->model, run.batcher.all(), observer.probe_rows, options.seed, team);
    trainer->watch_time();
  }
  if (observer.on_start) {
    const auto average_bytes = static_cast<std::size_t>(population_memory(network, average_rows, options));
    const std::size_t looks_bytes =
        (probe ? probe->bytes() : 0) + (averaged ? averaged->bytes() + average_bytes : 0);
    observer.on_start(summarise(run, *trainer, validation, data, valid, resumed_bytes, looks_bytes, options));
  }

  TrainResult result;
  const Clock clock(state.seconds);
  const std::uint64_t rows_before = state.rows;
  Since last_point;
  double last_probe = clock.seconds();
  bool stopping = false;

  const auto save = [&] {
    state.seconds = clock.seconds();
    result.checkpoint_problem = keeper.save(*trainer, state, observer);
    stopping |= !result.checkpoint_problem.empty();
  };
  const auto point = [&](bool epoch_end) {
    const double now = clock.seconds();
    const Since& since = epoch_end ? state.epoch_begin : last_point;
    HistoryPoint here;
    here.step = trainer->steps();
    here.epoch = state.epoch + 1;
    here.epoch_end = epoch_end;
    here.train_loss = since.mean_loss() * run.objective.target_std * run.objective.target_std;
    here.learning_rate = run.schedule.at(trainer->steps() - 1);
    here.seconds = now;
    here.rows_per_second = static_cast<double>(since.rows) / std::max(now - since.begun, 1e-9);
    if (probe && (epoch_end || now - last_probe >= kSecondsBetweenProbes)) {
      here.norms = probe->measure();
      here.time = trainer->time();
      last_probe = now;
    }
    last_point = {now};
    return here;
  };

  while (state.epoch < options.epochs && !out_of_patience(state, options) && !stopping) {
    run.batcher.begin_epoch(state.epoch);
    last_point = {clock.seconds()};
    if (state.batch == 0) state.epoch_begin = last_point;
    while (state.batch < batches && !stopping) {
      const Batch batch = run.batcher.batch(state.batch);
      const double loss = trainer->step(batch, run.schedule.at(trainer->steps()));
      last_point.add(loss, trainer->weight(), batch.rows);
      state.epoch_begin.add(loss, trainer->weight(), batch.rows);
      state.rows += batch.rows;
      const bool last = ++state.batch == batches;
      stopping = agree(observer.should_stop && observer.should_stop());
      if (last) break;
      if (keeper.due(trainer->steps(), false) || stopping) save();
      if (!stopping && observer.on_point && clock.seconds() - last_point.begun >= kSecondsBetweenPoints) {
        observer.on_point(point(false));
      }
    }

    const bool whole_epoch = state.batch == batches;
    average_unseen(network, trainer->model.statistics, trainer->model.parameters);
    HistoryPoint end = point(true);
    const bool hurried = agree(!whole_epoch && would_take_long(run, state.rows - rows_before, clock.here()));
    if (validation && !hurried) {
      if (averaged) averaged->refresh(*trainer);
      validation->refresh();
      const Scores scores = score(*validation, team, *run.valid, run.objective);
      set_valid_scores(end, scores, data.task);
      if (scores.loss < state.best_loss) keep_as_best(validated, scores.loss, state);
    }
    state.history.push_back(end);
    if (observer.on_point) observer.on_point(end);
    ++state.epoch;
    if (!whole_epoch) break;
    state.batch = 0;
    const bool over = state.epoch == options.epochs || out_of_patience(state, options);
    if (stopping || over || keeper.due(trainer->steps(), true)) save();
  }
  result.stopped_early = out_of_patience(state, options) && state.batch == 0;
  result.interrupted = state.batch > 0 || (stopping && state.epoch < options.epochs && !result.stopped_early);
  result.epochs = state.epoch;
  result.steps = trainer->steps();
  result.seconds = clock.seconds();
  result.rows_per_second = static_cast<double>(state.rows) / std::max(result.seconds, 1e-9);
  const bool asked = agree(result.interrupted || (observer.should_stop && observer.should_stop()));
  const bool hurried = agree(asked && would_take_long(run, state.rows - rows_before, clock.here()));
  result.interrupted |= hurried;

  // Early stopping and an interruption keep the best epoch; a run that came to its end keeps the
  // last, which its schedule was made for. An average has no statistics that a hurry would leave it: the
  // last step's own weights have.
  const bool keep_average = averages && !hurried;
  const bool keep_best =
      state.best_epoch > 0 && (options.patience > 0 || result.interrupted) && (keep_average || !averages);
  if (keep_average && !keep_best)
    take_average(*trainer, trainer->model.statistics, trainer->model.parameters);
  result.best_epoch = keep_best ? state.best_epoch : state.epoch;
  result.model = keep_best ? std::move(state.best) : std::move(trainer->model);
  result.history = std::move(state.history);
  require_unchanged(result.model.network, run.frozen, start_parameters, result.model.parameters);
  if (options.freeze_statistics)
    require_unchanged_statistics(result.model.network, start_statistics, result.model.statistics);
  validation.reset();
  averaged.reset();
  probe.reset();
  trainer.reset();  // its memory is needed for all rows at once
  state.best = {};
  finish(run, options, team, exchange, hurried, keep_average, result);
  return result;
}

// Inputs that do not stay on disk are read first.
TrainResult read_and_train(const Dataset& data, const Dataset* valid, const TrainOptions& options,
                           const TrainObserver& observer) {
  if (valid && valid->store) {
    const Dataset read = with_inputs_in_memory(*valid);
    return read_and_train(data, &read, options, observer);
  }
  if (data.store && !stays_on_disk(data, options))
    return run_training(with_inputs_in_memory(data), valid, nullptr, options, observer);
  return run_training(data, valid, nullptr, options, observer);
}

}  // namespace

TrainResult train(const Dataset& data, const TrainOptions& options, const TrainObserver& observer) {
  return read_and_train(data, nullptr, options, observer);
}

TrainResult train(const Dataset& data, const Dataset& valid, const TrainOptions& options,
                  const TrainObserver& observer) {
  return read_and_train(data, &valid, options, observer);
}

TrainResult train_rows(const Dataset& data, const Split& rows, const TrainOptions& options,
                       const TrainObserver& observer) {
  if (data.store) require_sound(data);
  return run_training(data, nullptr, &rows, options, observer);
}

}  // namespace ztilde
