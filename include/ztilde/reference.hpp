// The scalar oracle in double: a network's loss and gradients, layer by layer, slow and exact. What the
// fast code is tested against, and what an engine of your own can be.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ztilde/dataset.hpp"
#include "ztilde/network.hpp"

namespace ztilde::reference {

// By parameter_slots(network), in double.
std::vector<double> initial_parameters(const Network& network, std::uint64_t seed);

// Mean loss over the rows in training form (batch statistics; no dropout): softmax cross-entropy or, with
// one output, logistic loss for classify, with the targets smoothed (TrainOptions::label_smoothing); squared
// error for regress.
//   inputs: [rows, network.inputs];  targets: [rows];  d_parameters: overwritten with the gradient.
// Standardise and Encode are not for this; Error(data) for a network that has them or that cannot work.
double loss_and_gradient(const Network& network, Task task, std::span<const double> parameters,
                         std::span<const double> inputs, std::span<const float> targets,
                         std::span<double> d_parameters, double label_smoothing = 0);

}  // namespace ztilde::reference
