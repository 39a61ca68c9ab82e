#include "lab/learning.hpp"

#include <algorithm>
#include <cmath>

namespace ztilde::lab {
namespace {

// Seeds of a lab's run; those that rates are chosen with lie apart.
constexpr std::uint64_t kSeedsOfARun = 1000;
constexpr std::size_t kSeedOfRates = 999;

}  // namespace

TrainOptions plain_options() {
  TrainOptions options;
  options.optimizer = OptimizerKind::sgd;
  options.schedule = ScheduleKind::constant;
  options.valid_fraction = 0;
  options.threads = 1;
  return options;
}

std::vector<double> rates_for(Task task, std::vector<double> of_classes) {
  if (task == Task::regress) {
    for (double& rate : of_classes) rate /= 10;
  }
  return of_classes;
}

TrainOptions options_of(const Context& context, const Arm& arm, double rate, std::size_t seed) {
  TrainOptions options = arm.options;
  options.learning_rate = rate;
  options.seed = context.seed * kSeedsOfARun + seed;
  return options;
}

bool Rates::at_edge(const std::vector<Arm>& arms, std::size_t arm) const {
  return best[arm] == arms[arm].rates.front() || best[arm] == arms[arm].rates.back();
}

Rates choose_rates(Context& context, double share, const std::vector<Arm>& arms, const Dataset& train,
                   const Dataset& valid) {
  struct Try {
    std::size_t arm, rate;
  };
  std::vector<Try> tries;
  Rates result;
  for (std::size_t arm = 0; arm < arms.size(); ++arm) {
    result.scores.emplace_back(arms[arm].rates.size());
    for (std::size_t rate = 0; rate < arms[arm].rates.size(); ++rate) tries.push_back({arm, rate});
  }
  context.parallel(share, tries.size(), [&](Trial& trial) {
    const auto [arm, rate] = tries[trial.index];
    const TrainOptions options = options_of(context, arms[arm], arms[arm].rates[rate], kSeedOfRates);
    const Measure measure{nullptr, valid, {arms[arm].steps}, {}, [&](double done) { trial.tell(done); }};
    result.scores[arm][rate] = run_course(train, options, measure).scores[0];
  });
  for (std::size_t arm = 0; arm < arms.size(); ++arm) {
    const auto best = std::ranges::max_element(result.scores[arm]);
    result.best.push_back(arms[arm].rates[static_cast<std::size_t>(best - result.scores[arm].begin())]);
  }
  return result;
}

std::vector<std::vector<Course>> learn_all(Context& context, double share, const std::vector<Arm>& arms,
                                           const Rates& rates, std::size_t seeds, const Dataset& train,
                                           const Dataset& judged, std::span<const std::uint64_t> looks) {
  std::vector<std::vector<Course>> result(arms.size(), std::vector<Course>(seeds));
  context.parallel(share, arms.size() * seeds, [&](Trial& trial) {
    const std::size_t arm = trial.index / seeds, seed = trial.index % seeds;
    const TrainOptions options = options_of(context, arms[arm], rates.best[arm], seed);
    const Measure measure{
        nullptr, judged, {looks.begin(), looks.end()}, {}, [&](double done) { trial.tell(done); }};
    result[arm][seed] = run_course(train, options, measure);
  });
  return result;
}

std::vector<double> at_look(const std::vector<Course>& seeds, std::size_t look) {
  std::vector<double> result;
  for (const Course& each : seeds) result.push_back(each.scores[look]);
  return result;
}

std::vector<std::uint64_t> spread(std::uint64_t first, std::uint64_t last, std::size_t count) {
  std::vector<std::uint64_t> result;
  for (std::size_t i = 0; i < count; ++i) {
    const double part = count == 1 ? 1 : static_cast<double>(i) / static_cast<double>(count - 1);
    const double steps =
        static_cast<double>(first) * std::pow(static_cast<double>(last) / static_cast<double>(first), part);
    const auto whole = static_cast<std::uint64_t>(std::llround(steps));
    if (result.empty() || whole > result.back()) result.push_back(whole);
  }
  return result;
}

}  // namespace ztilde::lab
