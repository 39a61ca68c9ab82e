// Is weight decay, under batch norm, nothing but a growing learning rate?
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "lab/curves.hpp"
#include "lab/experiments.hpp"
#include "lab/twin_networks.hpp"
#include "ztilde/reference.hpp"

namespace ztilde::lab {
namespace {

bool is_scale_free(const Network& network, const ParameterSlot& slot) {
  return slot.is_weight_matrix && slot.layer + 1 < network.layers.size() &&
         std::holds_alternative<BatchNorm>(network.layers[slot.layer + 1]);
}

double norm(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum);
}

// One of the three: its parameters, and how it steps.
struct Learner {
  std::vector<double> parameters;
  std::vector<double> gradient = std::vector<double>(parameters.size());
};

}  // namespace

Twins run_twins(const Network& network, std::span<const double> inputs, std::span<const float> targets,
                const TwinOptions& options) {
  const std::vector<ParameterSlot> slots = parameter_slots(network);
  const std::vector<double> start = reference::initial_parameters(network, options.seed);
  Learner decayed{start}, growing{start}, constant{start};
  const double keep = 1 - options.rate * options.decay;
  const std::size_t batches = targets.size() / options.batch;

  const auto loss_of = [&](Learner& learner, std::size_t batch) {
    return reference::loss_and_gradient(
        network, Task::classify, learner.parameters,
        inputs.subspan(batch * options.batch * network.inputs, options.batch * network.inputs),
        targets.subspan(batch * options.batch, options.batch), learner.gradient);
  };
  // w ← factor w − rate ∇, of the weights before batch norm; all else with the constant rate.
  const auto step = [&](Learner& learner, double factor, double rate) {
    for (const ParameterSlot& slot : slots) {
      const bool free = is_scale_free(network, slot);
      for (std::size_t i = slot.offset; i < slot.offset + slot.size(); ++i) {
        learner.parameters[i] =
            (free ? factor : 1) * learner.parameters[i] - (free ? rate : options.rate) * learner.gradient[i];
      }
    }
  };

  Twins twins;
  double shrunk = 1;  // (1 − ηλ)^t
  for (std::size_t t = 0; t < options.steps; ++t) {
    double largest = 0;
    for (const ParameterSlot& slot : slots) {
      if (!is_scale_free(network, slot)) continue;
      const std::span w = std::span(decayed.parameters).subspan(slot.offset, slot.size());
      std::vector<double> apart(w.begin(), w.end());
      for (std::size_t i = 0; i < apart.size(); ++i) apart[i] -= shrunk * growing.parameters[slot.offset + i];
      largest = std::max(largest, norm(apart) / norm(w));
    }
    twins.weight_difference.push_back(largest);

    twins.decayed.push_back(loss_of(decayed, t % batches));
    twins.growing.push_back(loss_of(growing, t % batches));
    twins.constant.push_back(loss_of(constant, t % batches));
    twins.loss_difference.push_back(std::abs(twins.decayed.back() - twins.growing.back()));
    twins.rates.push_back(options.rate / (shrunk * shrunk * keep));

    step(decayed, keep, options.rate);
    step(growing, 1, twins.rates.back());
    step(constant, 1, options.rate);
    shrunk *= keep;
    if (options.tell) options.tell(static_cast<double>(t + 1) / static_cast<double>(options.steps));
  }
  return twins;
}

namespace {

constexpr std::size_t kSide = 28, kPatch = 4, kCoarse = kSide / kPatch;

// Means over patches of 4 × 4 pixels, around 0: 49 inputs, for the oracle is slow.
std::vector<double> coarse(const Dataset& images) {
  std::vector<double> inputs(images.rows * kCoarse * kCoarse);
  for (std::size_t row = 0; row < images.rows; ++row) {
    for (std::size_t pixel = 0; pixel < kSide * kSide; ++pixel) {
      const std::size_t patch = pixel / kSide / kPatch * kCoarse + pixel % kSide / kPatch;
      inputs[row * kCoarse * kCoarse + patch] +=
          images.bytes[row * kSide * kSide + pixel] / (255.0 * kPatch * kPatch);
    }
  }
  for (double& value : inputs) value = 4 * (value - 0.3);
  return inputs;
}

Findings run(Context& context) {
  TwinOptions options;
  options.steps = context.pick<std::size_t>(500, 100);
  options.seed = context.seed;
  const Dataset images = first_rows(context.data.train, 32 * options.batch);
  Network network{kCoarse * kCoarse, {}};
  for (int i = 0; i < 2; ++i) {
    network.layers.insert(network.layers.end(),
                          {Dense{32, false}, BatchNorm{.epsilon = 0}, Activation{ActivationKind::tanh}});
  }
  network.layers.push_back(Dense{10, true});

  // The twins that are judged, and for comparison a pair that learns five times as fast.
  TwinOptions faster = options;
  faster.rate = 5 * options.rate;
  faster.decay = options.decay / 2;
  Twins twins, hasty;
  context.parallel(1, 2, [&](Trial& trial) {
    TwinOptions chosen = trial.index == 0 ? options : faster;
    chosen.tell = [&](double done) { trial.tell(done); };
    (trial.index == 0 ? twins : hasty) = run_twins(network, coarse(images), images.targets, chosen);
  });

  const double loss_apart = std::ranges::max(twins.loss_difference);
  const double weight_apart = std::ranges::max(twins.weight_difference);
  double otherwise = 0;
  for (std::size_t t = 0; t < options.steps; ++t)
    otherwise = std::max(otherwise, std::abs(twins.decayed[t] - twins.constant[t]));

  Findings findings;
  findings.values = {loss_apart, weight_apart};
  findings.sentence = fmt::format(
      "In {} steps the two losses are never further apart than {:.1e}, while the rate of the one grows "
      "{:.3g}-fold; decay simply left out "
      "changes the loss by up to {:.2g}.",
      options.steps, loss_apart, twins.rates.back() / options.rate, otherwise);

  std::vector<double> x(options.steps);
  for (std::size_t t = 0; t < options.steps; ++t) x[t] = static_cast<double>(t);
  // Differences of exactly 0 have no place on a logarithmic axis.
  const auto gap = [&](const std::string& label, const Json& role, std::vector<double> values) {
    std::ranges::replace(values, 0.0, std::nan(""));
    return line(label, role, x, values);
  };
  const Json losses = Json::array({line("constant rate, weight decay", "with", x, twins.decayed),
                                   line("growing rate, no decay", 1, x, twins.growing),
                                   line("constant rate, no decay", "without", x, twins.constant)});
  findings.blocks.push_back(report::chart(
      "lines",
      {{"title", "Two of these three lines are one"},
       {"alt",
        fmt::format(
            "loss over the steps: decay and growing rate coincide to {:.1e}, constant rate without decay "
            "departs by up to {:.2g}",
            loss_apart, otherwise)},
       {"x", "step"},
       {"y", "loss of the batch"},
       {"datasets", losses}}));
  findings.blocks.push_back(report::chart(
      "lines", {{"title", "How far apart the twins are: rounding errors, and what training makes of them"},
                {"alt", fmt::format("differences over the steps, at most {:.1e} in the loss and {:.1e} in "
                                    "the weights; {:.1e} in the loss at "
                                    "five times the rate",
                                    loss_apart, weight_apart, std::ranges::max(hasty.loss_difference))},
                {"x", "step"},
                {"y", "difference"},
                {"y_type", "logarithmic"},
                {"datasets", Json::array({gap("loss", "with", twins.loss_difference),
                                          gap("weights, relative", 1, twins.weight_difference),
                                          gap(fmt::format("loss, at rate {}", faster.rate), 2,
                                              hasty.loss_difference)})}}));
  findings.blocks.push_back(
      report::chart("lines", {{"title", "The learning rate that weight decay amounts to"},
                              {"alt", fmt::format("learning rate growing from {:.3g} to {:.3g}",
                                                  twins.rates.front(), twins.rates.back())},
                              {"x", "step"},
                              {"y", "learning rate"},
                              {"y_type", "logarithmic"},
                              {"datasets", Json::array({line("of the growing twin", 1, x, twins.rates)})}}));
  findings.blocks.push_back(
      report::text("Weights directly before a batch norm with ε = 0 do not change the loss by their scale: "
                   "L(c w) = L(w), hence ∇L(c w) = ∇L(w) / c. If the twins start "
                   "alike and w is trained with rate η and decay λ, then v = w / (1 − ηλ)^t is what rate η "
                   "(1 − ηλ)^−(2t + 1) without decay gives before step t. Weight decay "
                   "and growing rate are for those weights only; γ, β and the last layer, whose scale does "
                   "matter, learn with η and without decay in both."));
  findings.points = {{"decayed", twins.decayed},
                     {"growing", twins.growing},
                     {"constant", twins.constant},
                     {"rates", twins.rates},
                     {"loss_difference", twins.loss_difference},
                     {"weight_difference", twins.weight_difference},
                     {"faster_loss_difference", hasty.loss_difference}};
  findings.ran = fmt::format(
      "49-32-32-10 with tanh and ε = 0 on {} images of 7 × 7, batches of {}, {} steps of gradient descent in "
      "double by the scalar oracle "
      "(ztilde::reference); η = {}, λ = {}, and for comparison, not judged, η = {}, λ = {}. Losses are "
      "compared on the batch of each step, before it.",
      with_commas(images.rows), options.batch, options.steps, options.rate, options.decay, faster.rate,
      faster.decay);
  findings.why_not =
      "In exact arithmetic the twins are the same function; what is seen is rounding, which training "
      "multiplies. A rate so large that training is "
      "chaotic multiplies it without bound.";
  return findings;
}

}  // namespace

Experiment twins() {
  return {.name = "twins",
          .title = "Twins",
          .claim =
              "With batch norm, weight decay is a growing learning rate: η with decay λ equals "
              "η (1 − ηλ)^−(2t + 1) without.",
          .source = "Li & Arora 2020, arXiv:1910.07454",
          .about =
              "Two runs of the same network in double, one with weight decay, one with the rate that should "
              "amount to it. "
              "A third leaves decay out and changes nothing else, to show that it matters.",
          .thresholds = {{.label = "largest difference of the losses",
                          .is = Threshold::Is::below,
                          .bound = 1e-10,
                          .format = "{:.1e}"},
                         {.label = "largest relative difference of the weights, but for their scale",
                          .is = Threshold::Is::below,
                          .bound = 1e-10,
                          .format = "{:.1e}"}},
          .seconds = 1,
          .quick_seconds = 1,
          .run = run};
}

}  // namespace ztilde::lab
