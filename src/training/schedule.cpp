#include "training/schedule.hpp"

#include <cmath>
#include <numbers>

namespace ztilde {
namespace {

// From `from` at fraction 0 to `to` at fraction 1.
double along_cosine(double from, double to, double fraction) {
  return to + (from - to) * 0.5 * (1 + std::cos(std::numbers::pi * fraction));
}

}  // namespace

double Schedule::at(std::uint64_t step) const {
  if (step < warmup_steps) return rate * static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
  const auto rest = static_cast<double>(steps > warmup_steps ? steps - warmup_steps : 1);
  const double done = static_cast<double>(step - warmup_steps) / rest;
  switch (kind) {
    case ScheduleKind::constant:
      return rate;
    case ScheduleKind::cosine:
      return along_cosine(rate, 0, done);
    case ScheduleKind::step:
      return rate * (done < 0.5 ? 1 : done < 0.75 ? 0.1 : 0.01);
    case ScheduleKind::onecycle:
      break;
  }
  constexpr double kRise = 0.3;
  return done < kRise ? along_cosine(rate / 25, rate, done / kRise)
                      : along_cosine(rate, rate / 10000, (done - kRise) / (1 - kRise));
}

}  // namespace ztilde
