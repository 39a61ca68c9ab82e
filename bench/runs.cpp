#include "runs.hpp"

#include <algorithm>
#include <numeric>

#include "model/scoring.hpp"
#include "plan/population.hpp"
#include "training/initialise.hpp"

namespace ztilde::bench {
namespace {

constexpr double kRate = 1e-3;
constexpr OptimiserOptions kOptimiser{.kind = OptimizerKind::adamw, .weight_decay = 0.01};

Batcher make_batcher(const BenchNetwork& network, const Dataset& data) {
  const Batch all = whole(data);
  std::vector<std::uint32_t> rows(data.rows - data.rows % network.batch);
  std::iota(rows.begin(), rows.end(), 0u);
  const BatchPlan plan = plan_batches(rows.size(), network.batch, 2);
  Batcher batcher(all.source, all.targets, std::move(rows), plan, 0);
  batcher.begin_epoch(0);
  return batcher;
}

Model make_model(const Network& network, const Dataset& data, Team& team) {
  Model model;
  model.network = network;
  model.task = data.task;
  model.parameters.resize(parameter_arena_size(network));
  model.statistics.resize(statistic_arena_size(network));
  model.statistic_batches.resize(statistic_slots(network).size());
  initialise_parameters(network, {}, 0, model.parameters);
  initialise_statistics(network, model.statistics);
  const StatisticSlot slot = statistic_slots(network)[0];
  const auto input = std::span(model.statistics).subspan(slot.offset, 2 * slot.channels);
  const auto mean = input.first(slot.channels), variance = input.last(slot.channels);
  if (network.input_shape().pixels() > 1) {
    measure_image_inputs(whole(data), network.input_shape(), team, mean, variance);
  } else {
    measure_inputs(whole(data), slot.channels, team, mean, variance);
  }
  return model;
}

}  // namespace

TrainRun::TrainRun(const BenchNetwork& network, bool batch_norm, const Dataset& data, std::size_t threads)
    : team_(threads),
      batcher_(make_batcher(network, data)),
      trainer_(make_model(layers_of(network, batch_norm), data, team_),
               objective_of(data.task, network.outputs), kOptimiser, batcher_.plan(), 0, team_, 0) {}

void TrainRun::step() {
  trainer_.step(batcher_.batch(next_), kRate);
  if (++next_ == batcher_.plan().batches) next_ = 0;
}

PredictRun::PredictRun(const Model& model, const Dataset& data, std::size_t rows, std::size_t threads)
    : model_(model),
      batch_(whole(data)),
      team_(InferencePlan::workers_for(model_.network, rows, threads)),
      plan_(model_.network, rows, team_.threads(), model_.parameters.data(), model_.statistics.data()),
      outputs_(rows * layer_outputs(model_.network).back()) {
  batch_.rows = rows;
}

const std::vector<float>& PredictRun::run() {
  plan_.run(team_, batch_, [this](const Worker&, std::size_t, std::size_t first_row, kernels::View out) {
    for (std::size_t r = 0; r < out.rows; ++r) {
      std::copy_n(out.row(r), out.channels, outputs_.data() + (first_row + r) * out.channels);
    }
  });
  return outputs_;
}

}  // namespace ztilde::bench
