// Gradient descent and its kin over the parameter arena, γ and β like every other parameter.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/team.hpp"
#include "tensor/aligned_buffer.hpp"
#include "ztilde/network.hpp"
#include "ztilde/train.hpp"

namespace ztilde {

struct OptimiserOptions {
  OptimizerKind kind = OptimizerKind::adamw;
  double weight_decay = 0;
  bool decay_all = false;         // γ, β and biases too
  double clip_norm = 0;           // largest norm of the whole gradient; 0: no clipping
  std::vector<bool> frozen = {};  // by parameter slot: no step changes it; empty: none is
  double average = 0;  // what an average of the parameters keeps of itself in a step; 0: none is kept
};

class Optimiser {
 public:
  Optimiser(const Network& network, const OptimiserOptions& options, std::size_t workers);

  // Before the team starts on a step: counts it and fixes its rate.
  void begin(double rate);
  // Called by every worker. parameters, gradients: the arenas. Ends without a barrier.
  void step(const Worker& worker, float* parameters, const float* gradients);

  // What a step changes, for whoever keeps or restores it: visit(name, span).
  template <class Visit>
  void for_each_number(Visit&& visit) {
    visit("optimizer_steps", std::span(&steps_, 1));
    visit("optimizer_first", first_.span());
    visit("optimizer_second", second_.span());
    visit("average", average_.span());
  }

  bool averages() const { return average_.size() > 0; }
  // The average of the parameters after each of `steps` steps, all there were: that of the last one times
  // keep, … of the first times keep^(steps − 1), by what these make up. Into the arena `parameters`.
  void average(std::uint64_t steps, std::span<float> parameters) const;

  std::size_t bytes() const {
    return (first_.size() + second_.size()) * sizeof(float) + average_.size() * sizeof(double);
  }

 private:
  // A range of the arena inside one tensor: element-wise work, cut the same for any team.
  struct Chunk {
    std::size_t offset, size;
    float decay;
  };
  void step_chunk(const Chunk& chunk, float* parameters, const float* gradients);

  OptimiserOptions options_;
  std::vector<Chunk> chunks_;
  std::vector<double> squares_;  // by chunk, for the norm
  TaskQueue norm_queue_, step_queue_;
  AlignedBuffer<float> first_, second_;  // momentum or first moment; second moment
  AlignedBuffer<double> average_;        // Σ over steps of (1 − keep) keep^(steps since) · parameters
  std::uint64_t steps_ = 0;
  double rate_ = 0;
  double correction1_ = 1, correction2_ = 1;
  float gradient_scale_ = 1;
};

}  // namespace ztilde
