// The networks that the plans' tests go through: the usual ones, and every way of being unusual.
#pragma once

#include <cmath>
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

// Every kind of column, in no order: 11 columns, 73 features, one table wider than a slice.
inline Encode every_encoding() {
  EncodedColumn plain, filled, flagged, mapped, mapped_flagged;
  filled.missing = MissingValue::mean;
  flagged.missing = MissingValue::indicator;
  mapped.knots = 5;
  mapped_flagged.knots = 9;
  mapped_flagged.missing = MissingValue::indicator;
  const auto one_hot = [](std::size_t categories) {
    return EncodedColumn{Encoding::one_hot, categories, 0, MissingValue::none, 0};
  };
  const auto embedding = [](std::size_t categories, std::size_t width) {
    return EncodedColumn{Encoding::embedding, categories, width, MissingValue::none, 0};
  };
  return {{embedding(40, 9), plain, one_hot(3), filled, mapped, embedding(5, 1), flagged, one_hot(1),
           mapped_flagged, embedding(25, 37), one_hot(12)}};
}

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
  const Encode encode = every_encoding();
  const std::size_t columns = encode.columns.size();
  cases.push_back(
      {"encode", dense_network({.inputs = columns, .outputs = 3, .encode = encode, .hidden = {20, 15}})});
  cases.push_back({"encode plain", dense_network({.inputs = columns,
                                                  .outputs = 3,
                                                  .encode = encode,
                                                  .hidden = {20},
                                                  .batch_norm = false,
                                                  .standardise = false,
                                                  .dropout = 0.2})});
  cases.push_back({"encode dropout",
                   {columns, {encode, Standardise{}, Activation{A::tanh}, Dropout{0.2}, Dense{2, true}}}});
  cases.push_back({"encode norm", {columns, {encode, BatchNorm{}, Dense{8, true}, Activation{}, Dense{2}}}});
  cases.push_back({"tables alone", dense_network({.inputs = 2,
                                                  .outputs = 1,
                                                  .encode = Encode{{encode.columns[0], encode.columns[9]}},
                                                  .hidden = {12}})});
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

// Networks of images, and rows that meet again.
inline std::vector<Case> of_images() {
  using A = ActivationKind;
  const BatchNorm norm;
  const Activation relu;
  const auto conv = [](std::size_t outputs) { return Conv2d{outputs, 3, 1, 1, false, false}; };
  std::vector<Case> cases = {
      {"conv", {8 * 8 * 3, {Standardise{}, conv(5), norm, relu, Flatten{}, Dense{4}}, 8, 8}},
      {"conv conv",
       {7 * 6, {conv(5), norm, relu, conv(16), norm, relu, GlobalAveragePool{}, Dense{3}}, 7, 6}},
      {"cnn",
       {8 * 8,
        {Standardise{}, conv(4), norm, relu, conv(4), norm, relu, MaxPool{}, conv(6), norm, relu, MaxPool{},
         Flatten{}, Dense{10, false}, norm, relu, Dense{3}},
        8,
        8}},
      {"without norm",
       {8 * 8, {Conv2d{4}, relu, Conv2d{4, 3, 2}, relu, AveragePool{}, Flatten{}, Dense{3}}, 8, 8}},
      {"norm after",
       {6 * 6 * 2,
        {Conv2d{4}, Activation{A::tanh}, norm, MaxPool{3, 1}, Conv2d{3, 1, 1, 0}, relu, norm,
         GlobalAveragePool{}},
        6,
        6}},
      {"pool first", {9 * 8, {MaxPool{}, conv(4), AveragePool{2, 1}, norm, relu, Flatten{}, Dense{2}}, 9, 8}},
      {"depthwise",
       {6 * 6 * 2,
        {conv(8), norm, relu, Conv2d{8, 3, 2, 1, true, true}, norm, relu, Conv2d{5, 1, 1, 0},
         GlobalAveragePool{}, Dropout{0.2}, Dense{3}},
        6,
        6}},
      {"dropout of images",
       {6 * 6,
        {conv(8), norm, relu, Dropout{0.3}, conv(4), Dropout{0.2}, MaxPool{}, Flatten{}, Dropout{0.1},
         Dense{3}},
        6,
        6}},
      {"all convolutions", {6 * 6, {Conv2d{3, 5, 2, 2}, norm, relu, Conv2d{2, 3, 1, 0}}, 6, 6}},
      // Batches of more than 202 are written past the caches.
      {"large", {18 * 18, {conv(16), norm, relu, Conv2d{2, 3, 2, 1}, GlobalAveragePool{}, Dense{2}}, 18, 18}},
      {"large pooled", {18 * 18, {conv(16), norm, relu, MaxPool{}, Flatten{}, Dense{2}}, 18, 18}},
      {"flatten first", {4 * 4 * 2, {Standardise{}, Flatten{}, Dense{6, false}, norm, relu, Dense{2}}, 4, 4}},
      {"norm of flat", {4 * 4 * 2, {Conv2d{3}, Flatten{}, norm, relu, Dense{2}}, 4, 4}},
      // Post-activation: a projection, then an identity.
      {"residual",
       {8 * 8,
        {Standardise{},
         conv(4),
         norm,
         relu,  // 0-3
         Conv2d{6, 3, 2, 1, false, false},
         norm,
         relu,
         conv(6),
         norm,  // 4-8
         Shortcut{6},
         Conv2d{6, 1, 2, 0, false, false},
         norm,
         Add{4},
         relu,  // 9-13
         conv(6),
         norm,
         relu,
         conv(6),
         norm,
         Add{6},
         relu,
         GlobalAveragePool{},
         Dense{3}},  // 14-22
        8,
        8}},
      {"activation first",
       {8 * 8,
        {conv(4),
         norm,
         relu,
         conv(4),
         norm,
         relu,
         conv(4),
         Add{7},  // 0-7
         norm,
         relu,
         Conv2d{6, 3, 2, 1},
         norm,
         relu,
         conv(6),
         Shortcut{5},
         Conv2d{6, 1, 2, 0},
         Add{3},  // 8-16
         norm,
         relu,
         GlobalAveragePool{},
         Dense{3}},
        8,
        8}},
      {"rows meet again",
       {12,
        {Standardise{}, Dense{9, false}, norm, relu, Dense{9, false}, norm, Add{3}, relu, Dense{9},
         Activation{A::tanh}, Dense{9}, Add{4}, norm, Dropout{0.2}, Dense{9}, relu, Add{4}, Dense{2}}}},
      {"twice itself", {5, {Dense{6}, relu, Dense{6}, Shortcut{2}, Add{2}, Activation{A::silu}, Dense{2}}}},
      {"shortcut of the input", {6, {Standardise{}, Dense{6}, norm, relu, Add{4}, Dense{2}}}},
      {"sum of three", {6, {Dense{6, false}, norm, relu, Dense{6}, Add{2}, Add{4}, relu, Dense{2}}}},
      {"norms of one value",
       {6, {Dense{5}, norm, relu, Shortcut{3}, norm, Activation{A::tanh}, Add{4}, Dense{2}}}},
  };
  return cases;
}

inline std::vector<Case> with_images() {
  std::vector<Case> cases = all();
  for (Case& more : of_images()) cases.push_back(std::move(more));
  return cases;
}

// Parameters away from their start: gamma and beta and biases too.
inline std::vector<float> random_parameters(const Network& network) {
  std::vector<float> parameters(parameter_arena_size(network));
  initialise_parameters(network, {}, 5, parameters);
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
  for (const EncodingSlot& slot : encoding_slots(network)) {
    for (std::size_t i = 0; i < slot.size; ++i) {
      const double uniform = stream.uniform(slot.offset + i);
      double& number = statistics[slot.offset + i];
      if (slot.name == "fill" || slot.name == "values") number = uniform - 0.5;
      // Ascending, two of them the same: what repeats in knots repeats in values.
      if (slot.name == "knots")
        number = i == 2 ? (&number)[-1] : static_cast<double>(i) * 0.5 - 1 + 0.2 * uniform;
      if (slot.name == "frequency") number = i + 1 == slot.size && slot.column % 2 == 0 ? 0 : uniform;
    }
    if (slot.name == "values") statistics[slot.offset + 2] = statistics[slot.offset + 1];
  }
  return statistics;
}

inline std::vector<float> random_rows(std::size_t rows, std::size_t columns, std::uint64_t seed = 8) {
  std::vector<float> values(rows * columns);
  const RandomStream stream(seed, Purpose::initialise, 0, 0);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(stream.normal(i));
  return values;
}

// Rows that a network takes: categories where it has them, unseen ones among them, and missing numbers.
inline std::vector<float> random_inputs(const Network& network, std::size_t rows, std::uint64_t seed = 8) {
  std::vector<float> values = random_rows(rows, network.inputs, seed);
  const auto* encode = std::get_if<Encode>(&network.layers.front());
  const RandomStream stream(seed + 1, Purpose::initialise, 0, 0);
  for (std::size_t i = 0; encode && i < values.size(); ++i) {
    const EncodedColumn& column = encode->columns[i % network.inputs];
    const double uniform = stream.uniform(i);
    if (column.kind != Encoding::numeric) {
      values[i] =
          static_cast<float>(std::floor(uniform * uniform * (static_cast<double>(column.categories) + 1)));
    } else if (column.missing != MissingValue::none && uniform < 0.2) {
      values[i] = std::nanf("");
    }
  }
  return values;
}

}  // namespace ztilde::testing_networks
