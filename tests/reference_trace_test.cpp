// The reference plan and the reference optimisers against PyTorch, step by step.
#include <gtest/gtest.h>

#include "plan/reference_plan.hpp"
#include "tests/golden_traces.hpp"
#include "training/objective_reference.hpp"
#include "training/optimiser_reference.hpp"

namespace ztilde {
namespace {

using Vector = std::vector<double>;

double loss_and_gradient(const std::string& loss, const Vector& output, const std::vector<float>& targets,
                         Vector& d_output) {
  const MatrixView<const double> out(output.data(), targets.size(), output.size() / targets.size());
  const MatrixView<double> d_out(d_output.data(), out.rows, out.channels);
  const std::span<const float> t(targets);
  if (loss == "softmax_cross_entropy") {
    reference::softmax_cross_entropy_backward(out, t, d_out);
    return reference::softmax_cross_entropy(out, t);
  }
  if (loss == "binary_cross_entropy") {
    reference::binary_cross_entropy_backward(out, t, d_out);
    return reference::binary_cross_entropy(out, t);
  }
  reference::squared_error_backward(out, t, 0.0, 1.0, d_out);
  return reference::squared_error(out, t, 0.0, 1.0);
}

struct OptimiserState {
  Vector m, v;
};

void optimiser_step(const golden::Run& run, std::uint64_t step, Vector& parameters, const Vector& gradient,
                    OptimiserState& state) {
  state.m.resize(parameters.size());
  state.v.resize(parameters.size());
  for (const ParameterSlot& slot : parameter_slots(run.network)) {
    const auto part = [&](Vector& all) { return std::span(all).subspan(slot.offset, slot.size()); };
    const std::span<double> w = part(parameters), m = part(state.m), v = part(state.v);
    const auto g = std::span<const double>(gradient).subspan(slot.offset, slot.size());
    const double rate = run.learning_rate;
    const double decay = slot.is_weight_matrix ? run.weight_decay : 0.0;
    if (run.optimiser == "sgd") {
      reference::sgd_step(w, g, rate, decay);
    } else if (run.optimiser == "momentum" || run.optimiser == "nesterov") {
      reference::momentum_step(w, g, m, rate, decay, golden::kMomentum, run.optimiser == "nesterov");
    } else if (run.optimiser == "rmsprop") {
      reference::rmsprop_step(w, g, v, rate, decay, golden::kRmspropAlpha, golden::kOptimiserEpsilon);
    } else {
      const reference::AdamSettings<double> settings{rate,
                                                     decay,
                                                     golden::kAdamBeta1,
                                                     golden::kAdamBeta2,
                                                     golden::kOptimiserEpsilon,
                                                     run.optimiser == "adamw"};
      reference::adam_step(w, g, m, v, step, settings);
    }
  }
}

// PyTorch adds in another order. These networks multiply a rounding by at most a few thousand in 20
// steps (their float runs end 1e-6 to 1e-4 away, a float rounding being 6e-8), so in double by 1e-12
// at worst; measured: below 1e-13.
constexpr double kTolerance = 1e-11;

// Relative to the largest of the tensor: a parameter that happens to pass near 0 has no digits of its own.
void expect_close(const Vector& got, const Vector& expected, std::size_t offset, std::size_t size,
                  const std::string& what) {
  double largest = 0, difference = 0;
  for (std::size_t i = offset; i < offset + size; ++i) {
    largest = std::max(largest, std::abs(expected[i]));
    difference = std::max(difference, std::abs(got[i] - expected[i]));
  }
  EXPECT_LT(difference, kTolerance * largest) << what;
}

TEST(reference_trace, reference_plan_reproduces_torch) {
  const golden::Traces traces = golden::load_traces();
  ASSERT_EQ(traces.runs.size(), 10u);
  for (const golden::Run& run : traces.runs) {
    SCOPED_TRACE(run.name);
    ReferencePlan<double> plan(run.network);
    Vector parameters = run.initial_parameters;
    Vector running = run.initial_statistics;
    OptimiserState state;
    for (std::size_t step = 0; step < traces.steps; ++step) {
      const Vector x(traces.inputs[step].begin(), traces.inputs[step].end());
      const Vector output = plan.forward_training(x, traces.rows, parameters, running, 0, step);
      Vector d_output(output.size()), gradient(parameters.size());
      const double loss = loss_and_gradient(run.loss, output, traces.targets(run, step), d_output);
      EXPECT_LT(std::abs(loss - run.losses[step]), kTolerance * run.losses[step]) << "step " << step;
      plan.backward(d_output, gradient);
      if (run.clip_norm > 0) {
        const double scale = reference::clip_scale<double>(gradient, run.clip_norm);
        for (double& g : gradient) g *= scale;
      }
      optimiser_step(run, step + 1, parameters, gradient, state);
      for (const StatisticSlot& slot : statistic_slots(run.network)) {
        const auto& norm = std::get<BatchNorm>(run.network.layers[slot.layer]);
        const auto batch = std::span(plan.batch_statistics()).subspan(slot.offset, 2 * slot.channels);
        const auto mine = std::span(running).subspan(slot.offset, 2 * slot.channels);
        reference::update_running<double>(norm, traces.rows, batch.first(slot.channels),
                                          batch.last(slot.channels), mine.first(slot.channels),
                                          mine.last(slot.channels));
      }
    }
    for (const ParameterSlot& slot : parameter_slots(run.network)) {
      expect_close(parameters, run.final_parameters, slot.offset, slot.size(),
                   "parameter " + std::to_string(slot.layer) + "." + std::string(slot.name));
    }
    for (const StatisticSlot& slot : statistic_slots(run.network)) {
      expect_close(running, run.final_statistics, slot.offset, slot.channels, "running mean");
      expect_close(running, run.final_statistics, slot.offset + slot.channels, slot.channels,
                   "running variance");
    }
  }
}

}  // namespace
}  // namespace ztilde
