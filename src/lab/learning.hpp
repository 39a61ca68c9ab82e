// Trainings as most experiments need them: arms, each with the rate that is best for it on validation rows,
// then several seeds, looked at now and then on test rows.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lab/context.hpp"
#include "ztilde/model.hpp"
#include "ztilde/train.hpp"

namespace ztilde::lab {

// Accuracy, or R² for regression: the larger the better, 1 is perfect, and what no learning gives is near 0.
double score_of(const Scores& scores, Task task);
std::string score_name(Task task);

// A training at a constant rate, on all rows it is given and with one thread.
TrainOptions plain_options();

struct Arm {
  std::string name;
  TrainOptions options;
  std::vector<double> rates;  // to choose from, in ascending order
  std::uint64_t steps = 0;    // of a whole training
};

struct Learned {
  std::vector<double> scores;  // of the model with population statistics, after each look's steps; 0 from the
                               // step on at which training diverged
  double seconds = 0;          // of the steps alone
  bool diverged = false;
};

// looks: ascending numbers of steps; training ends with the last.
Learned learn(const Dataset& train, const Dataset& judged, const TrainOptions& options,
              std::span<const std::uint64_t> looks, Trial& trial);

struct Rates {
  std::vector<double> best;                 // by arm
  std::vector<std::vector<double>> scores;  // by arm and rate, on validation rows
  bool at_edge(const std::vector<Arm>& arms, std::size_t arm) const;
};
// One training of each arm at each of its rates, with a seed that is not judged afterwards.
Rates choose_rates(Context& context, double share, const std::vector<Arm>& arms, const Dataset& train,
                   const Dataset& valid);

// The options of one training: its rate and its seed, which all arms share.
TrainOptions options_of(const Context& context, const Arm& arm, double rate, std::size_t seed);
// By arm and seed. Every arm gets the same seeds: the same first weights where shapes agree, and batches.
std::vector<std::vector<Learned>> learn_all(Context& context, double share, const std::vector<Arm>& arms,
                                            const Rates& rates, std::size_t seeds, const Dataset& train,
                                            const Dataset& judged, std::span<const std::uint64_t> looks);

// The scores of one look by seed.
std::vector<double> at_look(const std::vector<Learned>& seeds, std::size_t look);
// 1, 3, 10, … : `count` numbers from first to last, in equal ratios, rounded.
std::vector<std::uint64_t> spread(std::uint64_t first, std::uint64_t last, std::size_t count);

}  // namespace ztilde::lab
