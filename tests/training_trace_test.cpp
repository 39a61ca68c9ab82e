// The float plan and optimisers against PyTorch's traces in double (golden/README.md).
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tests/golden_traces.hpp"
#include "training/trainer.hpp"

namespace ztilde {
namespace {

OptimizerKind optimiser_named(const std::string& name) {
  if (name == "sgd") return OptimizerKind::sgd;
  if (name == "momentum") return OptimizerKind::momentum;
  if (name == "nesterov") return OptimizerKind::nesterov;
  if (name == "rmsprop") return OptimizerKind::rmsprop;
  if (name == "adam") return OptimizerKind::adam;
  if (name == "adamw") return OptimizerKind::adamw;
  throw std::runtime_error("unknown optimiser " + name);
}

TEST(TrainingTrace, twenty_steps_of_every_optimiser_equal_pytorch_in_double) {
  const golden::Traces traces = golden::load_traces();
  ASSERT_GE(traces.runs.size(), 9u);
  for (const golden::Run& run : traces.runs) {
    SCOPED_TRACE(run.name);
    Model model;
    model.network = run.network;
    model.parameters.assign(run.initial_parameters.begin(), run.initial_parameters.end());
    model.statistics = run.initial_statistics;
    model.statistic_batches.resize(statistic_slots(run.network).size());
    const Objective objective{run.loss == "softmax_cross_entropy"  ? LossKind::softmax_cross_entropy
                              : run.loss == "binary_cross_entropy" ? LossKind::binary_cross_entropy
                                                                   : LossKind::squared_error};
    Team team(2);
    Trainer trainer(model, objective,
                    {optimiser_named(run.optimiser), run.weight_decay, false, run.clip_norm},
                    plan_batches(traces.rows, traces.rows, 1), 0, team, 0);
    for (std::size_t step = 0; step < traces.steps; ++step) {
      const Batch batch{{nullptr, traces.inputs[step].data(), traces.columns},
                        nullptr,
                        traces.rows,
                        traces.targets(run, step).data()};
      const double loss = trainer.step(batch, run.learning_rate);
      ASSERT_NEAR(loss, run.losses[step], 1e-5 * run.losses[step]) << "step " << step;
    }
    for (std::size_t i = 0; i < run.final_parameters.size(); ++i) {
      ASSERT_NEAR(trainer.model.parameters[i], run.final_parameters[i], 1e-4) << i;
    }
    for (const StatisticSlot& slot : statistic_slots(run.network)) {
      // PyTorch keeps the unbiased variance, the population one times rows / (rows - 1); from 1 at
      // the start, 0.9^20 of which is still there.
      for (std::size_t c = 0; c < slot.channels; ++c) {
        const auto* layer = std::get_if<BatchNorm>(&run.network.layers[slot.layer]);
        ASSERT_NE(layer, nullptr);
        double variance = trainer.model.statistics[slot.offset + slot.channels + c];
        if (layer->running_variance == VarianceKind::population) {
          const double left = std::pow(layer->keep, static_cast<double>(traces.steps));
          const auto n = static_cast<double>(traces.rows);
          variance = left + (variance - left) * n / (n - 1);
        }
        ASSERT_NEAR(trainer.model.statistics[slot.offset + c], run.final_statistics[slot.offset + c], 1e-4);
        ASSERT_NEAR(variance, run.final_statistics[slot.offset + slot.channels + c], 1e-4 * (1 + variance));
      }
    }
  }
}

}  // namespace
}  // namespace ztilde
