#include "lab/judge.hpp"

#include <fmt/format.h>

#include <cmath>

namespace ztilde::lab {
namespace {

using Is = Threshold::Is;

std::string shown(const Threshold& threshold, double value) {
  return std::isnan(value) ? "not measured" : fmt::format(fmt::runtime(threshold.format), value);
}

bool compares(const Threshold& threshold, double value, double bound) {
  switch (threshold.is) {
    case Is::at_least:
      return value >= bound;
    case Is::above:
      return value > bound;
    case Is::at_most:
      return value <= bound;
    case Is::below:
      return value < bound;
    case Is::within:
      return std::abs(value - bound) <= threshold.reach;
  }
  return false;
}

}  // namespace

bool is_met(const Threshold& threshold, double value) { return compares(threshold, value, threshold.bound); }

std::string words(const Threshold& threshold) {
  const std::string bound = shown(threshold, threshold.bound);
  switch (threshold.is) {
    case Is::at_least:
      return "at least " + bound;
    case Is::above:
      return "above " + bound;
    case Is::at_most:
      return "at most " + bound;
    case Is::below:
      return "below " + bound;
    case Is::within:
      return bound + " ± " + shown(threshold, threshold.reach);
  }
  return "";
}

Judgement judge(std::span<const Threshold> thresholds, std::span<const double> values) {
  Judgement result;
  bool all = true, beyond = true, exceedable = false;
  for (std::size_t i = 0; i < thresholds.size(); ++i) {
    const Threshold& threshold = thresholds[i];
    const bool met = is_met(threshold, values[i]);
    all = all && met;
    if (threshold.beyond) {
      exceedable = true;
      beyond = beyond && compares(threshold, values[i], *threshold.beyond);
    }
    result.numbers.push_back({threshold.label, shown(threshold, values[i]), words(threshold), met});
  }
  result.verdict = !all                   ? Verdict::not_reproduced
                   : exceedable && beyond ? Verdict::beyond
                                          : Verdict::reproduced;
  return result;
}

}  // namespace ztilde::lab
