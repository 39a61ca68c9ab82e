// The learning rate of each step.
#pragma once

#include <cstdint>

#include "ztilde/train.hpp"

namespace ztilde {

struct Schedule {
  ScheduleKind kind = ScheduleKind::constant;
  double rate = 0;  // the largest
  std::uint64_t steps = 0;
  std::uint64_t warmup_steps = 0;

  // Rate of step 0 … steps - 1. Warm-up rises linearly to `rate` and comes before the schedule:
  //   constant  stays;  cosine    falls to 0 along half a cosine;
  //   step      falls tenfold at 1/2 and again at 3/4 of the steps;
  //   onecycle  rises from rate / 25 for 3/10 of the steps, then falls to rate / 10,000, both along
  //             half a cosine (Smith & Topin 2018, arXiv:1708.07120).
  double at(std::uint64_t step) const;
};

}  // namespace ztilde
