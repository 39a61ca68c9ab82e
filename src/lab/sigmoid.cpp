#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/text.hpp"
#include "lab/experiments.hpp"
#include "lab/learning.hpp"
#include "lab/statistics.hpp"
#include "ztilde/train_session.hpp"

namespace ztilde::lab {
namespace {

// Beyond this the sigmoid is no longer near its tangent at 0; 1.24 % of a normal distribution lies there.
constexpr double kLinear = 2.5, kNormalShare = 0.0124;
constexpr double kLeast = -6, kMost = 6;
constexpr std::size_t kBins = 60;

enum class Scale { fixed, learned };  // (γ, β) = (1, 0), or as training has them

double sigmoid_of(double z) { return 1 / (1 + std::exp(-z)); }

// What enters the sigmoids of one layer.
struct LayerInputs {
  double beyond = 0;   // share of values
  double tangent = 0;  // mean distance of the sigmoid from ½ + z/4
  std::array<double, kBins> bins = {};
};

struct Trained {
  double accuracy = 0, seconds = 0;
  std::vector<LayerInputs> layers;
};

LayerInputs inputs_of(const std::vector<float>& values) {
  LayerInputs result;
  const double share = 1 / static_cast<double>(values.size());
  for (const float value : values) {
    const double z = value;
    if (std::abs(z) > kLinear) result.beyond += share;
    result.tangent += share * std::abs(sigmoid_of(z) - (0.5 + z / 4));
    const double place = (z - kLeast) / (kMost - kLeast) * kBins;
    if (place >= 0 && place < kBins) result.bins[static_cast<std::size_t>(place)] += share;
  }
  return result;
}

void reset_gradients(TrainSession& session, const std::vector<ParameterSlot>& slots) {
  for (const ParameterSlot& slot : slots) {
    if (std::holds_alternative<BatchNorm>(session.network().layers[slot.layer]))
      std::ranges::fill(session.gradients().subspan(slot.offset, slot.size()), 0.0f);
  }
}

// The same training as of course.hpp, but that γ and β may stand still.
Trained train_one(const Dataset& train, const Dataset& judged, const TrainOptions& options, Scale scale,
                  std::uint64_t steps, std::size_t probe_rows, Trial& trial) {
  Trained result;
  TrainSession session(train, options);
  const std::vector<ParameterSlot> slots = parameter_slots(session.network());
  const auto step = [&] {
    session.find_gradients();
    if (scale == Scale::fixed) reset_gradients(session, slots);
    session.apply(*options.learning_rate);
  };
  const auto look = [&](std::size_t, double) {
    const Model model = session.model_with_population_statistics();
    result.accuracy = score_of(model, judged);
    if (probe_rows == 0) return;
    const Dataset probe = first_rows(judged, probe_rows);
    const std::vector<float> rows(probe.bytes.begin(), probe.bytes.end());
    for (std::size_t layer = 0; layer < model.network.layers.size(); ++layer) {
      if (std::holds_alternative<BatchNorm>(model.network.layers[layer]))
        result.layers.push_back(inputs_of(outputs(first_layers(model, layer + 1), rows, 1)));
    }
  };
  result.seconds = walk(session, {{steps}, step, look, [&](double done) { trial.tell(done); }}).seconds;
  return result;
}

double over_layers(const Trained& trained, double LayerInputs::*member) {
  double sum = 0;
  for (const LayerInputs& layer : trained.layers) sum += layer.*member;
  return trained.layers.empty() ? 0 : sum / static_cast<double>(trained.layers.size());
}

std::vector<double> over_seeds(const std::vector<Trained>& seeds, double LayerInputs::*member) {
  std::vector<double> result;
  for (const Trained& each : seeds) result.push_back(over_layers(each, member));
  return result;
}

std::vector<double> accuracies(const std::vector<Trained>& seeds) {
  std::vector<double> result;
  for (const Trained& each : seeds) result.push_back(each.accuracy);
  return result;
}

// Histograms of what the sigmoids of a layer get with fixed and learned γ, β, and the sigmoid with its
// tangent.
Json histogram(std::size_t layer, const LayerInputs& fixed, const LayerInputs& learned) {
  const auto points = [](const auto& value_at) {
    Json data = Json::array();
    for (std::size_t b = 0; b < kBins; ++b) {
      const double z = kLeast + (kMost - kLeast) * (static_cast<double>(b) + 0.5) / kBins;
      data.push_back({{"x", z}, {"y", value_at(b, z)}});
    }
    return data;
  };
  double highest = 0;
  for (std::size_t b = 0; b < kBins; ++b) highest = std::max({highest, fixed.bins[b], learned.bins[b]});
  const Json datasets = {
      {{"label", "z_norm, γ = 1 and β = 0"},
       {"role", "without"},
       {"fill", "origin"},
       {"pointRadius", 0},
       {"data", points([&](std::size_t b, double) { return 100 * fixed.bins[b]; })}},
      {{"label", "z_tilde, γ and β learned"},
       {"role", "with"},
       {"fill", "origin"},
       {"pointRadius", 0},
       {"data", points([&](std::size_t b, double) { return 100 * learned.bins[b]; })}},
      {{"label", "the sigmoid, not to scale"},
       {"role", "theory"},
       {"pointRadius", 0},
       {"data", points([&](std::size_t, double z) { return 100 * highest * sigmoid_of(z); })}}};
  return report::chart(
      "lines",
      {{"title", fmt::format("Hidden layer {}: {:.1f} % beyond ±2.5 with γ, β fixed, {:.1f} % learned",
                             layer + 1, 100 * fixed.beyond, 100 * learned.beyond)},
       {"alt", "Two histograms of what enters the sigmoids of the layer, over the sigmoid's curve."},
       {"datasets", datasets},
       {"x", "input of the sigmoid"},
       {"y", "% of values"},
       {"marks", Json::array({{{"axis", "x"}, {"value", -kLinear}, {"label", "−2.5"}},
                              {{"axis", "x"}, {"value", kLinear}, {"label", "2.5"}}})}});
}

Findings run(Context& context) {
  const Dataset train = first_rows(context.data.train, context.pick<std::size_t>(20'000, 3'000));
  const Dataset valid = first_rows(context.data.valid, context.pick<std::size_t>(5'000, 2'000));
  const Dataset test = first_rows(context.data.test, context.pick<std::size_t>(10'000, 4'000));
  const auto seeds = context.pick<std::size_t>(5, 2), probe = context.pick<std::size_t>(2'000, 1'000);
  const auto steps = context.pick<std::uint64_t>(2'000, 400);
  const std::vector<double> rates =
      context.pick<std::vector<double>>({0.03, 0.1, 0.3, 1, 3, 10}, {0.1, 0.3, 1});
  TrainOptions options = plain_options();
  options.hidden = {100, 100, 100};
  options.activation = ActivationKind::sigmoid;
  options.batch = 60;
  constexpr Scale kScales[] = {Scale::fixed, Scale::learned};

  std::vector<std::vector<double>> tried(2, std::vector<double>(rates.size()));
  const double trials = static_cast<double>(2 * rates.size() + 2 * seeds);
  context.parallel(static_cast<double>(2 * rates.size()) / trials, 2 * rates.size(), [&](Trial& trial) {
    const std::size_t arm = trial.index / rates.size(), rate = trial.index % rates.size();
    TrainOptions own = options;
    own.learning_rate = rates[rate];
    own.seed = context.seed * 1000 + 999;
    tried[arm][rate] = train_one(train, valid, own, kScales[arm], steps, 0, trial).accuracy;
  });
  std::vector<double> best;
  for (const auto& scores : tried)
    best.push_back(rates[static_cast<std::size_t>(std::ranges::max_element(scores) - scores.begin())]);
  std::vector<std::vector<Trained>> trained(2, std::vector<Trained>(seeds));
  context.parallel(static_cast<double>(2 * seeds) / trials, 2 * seeds, [&](Trial& trial) {
    const std::size_t arm = trial.index / seeds, seed = trial.index % seeds;
    TrainOptions own = options;
    own.learning_rate = best[arm];
    own.seed = context.seed * 1000 + seed;
    trained[arm][seed] = train_one(train, test, own, kScales[arm], steps, probe, trial);
  });

  Findings findings;
  const Paired gain = paired(accuracies(trained[1]), accuracies(trained[0]));
  const double fixed_share = 100 * mean(over_seeds(trained[0], &LayerInputs::beyond));
  const double learned_share = 100 * mean(over_seeds(trained[1], &LayerInputs::beyond));
  findings.values = {fixed_share, 100 * gain.mean};
  Json table = Json::array(), points = Json::array();
  for (std::size_t arm = 0; arm < 2; ++arm) {
    const std::vector<double> reached = accuracies(trained[arm]);
    std::vector<double> seconds;
    for (const Trained& each : trained[arm]) seconds.push_back(each.seconds);
    const char* name = arm == 0 ? "γ = 1, β = 0" : "γ, β learned";
    table.push_back({name, fmt::format("{:.2f} %", arm == 0 ? fixed_share : learned_share),
                     fmt::format("{:.4f}", mean(over_seeds(trained[arm], &LayerInputs::tangent))),
                     fmt::format("{:.2f} ± {:.2f} %", 100 * mean(reached), 100 * deviation(reached)),
                     fmt::format("{}", best[arm]),
                     fmt::format("{} steps, {:.1f} s", with_commas(steps), mean(seconds))});
    Json runs = Json::array();
    for (const Trained& each : trained[arm]) {
      Json layers = Json::array();
      for (const LayerInputs& layer : each.layers)
        layers.push_back({{"beyond", layer.beyond}, {"tangent", layer.tangent}, {"histogram", layer.bins}});
      runs.push_back({{"accuracy", each.accuracy}, {"layers", layers}});
    }
    points.push_back({{"arm", name},
                      {"rates", rates},
                      {"valid_scores", tried[arm]},
                      {"rate", best[arm]},
                      {"seeds", runs}});
  }
  for (std::size_t layer = 0; layer < std::min(trained[0][0].layers.size(), trained[1][0].layers.size());
       ++layer)
    findings.blocks.push_back(histogram(layer, trained[0][0].layers[layer], trained[1][0].layers[layer]));
  findings.blocks.push_back(report::table(
      "Inputs of the sigmoids, and what is reached (mean ± standard deviation over seeds)",
      {"", "beyond ±2.5", "mean distance from the tangent", "test accuracy", "rate", "one training"}, table));
  findings.points = {{"arms", points}, {"histogram_from", kLeast}, {"histogram_to", kMost}};
  findings.sentence = fmt::format(
      "With (γ, β) = (1, 0) {:.2f} % of the sigmoids' inputs lie beyond ±2.5, learned {:.2f} %; learning γ "
      "and β changes the test "
      "accuracy by {:+.2f} ± {:.2f} points, better for {} of {} seeds.",
      fixed_share, learned_share, 100 * gain.mean, 100 * gain.interval, gain.wins, gain.pairs);
  findings.ran = fmt::format(
      "3 hidden layers of 100 sigmoids, batches of 60, {} steps of gradient descent on {} rows; {} seeds; "
      "rates chosen "
      "from {} on {} validation rows; inputs of the sigmoids of {} test rows, population statistics",
      with_commas(steps), with_commas(train.rows), seeds, fmt::join(rates, ", "), with_commas(valid.rows),
      with_commas(probe));
  findings.why_not =
      "1.2 % is a normal distribution's share. What enters a unit is a sum over units that depend on each "
      "other, and its "
      "tails are those of the data; and where the linear part is enough for a task, γ and β have nothing to "
      "gain.";
  return findings;
}

}  // namespace

Experiment sigmoid() {
  using Is = Threshold::Is;
  return {
      .name = "sigmoid",
      .title = "Leaving the linear part",
      .claim =
          "With mean 0 and variance 1 a sigmoid works in its linear part; learned γ and β take it out of "
          "there.",
      .source = "the lecture; Ioffe & Szegedy 2015, arXiv:1502.03167, section 3",
      .about =
          "The same nets are trained with (γ, β) = (1, 0) held fast and with both learned, each at the rate "
          "that is best "
          "for it. Of a normal distribution 1.24 % lies beyond ±2.5, where the sigmoid has left its tangent. "
          "What "
          "enters the sigmoids is taken from test rows, in the form in which the model is used.",
      .thresholds =
          {{"share beyond ±2.5 with (γ, β) = (1, 0)", Is::within, 100 * kNormalShare, 0.3, {}, "{:.2f} %"},
           {"accuracy of learned less that of fixed", Is::at_least, 0, 0, 1, "{:.2f} points"}},
      .seconds = 9,
      .quick_seconds = 1,
      .run = run};
}

}  // namespace ztilde::lab
