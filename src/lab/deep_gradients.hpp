// The norm of the gradient, layer by layer, in a deep network with batch norm that has not been trained yet.
#pragma once

#include <cstdint>
#include <vector>

#include "ztilde/network.hpp"

namespace ztilde::lab {

// The first weights of a dense layer.
enum class Weights { orthogonal, gaussian };

// log ‖∂L/∂W‖ of each block's weight, from the first block up. A block is dense, batch norm, activation, all
// of `width` units, which is a power of 2; a batch of 2 · width rows of standard normal numbers. What is
// sent down from the top is noise: as many classes as units, each twice, and an output layer that is
// too small to answer, so that the error of a row has nothing to do with the row.
std::vector<double> log_gradient_norms(ActivationKind g, std::size_t width, std::size_t blocks,
                                       Weights weights, std::uint64_t seed);

// The growth of the norm from a block to the one below it, as a logarithm: the slope over all blocks but the
// first, whose input is no activation, and the last. Requires 4 blocks.
double growth_of(const std::vector<double>& log_norms);

}  // namespace ztilde::lab
