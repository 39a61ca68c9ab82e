// What is said of several seeds.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace ztilde::lab {

double mean(std::span<const double> values);
// Standard deviation of a sample (divides by one less than their number); 0 for a single one.
double deviation(std::span<const double> values);
// Half the width of the 95 % confidence interval of the mean, by Student's t; 0 for a single value.
double interval(std::span<const double> values);
double median(std::span<const double> values);

// To two digits, as people read it: "0.032", "44,000", "1.5e11".
std::string two_digits(double value);

// Of paired seeds: how often the first is larger, and their mean difference with its interval.
struct Paired {
  std::size_t wins = 0, pairs = 0;
  double mean = 0, interval = 0;
};
Paired paired(std::span<const double> a, std::span<const double> b);

}  // namespace ztilde::lab
