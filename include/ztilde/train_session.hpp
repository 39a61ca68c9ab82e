// Training step by step, for who wants to look inside or to decide on the way. The same data, options
// and rates give the bits of train().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "ztilde/dataset.hpp"
#include "ztilde/model.hpp"
#include "ztilde/train.hpp"

namespace ztilde {

class TrainSession {
 public:
  // Of the options, epochs matter only to the schedule, and patience, statistics and checkpoint not at
  // all: the session ends when its user stops. data outlives it. Throws Error(data) as train() does.
  TrainSession(const Dataset& data, const TrainOptions& options);
  TrainSession(const Dataset&&, const TrainOptions&) = delete;  // would outlive it
  ~TrainSession();
  TrainSession(TrainSession&&) noexcept;

  // One step with the next batch, epoch after epoch, at the schedule's rate or at this one. Returns the
  // batch's mean loss before the step. Throws Error(diverged), with nothing changed, for NaN or infinity.
  double step();
  double step(double learning_rate);

  // The same in two halves. In between, parameters() and gradients() may be changed. Running statistics
  // are updated by the first half.
  double find_gradients();
  void apply(double learning_rate);

  std::uint64_t steps() const;  // whole ones
  std::size_t steps_per_epoch() const;
  double scheduled_rate() const;  // of the next step

  // Both by parameter_slots(network()); gradients are those of the last step, of its mean loss. For
  // regression the target is standardised inside, so that the last layer is in units of its deviation.
  // Frozen parameters have gradients too; no step follows them.
  std::span<float> parameters();
  std::span<float> gradients();
  const Network& network() const;

  // Copies, fit for use. Running statistics as they are, with the last step's parameters; or population
  // statistics, by a pass over the training rows, and with options.average_weights the averaged parameters.
  Model model() const;
  Model model_with_population_statistics() const;

  // Which rows of the data are trained on, and which were set aside (options.valid_fraction).
  const Split& split() const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace ztilde
