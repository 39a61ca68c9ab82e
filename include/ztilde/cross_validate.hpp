// Cross-validation: how good are models trained this way, on rows they have not seen?
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "ztilde/train.hpp"

namespace ztilde {

struct FoldResult {
  std::size_t train_rows = 0, valid_rows = 0;
  std::size_t epochs = 0, best_epoch = 0;
  double train_loss = 0;
  Scores scores;  // of the fold's own rows, which its model has not seen
  double seconds = 0;
};

// Of one metric over the folds that have it.
struct MetricSpread {
  std::string name;
  std::size_t folds = 0;
  double mean = 0;
  double deviation = 0;  // the sample's standard deviation, by folds - 1; 0 for one fold
  double least = 0, most = 0;
};

struct CrossValidation {
  std::vector<FoldResult> folds;      // those that were trained to their end
  std::vector<MetricSpread> metrics;  // in the order of metrics_of()
  std::vector<std::string> warnings;  // classes that some folds have no row of, one sentence
  bool interrupted = false;           // by should_stop
};

// Every member may be empty.
struct FoldObserver {
  TrainObserver training;                         // of each fold's training in turn
  std::function<void(std::size_t fold)> on_fold;  // before each, from 0
  std::function<void(std::size_t fold, const FoldResult&)> on_fold_end;
};

// Cuts the rows into `folds` parts (stratified for classes, by options.seed), and trains a model on all
// others for each. Nothing is chosen with a fold's own rows: with patience, options.valid_fraction of the
// others is held out to stop by; without, it is unused. Throws as train() does, and Error(data) for folds
// that cannot be: fewer than 2, more than rows, or a class with a single row.
CrossValidation cross_validate(const Dataset& data, const TrainOptions& options, std::size_t folds,
                               const FoldObserver& observer = {});

}  // namespace ztilde
