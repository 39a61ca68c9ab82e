// Gradient descent with weight decay, and its twin without: one function, two sets of weights.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "ztilde/dataset.hpp"
#include "ztilde/network.hpp"

namespace ztilde::lab {

struct TwinOptions {
  double rate = 0.1, decay = 0.02;
  std::size_t steps = 500, batch = 64;
  std::uint64_t seed = 0;
  std::function<void(double done)> tell = {};
};

struct Twins {
  // Loss of the batch before each step: η with decay λ; growing rate η (1 − ηλ)^−(2t + 1) without decay;
  // and, for comparison, η without decay.
  std::vector<double> decayed, growing, constant;
  std::vector<double> rates;  // of the growing twin's weights
  // By step: |loss of one − loss of the other|, and the largest |w − (1 − ηλ)^t v| over a weight matrix
  // before batch norm, relative to the norm of the matrix.
  std::vector<double> loss_difference, weight_difference;
};

// The weights directly before a BatchNorm (epsilon 0) do not change the loss by their scale: L(c w) = L(w),
// so that ∇L(c w) = ∇L(w) / c. Only these decay, and only their rate grows; γ, β, the last layer are
// trained with η, without decay, in both twins. If v = w / (1 − ηλ)^t before step t, then
// v − η (1 − ηλ)^−(2t + 1) ∇L(v) = ((1 − ηλ) w − η ∇L(w)) / (1 − ηλ)^(t + 1): it holds after it as well.
//   inputs: [rows, network.inputs];  targets: [rows]. Batches go round the rows in their order.
Twins run_twins(const Network& network, std::span<const double> inputs, std::span<const float> targets,
                const TwinOptions& options);

}  // namespace ztilde::lab
