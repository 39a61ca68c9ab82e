// The networks that the plans' tests go through: the usual ones, and every way of being unusual.
#pragma once

#include <string>
#include <vector>

#include "base/random.hpp"
#include "training/initialise.hpp"
#include "ztilde/network.hpp"

namespace ztilde::testing_networks {

struct Case {
  std::string name;
  Network network;
};

inline std::vector<Case> all() {
  using A = ActivationKind;
  std::vector<Case> cases = {
      {"logistic", dense_network({.inputs = 7, .outputs = 3, .hidden = {}})},
      {"before", dense_network({.inputs = 20, .outputs = 5, .hidden = {33, 17}})},
      {"after",
       dense_network({.inputs = 20, .outputs = 5, .hidden = {33, 17}, .norm_place = NormPlace::after})},
      {"plain", dense_network({.inputs = 20, .outputs = 5, .hidden = {33, 17}, .batch_norm = false})},
      {"dropout", dense_network({.inputs = 20, .outputs = 5, .hidden = {33, 17}, .dropout = 0.3})},
      {"dropout after",
       dense_network(
           {.inputs = 20, .outputs = 5, .hidden = {33}, .norm_place = NormPlace::after, .dropout = 0.4})},
      {"wide input", dense_network({.inputs = 300, .outputs = 1, .hidden = {150, 10}})},
      {"deep", dense_network({.inputs = 5, .outputs = 2, .hidden = std::vector<std::size_t>(12, 9)})},
      {"input norm", {6, {BatchNorm{}, Dense{8, true}, Activation{A::tanh}, Dense{2, true}}}},
      {"norm norm", {6, {Dense{8, false}, BatchNorm{}, BatchNorm{}, Activation{A::silu}, Dense{2, true}}}},
      {"two activations",
       {6, {Dense{8, true}, Activation{A::sigmoid}, Activation{A::gelu}, BatchNorm{}, Dense{2, false}}}},
      {"dropout first", {6, {Standardise{}, Dropout{0.2}, Dense{8, true}, Activation{}, Dense{2, true}}}},
      {"dropout of z", {6, {Dense{130, true}, Dropout{0.2}, Dense{3, true}, Dropout{0.1}, Dropout{0.1}}}},
      {"dense dense", {6, {Dense{200, true}, Dense{3, false}, BatchNorm{}, Activation{A::leaky_relu}}}},
      {"biased norm", {6, {Dense{8, true}, BatchNorm{1e-3, 0.5}, Activation{}, Dense{2, true}}}},
  };
  for (const A kind : {A::relu, A::leaky_relu, A::sigmoid, A::tanh, A::silu, A::gelu}) {
    for (const NormPlace place : {NormPlace::before, NormPlace::after}) {
      cases.push_back(
          {std::string(to_string(kind)) + (place == NormPlace::before ? " before" : " after"),
           dense_network(
               {.inputs = 11, .outputs = 4, .hidden = {18, 12}, .activation = kind, .norm_place = place})});
    }
  }
  return cases;
}

// Parameters away from their start: gamma and beta and biases too.
inline std::vector<float> random_parameters(const Network& network) {
  std::vector<float> parameters(parameter_arena_size(network));
  initialise_parameters(network, InitKind::he, 0, 5, parameters);
  const RandomStream stream(6, Purpose::initialise, 0, 0);
  for (const ParameterSlot& slot : parameter_slots(network)) {
    if (slot.is_weight_matrix) continue;
    for (std::size_t i = 0; i < slot.size(); ++i) {
      parameters[slot.offset + i] += static_cast<float>(0.3 * stream.normal(slot.offset + i));
    }
  }
  return parameters;
}

inline std::vector<double> random_statistics(const Network& network) {
  std::vector<double> statistics(statistic_arena_size(network));
  const RandomStream stream(7, Purpose::initialise, 0, 0);
  for (const StatisticSlot& slot : statistic_slots(network)) {
    for (std::size_t c = 0; c < slot.channels; ++c) {
      statistics[slot.offset + c] = stream.normal(slot.offset + c);
      statistics[slot.offset + slot.channels + c] = 0.2 + 2 * stream.uniform(slot.offset + c);
    }
  }
  return statistics;
}

inline std::vector<float> random_rows(std::size_t rows, std::size_t columns, std::uint64_t seed = 8) {
  std::vector<float> values(rows * columns);
  const RandomStream stream(seed, Purpose::initialise, 0, 0);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(stream.normal(i));
  return values;
}

}  // namespace ztilde::testing_networks
