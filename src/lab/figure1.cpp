// The paper's first experiment: does batch norm make a small network learn faster and better, and keep the
// inputs of its last sigmoids steadier?
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.hpp"
#include "lab/course.hpp"
#include "lab/curves.hpp"
#include "lab/drift.hpp"
#include "lab/experiments.hpp"
#include "lab/statistics.hpp"

namespace ztilde::lab {
namespace {

constexpr std::array kRates = {0.1, 0.3, 1.0, 3.0, 10.0};
constexpr std::array<std::uint64_t, 4> kCheckpoints = {1000, 5000, 10000, 50000};
constexpr std::size_t kRatesSeed = 1000;  // of the run that chooses the rate; none of the compared ones

// The images in black and white, as in the paper.
Dataset binarised(Dataset images) {
  for (std::uint8_t& pixel : images.bytes) pixel = pixel >= 128;
  return images;
}

struct Sizes {
  std::uint64_t steps, look_every;
  std::size_t seeds, probe;
  std::vector<std::uint64_t> checkpoints;
};

Sizes sizes_of(const Context& context) {
  const std::uint64_t part = context.pick<std::uint64_t>(1, 20);
  Sizes sizes{
      50000 / part, context.pick<std::uint64_t>(1000, 125), context.pick<std::size_t>(5, 2), 1000, {}};
  for (const std::uint64_t step : kCheckpoints) sizes.checkpoints.push_back(step / part);
  return sizes;
}

TrainOptions options_of(bool batch_norm, double rate, std::uint64_t seed) {
  TrainOptions options;
  options.hidden = {100, 100, 100};
  options.activation = ActivationKind::sigmoid;
  options.batch_norm = batch_norm;
  options.standardise = false;
  options.init = InitKind::normal;
  options.init_std = 0.1;  // 1/√100: small, and z of the hidden layers neither grows nor shrinks
  options.optimizer = OptimizerKind::sgd;
  options.learning_rate = rate;
  options.batch = 60;
  options.seed = seed;
  return options;
}

struct Run {
  Course course;
  std::vector<std::array<double, 3>> inputs;  // percentiles at each look
};

// By [arm][rate]: mean validation accuracy at the first three checkpoints.
std::array<std::vector<double>, 2> try_rates(Context& context, const Dataset& train,
                                             const Dataset& population, const Dataset& valid,
                                             const Sizes& sizes) {
  std::array<std::vector<double>, 2> found;
  for (auto& scores : found) scores.resize(kRates.size());
  context.parallel(0.2, 2 * kRates.size(), [&](Trial& trial) {
    const bool batch_norm = trial.index % 2 == 1;
    const std::size_t rate = trial.index / 2;
    const Measure measure{
        &population, valid, {sizes.checkpoints.begin(), sizes.checkpoints.end() - 1}, {}, [&](double done) {
          trial.tell(done);
        }};
    found[batch_norm][rate] = mean(
        run_course(train, options_of(batch_norm, kRates[rate], context.seed + kRatesSeed), measure).scores);
  });
  return found;
}

// Accuracy at one step.
double at(const Run& run, const std::vector<std::uint64_t>& marks, std::uint64_t step) {
  return run.course.scores[static_cast<std::size_t>(std::ranges::find(marks, step) - marks.begin())];
}

// The medians at the looks that are equally far apart.
std::vector<double> even_medians(const Run& run, const std::vector<std::uint64_t>& marks,
                                 std::uint64_t every) {
  std::vector<double> medians;
  for (std::size_t i = 0; i < run.inputs.size(); ++i) {
    if (marks[i] % every == 0) medians.push_back(run.inputs[i][1]);
  }
  return medians;
}

Json accuracy_chart(std::span<const double> x,
                    const std::array<std::vector<std::vector<double>>, 2>& accuracy) {
  Json datasets = Json::array();
  std::array<double, 2> last = {};
  for (int arm = 0; arm < 2; ++arm) {
    // Not the untrained network, which has no place on a logarithmic axis.
    std::vector<std::vector<double>> runs;
    for (const auto& scores : accuracy[arm]) {
      runs.emplace_back(scores.begin() + 1, scores.end());
      for (double& score : runs.back()) score *= 100;
      last[arm] += runs.back().back() / static_cast<double>(accuracy[arm].size());
    }
    add_runs(datasets, arm == 1 ? "with batch norm" : "without", arm == 1 ? "with" : "without", x.subspan(1),
             runs);
  }
  return report::chart(
      "lines",
      {{"title", "Which of the two is ahead, and until when"},
       {"alt", fmt::format("test accuracy over the steps: {:.2f} % with batch norm and {:.2f} % without "
                           "at the end",
                           last[1], last[0])},
       {"note", "Mean over the seeds, in the band from the worst to the best."},
       {"x", "step"},
       {"y", "test accuracy, %"},
       {"x_type", "logarithmic"},
       {"datasets", std::move(datasets)}});
}

Json percentile_chart(const char* title, const char* role, std::span<const double> x,
                      const std::vector<Run>& runs) {
  std::array<std::vector<double>, 3> lines;
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (std::size_t p = 0; p < 3; ++p) {
      std::vector<double> values;
      for (const Run& each : runs) values.push_back(i < each.inputs.size() ? each.inputs[i][p] : NAN);
      lines[p].push_back(mean(values));
    }
  }
  Json datasets = Json::array();
  add_band(datasets, role, x, lines[0], lines[2]);
  datasets.push_back(line("median", role, x, lines[1]));
  return report::chart(
      "lines",
      {{"title", title},
       {"alt", fmt::format("{}: the median goes from {:.2f} to {:.2f}, the band from "
                           "percentile 15 to 85 ends at {:.2f} to {:.2f}",
                           title, lines[1].front(), lines[1].back(), lines[0].back(), lines[2].back())},
       {"note", "Band: percentiles 15 to 85 of all units and 1,000 test images; means over seeds."},
       {"x", "step"},
       {"y", "input of the last sigmoids"},
       {"datasets", std::move(datasets)}});
}

Findings run(Context& context) {
  const Sizes sizes = sizes_of(context);
  const Dataset train = binarised(context.data.train), valid = binarised(context.data.valid),
                test = binarised(context.data.test);
  const Dataset population = first_rows(train, 10000);
  const std::vector<float> probe(test.bytes.begin(), test.bytes.begin() + sizes.probe * test.columns);

  const auto tried = try_rates(context, train, population, valid, sizes);
  const std::array rates = {kRates[best_of(tried[0])], kRates[best_of(tried[1])]};

  // The first steps too, where the most happens.
  const std::vector<std::uint64_t> marks =
      united(even_marks(sizes.look_every, sizes.steps),
             {sizes.look_every / 10, sizes.look_every / 5, sizes.look_every / 2});
  std::array<std::vector<Run>, 2> runs;
  for (auto& each : runs) each.resize(sizes.seeds);
  context.parallel(0.8, 2 * sizes.seeds, [&](Trial& trial) {
    const bool batch_norm = trial.index % 2 == 1;
    Run& made = runs[batch_norm][trial.index / 2];
    const Measure measure{&population, test, marks,
                          [&](const Model& model) {
                            std::vector<float> inputs = last_activation_inputs(model, probe);
                            made.inputs.push_back(percentiles(inputs));
                          },
                          [&](double done) { trial.tell(done); }};
    made.course =
        run_course(train, options_of(batch_norm, rates[batch_norm], context.seed + trial.index / 2), measure);
  });

  std::array<std::vector<double>, 2> drifts;
  std::array<std::vector<std::vector<double>>, 2> accuracy;
  for (int arm = 0; arm < 2; ++arm) {
    for (const Run& each : runs[arm]) {
      drifts[arm].push_back(drift(even_medians(each, marks, sizes.look_every)));
      accuracy[arm].push_back(each.course.scores);
    }
  }
  std::size_t won = 0;
  Json rows = Json::array();
  for (const std::uint64_t step : sizes.checkpoints) {
    std::vector<double> plain, with;
    for (std::size_t s = 0; s < sizes.seeds; ++s) {
      plain.push_back(100 * at(runs[0][s], marks, step));
      with.push_back(100 * at(runs[1][s], marks, step));
    }
    const Paired pair = paired(with, plain);
    won += pair.wins;
    rows.push_back({with_commas(step), fmt::format("{:.2f} %", mean(plain)),
                    fmt::format("{:.2f} %", mean(with)),
                    fmt::format("{:+.2f} ± {:.2f}", pair.mean, pair.interval),
                    fmt::format("{} of {}", pair.wins, pair.pairs)});
  }
  const std::size_t comparisons = sizes.checkpoints.size() * sizes.seeds;

  Findings findings;
  findings.values = {100.0 * static_cast<double>(won) / static_cast<double>(comparisons),
                     mean(drifts[0]) / mean(drifts[1])};
  findings.sentence = fmt::format(
      "With batch norm the network is ahead in {} of {} comparisons; the median input of its last sigmoids "
      "moves by {:.3f} in {} steps, without batch norm by {:.3f}.",
      won, comparisons, mean(drifts[1]), with_commas(sizes.look_every), mean(drifts[0]));
  const std::vector<double> x(marks.begin(), marks.end());
  findings.blocks.push_back(accuracy_chart(x, accuracy));
  findings.blocks.push_back(
      percentile_chart("How the inputs of the last sigmoids move with batch norm", "with", x, runs[1]));
  findings.blocks.push_back(
      percentile_chart("How the inputs of the last sigmoids move without", "without", x, runs[0]));
  findings.blocks.push_back(report::table(
      "Test accuracy at the steps that are judged",
      {"step", "without", "with batch norm", "difference, points", "seeds with batch norm ahead"}, rows));
  Json of_rates = Json::array();
  for (std::size_t rate = 0; rate < kRates.size(); ++rate) {
    of_rates.push_back({kRates[rate], fmt::format("{:.2f} %", 100 * tried[0][rate]),
                        fmt::format("{:.2f} %", 100 * tried[1][rate])});
  }
  findings.blocks.push_back(
      report::table("Validation accuracy by learning rate, mean of the first three of these steps",
                    {"rate", "without", "with batch norm"}, of_rates));
  for (int arm = 0; arm < 2; ++arm) {
    Json& points = findings.points[arm == 1 ? "with" : "without"];
    points["rate"] = rates[arm];
    points["rates_tried"] = kRates;
    points["validation_accuracy_of_rates"] = tried[arm];
    points["drift"] = drifts[arm];
    for (const Run& each : runs[arm]) {
      points["runs"].push_back({{"accuracy", each.course.scores},
                                {"percentiles", each.inputs},
                                {"seconds", each.course.seconds},
                                {"diverged", each.course.diverged}});
    }
  }
  findings.points["steps"] = marks;
  findings.ran = fmt::format(
      "784-100-100-100-10 with sigmoids on images in black and white, batches of 60, plain gradient descent "
      "for {} steps, weights "
      "from a normal distribution of standard deviation 0.1; {} seeds, the same for both. Learning rate {} "
      "with batch norm, {} without: of {} the "
      "best by validation accuracy at the first three steps of the table, in a run of its own. A run's "
      "training took {:.1f} s with batch norm, "
      "{:.1f} s without, one thread each. Batch norm uses the statistics of 10,000 training rows wherever it "
      "is measured. Drift is the mean change of "
      "the median, up or down, between looks {} steps apart, from the first step to the last.",
      with_commas(sizes.steps), sizes.seeds, rates[1], rates[0], fmt::join(kRates, ", "),
      runs[1][0].course.seconds.back(), runs[0][0].course.seconds.back(), with_commas(sizes.look_every));
  findings.why_not =
      "Both arms have the learning rate that suits them. The paper does not say how its rates were chosen; "
      "at the same small rate the "
      "network without batch norm is far behind for thousands of steps, at its own best rate it is not. High "
      "rates move the medians of both: "
      "β is learned, and batch norm does not hold it still. After tens of epochs both overfit, and what "
      "remains between them is small.";
  return findings;
}

}  // namespace

Experiment figure1() {
  return {.name = "figure1",
          .title = "Faster, higher, steadier",
          .claim =
              "A network with batch norm learns faster, ends higher, and the inputs of its last layer "
              "stay steadier.",
          .source = "Ioffe & Szegedy 2015, arXiv:1502.03167, section 4.1 and figure 1",
          .about =
              "The paper's small network, with its batch size and number of steps, on images of clothes "
              "instead of digits. "
              "Both arms start from the same seeds and see the same batches.",
          .thresholds = {{.label = "batch norm ahead, of all seeds at all four steps",
                          .is = Threshold::Is::at_least,
                          .bound = 100,
                          .format = "{:.0f} %"},
                         {.label = "drift of the median, without over with",
                          .is = Threshold::Is::at_least,
                          .bound = 2,
                          .format = "{:.2f}"}},
          .seconds = 132,
          .quick_seconds = 7,
          .run = run};
}

}  // namespace ztilde::lab
