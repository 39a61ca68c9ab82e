// How wide the region of good options is: which share of the space that a study searched came close to its
// best. Points of a quasi-random sequence fill the space evenly, so the share of the points estimates that of
// the volume. Trial 0 is not counted where it has the defaults: these are chosen by people, not drawn.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "search/study_contents.hpp"

namespace ztilde::search {

struct Interval {
  double low = 0, high = 1;
};

// The 95 % interval of a share. Wilson 1927, doi:10.1080/01621459.1927.10502953. Of nothing: 0 to 1.
Interval wilson_interval(std::size_t part, std::size_t of);

// The 95 % interval of (a / of_a) / (b / of_b) from those of the shares: MOVER, Donner & Zou 2012,
// doi:10.1177/0962280210383082. high is infinite where b may be 0.
Interval ratio_interval(std::size_t a, std::size_t of_a, std::size_t b, std::size_t of_b);

// What trials are compared by: the accuracy, of numbers the rmse, and the loss where there is neither.
enum class Measured { accuracy, rmse, loss };

// Of the best of all trials: in accuracy, and as a share of the best rmse or loss. Studies do not know the
// spread of the target; 10 % of the rmse are 2 points of R² where R² is 0.9.
inline constexpr double kAccuracyTolerance = 0.02, kRelativeTolerance = 0.1;

// Trials that were stopped early have fewer epochs than the best, and would look worse than they are: all are
// compared after the epoch that each of them has reached.
struct GoodRule {
  Measured measured = Measured::loss;
  std::size_t epoch = 0;       // after it, or after a trial's own last one where it ended by itself before
  bool stopped_early = false;  // some were, so that `epoch` is a rung
  double best = 0, limit = 0;
};

// unknown: not as far as GoodRule::epoch yet, or not drawn.
enum class Goodness { good, poor, diverged, unknown };

struct GoodGroup {
  std::string norm;  // of the dimension --norm; "" where it is not searched
  std::size_t good = 0, trials = 0, diverged = 0;
  double share() const { return trials == 0 ? 0 : static_cast<double>(good) / static_cast<double>(trials); }
  Interval interval() const { return wilson_interval(good, trials); }
};

struct GoodRegion {
  GoodRule rule;
  std::vector<Goodness> trials;   // of study.trials
  std::vector<GoodGroup> groups;  // in the order of --norm's choices; one where it is not searched
};

// Nothing where no trial has a result yet.
std::optional<GoodRegion> good_region(const StudyContents& study);

// The group of --norm with that name; nullptr: none.
const GoodGroup* group_of(const GoodRegion& region, const std::string& norm);

}  // namespace ztilde::search
