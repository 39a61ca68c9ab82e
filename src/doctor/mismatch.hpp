// Stored statistics of one BatchNorm against measured ones, channel by channel, and what chance explains.
#pragma once

#include <span>
#include <vector>

#include "doctor/measure.hpp"
#include "doctor/record.hpp"
#include "ztilde/doctor.hpp"

namespace ztilde::doctor {

struct Mismatch {
  // By channel: (stored − measured mean) / sqrt(measured variance + epsilon); log of the stored variance over
  // the measured one, epsilon added to both; and both over what the choice of rows gives them by chance.
  std::vector<double> mean, log_ratio, mean_errors, ratio_errors;
  std::vector<double> ratio_chance;    // standard error of log_ratio, running noise included
  std::vector<double> running_chance;  // what batches of the record's size give the running mean, in
                                       // standard deviations; 0 for population statistics
  std::vector<std::size_t> channels;   // beyond chance, the furthest first
  bool beyond_chance() const { return !channels.empty(); }
  StatisticsDistance distance;
};

// stored: means and variances, as a StatisticSlot has them.
Mismatch mismatch(const NormMoments& measured, std::span<const double> stored, std::uint64_t updates,
                  StatisticsSource source, const Record& record, double rows);

// Standard errors beyond which one of so many numbers is not chance.
double errors_beyond_chance(std::size_t numbers);

double median(std::vector<double> numbers);
double root_mean_square(const std::vector<double>& numbers);
ChannelRange range_of(const std::vector<double>& numbers);

}  // namespace ztilde::doctor
