#include "training/initialise.hpp"

#include <algorithm>
#include <cmath>

#include "base/random.hpp"

namespace ztilde {
namespace {

// How many numbers of the output one of the input goes into, away from an image's edges and with stride 1;
// slot.columns is the other way round.
std::size_t numbers_reached(const Network& network, const ParameterSlot& slot) {
  if (slot.kernel == 0) return slot.rows;
  const std::size_t area = slot.kernel * slot.kernel;
  return std::get<Conv2d>(network.layers[slot.layer]).depthwise ? area : slot.rows * area;
}

}  // namespace

void initialise_parameters(const Network& network, const Init& init, std::uint64_t seed,
                           std::span<float> parameters) {
  std::fill(parameters.begin(), parameters.end(), 0.0f);
  for (const ParameterSlot& slot : parameter_slots(network)) {
    const std::span<float> values = parameters.subspan(slot.offset, slot.size());
    if (!slot.is_weight_matrix) {
      const bool is_gamma =
          std::holds_alternative<BatchNorm>(network.layers[slot.layer]) && slot.name == "weight";
      std::fill(values.begin(), values.end(), is_gamma ? 1.0f : 0.0f);
      continue;
    }
    const auto inputs = static_cast<double>(slot.columns),
               outputs = static_cast<double>(numbers_reached(network, slot));
    // A category's row of a table has length 1, as the one-hot columns that it stands for.
    const double std_dev = slot.column                     ? std::sqrt(1 / inputs)
                           : init.kind == InitKind::he     ? init.scale * std::sqrt(2 / inputs)
                           : init.kind == InitKind::xavier ? init.scale * std::sqrt(2 / (inputs + outputs))
                                                           : init.normal_std;
    const RandomStream stream(seed, Purpose::initialise, static_cast<std::uint32_t>(slot.layer),
                              slot.column.value_or(0));
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(std_dev * stream.normal(i));
  }
}

void initialise_statistics(const Network& network, std::span<double> statistics) {
  for (const StatisticSlot& slot : statistic_slots(network)) {
    std::fill_n(statistics.begin() + slot.offset, slot.channels, 0.0);
    std::fill_n(statistics.begin() + slot.offset + slot.channels, slot.channels, 1.0);
  }
}

}  // namespace ztilde
