#include "cli/search_finalists.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "cli/interrupt.hpp"
#include "ztilde/cross_validate.hpp"
#include "ztilde/error.hpp"

namespace ztilde::cli {
namespace {

std::vector<search::Trial> finalists_of(const search::StudyContents& study) {
  std::vector<search::Trial> found;
  for (const search::Trial& trial : study.trials) {
    const bool scored = trial.state == search::TrialState::finished && trial.loss();
    if (scored && std::isfinite(*trial.loss())) found.push_back(trial);
  }
  std::ranges::stable_sort(found, {}, [](const search::Trial& trial) { return *trial.loss(); });
  if (found.size() > kFinalists) found.resize(kFinalists);
  return found;
}

}  // namespace

int score_finalists(search::Study& study, const search::StudyPlan& plan, const SearchRows& rows,
                    std::size_t folds, std::size_t threads, SearchProgress& progress) {
  const std::vector<search::Trial> finalists = finalists_of(study.contents());
  const Interrupt interrupt;
  for (std::size_t i = 0; i < finalists.size(); ++i) {
    const search::Trial& trial = finalists[i];
    if (trial.fold_losses.size() == folds) continue;
    search::OptionTexts texts = plan.fixed;
    texts.insert(texts.end(), trial.options.begin(), trial.options.end());
    TrainOptions options = trial_options(texts, rows.data, threads);
    options.epochs = plan.epochs;
    options.seed = plan.seed;  // deals the rows into the same folds for all
    FoldObserver observer;
    observer.training.should_stop = [&] { return interrupt.signal() != 0; };
    observer.on_fold = [&](std::size_t fold) {
      progress.show(fmt::format("finalist {} of {} (trial {}): fold {} of {}", i + 1, finalists.size(),
                                trial.number, fold + 1, folds));
    };
    try {
      const CrossValidation result = cross_validate(rows.data, options, folds, observer);
      if (result.interrupted) return interrupt.signal();
      std::vector<double> losses;
      for (const FoldResult& fold : result.folds) losses.push_back(fold.scores.loss);
      study.set_fold_losses(trial.number, losses);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::diverged) throw;
      progress.note(
          fmt::format("warning: trial {} is no finalist: in a fold {}", trial.number, error.what()));
    }
  }
  progress.finish();
  return 0;
}

}  // namespace ztilde::cli
