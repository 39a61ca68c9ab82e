// How many steps networks take to a given accuracy, and in what order they get there.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ztilde::lab {

enum class RaceArm { base, base_x5, base_sigmoid, bn, bn_x5, bn_x30, bn_x5_sigmoid };
constexpr std::size_t kArms = 7;

// The first mark at which the score is at least the target; infinity where there is none.
double first_at(std::span<const std::uint64_t> marks, std::span<const double> scores, double target);

struct Relation {
  std::string words;
  bool holds = false;
};
// What the paper's section 4.2 found of these arms. steps: to the target, which is the best score of base.
//   best: the best scores
std::vector<Relation> published_order(const std::array<double, kArms>& steps,
                                      const std::array<double, kArms>& best);

}  // namespace ztilde::lab
