// One network trained step by step and looked at on the way, in the form it would be used in.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ztilde/train_session.hpp"

namespace ztilde::lab {

// The steps of one training: the one loop of the lab.
struct Walk {
  std::vector<std::uint64_t> marks;                            // ascending: after how many steps to look
  std::function<void()> step;                                  // takes one
  std::function<void(std::size_t mark, double seconds)> look;  // seconds: of the steps alone, so far
  std::function<void(double done)> tell = {};                  // 0 … 1; what it throws ends the walk
};

struct Walked {
  double seconds = 0;     // of the steps alone
  bool diverged = false;  // no look was taken from then on
};

// How many steps may pass between two times that progress is told and an interruption heard: well below a
// second for every network of the lab.
inline constexpr std::uint64_t kStepsBetweenTells = 16;

// Walks until the last mark. Told whenever the steps are a multiple of kStepsBetweenTells, and before a look.
Walked walk(TrainSession& session, const Walk& plan);

// What a run is measured with.
struct Measure {
  // Training rows that stay the same, whose statistics batch norm uses: exact for them, and cheaper than a
  // pass over all. Null: all that are trained on.
  const Dataset* population;
  const Dataset& judged;
  std::vector<std::uint64_t> marks;                   // ascending: after how many steps to look
  std::function<void(const Model& model)> look = {};  // called at each mark, with population statistics
  std::function<void(double done)> tell = {};         // as of a Walk
};

struct Course {
  std::vector<double> scores;   // at each mark: accuracy, or R² for regression; 0 from where it diverged
  std::vector<double> seconds;  // of training alone, up to each mark
  bool diverged = false;
};

// options.threads, the schedule and the rows held out are set here: one thread, options.learning_rate all
// the way, none.
Course run_course(const Dataset& train, TrainOptions options, const Measure& measure);

// Accuracy, or R² for regression: the larger the better, 1 is perfect, and what no learning gives is near 0.
// An R² below 0 counts as 0: how much worse than their mean a broken model tells numbers has no bound, and
// would rule every mean.
double score_of(const Scores& scores, Task task);
double score_of(const Model& model, const Dataset& data);
std::string score_name(Task task);
// "81.28 %"; "0.9304" for R².
std::string score_words(double score, Task task);

// 0, step, 2 step, … up to last, which is the last one.
std::vector<std::uint64_t> even_marks(std::uint64_t step, std::uint64_t last);
// Both, ascending, each once.
std::vector<std::uint64_t> united(std::vector<std::uint64_t> a, const std::vector<std::uint64_t>& b);

// The first of the largest.
std::size_t best_of(std::span<const double> scores);

// Element i of each.
std::vector<double> column(std::span<const std::vector<double>> rows, std::size_t i);

}  // namespace ztilde::lab
