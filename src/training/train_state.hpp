// What a run carries from step to step beside the numbers of its Trainer, listed once: a checkpoint
// writes and reads these, and nothing else changes while training goes on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "ztilde/train.hpp"

namespace ztilde {

// What training did since some moment.
struct Since {
  double begun = 0;             // seconds
  double loss = 0, weight = 0;  // Σ over rows
  std::uint64_t rows = 0;

  void add(double mean_loss, double batch_weight, std::size_t batch_rows) {
    loss += mean_loss * batch_weight;
    weight += batch_weight;
    rows += batch_rows;
  }
  double mean_loss() const { return weight > 0 ? loss / weight : 0; }
};

struct TrainState {
  std::uint64_t epoch = 0, batch = 0;  // the next step's, both from 0
  std::uint64_t rows = 0;              // trained on so far, each time
  double seconds = 0;                  // spent so far
  Since epoch_begin;                   // the epoch in progress

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
    visit("epoch_begun", std::span(&epoch_begin.begun, 1));
    visit("epoch_loss", std::span(&epoch_begin.loss, 1));
    visit("epoch_weight", std::span(&epoch_begin.weight, 1));
    visit("epoch_rows", std::span(&epoch_begin.rows, 1));
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
