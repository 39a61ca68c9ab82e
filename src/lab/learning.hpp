// Trainings as most experiments need them: arms, each with the rate that is best for it on validation rows,
// then several seeds, looked at now and then on test rows.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lab/context.hpp"
#include "lab/course.hpp"
#include "ztilde/train.hpp"

namespace ztilde::lab {

// A training at a constant rate, on all rows it is given and with one thread.
TrainOptions plain_options();

// Rates of gradient descent to choose from. For numbers a tenth of those for classes: the squared error of a
// standardised target is that much steeper than cross-entropy, whose curvature is a variance below 1/4.
std::vector<double> rates_for(Task task, std::vector<double> of_classes);

struct Arm {
  std::string name;
  TrainOptions options;
  std::vector<double> rates;  // to choose from, in ascending order
  std::uint64_t steps = 0;    // of a whole training
};

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
std::vector<std::vector<Course>> learn_all(Context& context, double share, const std::vector<Arm>& arms,
                                           const Rates& rates, std::size_t seeds, const Dataset& train,
                                           const Dataset& judged, std::span<const std::uint64_t> looks);

// The scores of one look by seed.
std::vector<double> at_look(const std::vector<Course>& seeds, std::size_t look);
// 1, 3, 10, … : `count` numbers from first to last, in equal ratios, rounded.
std::vector<std::uint64_t> spread(std::uint64_t first, std::uint64_t last, std::size_t count);

}  // namespace ztilde::lab
