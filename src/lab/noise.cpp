#include "lab/noise.hpp"

#include <algorithm>

namespace ztilde::lab {
namespace {

// Uniform in [0, 1), the same with every standard library.
double uniform(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }

}  // namespace

ChangingNoise::ChangingNoise(const Network& network, std::uint64_t seed) : random_(seed) {
  const std::vector<ParameterSlot> slots = parameter_slots(network);
  for (const ParameterSlot& gamma : slots) {
    if (!std::holds_alternative<BatchNorm>(network.layers[gamma.layer]) || gamma.name != "weight") continue;
    const auto beta = std::ranges::find_if(
        slots, [&](const ParameterSlot& slot) { return slot.layer == gamma.layer && slot.name == "bias"; });
    for (std::size_t i = 0; i < gamma.size(); ++i)
      units_.push_back({gamma.offset + i, beta->offset + i, 1.0f});
  }
}

void ChangingNoise::add(std::span<float> parameters) {
  for (Unit& unit : units_) {
    unit.scale = static_cast<float>(1 + 0.25 * uniform(random_));
    const auto shift = static_cast<float>(uniform(random_) - 0.5);
    parameters[unit.gamma] *= unit.scale;
    parameters[unit.beta] = unit.scale * parameters[unit.beta] + shift;
  }
}

void ChangingNoise::map_back(std::span<float> gradients) const {
  for (const Unit& unit : units_) {
    gradients[unit.gamma] *= unit.scale;
    gradients[unit.beta] *= unit.scale;
  }
}

}  // namespace ztilde::lab
