#include "search/good_region.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "search/space_axes.hpp"

namespace ztilde::search {
namespace {

constexpr double kZ = 1.959963984540054;  // of 95 %
constexpr const char* kNorm = "--norm";

bool is_compared(const Trial& trial, std::size_t epoch) {
  if (trial.state == TrialState::diverged || trial.curve.empty()) return false;
  return trial.state == TrialState::finished || trial.curve.back().epoch >= epoch;
}

// The last point up to `epoch`; nullptr: none.
const TrialPoint* point_at(const Trial& trial, std::size_t epoch) {
  const TrialPoint* last = nullptr;
  for (const TrialPoint& point : trial.curve)
    if (point.epoch <= epoch) last = &point;
  return last;
}

double value_of(const TrialPoint& point, Measured measured) {
  switch (measured) {
    case Measured::accuracy:
      return point.valid_accuracy.value_or(NAN);
    case Measured::rmse:
      return point.valid_rmse.value_or(NAN);
    case Measured::loss:
      return point.valid_loss;
  }
  return NAN;
}

// Every one of the points must have it.
Measured measured_of(const std::vector<const TrialPoint*>& points) {
  const auto all = [&](auto member) {
    return std::ranges::all_of(points, [&](const TrialPoint* point) { return (point->*member).has_value(); });
  };
  if (all(&TrialPoint::valid_accuracy)) return Measured::accuracy;
  return all(&TrialPoint::valid_rmse) ? Measured::rmse : Measured::loss;
}

// A loss may be below 0, where a tenth of it still is a tolerance to the worse.
double limit_of(double best, Measured measured) {
  if (measured == Measured::accuracy) return best - kAccuracyTolerance;
  return best + kRelativeTolerance * std::abs(best);
}

bool is_better(double a, double b, Measured measured) {
  return measured == Measured::accuracy ? a > b : a < b;
}

// So that two accuracies which are 0.02 apart as written are so here.
bool is_good(double value, const GoodRule& rule) {
  const double slack = 1e-9 * std::max(std::abs(rule.best), 1e-30);
  if (rule.measured == Measured::accuracy) return value >= rule.limit - slack;
  return value <= rule.limit + slack;
}

std::optional<GoodRule> rule_of(const StudyContents& study) {
  GoodRule rule;
  rule.epoch = study.plan.epochs;
  for (const Trial& trial : study.trials) {
    if (trial.state != TrialState::paused || trial.curve.empty()) continue;
    rule.stopped_early = true;
    rule.epoch = std::min(rule.epoch, trial.curve.back().epoch);
  }
  std::vector<const TrialPoint*> points;
  for (const Trial& trial : study.trials) {
    const TrialPoint* point = is_compared(trial, rule.epoch) ? point_at(trial, rule.epoch) : nullptr;
    if (point && std::isfinite(point->valid_loss)) points.push_back(point);
  }
  if (points.empty()) return std::nullopt;
  rule.measured = measured_of(points);
  rule.best = value_of(*points.front(), rule.measured);
  for (const TrialPoint* point : points) {
    const double value = value_of(*point, rule.measured);
    if (is_better(value, rule.best, rule.measured)) rule.best = value;
  }
  rule.limit = limit_of(rule.best, rule.measured);
  return rule;
}

Goodness goodness_of(const Trial& trial, const GoodRule& rule) {
  if (trial.state == TrialState::diverged) return Goodness::diverged;
  const TrialPoint* point = is_compared(trial, rule.epoch) ? point_at(trial, rule.epoch) : nullptr;
  if (!point) return Goodness::unknown;
  return is_good(value_of(*point, rule.measured), rule) ? Goodness::good : Goodness::poor;
}

std::vector<GoodGroup> empty_groups(const StudyPlan& plan) {
  const auto found = std::ranges::find(plan.dimensions, kNorm, &Dimension::option);
  if (found == plan.dimensions.end()) return std::vector<GoodGroup>(1);
  std::vector<GoodGroup> groups;
  for (const std::string& norm : found->choices) {
    groups.emplace_back();
    groups.back().norm = norm;
  }
  return groups;
}

void count(GoodGroup& group, Goodness goodness) {
  if (goodness == Goodness::unknown) return;
  ++group.trials;
  group.good += goodness == Goodness::good ? 1 : 0;
  group.diverged += goodness == Goodness::diverged ? 1 : 0;
}

}  // namespace

Interval wilson_interval(std::size_t part, std::size_t of) {
  if (of == 0) return {};
  const double n = static_cast<double>(of), share = static_cast<double>(part) / n, z2 = kZ * kZ;
  const double middle = (share + z2 / (2 * n)) / (1 + z2 / n);
  const double half = kZ / (1 + z2 / n) * std::sqrt(share * (1 - share) / n + z2 / (4 * n * n));
  return {part == 0 ? 0 : std::max(middle - half, 0.), part == of ? 1 : std::min(middle + half, 1.)};
}

Interval ratio_interval(std::size_t a, std::size_t of_a, std::size_t b, std::size_t of_b) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  if (of_a == 0 || of_b == 0) return {0, kInfinite};
  const double p = static_cast<double>(a) / static_cast<double>(of_a);
  const double q = static_cast<double>(b) / static_cast<double>(of_b);
  const Interval of_p = wilson_interval(a, of_a), of_q = wilson_interval(b, of_b);
  // The roots in the form that does not divide by the difference of two numbers that are nearly the same.
  const double product = p * q;
  const auto root = [&](double over, double under) {
    return std::sqrt(std::max(product * product - over * under, 0.));
  };
  Interval ratio = {0, kInfinite};
  const double over_low = of_p.low * (2 * p - of_p.low), under_high = of_q.high * (2 * q - of_q.high);
  const double denominator = product + root(over_low, under_high);
  if (over_low > 0 && denominator > 0) ratio.low = over_low / denominator;
  const double over_high = of_p.high * (2 * p - of_p.high), under_low = of_q.low * (2 * q - of_q.low);
  if (under_low > 0) ratio.high = (product + root(over_high, under_low)) / under_low;
  return ratio;
}

std::optional<GoodRegion> good_region(const StudyContents& study) {
  const std::optional<GoodRule> rule = rule_of(study);
  if (!rule) return std::nullopt;
  GoodRegion region = {*rule, {}, empty_groups(study.plan)};
  for (const Trial& trial : study.trials) {
    const bool drawn = trial.number > 0 || study.plan.first.empty();
    region.trials.push_back(drawn ? goodness_of(trial, *rule) : Goodness::unknown);
    const std::string norm = text_of(trial, kNorm);
    for (GoodGroup& group : region.groups)
      if (group.norm.empty() || group.norm == norm) count(group, region.trials.back());
  }
  return region;
}

const GoodGroup* group_of(const GoodRegion& region, const std::string& norm) {
  const auto found = std::ranges::find(region.groups, norm, &GoodGroup::norm);
  return found == region.groups.end() ? nullptr : &*found;
}

}  // namespace ztilde::search
