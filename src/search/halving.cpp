#include "search/halving.hpp"

#include <algorithm>
#include <cmath>

namespace ztilde::search {
namespace {

std::optional<double> loss_at(const Trial& trial, std::size_t epoch) {
  for (const TrialPoint& point : trial.curve)
    if (point.epoch == epoch) return point.valid_loss;
  return std::nullopt;
}

std::size_t epochs_done(const Trial& trial) { return trial.curve.empty() ? 0 : trial.curve.back().epoch; }

// Trials that have come to the rung, best first. One that is retraining below it after its worker's death has
// not lost its place: its points are still there, and come again to the bit.
std::vector<std::size_t> ranking(const StudyContents& study, std::size_t rung) {
  std::vector<std::pair<double, std::size_t>> arrived;
  for (std::size_t t = 0; t < study.trials.size(); ++t) {
    const std::optional<double> loss = loss_at(study.trials[t], rung);
    if (!loss) continue;
    arrived.emplace_back(std::isfinite(*loss) ? *loss : HUGE_VAL, t);
  }
  std::sort(arrived.begin(), arrived.end());
  std::vector<std::size_t> best;
  for (const auto& [loss, trial] : arrived) best.push_back(trial);
  return best;
}

}  // namespace

std::vector<std::size_t> rungs_of(std::size_t epochs, std::size_t reduction, std::size_t least_epochs) {
  std::vector<std::size_t> rungs;
  for (std::size_t rung = least_epochs; rung < epochs; rung *= reduction) {
    rungs.push_back(rung);
    if (rung > epochs / reduction) break;  // the next would be past the end, or past what can be counted
  }
  return rungs;
}

std::size_t next_stop(const StudyPlan& plan, std::size_t epoch) {
  for (const std::size_t rung : plan.rungs)
    if (rung > epoch) return rung;
  return plan.epochs;
}

std::optional<std::size_t> promotable(const StudyContents& study) {
  const std::vector<std::size_t>& rungs = study.plan.rungs;
  for (auto rung = rungs.rbegin(); rung != rungs.rend(); ++rung) {
    const std::vector<std::size_t> best = ranking(study, *rung);
    const std::size_t places = best.size() / study.plan.reduction;
    for (std::size_t i = 0; i < places; ++i) {
      const Trial& trial = study.trials[best[i]];
      const bool waits = trial.state == TrialState::paused && epochs_done(trial) == *rung;
      if (waits && std::isfinite(*loss_at(trial, *rung))) return best[i];
    }
  }
  return std::nullopt;
}

}  // namespace ztilde::search
