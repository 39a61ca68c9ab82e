// Is it the steadiness of a layer's inputs that makes batch norm work? Noise after it takes the steadiness
// away.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.hpp"
#include "lab/course.hpp"
#include "lab/curves.hpp"
#include "lab/drift.hpp"
#include "lab/experiments.hpp"
#include "lab/noise.hpp"
#include "lab/statistics.hpp"
#include "ztilde/error.hpp"

namespace ztilde::lab {
namespace {

enum Arm { kPlain, kBatchNorm, kNoisy };
constexpr std::array<const char*, 3> kNames = {"without", "with batch norm", "with batch norm and noise"};
constexpr std::array kRates = {0.03, 0.1, 0.3, 1.0};
constexpr std::size_t kRatesSeed = 1000;

struct Sizes {
  std::uint64_t steps, look_every;
  std::size_t seeds, judged, probe;
};

struct Run {
  std::vector<double> scores;  // at each look; 0 from where it diverged
  std::vector<double> shifts;  // from the step of each look to the next step
  double seconds = 0;
  bool diverged = false;
};

struct Rows {
  const Dataset& train;
  const Dataset& population;
  const Dataset& judged;
  const std::vector<float>& probe;  // the rows of population
};

TrainOptions options_of(int arm, double rate, std::uint64_t seed) {
  TrainOptions options;
  options.hidden.assign(10, 100);
  options.batch_norm = arm != kPlain;
  options.optimizer = OptimizerKind::sgd;
  options.schedule = ScheduleKind::constant;
  options.learning_rate = rate;
  options.batch = 128;
  options.valid_fraction = 0;
  options.threads = 1;
  options.seed = seed;
  return options;
}

// Mean shift over all activations.
double shift_of(const std::vector<std::vector<Spread>>& before,
                const std::vector<std::vector<Spread>>& after) {
  double sum = 0;
  for (std::size_t i = 0; i < before.size(); ++i) sum += shift(before[i], after[i]);
  return sum / static_cast<double>(before.size());
}

Run train_arm(int arm, double rate, std::uint64_t seed, const Rows& rows, const Sizes& sizes, Trial& trial) {
  TrainSession session(rows.train, options_of(arm, rate, seed));
  ChangingNoise noise(session.network(), seed);
  std::vector<float> without;  // the parameters, but for the noise
  Run run;
  const auto look_inside = [&] {
    return activation_input_spreads(with_population_statistics(session.model(), rows.population, 1),
                                    rows.probe);
  };
  try {
    std::vector<std::vector<Spread>> before;
    while (true) {
      const std::uint64_t step = session.steps();
      const bool looks = step % sizes.look_every == 0;
      if (looks && step > 0) {
        const Model model = with_population_statistics(session.model(), rows.population, 1);
        run.scores.push_back(score_of(model, rows.judged));
      }
      if (step % kStepsBetweenTells == 0)
        trial.tell(static_cast<double>(step) / static_cast<double>(sizes.steps));
      if (step == sizes.steps) break;
      if (arm == kNoisy) {
        without.assign(session.parameters().begin(), session.parameters().end());
        noise.add(session.parameters());
      }
      session.find_gradients();
      // As this step's training sees the network, noise and all.
      if (step % sizes.look_every == 1) run.shifts.push_back(shift_of(before, look_inside()));
      if (looks) before = look_inside();
      if (arm == kNoisy) {
        std::ranges::copy(without, session.parameters().begin());
        noise.map_back(session.gradients());
      }
      session.apply(rate);
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::diverged) throw;
    run.diverged = true;
    run.scores.resize(sizes.steps / sizes.look_every, 0.0);
  }
  return run;
}

Findings run(Context& context) {
  const Sizes sizes{context.pick<std::uint64_t>(4000, 400), context.pick<std::uint64_t>(200, 100),
                    context.pick<std::size_t>(3, 1), context.pick<std::size_t>(5000, 2000), 1000};
  const Dataset population = first_rows(context.data.train, sizes.probe);
  std::vector<float> probe(population.floats);
  if (population.is_bytes()) probe.assign(population.bytes.begin(), population.bytes.end());
  const Dataset valid = first_rows(context.data.valid, sizes.judged),
                test = first_rows(context.data.test, sizes.judged);

  std::array<std::vector<double>, 3> tried;
  for (auto& scores : tried) scores.resize(kRates.size());
  context.parallel(0.55, 3 * kRates.size(), [&](Trial& trial) {
    const int arm = static_cast<int>(trial.index % 3);
    const std::size_t rate = trial.index / 3;
    tried[arm][rate] = train_arm(arm, kRates[rate], context.seed + kRatesSeed,
                                 {context.data.train, population, valid, probe}, sizes, trial)
                           .scores.back();
  });
  std::array<double, 3> rates;
  for (int arm = 0; arm < 3; ++arm) rates[arm] = kRates[best_of(tried[arm])];

  std::array<std::vector<Run>, 3> runs;
  for (auto& arm : runs) arm.resize(sizes.seeds);
  context.parallel(0.45, 3 * sizes.seeds, [&](Trial& trial) {
    const int arm = static_cast<int>(trial.index % 3);
    const std::size_t seed = trial.index / 3;
    runs[arm][seed] = train_arm(arm, rates[arm], context.seed + seed,
                                {context.data.train, population, test, probe}, sizes, trial);
  });

  std::array<std::vector<double>, 3> drifts, accuracy;
  for (int arm = 0; arm < 3; ++arm) {
    for (const Run& each : runs[arm]) {
      drifts[arm].push_back(each.shifts.empty() ? NAN : mean(each.shifts));
      accuracy[arm].push_back(100 * each.scores.back());
    }
  }
  const double ratio = mean(drifts[kNoisy]) / mean(drifts[kPlain]);
  const Paired ahead = paired(accuracy[kNoisy], accuracy[kPlain]);

  Findings findings;
  findings.values = {ratio, ahead.mean};
  findings.sentence = fmt::format(
      "With noise the inputs of the activations move {:.3g} times as much in a step as without batch norm, "
      "and the network ends at {:.2f} %, {:+.2f} points "
      "from the {:.2f} % without; batch norm alone gives {:.2f} %.",
      ratio, mean(accuracy[kNoisy]), ahead.mean, mean(accuracy[kPlain]), mean(accuracy[kBatchNorm]));

  std::vector<double> steps, look_steps;
  for (std::uint64_t step = sizes.look_every; step <= sizes.steps; step += sizes.look_every) {
    steps.push_back(static_cast<double>(step));
    look_steps.push_back(static_cast<double>(step - sizes.look_every));
  }
  constexpr std::array<const char*, 3> kRoles = {"without", "with", "theory"};
  Json learning = Json::array(), moving = Json::array();
  Json rows = Json::array();
  for (int arm = 0; arm < 3; ++arm) {
    std::vector<std::vector<double>> scores, shifts;
    for (const Run& each : runs[arm]) {
      scores.push_back(each.scores);
      for (double& score : scores.back()) score *= 100;
      shifts.push_back(each.shifts);
      shifts.back().resize(steps.size(), NAN);
    }
    const Json role = arm == kNoisy ? Json(2) : Json(kRoles[arm]);
    add_runs(learning, kNames[arm], role, steps, scores);
    std::vector<double> shown;
    for (std::size_t i = 0; i < steps.size(); ++i) shown.push_back(mean(column(shifts, i)));
    moving.push_back(line(kNames[arm], role, look_steps, shown));
    rows.push_back({kNames[arm], rates[arm], fmt::format("{:.4f}", mean(drifts[arm])),
                    fmt::format("{:.2f} ± {:.2f} %", mean(accuracy[arm]), interval(accuracy[arm]))});
    Json& points = findings.points[kNames[arm]];
    points = {{"rate", rates[arm]}, {"rates_tried", kRates}, {"validation_accuracy_of_rates", tried[arm]}};
    for (const Run& each : runs[arm])
      points["runs"].push_back(
          {{"accuracy", each.scores}, {"shift", each.shifts}, {"diverged", each.diverged}});
  }
  findings.points["steps"] = steps;
  findings.blocks.push_back(report::chart(
      "lines",
      {{"title", "Who learns better: noise after batch norm, or no batch norm"},
       {"alt", fmt::format("test accuracy at the end: {:.2f} % without, {:.2f} % with batch norm, {:.2f} % "
                           "with batch norm and noise",
                           mean(accuracy[kPlain]), mean(accuracy[kBatchNorm]), mean(accuracy[kNoisy]))},
       {"note", "Mean over the seeds, in the band from the worst to the best."},
       {"x", "step"},
       {"y", "test accuracy, %"},
       {"datasets", std::move(learning)}}));
  findings.blocks.push_back(report::chart(
      "lines",
      {{"title", "How far the inputs of the activations move in one step"},
       {"alt",
        fmt::format(
            "mean shift in standard deviations: {:.4f} without, {:.4f} with batch norm, {:.4f} with noise",
            mean(drifts[kPlain]), mean(drifts[kBatchNorm]), mean(drifts[kNoisy]))},
       {"x", "step"},
       {"y", "shift of a unit's mean, in its σ"},
       {"y_type", "logarithmic"},
       {"datasets", std::move(moving)}}));
  findings.blocks.push_back(
      report::table("Drift and accuracy",
                    {"arm", "learning rate", "drift, standard deviations a step", "test accuracy"}, rows));
  findings.blocks.push_back(
      report::text("How the noise is made: before each step every unit's z_tilde gets a new factor, uniform "
                   "in 1 to 1.25, and a new summand, uniform in −0.5 to 0.5, by way of its γ and β. "
                   "The gradients found there are mapped back by the chain rule and applied to the true γ "
                   "and β. The paper draws such a distribution for every unit and step and from it "
                   "noise for every row; here all rows of a batch get the same, so that the distribution is "
                   "moved and stretched as there, but a row's place in it is not stirred. "
                   "Accuracy is measured without noise."));
  findings.ran = fmt::format(
      "Ten hidden layers of 100 with relu from He's weights, plain gradient descent at a constant rate, "
      "batches of 128, {} steps, {}. Each arm has the best of the rates {} by "
      "validation accuracy at the end, in a run of its own. Drift: |change of a unit's mean| over its "
      "standard deviation from one step to the next, on {} training rows, as training sees "
      "the network at that step; mean over all units of all layers, every {} steps.",
      with_commas(sizes.steps),
      sizes.seeds == 1 ? std::string("one seed") : fmt::format("{} seeds", sizes.seeds),
      fmt::join(kRates, ", "), with_commas(sizes.probe), sizes.look_every);
  findings.why_not =
      "Noise of this size costs something by itself, like any other: where a network of ten layers learns "
      "well without batch norm at its own rate, there is little for batch norm to win back. "
      "The paper's networks are deeper and convolutional, where batch norm gains more.";
  return findings;
}

}  // namespace

Experiment noisy() {
  return {.name = "noisy",
          .title = "Steady, or not",
          .claim =
              "Steadiness of a layer's inputs is not why batch norm works: with noise after it they move "
              "more than without batch norm, and it still learns better.",
          .source = "Santurkar et al. 2018, arXiv:1805.11604, section 2",
          .about =
              "Three networks: without batch norm, with it, and with it followed by noise that is another "
              "one at every step.",
          .thresholds = {{.label = "drift with noise over drift without batch norm",
                          .is = Threshold::Is::above,
                          .bound = 1,
                          .format = "{:.3g}"},
                         {.label = "accuracy with noise, beyond that without batch norm",
                          .is = Threshold::Is::above,
                          .bound = 0,
                          .format = "{:+.2f} points"}},
          .seconds = 77,
          .quick_seconds = 7,
          .run = run};
}

}  // namespace ztilde::lab
