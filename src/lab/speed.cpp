// How many times fewer steps does a network with batch norm need?
#include "lab/speed.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.hpp"
#include "lab/course.hpp"
#include "lab/curves.hpp"
#include "lab/experiments.hpp"
#include "lab/statistics.hpp"

namespace ztilde::lab {

double first_at(std::span<const std::uint64_t> marks, std::span<const double> scores, double target) {
  for (std::size_t i = 0; i < marks.size(); ++i) {
    if (scores[i] >= target) return static_cast<double>(marks[i]);
  }
  return std::numeric_limits<double>::infinity();
}

std::vector<Relation> published_order(const std::array<double, kArms>& steps,
                                      const std::array<double, kArms>& best) {
  const auto of = [&](RaceArm arm) { return steps[static_cast<std::size_t>(arm)]; };
  const auto best_of_arm = [&](RaceArm arm) { return best[static_cast<std::size_t>(arm)]; };
  return {{"BN is there before base", of(RaceArm::bn) < of(RaceArm::base)},
          {"BN × 30 is there before BN", of(RaceArm::bn_x30) < of(RaceArm::bn)},
          {"BN × 5 is there before BN × 30", of(RaceArm::bn_x5) < of(RaceArm::bn_x30)},
          {"base × 5 never gets there", std::isinf(of(RaceArm::base_x5))},
          {"base with sigmoids never gets there", std::isinf(of(RaceArm::base_sigmoid))},
          {"sigmoids get further with BN × 5 than without",
           best_of_arm(RaceArm::bn_x5_sigmoid) > best_of_arm(RaceArm::base_sigmoid)}};
}

namespace {

struct ArmSetting {
  const char* name;
  bool batch_norm;
  double times;
  ActivationKind activation;
};

// By RaceArm.
constexpr std::array<ArmSetting, kArms> kSettings = {{{"base", false, 1, ActivationKind::relu},
                                                      {"base × 5", false, 5, ActivationKind::relu},
                                                      {"base, sigmoid", false, 1, ActivationKind::sigmoid},
                                                      {"BN", true, 1, ActivationKind::relu},
                                                      {"BN × 5", true, 5, ActivationKind::relu},
                                                      {"BN × 30", true, 30, ActivationKind::relu},
                                                      {"BN × 5, sigmoid", true, 5, ActivationKind::sigmoid}}};
constexpr std::array kRates = {0.01, 0.03, 0.1, 0.3};
constexpr std::size_t kRatesSeed = 1000;
constexpr double kPublished = 14;    // times fewer steps
constexpr double kPointsBelow = 15;  // of the target, that the picture of the race shows

TrainOptions options_of(const ArmSetting& arm, double base_rate, std::uint64_t seed) {
  TrainOptions options;
  options.hidden.assign(10, 100);
  options.activation = arm.activation;
  options.batch_norm = arm.batch_norm;
  options.init = arm.activation == ActivationKind::relu ? InitKind::he : InitKind::xavier;
  options.optimizer = OptimizerKind::sgd;
  options.learning_rate = base_rate * arm.times;
  options.batch = 128;
  options.seed = seed;
  return options;
}

struct Race {
  std::vector<std::uint64_t> marks;
  double rate = 0;                                             // of base
  std::vector<double> tried;                                   // validation accuracy of each rate
  std::array<std::vector<std::vector<double>>, kArms> scores;  // by arm, seed, mark; %
  std::array<std::vector<Course>, kArms> courses;
};

Race run_race(Context& context) {
  const Dataset train = first_rows(context.data.train, context.pick<std::size_t>(50000, 10000));
  const std::size_t judged = context.pick<std::size_t>(5000, 2000);
  const Dataset population = first_rows(train, judged), valid = first_rows(context.data.valid, judged),
                test = first_rows(context.data.test, judged);
  const std::size_t seeds = context.pick<std::size_t>(3, 1);
  Race race;
  race.marks = even_marks(context.pick<std::uint64_t>(100, 40), context.pick<std::uint64_t>(4000, 480));
  race.tried.resize(kRates.size());
  context.parallel(0.16, kRates.size(), [&](Trial& trial) {
    const Measure measure{
        &population, valid, {race.marks.back()}, {}, [&](double done) { trial.tell(done); }};
    race.tried[trial.index] =
        run_course(train, options_of(kSettings[0], kRates[trial.index], context.seed + kRatesSeed), measure)
            .scores.back();
  });
  race.rate = kRates[best_of(race.tried)];
  for (auto& arm : race.courses) arm.resize(seeds);
  context.parallel(0.84, kArms * seeds, [&](Trial& trial) {
    const std::size_t arm = trial.index / seeds, seed = trial.index % seeds;
    const Measure measure{&population, test, race.marks, {}, [&](double done) { trial.tell(done); }};
    race.courses[arm][seed] =
        run_course(train, options_of(kSettings[arm], race.rate, context.seed + seed), measure);
  });
  for (std::size_t arm = 0; arm < kArms; ++arm) {
    for (const Course& course : race.courses[arm]) {
      race.scores[arm].push_back(course.scores);
      for (double& score : race.scores[arm].back()) score *= 100;
    }
  }
  return race;
}

// Bars with a gap where the target was never reached.
Json bars(const char* title, const char* y, std::span<const double> values) {
  Json labels = Json::array(), data = Json::array(), roles = Json::array();
  std::string alt;
  for (std::size_t arm = 0; arm < kArms; ++arm) {
    const bool never = std::isinf(values[arm]);
    labels.push_back(never ? fmt::format("{}: never", kSettings[arm].name)
                           : std::string(kSettings[arm].name));
    data.push_back(never ? Json() : Json(values[arm]));
    roles.push_back(kSettings[arm].batch_norm ? "with" : "without");
    alt += fmt::format("{}{}: {}", arm == 0 ? "" : "; ", kSettings[arm].name,
                       never ? "never" : fmt::format("{:.4g}", values[arm]));
  }
  const Json dataset = {{"label", y}, {"role", "with"}, {"roles", roles}, {"data", data}};
  return report::chart("bars", {{"title", title},
                                {"alt", alt},
                                {"labels", labels},
                                {"along", "y"},
                                {"x", y},
                                {"x_type", "linear"},
                                {"datasets", Json::array({dataset})}});
}

Findings run(Context& context) {
  const Race race = run_race(context);
  std::array<double, kArms> steps, best, seconds;
  std::array<std::vector<double>, kArms> means;
  for (std::size_t arm = 0; arm < kArms; ++arm) {
    for (std::size_t i = 0; i < race.marks.size(); ++i)
      means[arm].push_back(mean(column(race.scores[arm], i)));
    best[arm] = std::ranges::max(means[arm]);
  }
  const double target = best[0];
  for (std::size_t arm = 0; arm < kArms; ++arm) {
    steps[arm] = first_at(race.marks, means[arm], target);
    seconds[arm] = std::numeric_limits<double>::infinity();
    if (std::isinf(steps[arm])) continue;
    const auto mark = static_cast<std::size_t>(
        std::ranges::find(race.marks, static_cast<std::uint64_t>(steps[arm])) - race.marks.begin());
    std::vector<double> each;
    for (const Course& course : race.courses[arm]) each.push_back(course.seconds[mark]);
    seconds[arm] = mean(each);
  }
  const std::vector<Relation> order = published_order(steps, best);
  const auto held = static_cast<double>(std::ranges::count_if(order, &Relation::holds));
  constexpr auto kBase = static_cast<std::size_t>(RaceArm::base),
                 kFast = static_cast<std::size_t>(RaceArm::bn_x5);
  const double ratio = steps[kBase] / steps[kFast];

  Findings findings;
  findings.values = {held, ratio};
  findings.sentence = fmt::format(
      "The target, {:.2f} %, takes {} steps without batch norm; with it and five times the learning rate {}.",
      target, with_commas(static_cast<std::uint64_t>(steps[kBase])),
      std::isinf(steps[kFast]) ? std::string("it is never reached")
                               : fmt::format("{}, {:.1f} times fewer",
                                             with_commas(static_cast<std::uint64_t>(steps[kFast])), ratio));
  findings.blocks.push_back(bars("Who is at the target first, in steps", "steps to the target", steps));
  findings.blocks.push_back(
      bars("Who is there first, in seconds", "seconds to the target, one thread", seconds));

  std::vector<double> x(race.marks.begin(), race.marks.end());
  Json datasets = Json::array();
  std::string alt = "best accuracies: ";
  for (std::size_t arm = 0; arm < kArms; ++arm) {
    datasets.push_back(line(kSettings[arm].name, arm, x, means[arm]));
    alt += fmt::format("{}{} {:.2f} %", arm == 0 ? "" : ", ", kSettings[arm].name, best[arm]);
  }
  findings.blocks.push_back(report::chart(
      "lines", {{"title", "The race: when each arm crosses the line of base's best"},
                {"alt", alt},
                {"note", "Means over the seeds; what stays further below the target is not on the picture."},
                {"x", "step"},
                {"y", "test accuracy, %"},
                {"y_min", std::floor(std::max(0.0, target - kPointsBelow))},
                {"marks", Json::array({{{"axis", "y"}, {"value", target}, {"label", "target"}}})},
                {"datasets", std::move(datasets)}}));
  Json rows = Json::array();
  for (const Relation& relation : order) rows.push_back({relation.words, relation.holds ? "yes" : "no"});
  findings.blocks.push_back(report::table("The order as published", {"in the paper", "here"}, rows));

  findings.points = {{"marks", race.marks},
                     {"base_rate", race.rate},
                     {"rates_tried", kRates},
                     {"validation_accuracy_of_rates", race.tried},
                     {"target", target}};
  for (std::size_t arm = 0; arm < kArms; ++arm) {
    Json seconds_of = Json::array(), diverged = Json::array();
    for (const Course& course : race.courses[arm]) {
      seconds_of.push_back(course.seconds);
      diverged.push_back(course.diverged);
    }
    findings.points["arms"][kSettings[arm].name] = {
        {"accuracy", race.scores[arm]}, {"seconds", seconds_of}, {"diverged", diverged}};
  }
  findings.ran = fmt::format(
      "Ten hidden layers of 100, relu from He's weights or sigmoid from Xavier's, plain gradient descent at "
      "a constant rate, batches of 128, {} steps, {}. The rate of base, {}, "
      "is the best of {} by validation accuracy at the end, in a run of its own; × 5 and × 30 multiply it. "
      "The target is the best of base's mean accuracy on {} test rows, looked at "
      "every {} steps. Batch norm uses the statistics of as many training rows. Seconds are of training "
      "alone.",
      with_commas(race.marks.back()),
      race.courses[0].size() == 1 ? std::string("one seed") : fmt::format("{} seeds", race.courses[0].size()),
      race.rate, fmt::join(kRates, ", "), with_commas(context.pick<std::size_t>(5000, 2000)), race.marks[1]);
  findings.why_not =
      "The paper's network is far deeper and wider than this one, sees millions of images, and its rates "
      "fall as it learns. A small network of dense layers has a best rate not far below "
      "where even batch norm becomes unstable: multiplying it by 30 goes past that, and at a constant rate "
      "noise holds a fast arm below what it could reach.";
  return findings;
}

}  // namespace

Experiment speed() {
  return {.name = "speed",
          .title = "The race",
          .claim =
              "Batch norm takes several times fewer steps to the same accuracy, and lets the learning rate "
              "be raised.",
          .source = "Ioffe & Szegedy 2015, arXiv:1502.03167, section 4.2 (14 times fewer, on ImageNet)",
          .about =
              "The paper's arms on a network that fits here: the base, its learning rate times 5, with "
              "sigmoids, and with batch norm at its rate, 5 and 30 times "
              "that, and with sigmoids. How long does each take to the best accuracy of the base?",
          .thresholds = {{.label = "relations of the published order that hold",
                          .is = Threshold::Is::at_least,
                          .bound = 6,
                          .format = "{:.0f} of 6"},
                         {.label = "steps of base over steps of BN × 5",
                          .is = Threshold::Is::at_least,
                          .bound = 3,
                          .beyond = kPublished,
                          .format = "{:.1f}"}},
          .seconds = 80,
          .quick_seconds = 4,
          .run = run};
}

}  // namespace ztilde::lab
