#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text.hpp"
#include "lab/experiments.hpp"
#include "lab/learning_words.hpp"
#include "lab/statistics.hpp"
#include "ztilde/train_session.hpp"

namespace ztilde::lab {
namespace {

constexpr std::size_t kGhost = 16, kLooks = 5;

// The scores of one model in its three forms; by seed and look.
struct Forms {
  double batch = 0, running = 0, population = 0;
  bool measured = false;  // not after divergence
};

struct SizeArm {
  std::size_t batch = 0, ghost = 0;
  std::vector<std::uint64_t> looks;
  std::vector<std::vector<Forms>> seeds;
};

std::vector<Forms> train_one(const Dataset& train, const Dataset& judged, const TrainOptions& options,
                             const std::vector<std::uint64_t>& looks, Trial& trial) {
  std::vector<Forms> result(looks.size());
  TrainSession session(train, options);
  const auto step = [&] { session.step(*options.learning_rate); };
  const auto look = [&](std::size_t mark, double) {
    const Model running = session.model(), population = session.model_with_population_statistics();
    result[mark] = {score_of(evaluate_in_batches(population, judged, options.batch, 1), judged.task),
                    score_of(running, judged), score_of(population, judged), true};
  };
  walk(session, {looks, step, look, [&](double done) { trial.tell(done); }});
  return result;
}

std::vector<double> over_seeds(const SizeArm& arm, std::size_t look, double Forms::*form) {
  std::vector<double> result;
  for (const std::vector<Forms>& seed : arm.seeds) result.push_back(seed[look].*form);
  return result;
}

Json line(const std::vector<SizeArm>& sizes, const std::string& label, const Json& role, double Forms::*form,
          bool ghost, std::size_t look) {
  Json data = Json::array();
  for (const SizeArm& arm : sizes) {
    if ((arm.ghost > 0) == ghost)
      data.push_back({{"x", arm.batch}, {"y", 100 * mean(over_seeds(arm, look, form))}});
  }
  return {{"label", label}, {"role", role}, {"data", std::move(data)}};
}

// One look over all batch sizes, the gap between running and population statistics shaded.
Json picture(const std::vector<SizeArm>& sizes, std::size_t look, const std::string& when,
             const std::string& score) {
  Json running = line(sizes, "running statistics", "without", &Forms::running, false, look);
  running["fill"] = "-1";
  Json datasets = {line(sizes, "population statistics", "with", &Forms::population, false, look),
                   std::move(running), line(sizes, "statistics of the batch", 2, &Forms::batch, false, look)};
  Json ghost =
      line(sizes, fmt::format("ghost groups of {}, population", kGhost), 3, &Forms::population, true, look);
  if (!ghost["data"].empty()) datasets.push_back(std::move(ghost));
  return report::chart(
      "lines",
      {{"title", fmt::format("{}: what the same nets reach in each form", when)},
       {"alt",
        fmt::format("Test {} over the batch size of training, with statistics of the batch, running and "
                    "population statistics; the gap between the last two is shaded.",
                    score)},
       {"datasets", std::move(datasets)},
       {"x", "batch size of training"},
       {"x_type", "logarithmic"},
       {"y", "test " + score + ", points"}});
}

std::vector<SizeArm> sizes_of(const Context& context, std::size_t rows, std::uint64_t epochs) {
  std::vector<SizeArm> sizes;
  const auto add = [&](std::size_t batch, std::size_t ghost) {
    const std::uint64_t steps = epochs * std::max<std::size_t>(1, rows / batch);
    std::vector<std::uint64_t> looks;
    for (const double part : {0.05, 0.25, 0.5, 0.75, 1.0}) {
      const auto look =
          std::max<std::uint64_t>(looks.empty() ? 1 : looks.back() + 1,
                                  static_cast<std::uint64_t>(part * static_cast<double>(steps)));
      looks.push_back(look);
    }
    sizes.push_back({batch, ghost, looks, {}});
  };
  const std::size_t factor = context.pick<std::size_t>(2, 8);
  for (std::size_t batch = 2; batch <= 1024 && 2 * batch <= rows; batch *= factor) add(batch, 0);
  for (std::size_t batch = 64; batch <= 1024 && 2 * batch <= rows; batch *= 4) {
    if (!context.quick || batch == 1024) add(batch, kGhost);
  }
  return sizes;
}

Findings run(Context& context) {
  const Dataset train = first_rows(context.data.train, context.pick<std::size_t>(8'192, 2'048));
  const Dataset valid = first_rows(context.data.valid, context.pick<std::size_t>(3'000, 1'000));
  const Dataset test = first_rows(context.data.test, context.pick<std::size_t>(5'000, 2'000));
  const std::size_t seeds = context.pick<std::size_t>(3, 2);
  const std::uint64_t epochs = context.pick<std::uint64_t>(3, 2);
  std::vector<SizeArm> sizes = sizes_of(context, train.rows, epochs);
  std::vector<Arm> arms;
  for (SizeArm& size : sizes) {
    TrainOptions options = plain_options();
    options.hidden = context.pick<std::vector<std::size_t>>({128, 128, 128}, {64, 64, 64});
    options.batch = size.batch;
    options.ghost = size.ghost;
    arms.push_back(
        {fmt::format("batch {}{}", size.batch, size.ghost > 0 ? fmt::format(", ghost {}", size.ghost) : ""),
         options,
         rates_for(train.task,
                   context.pick<std::vector<double>>({0.003, 0.01, 0.03, 0.1, 0.3, 1, 3}, {0.01, 0.1, 0.3})),
         size.looks.back()});
    size.seeds.resize(seeds);
  }

  const double tries = static_cast<double>(arms[0].rates.size());
  const double share = tries / (tries + 1.8 * static_cast<double>(seeds));  // looks take their time
  const Rates rates = choose_rates(context, share, arms, train, valid);
  context.parallel(1 - share, arms.size() * seeds, [&](Trial& trial) {
    const std::size_t arm = trial.index / seeds, seed = trial.index % seeds;
    const TrainOptions options = options_of(context, arms[arm], rates.best[arm], seed);
    sizes[arm].seeds[seed] = train_one(train, test, options, sizes[arm].looks, trial);
  });

  Findings findings;
  const std::string score = score_name(test.task);
  Json table = Json::array(), points = Json::array();
  std::size_t looks = 0, good = 0;
  std::vector<double> leads, lags;  // of population over running, where it is ahead and where it is not
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const SizeArm& size = sizes[i];
    Json runs = Json::array();
    for (const std::vector<Forms>& seed : size.seeds) {
      Json forms = Json::array();
      for (const Forms& each : seed) {
        forms.push_back({{"batch", each.batch},
                         {"running", each.running},
                         {"population", each.population},
                         {"measured", each.measured}});
        // Two forms that both know nothing (R² not above 0) are no comparison.
        if (size.ghost > 0 || !each.measured || std::max(each.population, each.running) <= 0) continue;
        ++looks;
        good += each.population >= each.running ? 1 : 0;
        (each.population >= each.running ? leads : lags).push_back(each.population - each.running);
      }
      runs.push_back(std::move(forms));
    }
    const std::vector<double> population = over_seeds(size, kLooks - 1, &Forms::population);
    const std::vector<double> running = over_seeds(size, kLooks - 1, &Forms::running);
    const Paired gap = paired(population, running);
    table.push_back({arms[i].name, mean_and_deviation(over_seeds(size, kLooks - 1, &Forms::batch)),
                     mean_and_deviation(running), mean_and_deviation(population),
                     fmt::format("{:+.2f} ± {:.2f}", 100 * gap.mean, 100 * gap.interval),
                     with_commas(size.looks.back()), rate_words(arms, rates, i)});
    points.push_back({{"batch", size.batch},
                      {"ghost", size.ghost},
                      {"looks", size.looks},
                      {"rates", arms[i].rates},
                      {"valid_scores", rates.scores[i]},
                      {"rate", rates.best[i]},
                      {"seeds", std::move(runs)}});
  }
  findings.values = {100 * static_cast<double>(good) / static_cast<double>(looks)};
  findings.blocks.push_back(picture(sizes, 0, "After a twentieth of the steps", score));
  findings.blocks.push_back(picture(sizes, kLooks - 1, "At the end", score));
  findings.blocks.push_back(
      report::table(fmt::format("Test {} in points at the end: mean ± standard deviation over seeds", score),
                    {"arm", "statistics of the batch", "running", "population",
                     "population less running, 95 % interval", "steps", "rate"},
                    table));
  findings.points = {{"score", score}, {"arms", std::move(points)}};
  findings.sentence = fmt::format(
      "Population statistics are at least as good as running ones at {} of {} looks, by {:.2f} points in the "
      "mean; where they "
      "are not, they are {:.2f} points worse in the mean, {:.2f} in the median.",
      good, looks, 100 * mean(leads), lags.empty() ? 0.0 : -100 * mean(lags),
      lags.empty() ? 0.0 : -100 * median(lags));
  findings.ran = fmt::format(
      "3 hidden layers of {} relu units, {} epochs of gradient descent, running statistics with keep {}; {} "
      "looks at "
      "each training; the same models in all forms; {}",
      arms[0].options.hidden[0], epochs, arms[0].options.keep, kLooks,
      protocol_words(arms, seeds, train, valid, test));
  findings.why_not =
      "late in a training at a small rate the running statistics have caught up, and which of the two is "
      "ahead "
      "is then decided by a few test rows.";
  return findings;
}

}  // namespace

Experiment batch_size() {
  return {
      .name = "batch-size",
      .title = "Small batches",
      .claim =
          "Training and use differ more the smaller the batch, and exact population statistics repair it.",
      .source = "Wu & Johnson 2021, arXiv:2105.07576; ghost batches: Hoffer et al. 2017, arXiv:1705.08741",
      .about =
          "Nets are trained with batches of 2 to 1,024 rows, all for the same number of epochs and each at "
          "its own best "
          "rate. At every look the same model is judged with the statistics of test batches, with its "
          "running "
          "statistics and with population statistics of the training rows.",
      .thresholds = {{"looks at which population ≥ running", Threshold::Is::above, 90, 0, {}, "{:.1f} %"}},
      .takes_data = true,
      .seconds = 30,
      .quick_seconds = 1,
      .run = run};
}

}  // namespace ztilde::lab
