// What arms reached, in words, tables and raw numbers.
#pragma once

#include <string>
#include <vector>

#include "lab/learning.hpp"
#include "report/page.hpp"

namespace ztilde::lab {

// "87.21 ± 0.13", in hundredths: points of accuracy or of R².
std::string mean_and_deviation(const std::vector<double>& scores);
// "0.1", and where it is the first or last of those to choose from, that it is.
std::string rate_words(const std::vector<Arm>& arms, const Rates& rates, std::size_t arm);
// Mean seconds of a training.
double mean_seconds(const std::vector<Course>& seeds);
// "rates of each arm chosen on 5,000 validation rows from 5 or 6, 3 seeds, …".
std::string protocol_words(const std::vector<Arm>& arms, std::size_t seeds, const Dataset& train,
                           const Dataset& valid, const Dataset& test);

// Rates tried, the one chosen, and the scores of every seed at every look.
report::Json raw_points(const std::vector<Arm>& arms, const Rates& rates,
                        const std::vector<std::vector<Course>>& learned,
                        std::span<const std::uint64_t> looks);

// A line of a chart: the mean over seeds at each look, in hundredths.
report::Json mean_line(const std::string& label, const report::Json& role, const std::vector<Course>& seeds,
                       std::span<const std::uint64_t> looks);

}  // namespace ztilde::lab
