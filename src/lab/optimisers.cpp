#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "lab/experiments.hpp"
#include "lab/learning_words.hpp"
#include "lab/statistics.hpp"

namespace ztilde::lab {
namespace {

struct Kind {
  OptimizerKind optimizer;
  const char* name;
  bool scales;  // its steps with the gradient
  std::vector<double> rates, few_rates;
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = {
      {OptimizerKind::sgd, "gradient descent", true, {0.01, 0.03, 0.1, 0.3, 1, 3}, {0.03, 0.1, 0.3}},
      {OptimizerKind::momentum, "momentum", true, {0.001, 0.003, 0.01, 0.03, 0.1, 0.3}, {0.003, 0.01, 0.03}},
      {OptimizerKind::rmsprop, "RMSprop", false, {1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2}, {3e-4, 1e-3, 3e-3}},
      {OptimizerKind::adam, "Adam", false, {1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2}, {3e-4, 1e-3, 3e-3}},
  };
  return all;
}

// With and without batch norm, for each optimiser.
std::vector<Arm> arms_of(const Context& context, std::uint64_t steps) {
  std::vector<Arm> arms;
  for (const Kind& kind : kinds()) {
    for (const bool batch_norm : {true, false}) {
      TrainOptions options = plain_options();
      options.hidden =
          context.pick<std::vector<std::size_t>>({128, 128, 128, 128, 128}, {64, 64, 64, 64, 64});
      options.batch_norm = batch_norm;
      options.optimizer = kind.optimizer;
      const std::vector<double>& rates = context.quick ? kind.few_rates : kind.rates;
      options.batch = 128;
      arms.push_back({fmt::format("{}, {}", kind.name, batch_norm ? "batch norm" : "none"), options,
                      kind.scales ? rates_for(context.data.train.task, rates) : rates, steps});
    }
  }
  return arms;
}

Findings run(Context& context) {
  const Dataset train = first_rows(context.data.train, context.pick<std::size_t>(15'000, 3'000));
  const Dataset valid = first_rows(context.data.valid, context.pick<std::size_t>(5'000, 2'000));
  const Dataset test = first_rows(context.data.test, context.pick<std::size_t>(10'000, 4'000));
  const std::size_t seeds = context.pick<std::size_t>(5, 2);
  const std::uint64_t steps = std::max<std::uint64_t>(16, 3 * ((train.rows + 127) / 128));
  const std::vector<Arm> arms = arms_of(context, steps);
  const std::vector<std::uint64_t> looks =
      spread(std::max<std::uint64_t>(8, steps / 32), steps, context.pick<std::size_t>(6, 4));
  const double tries = static_cast<double>(arms[0].rates.size());
  const double share = tries / (tries + 1.8 * static_cast<double>(seeds));  // looks take their time
  const Rates rates = choose_rates(context, share, arms, train, valid);
  const auto learned = learn_all(context, 1 - share, arms, rates, seeds, train, test, looks);

  Findings findings;
  const std::string score = score_name(test.task);
  Json table = Json::array();
  double ahead = 0;
  std::string lags;
  for (std::size_t k = 0; k < kinds().size(); ++k) {
    const std::vector<Course>&with = learned[2 * k], &without = learned[2 * k + 1];
    std::size_t looks_ahead = 0;
    for (std::size_t look = 0; look < looks.size(); ++look)
      looks_ahead += mean(at_look(with, look)) > mean(at_look(without, look)) ? 1 : 0;
    ahead += looks_ahead == looks.size() ? 1 : 0;
    const std::size_t last = looks.size() - 1;
    const Paired end = paired(at_look(with, last), at_look(without, last));
    table.push_back({kinds()[k].name, mean_and_deviation(at_look(with, last)),
                     mean_and_deviation(at_look(without, last)),
                     fmt::format("{:+.2f} ± {:.2f}", 100 * end.mean, 100 * end.interval),
                     fmt::format("{} of {}", looks_ahead, looks.size()), rate_words(arms, rates, 2 * k),
                     rate_words(arms, rates, 2 * k + 1),
                     fmt::format("{:.2f} s, {:.2f} s", mean_seconds(with), mean_seconds(without))});
    lags +=
        fmt::format("{}{} {} of {}", lags.empty() ? "" : ", ", kinds()[k].name, looks_ahead, looks.size());
    findings.blocks.push_back(report::chart(
        "lines",
        {{"title", fmt::format("{}: {:+.2f} points with batch norm after {} steps", kinds()[k].name,
                               100 * end.mean, with_commas(steps))},
         {"alt",
          fmt::format("Test {} over steps with {}, with and without batch norm; batch norm is ahead at {} of "
                      "{} points.",
                      score, kinds()[k].name, looks_ahead, looks.size())},
         {"datasets",
          {mean_line("batch norm", "with", with, looks), mean_line("none", "without", without, looks)}},
         {"x", "steps"},
         {"x_type", "logarithmic"},
         {"y", "test " + score + ", points"}}));
  }
  findings.values = {ahead};
  findings.blocks.push_back(
      report::table(fmt::format("Test {} in points after {} steps: mean ± standard deviation over seeds",
                                score, with_commas(steps)),
                    {"optimiser", "batch norm", "none", "difference and its 95 % interval",
                     "looks at which batch norm is ahead", "its rate", "the rate of none",
                     "one training, with and without"},
                    table));
  findings.points = {{"score", score}, {"arms", raw_points(arms, rates, learned, looks)}};
  findings.sentence =
      fmt::format("Batch norm is ahead at every look with {:.0f} of 4 optimisers ({}).", ahead, lags);
  findings.ran =
      fmt::format("5 hidden layers of {} relu units, batches of 128, {} steps; {}", arms[0].options.hidden[0],
                  with_commas(steps), protocol_words(arms, seeds, train, valid, test));
  findings.why_not =
      "a relu net of this depth with he's first weights and a rate of its own trains well without batch "
      "norm, and a lead "
      "of a few tenths of a point can drown in what the seeds differ by.";
  return findings;
}

}  // namespace

Experiment optimisers() {
  return {.name = "optimisers",
          .title = "Any optimiser",
          .claim =
              "γ and β are learned by gradient descent, momentum, RMSprop and Adam alike, and batch norm is "
              "ahead with each.",
          .source = "the lecture; Ioffe & Szegedy 2015, arXiv:1502.03167",
          .about =
              "Four optimisers with and without batch norm, each of the eight at its own best rate, looked "
              "at after "
              "the same numbers of steps. Ahead means: a higher mean over the seeds at every look.",
          .thresholds = {{"optimisers with which batch norm is ahead at every look",
                          Threshold::Is::at_least,
                          4,
                          0,
                          {},
                          "{:.0f} of 4"}},
          .takes_data = true,
          .seconds = 26,
          .quick_seconds = 1,
          .run = run};
}

}  // namespace ztilde::lab
