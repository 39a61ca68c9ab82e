#include "ztilde/train_session.hpp"

#include "data/on_disk.hpp"
#include "training/encoding.hpp"
#include "training/finished_model.hpp"
#include "training/prepare.hpp"
#include "training/start.hpp"
#include "training/trainer.hpp"
#include "training/windows.hpp"

namespace ztilde {

struct TrainSession::Implementation {
  Implementation(const Dataset& data, const TrainOptions& options)
      : seed(options.seed),
        from(options.from),
        keeps_statistics(options.freeze_statistics),
        read(data.store && !stays_on_disk(data, options) ? std::optional(with_inputs_in_memory(data))
                                                         : std::nullopt),
        team(options.threads),
        run(prepare_run(read ? *read : data, nullptr, options, team)),
        trainer(std::move(run.model), run.minimised, run.optimiser, run.batcher.plan(), options.ghost, team,
                options.seed) {
    trainer.augment(options.augment, run.image);
    if (keeps_statistics) trainer.keep_statistics();
    const Batch rows = run.batcher.all();
    split = {{rows.row_index, rows.row_index + rows.rows}, run.valid_rows};
    run.batcher.begin_epoch(0);
  }

  Batch next_batch() {
    if (next == run.batcher.plan().batches) {
      run.batcher.begin_epoch(++epoch);
      next = 0;
    }
    return run.batcher.batch(next++);
  }
  // In the units of the target, as train() tells it.
  double shown(double loss) const { return loss * run.objective.target_std * run.objective.target_std; }

  Model finished(bool population) {
    Model model = trainer.model;
    if (population) trainer.average(model.parameters);
    average_unseen(model.network, model.statistics, model.parameters);
    model.statistics_source = population ? StatisticsSource::population : StatisticsSource::running;
    const Batch rows = run.batcher.all();
    if (keeps_statistics) {
      model.statistics_source = from->statistics_source;
      model.training.recalibrated_rows = from->training.recalibrated_rows;
    } else if (population) {
      measure_population_of(model, rows, team, trainer.steps());
    }
    if (model.task == Task::regress) fold_target(model, run.objective);
    if (from) copy_frozen(model.network, run.frozen, from->parameters, model.parameters);
    model.training.rows = rows.rows;
    model.training.epochs = trainer.steps() / run.batcher.plan().batches;
    model.training.steps = trainer.steps();
    model.training.seed = seed;
    add_test_rows(model, rows);
    return model;
  }

  std::uint64_t seed;
  std::optional<Model> from;
  bool keeps_statistics;
  std::optional<Dataset> read;  // what was in a store, where it does not stay there
  Team team;
  PreparedRun run;
  Trainer trainer;
  Split split;
  std::uint64_t epoch = 0;
  std::size_t next = 0;  // batch of the epoch
};

TrainSession::TrainSession(const Dataset& data, const TrainOptions& options)
    : implementation_(std::make_unique<Implementation>(data, options)) {}
TrainSession::~TrainSession() = default;
TrainSession::TrainSession(TrainSession&&) noexcept = default;

double TrainSession::step() { return step(scheduled_rate()); }

double TrainSession::step(double learning_rate) {
  Implementation& made = *implementation_;
  return made.shown(made.trainer.step(made.next_batch(), learning_rate));
}

double TrainSession::find_gradients() {
  Implementation& made = *implementation_;
  return made.shown(made.trainer.find_gradients(made.next_batch()));
}

void TrainSession::apply(double learning_rate) { implementation_->trainer.apply(learning_rate); }

std::uint64_t TrainSession::steps() const { return implementation_->trainer.steps(); }
std::size_t TrainSession::steps_per_epoch() const { return implementation_->run.batcher.plan().batches; }
double TrainSession::scheduled_rate() const { return implementation_->run.schedule.at(steps()); }

std::span<float> TrainSession::parameters() { return implementation_->trainer.model.parameters; }
std::span<float> TrainSession::gradients() { return implementation_->trainer.gradients(); }
const Network& TrainSession::network() const { return implementation_->trainer.model.network; }

Model TrainSession::model() const { return implementation_->finished(false); }
Model TrainSession::model_with_population_statistics() const { return implementation_->finished(true); }

const Split& TrainSession::split() const { return implementation_->split; }

}  // namespace ztilde
