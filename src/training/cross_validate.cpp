#include "ztilde/cross_validate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "data/split.hpp"
#include "model/scoring.hpp"
#include "training/class_weights.hpp"
#include "training/train_rows.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

// Some rows of a data set that is known to be sound.
Batch batch_of(const Dataset& data, const std::vector<std::uint32_t>& rows) {
  return {{data.is_bytes() ? data.bytes.data() : nullptr, data.is_bytes() ? nullptr : data.floats.data(),
           data.columns},
          rows.data(),
          rows.size(),
          data.targets.data(),
          data.weights.empty() ? nullptr : data.weights.data()};
}

// The rows of all parts but one, ascending.
std::vector<std::uint32_t> others(const std::vector<std::vector<std::uint32_t>>& parts, std::size_t fold) {
  std::vector<std::uint32_t> rows;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i != fold) rows.insert(rows.end(), parts[i].begin(), parts[i].end());
  }
  std::ranges::sort(rows);
  return rows;
}

// What a fold's training sees. Its own rows are watched only where nothing is decided by them.
Split rows_for(const Dataset& data, const std::vector<std::vector<std::uint32_t>>& parts, std::size_t fold,
               const TrainOptions& options) {
  std::vector<std::uint32_t> rows = others(parts, fold);
  if (options.patience == 0) return {std::move(rows), parts[fold]};
  return split_these_rows(data, rows, options.valid_fraction, options.seed);
}

std::vector<MetricSpread> spread_over(Task task, const std::vector<FoldResult>& folds) {
  std::vector<MetricSpread> spreads;
  std::vector<std::vector<double>> values;
  for (const FoldResult& fold : folds) {
    for (const Metric& metric : metrics_of(task, fold.scores)) {
      auto found = std::ranges::find(spreads, metric.name, &MetricSpread::name);
      if (found == spreads.end()) {
        values.emplace_back();
        found = spreads.insert(spreads.end(), MetricSpread{.name = metric.name});
      }
      values[static_cast<std::size_t>(found - spreads.begin())].push_back(metric.value);
    }
  }
  for (std::size_t i = 0; i < spreads.size(); ++i) {
    MetricSpread& spread = spreads[i];
    const auto count = static_cast<double>(values[i].size());
    spread.folds = values[i].size();
    for (const double value : values[i]) spread.mean += value / count;
    double squares = 0;
    for (const double value : values[i]) squares += (value - spread.mean) * (value - spread.mean);
    spread.deviation = spread.folds > 1 ? std::sqrt(squares / (count - 1)) : 0;
    spread.least = std::ranges::min(values[i]);
    spread.most = std::ranges::max(values[i]);
  }
  return spreads;
}

std::vector<std::string> rare_class_warnings(const Dataset& data, std::size_t folds) {
  const std::vector<std::uint32_t> rows = all_rows(data);
  const std::vector<std::size_t> counts = rows_by_class(batch_of(data, rows), data.classes.size());
  std::vector<std::string> warnings;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] == 0 || counts[c] >= folds) continue;
    warnings.push_back(fmt::format(
        "class '{}' has {}, so {} none of it to validate with", printable(data.classes[c]),
        counted(counts[c], "row"),
        folds - counts[c] == 1 ? std::string("1 fold has") : with_commas(folds - counts[c]) + " folds have"));
  }
  return warnings;
}

}  // namespace

CrossValidation cross_validate(const Dataset& data, const TrainOptions& options, std::size_t folds,
                               const FoldObserver& observer) {
  if (data.rows == 0) throw Error(ErrorKind::data, "the data have no rows");
  if (data.targets.empty())
    throw Error(ErrorKind::data, "the data have no target; give labels or a target column");
  require_sound(data);
  if (!options.checkpoint.path.empty())
    throw Error(ErrorKind::data, "folds are several runs, and a checkpoint keeps one; give no checkpoint");
  const std::vector<std::vector<std::uint32_t>> parts = cut_into_folds(data, folds, options.seed);
  CrossValidation result;
  for (std::size_t fold = 0; fold < folds; ++fold) {
    if (loss_weight({}, batch_of(data, parts[fold])) > 0) continue;
    throw Error(ErrorKind::data,
                fmt::format("the rows of fold {} of {} all weigh 0; give fewer folds", fold + 1, folds));
  }
  result.warnings = rare_class_warnings(data, folds);
  for (std::size_t fold = 0; fold < folds && !result.interrupted; ++fold) {
    if (observer.on_fold) observer.on_fold(fold);
    const Split rows = rows_for(data, parts, fold, options);
    const TrainResult trained = train_rows(data, rows, options, observer.training);
    if (trained.interrupted) {
      result.interrupted = true;
      break;
    }
    Team team(options.threads);
    const Objective objective = objective_of(data.task, layer_outputs(trained.model.network).back());
    result.folds.push_back(
        {.train_rows = rows.train.size(),
         .valid_rows = parts[fold].size(),
         .epochs = trained.epochs,
         .best_epoch = trained.best_epoch,
         .train_loss = trained.train_loss,
         .scores = score_fully(trained.model, batch_of(data, parts[fold]), objective, team),
         .seconds = trained.seconds});
    if (observer.on_fold_end) observer.on_fold_end(fold, result.folds.back());
  }
  result.metrics = spread_over(data.task, result.folds);
  return result;
}

}  // namespace ztilde
