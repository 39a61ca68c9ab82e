// Runs the layers one by one with the scalar templates, in any number type: the oracle for all fast
// code. Everything is a std::vector<T>: x, d_x [rows, inputs] and outputs [rows, outputs] row-major,
// parameters and their gradient by parameter_slots (gaps included), statistics by statistic_slots.
#pragma once

#include <cassert>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "layers/layer.hpp"
#include "ztilde/network.hpp"

namespace ztilde {

template <class T>
class ReferencePlan {
 public:
  // Throws Error(data) for a network that validate refuses.
  explicit ReferencePlan(const Network& network)
      : network_(network),
        channels_(layer_outputs(network)),
        parameter_slots_(parameter_slots(network)),
        statistic_slots_(statistic_slots(network)),
        encoding_slots_(encoding_slots(network)) {
    validate(network);
    channels_.insert(channels_.begin(), network.inputs);
  }

  // Standardise takes its statistics from `statistics`; each BatchNorm takes the batch's own, which
  // batch_statistics() then tells, its rows counting by `weights` unless that is empty; Dropout takes its
  // mask from (seed, layer index, step).
  const std::vector<T>& forward_training(const std::vector<T>& x, std::size_t rows,
                                         const std::vector<T>& parameters, const std::vector<T>& statistics,
                                         std::uint64_t seed, std::uint64_t step,
                                         const std::vector<double>& weights = {}) {
    assert(x.size() == rows * network_.inputs && parameters.size() == parameter_arena_size(network_));
    assert(statistics.size() == statistic_arena_size(network_) && rows >= 1);
    seed_ = seed;
    step_ = step;
    parameters_ = parameters;
    statistics_ = statistics;
    weights_ = weights;
    values_.assign(1, x);
    for (std::size_t i = 0; i < network_.layers.size(); ++i) {
      if (std::holds_alternative<BatchNorm>(network_.layers[i])) {
        const std::size_t channels = channels_[i];
        const std::span<T> both = std::span(statistics_).subspan(statistic_offset(i), 2 * channels);
        if (weights.empty()) {
          reference::batch_statistics<T>(view(values_[i], i), both.first(channels), both.last(channels));
        } else {
          reference::weighted_batch_statistics<T>(view(values_[i], i), weights, both.first(channels),
                                                  both.last(channels));
        }
      }
      values_.push_back(forward_layer(i, values_[i], rows, true));
    }
    return values_.back();
  }

  // Adds into d_parameters, returns d_x. For the last forward_training.
  std::vector<T> backward(const std::vector<T>& d_output, std::vector<T>& d_parameters) const {
    assert(d_output.size() == values_.back().size() && d_parameters.size() == parameters_.size());
    std::vector<T> d = d_output;
    for (std::size_t i = network_.layers.size(); i-- > 0;) d = backward_layer(i, d, d_parameters);
    return d;
  }

  // Known statistics everywhere and no dropout. Forgets what backward would need.
  std::vector<T> forward_inference(const std::vector<T>& x, std::size_t rows,
                                   const std::vector<T>& parameters, const std::vector<T>& statistics) {
    assert(x.size() == rows * network_.inputs && parameters.size() == parameter_arena_size(network_));
    assert(statistics.size() == statistic_arena_size(network_));
    values_.clear();
    parameters_ = parameters;
    statistics_ = statistics;
    std::vector<T> value = x;
    for (std::size_t i = 0; i < network_.layers.size(); ++i) value = forward_layer(i, value, rows, false);
    return value;
  }

  // Mean and population variance of each BatchNorm in the last forward_training, by
  // statistic_slots; Standardise's are those it was given.
  const std::vector<T>& batch_statistics() const { return statistics_; }

  // What entered a layer in the last forward_training: [rows, channels].
  const std::vector<T>& layer_input(std::size_t layer) const { return values_[layer]; }

 private:
  MatrixView<const T> view(const std::vector<T>& value, std::size_t i) const {
    return {value.data(), value.size() / channels_[i], channels_[i]};
  }
  MatrixView<T> view(std::vector<T>& value, std::size_t i) const {
    return {value.data(), value.size() / channels_[i], channels_[i]};
  }

  std::size_t statistic_offset(std::size_t layer) const {
    for (const StatisticSlot& slot : statistic_slots_) {
      if (slot.layer == layer) return slot.offset;
    }
    assert(false && "only asked of layers that have statistics");
    return 0;
  }
  std::span<const T> mean(std::size_t i) const {
    return std::span<const T>(statistics_).subspan(statistic_offset(i), channels_[i]);
  }
  std::span<const T> variance(std::size_t i) const {
    return std::span<const T>(statistics_).subspan(statistic_offset(i) + channels_[i], channels_[i]);
  }

  // By column of an Encode layer: its table in the parameters or their gradient.
  template <class Value>
  auto tables(std::span<Value> arena) const {
    return [this, arena](std::size_t column) {
      for (const ParameterSlot& slot : parameter_slots_) {
        if (slot.column == column) return arena.subspan(slot.offset, slot.size());
      }
      return std::span<Value>();
    };
  }

  // A layer's part of the parameters or of their gradient; empty where it has no such tensor.
  template <class Value>
  std::span<Value> tensor(std::span<Value> arena, std::size_t layer, std::string_view name) const {
    for (const ParameterSlot& slot : parameter_slots_) {
      if (slot.layer == layer && slot.name == name) return arena.subspan(slot.offset, slot.size());
    }
    return {};
  }

  std::vector<T> forward_layer(std::size_t i, const std::vector<T>& input, std::size_t rows,
                               bool drop) const {
    const MatrixView<const T> x = view(input, i);
    std::vector<T> output(rows * channels_[i + 1]);
    const MatrixView<T> y = view(output, i + 1);
    const auto weight = tensor(std::span<const T>(parameters_), i, "weight");
    const auto bias = tensor(std::span<const T>(parameters_), i, "bias");
    std::visit(layers::overloaded{
                   [&](const Encode& encode) {
                     reference::encode_forward<T>(encode, encoding_slots_, statistics_,
                                                  tables(std::span<const T>(parameters_)), x, y);
                   },
                   [&](const Standardise&) { reference::standardise_forward(x, mean(i), variance(i), y); },
                   [&](const Dense&) { reference::dense_forward(x, weight, bias, y); },
                   [&](const BatchNorm& norm) {
                     reference::batch_norm_forward(norm, x, mean(i), variance(i), weight, bias, y);
                   },
                   [&](const Activation& activation) { reference::activation_forward(activation, x, y); },
                   [&](const Dropout& dropout) {
                     if (drop) {
                       reference::dropout(dropout, stream(i), x, y);
                     } else {
                       output = input;
                     }
                   },
                   [](const auto&) { assert(false && "not here yet"); },
               },
               network_.layers[i]);
    return output;
  }

  std::vector<T> backward_layer(std::size_t i, const std::vector<T>& d_output,
                                std::vector<T>& d_parameters) const {
    const MatrixView<const T> x = view(values_[i], i);
    const MatrixView<const T> d_y = view(d_output, i + 1);
    std::vector<T> d_input(values_[i].size());
    const MatrixView<T> d_x = view(d_input, i);
    const auto weight = tensor(std::span<const T>(parameters_), i, "weight");
    const auto d_weight = tensor(std::span<T>(d_parameters), i, "weight");
    const auto d_bias = tensor(std::span<T>(d_parameters), i, "bias");
    std::visit(
        layers::overloaded{
            [&](const Encode& encode) {
              reference::encode_backward<T>(encode, encoding_slots_, statistics_,
                                            tables(std::span<T>(d_parameters)), x, d_y, d_x);
            },
            [&](const Standardise&) { reference::standardise_backward(variance(i), d_y, d_x); },
            [&](const Dense&) { reference::dense_backward(x, weight, d_y, d_x, d_weight, d_bias); },
            [&](const BatchNorm& norm) {
              reference::batch_norm_backward(norm, x, mean(i), variance(i), weight, d_y, d_x, d_weight,
                                             d_bias, weights_);
            },
            [&](const Activation& activation) { reference::activation_backward(activation, x, d_y, d_x); },
            [&](const Dropout& dropout) { reference::dropout(dropout, stream(i), d_y, d_x); },
            [](const auto&) { assert(false && "not here yet"); },
        },
        network_.layers[i]);
    return d_input;
  }

  RandomStream stream(std::size_t layer) const {
    return {seed_, Purpose::dropout, static_cast<std::uint32_t>(layer), step_};
  }

  Network network_;
  std::vector<std::size_t> channels_;  // that enter layer i; the last entry leaves the network
  std::vector<ParameterSlot> parameter_slots_;
  std::vector<StatisticSlot> statistic_slots_;
  std::vector<EncodingSlot> encoding_slots_;

  std::uint64_t seed_ = 0, step_ = 0;
  std::vector<T> parameters_, statistics_;
  std::vector<double> weights_;         // of the rows in the statistics; empty: all 1
  std::vector<std::vector<T>> values_;  // what enters layer i; the last entry is the output
};

}  // namespace ztilde
