#include "search/run_trial.hpp"

#include <optional>

#include "training/train_rows.hpp"
#include "ztilde/error.hpp"

namespace ztilde::search {
namespace {

TrialPoint point_of(const HistoryPoint& end) {
  return {end.epoch, end.train_loss, *end.valid_loss, end.valid_accuracy, end.valid_rmse, end.seconds};
}

// Thrown out of training once its checkpoint is safe. What training would do next is finish a model, with
// passes over all rows; nobody wants it, for the checkpoint is what goes on.
struct Safe {};

// The course of one stretch, as training tells it.
class Stretch {
 public:
  explicit Stretch(const TrialRun& run) : run_(run) {}

  TrainObserver observer() {
    TrainObserver observer;
    observer.on_start = [this](const TrainPlanSummary& plan) {
      steps_ = plan.resumed_steps;
      steps_per_epoch_ = plan.steps_per_epoch;
    };
    observer.should_stop = [this] {
      ++steps_;
      stopped_ = run_.should_stop && run_.should_stop();
      return stopped_ || reached();
    };
    observer.on_point = [this](const HistoryPoint& point) { tell(point); };
    observer.on_checkpoint = [this](std::uint64_t) {
      if (stopped_ || reached()) throw Safe();
    };
    return observer;
  }
  // An epoch that was broken off has an end in the history too; it is no point of the curve.
  void tell(const HistoryPoint& point) {
    if (!point.epoch_end || !point.valid_loss || point.step != point.epoch * steps_per_epoch_) return;
    if (point.epoch <= told_) return;
    told_ = point.epoch;
    if (run_.on_point) run_.on_point(point_of(point));
  }
  bool reached() const { return steps_ >= run_.until_epoch * steps_per_epoch_; }
  bool stopped() const { return stopped_ && !reached(); }

 private:
  const TrialRun& run_;
  std::uint64_t steps_ = 0, steps_per_epoch_ = 0;
  std::size_t told_ = 0;
  bool stopped_ = false;
};

}  // namespace

TrialRows split_for_trials(const Dataset& data, double valid_fraction, std::uint64_t seed) {
  return {data, nullptr, split_rows(data, valid_fraction, seed)};
}

TrialOutcome run_trial_with(const TrialRows& rows, TrainOptions options, const TrialRun& run) {
  options.epochs = run.plan.epochs;
  options.seed = run.trial.seed;
  options.checkpoint = {};
  options.checkpoint.path = run.checkpoint;
  options.checkpoint.resume = true;
  // Points are told before a checkpoint is written: this stretch was all there, but for its end.
  const std::optional<CheckpointInfo> before = read_checkpoint_info(run.checkpoint);
  if (before && before->epochs >= run.until_epoch) return {};

  Stretch stretch(run);
  std::optional<TrainResult> result;
  try {
    result = rows.valid ? train(rows.data, *rows.valid, options, stretch.observer())
                        : train_rows(rows.data, rows.split, options, stretch.observer());
  } catch (const Safe&) {
    return {stretch.stopped() ? TrialEnd::stopped : TrialEnd::reached};
  }
  if (!result->checkpoint_problem.empty()) throw Error(ErrorKind::io, result->checkpoint_problem);
  for (const HistoryPoint& point : result->history) stretch.tell(point);
  return {stretch.stopped() ? TrialEnd::stopped : TrialEnd::reached};
}

}  // namespace ztilde::search
