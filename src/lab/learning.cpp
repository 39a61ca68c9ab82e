#include "lab/learning.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "ztilde/error.hpp"
#include "ztilde/train_session.hpp"

namespace ztilde::lab {
namespace {

// Seeds of a lab's run; those that rates are chosen with lie apart.
constexpr std::uint64_t kSeedsOfARun = 1000;
constexpr std::size_t kSeedOfRates = 999;

// Steps are told in pieces of this share.
constexpr double kPiece = 0.02;

}  // namespace

double score_of(const Scores& scores, Task task) {
  return task == Task::classify ? scores.accuracy : scores.r2.value_or(0);
}

std::string score_name(Task task) { return task == Task::classify ? "accuracy" : "R²"; }

TrainOptions plain_options() {
  TrainOptions options;
  options.optimizer = OptimizerKind::sgd;
  options.schedule = ScheduleKind::constant;
  options.valid_fraction = 0;
  options.threads = 1;
  return options;
}

Learned learn(const Dataset& train, const Dataset& judged, const TrainOptions& options,
              std::span<const std::uint64_t> looks, Trial& trial) {
  Learned result;
  result.scores.resize(looks.size(), 0);
  TrainSession session(train, options);
  const double rate = *options.learning_rate;
  double told = 0;
  try {
    for (std::size_t look = 0; look < looks.size(); ++look) {
      while (session.steps() < looks[look]) {
        const auto start = std::chrono::steady_clock::now();
        session.step(rate);
        result.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        const double done = static_cast<double>(session.steps()) / static_cast<double>(looks.back());
        if (done - told < kPiece) continue;
        told = done;
        trial.tell(done);
      }
      const Model model = session.model_with_population_statistics();
      result.scores[look] = score_of(evaluate(model, judged, 1), judged.task);
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::diverged) throw;
    result.diverged = true;
  }
  return result;
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
    result.scores[arm][rate] = learn(train, valid, options, std::span(&arms[arm].steps, 1), trial).scores[0];
  });
  for (std::size_t arm = 0; arm < arms.size(); ++arm) {
    const auto best = std::ranges::max_element(result.scores[arm]);
    result.best.push_back(arms[arm].rates[static_cast<std::size_t>(best - result.scores[arm].begin())]);
  }
  return result;
}

std::vector<std::vector<Learned>> learn_all(Context& context, double share, const std::vector<Arm>& arms,
                                            const Rates& rates, std::size_t seeds, const Dataset& train,
                                            const Dataset& judged, std::span<const std::uint64_t> looks) {
  std::vector<std::vector<Learned>> result(arms.size(), std::vector<Learned>(seeds));
  context.parallel(share, arms.size() * seeds, [&](Trial& trial) {
    const std::size_t arm = trial.index / seeds, seed = trial.index % seeds;
    const TrainOptions options = options_of(context, arms[arm], rates.best[arm], seed);
    result[arm][seed] = learn(train, judged, options, looks, trial);
  });
  return result;
}

std::vector<double> at_look(const std::vector<Learned>& seeds, std::size_t look) {
  std::vector<double> result;
  for (const Learned& each : seeds) result.push_back(each.scores[look]);
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
