// What a run carries from step to step beside the numbers of its Trainer, listed once: a checkpoint
// writes and reads these, and nothing else changes while training goes on.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "ztilde/train.hpp"

namespace ztilde {

struct TrainState {
  std::uint64_t epoch = 0, batch = 0;  // the next step's, both from 0
  std::uint64_t rows = 0;              // trained on so far, each time
  double seconds = 0;                  // spent so far
  // Of the epoch in progress: when it began, Σ of losses over rows, rows.
  double epoch_begun = 0, epoch_loss = 0;
  std::uint64_t epoch_rows = 0;

  Model best;                    // parameters and statistics of best_epoch; empty without validation rows
  std::uint64_t best_epoch = 0;  // from 1; 0: none yet
  double best_loss = std::numeric_limits<double>::infinity();

  std::vector<HistoryPoint> history;  // the ends of epochs

  // visit(name, span of float, double or std::uint64_t); the history is apart, as it grows.
  template <class Visit>
  void for_each_number(Visit&& visit) {
    visit("epoch", std::span(&epoch, 1));
    visit("batch", std::span(&batch, 1));
    visit("rows", std::span(&rows, 1));
    visit("seconds", std::span(&seconds, 1));
    visit("epoch_begun", std::span(&epoch_begun, 1));
    visit("epoch_loss", std::span(&epoch_loss, 1));
    visit("epoch_rows", std::span(&epoch_rows, 1));
    visit("best_epoch", std::span(&best_epoch, 1));
    visit("best_loss", std::span(&best_loss, 1));
    visit("best_parameters", std::span(best.parameters));
    visit("best_statistics", std::span(best.statistics));
    visit("best_statistic_batches", std::span(best.statistic_batches));
  }
};

// Every member of a point. visit(member): a number, a truth value or an optional number.
template <class Point, class Visit>
void for_each_member(Point& point, Visit&& visit) {
  visit(point.step);
  visit(point.epoch);
  visit(point.epoch_end);
  visit(point.train_loss);
  visit(point.valid_loss);
  visit(point.valid_accuracy);
  visit(point.valid_rmse);
  visit(point.learning_rate);
  visit(point.seconds);
  visit(point.rows_per_second);
}

}  // namespace ztilde
