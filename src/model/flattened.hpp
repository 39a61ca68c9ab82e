// Features of a flattened image in PyTorch's order. Flatten leaves numbers as they lie, channels last:
// (y · width + x) · channels + c; PyTorch's lie channels first: c · height · width + y · width + x.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "ztilde/network.hpp"

namespace ztilde {

// By layer: the image whose flattened numbers enter it. Empty where what enters is no flattened image, and
// where both orders are the same one, as of a single channel or pixel. From a Flatten to the next Dense,
// through what PyTorch runs on flat rows too; an Add of two branches has it where both have the same.
std::vector<std::optional<Shape>> flattened_images(const Network& network);

enum class FeatureOrder { channels_last, channels_first };

// Brings what a network has for each feature of a flattened image from the other order to this one: the
// columns of a Dense's weight; gamma, beta, mean and variance of a BatchNorm.
//   parameters: by parameter_slots;  statistics: by statistic_slots
void reorder_features(const Network& network, FeatureOrder to, std::span<float> parameters,
                      std::span<double> statistics);

}  // namespace ztilde
