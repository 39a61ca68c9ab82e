#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/text.hpp"
#include "lab/experiments.hpp"
#include "lab/learning.hpp"
#include "ztilde/train_session.hpp"

namespace ztilde::lab {
namespace {

constexpr double kRate = 0.1;

struct NormLayer {
  std::size_t layer = 0, units = 0;
  double largest_z = 0, difference = 0;  // over rows and units
  double before = 0;                     // the same difference with the trained γ and β
  double relative() const { return difference / largest_z; }
};

std::vector<float> first_inputs(const Dataset& data, std::size_t rows) {
  const std::size_t count = std::min(rows, data.rows) * data.columns;
  if (data.is_bytes()) return {data.bytes.begin(), data.bytes.begin() + static_cast<std::ptrdiff_t>(count)};
  return {data.floats.begin(), data.floats.begin() + static_cast<std::ptrdiff_t>(count)};
}

// γ = √(σ² + ε), β = μ in every BatchNorm.
Model with_identities(Model model) {
  const std::vector<ParameterSlot> parameters = parameter_slots(model.network);
  for (const StatisticSlot& slot : statistic_slots(model.network)) {
    const auto* norm = std::get_if<BatchNorm>(&model.network.layers[slot.layer]);
    if (!norm) continue;
    const double* mean = &model.statistics[slot.offset];
    const double* variance = mean + slot.channels;
    for (const ParameterSlot& parameter : parameters) {
      if (parameter.layer != slot.layer) continue;
      const bool is_gamma = parameter.name == "weight";
      for (std::size_t c = 0; c < slot.channels; ++c) {
        const double value = is_gamma ? std::sqrt(variance[c] + norm->epsilon) : mean[c];
        model.parameters[parameter.offset + c] = static_cast<float>(value);
      }
    }
  }
  return model;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    most = std::max(most, std::abs(static_cast<double>(a[i]) - b[i]));
  return most;
}

NormLayer measured(const Model& trained, const Model& changed, std::size_t layer,
                   const std::vector<float>& rows, std::size_t threads) {
  NormLayer result;
  result.layer = layer;
  result.units = layer_outputs(changed.network)[layer];
  const std::vector<float> z = outputs(first_layers(changed, layer), rows, threads);
  const std::vector<float> z_tilde = outputs(first_layers(changed, layer + 1), rows, threads);
  for (const float value : z)
    result.largest_z = std::max(result.largest_z, static_cast<double>(std::abs(value)));
  result.difference = largest_difference(z, z_tilde);
  result.before = largest_difference(outputs(first_layers(trained, layer), rows, threads),
                                     outputs(first_layers(trained, layer + 1), rows, threads));
  return result;
}

Findings run(Context& context) {
  const Dataset train = first_rows(context.data.train, context.pick<std::size_t>(20'000, 4'000));
  TrainOptions options = plain_options();
  options.hidden = context.pick<std::vector<std::size_t>>({256, 256, 256}, {64, 64, 64});
  options.seed = context.seed;
  options.threads = context.threads;
  const std::uint64_t epochs = context.pick<std::uint64_t>(5, 2);
  TrainSession session(train, options);
  const std::uint64_t steps = epochs * session.steps_per_epoch();
  while (session.steps() < steps) {
    session.step(kRate);
    context.advance(0.9 / static_cast<double>(steps));
  }
  const Model trained = session.model_with_population_statistics();
  const Model changed = with_identities(trained);
  const std::vector<float> rows = first_inputs(context.data.test, context.pick<std::size_t>(2'000, 500));
  const std::size_t count = rows.size() / context.data.test.columns;

  Findings findings;
  Json table = Json::array(), points = Json::array();
  double worst = 0;
  for (std::size_t layer = 0; layer < changed.network.layers.size(); ++layer) {
    if (!std::holds_alternative<BatchNorm>(changed.network.layers[layer])) continue;
    const NormLayer each = measured(trained, changed, layer, rows, context.threads);
    worst = std::max(worst, each.relative());
    table.push_back({fmt::format("layer {}", layer), fmt::format("{} units", each.units),
                     fmt::format("{:.4g}", each.largest_z), fmt::format("{:.4g}", each.before),
                     fmt::format("{:.2e}", each.difference), fmt::format("{:.2e}", each.relative())});
    points.push_back({{"layer", layer},
                      {"largest_z", each.largest_z},
                      {"difference", each.difference},
                      {"difference_before", each.before},
                      {"relative", each.relative()}});
  }
  context.advance(0.1);
  findings.values = {worst};
  findings.blocks.push_back(
      report::table("What batch norm gives against what it takes, with γ = √(σ² + ε) and β = μ",
                    {"batch norm", "", "largest |z|", "largest |z_tilde − z| as trained", "with γ, β set",
                     "relative to largest |z|"},
                    table));
  findings.points = {{"layers", points}};
  findings.sentence = fmt::format(
      "With γ = √(σ² + ε) and β = μ every batch norm of the trained net gives its z back, to {:.1e} of "
      "the layer's largest z: what floats can hold.",
      worst);
  std::string widths;
  for (const std::size_t width : options.hidden)
    widths += fmt::format("{}{}", widths.empty() ? "" : ", ", width);
  findings.ran = fmt::format(
      "relu net with hidden layers of {} units, {} steps of gradient descent at rate {} on {} rows; "
      "population "
      "statistics; compared on {} test rows",
      widths, with_commas(steps), kRate, with_commas(train.rows), with_commas(count));
  findings.why_not =
      "γ and β are floats, each off by up to 6e-8 of itself; a mean far larger than the spread makes that "
      "show.";
  return findings;
}

}  // namespace

Experiment identity() {
  return {
      .name = "identity",
      .title = "Nothing is lost",
      .claim = "γ = √(σ² + ε) and β = μ make batch norm the identity: the net can undo it.",
      .source = "the lecture; Ioffe & Szegedy 2015, arXiv:1502.03167, section 3",
      .about =
          "A net is trained, then γ and β of every batch norm are set to these values, with the statistics "
          "that the model is used with. For each layer the largest difference between what it takes and "
          "what it gives, over all units and rows, stands against the largest z of the layer.",
      .thresholds = {{"largest relative difference", Threshold::Is::below, 1e-6, 0, {}, "{:.2g}"}},
      .seconds = 1.5,
      .quick_seconds = 1,
      .run = run};
}

}  // namespace ztilde::lab
