// Verdicts: numbers against the thresholds that were fixed before the run, and nothing else.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lab/experiment.hpp"

namespace ztilde::lab {

struct Judgement {
  Verdict verdict = Verdict::not_reproduced;
  std::vector<report::VerdictNumber> numbers;
};

// Reproduced: every threshold is met. Beyond: besides, at least one has a bound for what exceeds the claim,
// and all of these are met too.
Judgement judge(std::span<const Threshold> thresholds, std::span<const double> values);

bool is_met(const Threshold& threshold, double value);
// "at least 1,000".
std::string words(const Threshold& threshold);

}  // namespace ztilde::lab
