// What theory says of the gradients of a very deep network with batch norm, and the weights to measure it
// with. Yang et al. 2019, "A mean field theory of batch normalization", arXiv:1902.08129.
#pragma once

#include <cstdint>
#include <span>

#include "ztilde/network.hpp"

namespace ztilde::lab {

// By how much the norm of the gradient grows from a block (dense, batch norm, activation g) to the one below
// it, for wide layers and large batches: sqrt(E[g'(z)²] / Var g(z)) with z standard normal.
double gradient_growth(ActivationKind g);

// A random orthogonal matrix [size, size], row-major: signs, a permutation and the Walsh-Hadamard transform,
// three times. size: a power of 2. The seed and the number decide it.
void fill_orthogonal(std::size_t size, std::uint64_t seed, std::uint64_t number, std::span<float> matrix);

// The slope of the line through (0, y[0]), (1, y[1]), … with the least squared error. Requires 2 points.
double slope(std::span<const double> y);

}  // namespace ztilde::lab
