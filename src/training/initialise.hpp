// The parameters a network starts from.
#pragma once

#include <cstdint>
#include <span>

#include "ztilde/network.hpp"
#include "ztilde/train.hpp"

namespace ztilde {

// Weights Gaussian with standard deviation sqrt(2 / inputs) (he: He et al. 2015, arXiv:1502.01852),
// sqrt(2 / (inputs + outputs)) (xavier: Glorot & Bengio 2010) or init_std; biases and beta 0, gamma 1.
// The tables of Encode are Gaussian with sqrt(1 / width), whatever the kind.
// parameters: the arena of parameter_slots(network), overwritten.
void initialise_parameters(const Network& network, InitKind kind, double init_std, std::uint64_t seed,
                           std::span<float> parameters);

// Means 0 and variances 1: what running statistics start from.
void initialise_statistics(const Network& network, std::span<double> statistics);

}  // namespace ztilde
