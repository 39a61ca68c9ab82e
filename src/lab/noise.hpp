// Noise after batch norm that is another one at every step.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "ztilde/network.hpp"

namespace ztilde::lab {

// Each unit's z_tilde becomes scale · z_tilde + shift for a step: γ and β become scale · γ and
// scale · β + shift. scale is uniform in 1 … 1.25, shift in −0.5 … 0.5: the ranges of Santurkar et al.
// 2018, arXiv:1805.11604, whose noise besides differs from row to row.
class ChangingNoise {
 public:
  ChangingNoise(const Network& network, std::uint64_t seed);

  // Draws the step's noise and puts it into these parameters.
  void add(std::span<float> parameters);
  // The gradient with respect to the γ and β of before, from that with respect to those with noise.
  void map_back(std::span<float> gradients) const;

 private:
  struct Unit {
    std::size_t gamma = 0, beta = 0;  // where they are in the arena
    float scale = 1;
  };
  std::vector<Unit> units_;
  std::mt19937_64 random_;
};

}  // namespace ztilde::lab
