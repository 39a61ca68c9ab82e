// Small models that are really trained, and ways to break one layer of them.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "training/initialise.hpp"
#include "training/test_tables.hpp"
#include "ztilde/train.hpp"

namespace ztilde {

struct Patient {
  std::string name;
  Model model;
  Dataset data;
};

// Images of 8 × 8 grey pixels: a bar upright, a bar lying, or a blob, somewhere, in noise.
inline Dataset shapes(std::size_t rows) {
  Dataset data;
  data.rows = rows;
  data.columns = 64;
  data.image_width = data.image_height = 8;
  data.target_name = "label";
  data.classes = {"0", "1", "2"};
  const RandomStream stream(21, Purpose::initialise, 0, 0);
  for (std::size_t r = 0; r < rows; ++r) {
    const std::size_t kind = r % 3, x = 1 + stream.below(5, 70 * r), y = 1 + stream.below(5, 70 * r + 1);
    for (std::size_t i = 0; i < 64; ++i) {
      const std::size_t px = i % 8, py = i / 8;
      const bool on = kind == 0   ? px == x && py >= y - 1 && py <= y + 1
                      : kind == 1 ? py == y && px >= x - 1 && px <= x + 1
                                  : (px == x || px == x + 1) && (py == y || py == y + 1);
      const double noise = 40 * stream.normal(1000000 + 64 * r + i);
      data.bytes.push_back(static_cast<std::uint8_t>(std::clamp((on ? 180 : 60) + noise, 0.0, 255.0)));
    }
    data.targets.push_back(static_cast<float>(kind));
  }
  return data;
}

inline Patient trained(const std::string& name, Dataset data, TrainOptions options) {
  options.threads = 1;
  Model model = train(data, options).model;
  return {name, std::move(model), std::move(data)};
}

inline TrainOptions dense_options() {
  TrainOptions options;
  options.hidden = {16, 16, 16};
  options.epochs = 25;
  options.batch = 32;
  options.learning_rate = 0.01;
  return options;
}

inline TrainOptions conv_options() {
  TrainOptions options;
  options.network =
      Network{64,
              {Standardise{}, Conv2d{.outputs = 6, .bias = false}, BatchNorm{}, Activation{}, MaxPool{},
               Conv2d{.outputs = 8, .bias = false}, BatchNorm{}, Activation{},
               Conv2d{.outputs = 8, .bias = false}, BatchNorm{}, Activation{}, GlobalAveragePool{}, Dense{3}},
              8,
              8};
  options.epochs = 12;
  options.batch = 32;
  options.learning_rate = 0.01;
  return options;
}

inline std::vector<StatisticSlot> norm_slots(const Model& model) {
  std::vector<StatisticSlot> slots;
  for (const StatisticSlot& slot : statistic_slots(model.network)) {
    if (std::holds_alternative<BatchNorm>(model.network.layers[slot.layer])) slots.push_back(slot);
  }
  return slots;
}

inline std::span<double> means(Model& model, const StatisticSlot& slot) {
  return std::span(model.statistics).subspan(slot.offset, slot.channels);
}
inline std::span<double> variances(Model& model, const StatisticSlot& slot) {
  return std::span(model.statistics).subspan(slot.offset + slot.channels, slot.channels);
}
inline std::span<float> tensor(Model& model, std::size_t layer, std::string_view name) {
  for (const ParameterSlot& slot : parameter_slots(model.network)) {
    if (slot.layer == layer && slot.name == name)
      return std::span(model.parameters).subspan(slot.offset, slot.size());
  }
  return {};
}

// What save() needs of a model that somebody changed on purpose.
inline void renew_test_rows(Model& model) { model.test_outputs = outputs(model, model.test_inputs, 1); }

// Statistics of the weights as they were a while ago: some other network's, as far as this layer is
// concerned.
inline void make_stale(Model& model, const StatisticSlot& slot) {
  const RandomStream stream(31, Purpose::initialise, 0, 0);
  for (std::size_t c = 0; c < slot.channels; ++c) {
    double& variance = variances(model, slot)[c];
    means(model, slot)[c] += 0.8 * std::sqrt(variance) * stream.normal(c);
    variance *= std::exp(0.7 * stream.normal(100 + c));
  }
}

}  // namespace ztilde
