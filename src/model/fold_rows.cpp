#include "model/fold_rows.hpp"

#include <cmath>
#include <limits>
#include <span>
#include <variant>

#include "base/random.hpp"
#include "layers/encode.hpp"

namespace ztilde {
namespace {

constexpr std::uint32_t kMissingOneIn = 16;

// Two random numbers for each: one that chooses, one that is normal.
struct Chance {
  RandomStream stream;
  std::size_t element = 0;
  std::uint32_t below(std::size_t bound) const {
    return stream.below(static_cast<std::uint32_t>(bound), 4 * element);
  }
  double normal() const { return stream.normal(2 * element + 1); }
};

// By feature of the Standardise layer; empty without one.
struct Scale {
  std::span<const double> mean, variance;
  double of(std::size_t feature, double normal) const {
    if (mean.empty()) return normal;
    const std::size_t channel = feature % mean.size();
    return mean[channel] + std::sqrt(variance[channel]) * normal;
  }
};

Scale scale_of(const Model& model) {
  for (const StatisticSlot& slot : statistic_slots(model.network)) {
    if (!std::holds_alternative<Standardise>(model.network.layers[slot.layer])) continue;
    const std::span<const double> both = std::span(model.statistics).subspan(slot.offset, 2 * slot.channels);
    return {both.first(slot.channels), both.last(slot.channels)};
  }
  return {};
}

double encoded_input(const EncodedColumn& column, std::span<const double> knots, std::size_t feature,
                     const Scale& scale, const Chance& chance) {
  if (column.kind != Encoding::numeric) return chance.below(column.categories + 1);
  if (column.missing != MissingValue::none && chance.below(kMissingOneIn) == 0)
    return std::numeric_limits<double>::quiet_NaN();
  return knots.empty() ? scale.of(feature, chance.normal()) : knots[chance.below(knots.size())];
}

}  // namespace

std::vector<float> built_in_rows(const Model& model, std::size_t rows, std::uint64_t seed) {
  const Network& network = model.network;
  const RandomStream stream(seed, Purpose::fold, 0, 0);
  const Scale scale = scale_of(model);
  const auto* encode = std::get_if<Encode>(&network.layers.front());
  const layers::EncodeLayout layout = encode ? layers::layout_of(*encode) : layers::EncodeLayout{};
  const std::vector<EncodingSlot> slots = encoding_slots(network);
  std::vector<float> inputs(rows * network.inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::size_t c = i % network.inputs;
    const Chance chance{stream, i};
    double number = 0;
    if (encode) {
      const reference::ColumnNumbers<double> fixed(slots, model.statistics, c);
      number = encoded_input(encode->columns[c], fixed.knots, layout.columns[c].first, scale, chance);
    } else {
      number = scale.of(c, chance.normal());
    }
    inputs[i] = static_cast<float>(number);
  }
  return inputs;
}

}  // namespace ztilde
