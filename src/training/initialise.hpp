// The parameters a network starts from.
#pragma once

#include <cstdint>
#include <span>

#include "ztilde/network.hpp"
#include "ztilde/train.hpp"

namespace ztilde {

struct Init {
  InitKind kind = InitKind::he;
  double normal_std = 0.01;
  double scale = 1;  // of he and xavier
};

// Weights Gaussian with standard deviation scale · sqrt(2 / inputs) (he: He et al. 2015,
// arXiv:1502.01852), scale · sqrt(2 / (inputs + outputs)) (xavier: Glorot & Bengio 2010) or normal_std;
// biases and beta 0, gamma 1. Of a convolution, inputs and outputs are those that one output and one input
// are connected with: inputs · kernel² and outputs · kernel², of a depthwise one kernel² both. The tables of
// Encode are Gaussian with sqrt(1 / width), whatever the kind. parameters: the arena of
// parameter_slots(network), overwritten.
void initialise_parameters(const Network& network, const Init& init, std::uint64_t seed,
                           std::span<float> parameters);

// Means 0 and variances 1: what running statistics start from.
void initialise_statistics(const Network& network, std::span<double> statistics);

}  // namespace ztilde
