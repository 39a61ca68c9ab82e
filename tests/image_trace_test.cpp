// A residual network of images against PyTorch's trace in double (golden/README.md): the reference plan in
// double, and training in float.
#include <gtest/gtest.h>

#include "plan/reference_plan.hpp"
#include "tests/golden_traces.hpp"
#include "training/objective_reference.hpp"
#include "ztilde/train_session.hpp"

namespace ztilde {
namespace {

using Vector = std::vector<double>;

struct ImageTrace {
  Network network;
  std::size_t rows = 0, steps = 0;
  double learning_rate = 0;
  std::vector<float> inputs, classes;
  Vector initial_parameters, outputs, gradients, losses;
  Vector final_parameters, final_statistics;
};

ImageTrace load_image_trace() {
  const std::string path = ZTILDE_SOURCE_DIR "/tests/golden/image_trace.json";
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  const nlohmann::json json = nlohmann::json::parse(file);
  ImageTrace trace;
  trace.network = network_from_json(json.at("network").dump(), path);
  trace.rows = json.at("rows");
  trace.steps = json.at("steps");
  trace.learning_rate = json.at("learning_rate");
  trace.inputs = json.at("inputs").get<std::vector<float>>();
  trace.classes = json.at("classes").get<std::vector<float>>();
  trace.initial_parameters = golden::detail::parameter_arena(trace.network, json.at("initial"));
  trace.outputs = json.at("outputs").get<Vector>();
  trace.gradients = golden::detail::parameter_arena(trace.network, json.at("gradients"));
  trace.losses = json.at("losses").get<Vector>();
  trace.final_parameters = golden::detail::parameter_arena(trace.network, json.at("final"));
  trace.final_statistics = golden::detail::statistic_arena(trace.network, json.at("final"));
  return trace;
}

// Relative to the largest of the tensor: a number that happens to be near 0 has no digits of its own.
template <class Number>
void expect_close(std::span<const Number> got, std::span<const double> expected, double tolerance,
                  const std::string& what) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  double largest = 0, difference = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::abs(expected[i]));
    difference = std::max(difference, std::abs(static_cast<double>(got[i]) - expected[i]));
  }
  EXPECT_GT(largest, 0) << what;
  EXPECT_LT(difference, tolerance * largest) << what;
}

template <class Number>
void expect_parameters_close(const Network& network, std::span<const Number> got,
                             std::span<const double> expected, double tolerance) {
  for (const ParameterSlot& slot : parameter_slots(network)) {
    expect_close<Number>(got.subspan(slot.offset, slot.size()), expected.subspan(slot.offset, slot.size()),
                         tolerance, std::to_string(slot.layer) + "." + std::string(slot.name));
  }
}

TEST(ImageTrace, the_reference_plan_has_pytorchs_outputs_loss_and_gradients) {
  const ImageTrace trace = load_image_trace();
  ReferencePlan<double> plan(trace.network);
  const Vector x(trace.inputs.begin(), trace.inputs.end());
  const Vector outputs = plan.forward_training(x, trace.rows, trace.initial_parameters,
                                               Vector(trace.final_statistics.size()), 0, 0);
  // The file has 12 digits.
  constexpr double kTolerance = 1e-11;
  expect_close<double>(outputs, trace.outputs, kTolerance, "outputs");

  const MatrixView<const double> out(outputs.data(), trace.rows, outputs.size() / trace.rows);
  const std::span<const float> classes(trace.classes);
  EXPECT_NEAR(reference::softmax_cross_entropy(out, classes), trace.losses[0], kTolerance);
  Vector d_outputs(outputs.size()), gradients(trace.initial_parameters.size());
  reference::softmax_cross_entropy_backward(out, classes,
                                            MatrixView<double>(d_outputs.data(), out.rows, out.channels));
  plan.backward(d_outputs, gradients);
  expect_parameters_close<double>(trace.network, gradients, trace.gradients, kTolerance);
}

TrainSession session_of(const ImageTrace& trace, const Dataset& data, std::size_t threads) {
  TrainOptions options;
  options.network = trace.network;
  options.optimizer = OptimizerKind::momentum;
  options.learning_rate = trace.learning_rate;
  options.schedule = ScheduleKind::constant;
  options.weight_decay = 0;
  options.batch = trace.rows;
  options.valid_fraction = 0;
  options.threads = threads;
  TrainSession session(data, options);
  std::copy(trace.initial_parameters.begin(), trace.initial_parameters.end(), session.parameters().begin());
  return session;
}

TEST(ImageTrace, ten_steps_of_a_session_equal_pytorch_in_double) {
  const ImageTrace trace = load_image_trace();
  Dataset data;
  data.rows = trace.rows;
  data.columns = trace.network.inputs;
  data.floats = trace.inputs;
  data.targets = trace.classes;
  data.classes = {"0", "1", "2"};
  data.image_width = trace.network.width;
  data.image_height = trace.network.height;
  for (const std::size_t threads : {1u, 2u}) {
    SCOPED_TRACE(threads);
    TrainSession session = session_of(trace, data, threads);
    // PyTorch itself in float ends 6e-7 from this and has gradients 3e-7 off: 1e-6 of the largest. Ours may
    // round ten times as badly.
    constexpr double kTolerance = 1e-5;
    for (std::size_t step = 0; step < trace.steps; ++step) {
      EXPECT_NEAR(session.find_gradients(), trace.losses[step], kTolerance * trace.losses[0]) << step;
      if (step == 0) {
        expect_parameters_close<float>(trace.network, session.gradients(), trace.gradients, kTolerance);
      }
      session.apply(trace.learning_rate);
    }
    expect_parameters_close<float>(trace.network, session.parameters(), trace.final_parameters, kTolerance);
    const Model model = session.model();
    for (const StatisticSlot& slot : statistic_slots(trace.network)) {
      const auto of = [&](const Vector& all, std::size_t half) {
        return std::span(all).subspan(slot.offset + half * slot.channels, slot.channels);
      };
      expect_close<double>(of(model.statistics, 0), of(trace.final_statistics, 0), kTolerance,
                           "running mean");
      expect_close<double>(of(model.statistics, 1), of(trace.final_statistics, 1), kTolerance,
                           "running variance");
    }
  }
}

}  // namespace
}  // namespace ztilde
