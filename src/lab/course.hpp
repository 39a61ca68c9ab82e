// One network trained step by step at a constant rate and looked at on the way, in the form it would be used
// in.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "ztilde/train_session.hpp"

namespace ztilde::lab {

// What a run is measured with. Batch norm uses the statistics of `population`, some training rows that
// stay the same: exact for them, and cheaper than a pass over all.
struct Measure {
  const Dataset& population;
  const Dataset& judged;
  std::vector<std::uint64_t> marks;  // ascending: after how many steps to look
  // Called at each mark with the model, its statistics those of `population`.
  std::function<void(const Model& model)> look = {};
  std::function<void(double done)> tell = {};  // 0 … 1
};

struct Course {
  std::vector<double> scores;   // at each mark: accuracy, or R² for regression; 0 from where it diverged
  std::vector<double> seconds;  // of training alone, up to each mark
  bool diverged = false;
};

// options.threads, the schedule and the rows held out are set here: one thread, options.learning_rate all
// the way, none.
Course run_course(const Dataset& train, TrainOptions options, const Measure& measure);

// Accuracy, or R² for regression.
double score_of(const Model& model, const Dataset& data);

// 0, step, 2 step, … up to last, which is the last one.
std::vector<std::uint64_t> even_marks(std::uint64_t step, std::uint64_t last);
// Both, ascending, each once.
std::vector<std::uint64_t> united(std::vector<std::uint64_t> a, const std::vector<std::uint64_t>& b);

// The first of the largest.
std::size_t best_of(std::span<const double> scores);

// Element i of each.
std::vector<double> column(std::span<const std::vector<double>> rows, std::size_t i);

}  // namespace ztilde::lab
