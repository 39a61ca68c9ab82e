#include <fmt/format.h>

#include <cmath>

#include "base/text.hpp"
#include "lab/experiments.hpp"
#include "lab/learning_words.hpp"
#include "lab/statistics.hpp"

namespace ztilde::lab {
namespace {

// The three arms of an activation, in this order.
enum Place : std::size_t { before, after, nowhere, places };
constexpr ActivationKind kActivations[] = {ActivationKind::relu, ActivationKind::sigmoid};
constexpr const char* kPlaceNames[] = {"before", "after", "no batch norm"};

std::vector<Arm> arms_of(const Context& context, std::uint64_t steps) {
  std::vector<Arm> arms;
  for (const ActivationKind activation : kActivations) {
    for (std::size_t place = 0; place < places; ++place) {
      TrainOptions options = plain_options();
      options.hidden = context.pick<std::vector<std::size_t>>({128, 128, 128}, {64, 64, 64});
      options.activation = activation;
      options.batch_norm = place != nowhere;
      options.norm_place = place == after ? NormPlace::after : NormPlace::before;
      options.batch = 128;
      const std::vector<double> rates =
          rates_for(context.data.train.task,
                    context.pick<std::vector<double>>({0.01, 0.03, 0.1, 0.3, 1, 3, 10}, {0.03, 0.1, 0.3, 1}));
      arms.push_back(
          {fmt::format("{}, {}", to_string(activation), kPlaceNames[place]), options, rates, steps});
    }
  }
  return arms;
}

Findings run(Context& context) {
  const Dataset train = first_rows(context.data.train, context.pick<std::size_t>(20'000, 3'000));
  const Dataset valid = first_rows(context.data.valid, context.pick<std::size_t>(5'000, 2'000));
  const Dataset test = first_rows(context.data.test, context.pick<std::size_t>(10'000, 4'000));
  const std::size_t seeds = context.pick<std::size_t>(5, 3);
  const std::uint64_t steps = context.pick<std::uint64_t>(5, 3) * ((train.rows + 127) / 128);
  const std::vector<Arm> arms = arms_of(context, steps);
  const double tries = static_cast<double>(arms[0].rates.size());
  const double share = tries / (tries + static_cast<double>(seeds));
  const Rates rates = choose_rates(context, share, arms, train, valid);
  const std::uint64_t looks[] = {steps};
  const auto learned = learn_all(context, 1 - share, arms, rates, seeds, train, test, looks);

  Findings findings;
  const std::string score = score_name(test.task);
  Json table = Json::array();
  std::vector<Paired> differences, gains;
  for (std::size_t a = 0; a < std::size(kActivations); ++a) {
    const std::size_t first = a * places;
    const std::vector<double> reached_before = at_look(learned[first + before], 0);
    const std::vector<double> plain = at_look(learned[first + nowhere], 0);
    differences.push_back(paired(at_look(learned[first + after], 0), reached_before));
    gains.push_back(paired(reached_before, plain));
    for (std::size_t place = 0; place < places; ++place) {
      const std::size_t arm = first + place;
      const std::vector<double> reached = at_look(learned[arm], 0);
      const Paired difference = paired(reached, reached_before);
      table.push_back({arms[arm].name, mean_and_deviation(reached),
                       place == before ? "–"
                                       : fmt::format("{:+.2f} ± {:.2f}", 100 * difference.mean,
                                                     100 * difference.interval),
                       place == before ? "–" : fmt::format("{} of {}", difference.wins, difference.pairs),
                       rate_words(arms, rates, arm), fmt::format("{:.2f} s", mean_seconds(learned[arm]))});
    }
  }
  const Paired& relu = differences[0];
  findings.values = {100 * std::abs(relu.mean)};
  findings.blocks.push_back(report::table(
      fmt::format(
          "Test {} in points: mean ± standard deviation over seeds; differences with their 95 % interval",
          score),
      {"arm", "test " + score, "less that of before", "better than before", "rate", "one training"}, table));
  findings.points = {{"score", score}, {"arms", raw_points(arms, rates, learned, looks)}};
  findings.sentence = fmt::format(
      "After the activation instead of before changes the test {} by {:+.2f} ± {:.2f} points with relu and "
      "{:+.2f} ± {:.2f} with "
      "sigmoid; batch norm before the activation against none: {:+.2f} ± {:.2f} and {:+.2f} ± {:.2f}.",
      score, 100 * relu.mean, 100 * relu.interval, 100 * differences[1].mean, 100 * differences[1].interval,
      100 * gains[0].mean, 100 * gains[0].interval, 100 * gains[1].mean, 100 * gains[1].interval);
  findings.ran = fmt::format("3 hidden layers of {} units, batches of 128, {} steps of gradient descent; {}",
                             arms[0].options.hidden[0], with_commas(steps),
                             protocol_words(arms, seeds, train, valid, test));
  findings.why_not =
      "relu's outputs are not negative and lie together near 0, so that normalising them leaves other inputs "
      "for the "
      "next layer than normalising z does; a few epochs may not be enough to make up for that.";
  return findings;
}

}  // namespace

Experiment placement() {
  return {.name = "placement",
          .title = "Before or after the activation",
          .claim = "Batch norm works before the activation and after it.",
          .source = "the lecture; Ioffe & Szegedy 2015, arXiv:1502.03167, section 3.2",
          .about =
              "The same nets with batch norm before and after each activation, for relu and sigmoid, each at "
              "the rate that is best for it; and without batch norm, to see what there is to win.",
          .thresholds = {{"|after − before|, relu", Threshold::Is::below, 1, 0, {}, "{:.2f} points"}},
          .takes_data = true,
          .seconds = 25,
          .quick_seconds = 1,
          .run = run};
}

}  // namespace ztilde::lab
