// Runs the layers one by one with the scalar templates, in any number type: the oracle for all fast
// code. Everything is a std::vector<T>: x, d_x [rows, inputs] and outputs [rows, outputs] row-major, of
// images [rows, height, width, channels]; parameters and their gradient by parameter_slots (gaps
// included), statistics by statistic_slots. To a layer each pixel is a row of a matrix.
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
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
        shapes_(layer_shapes_of(network)),
        parameter_slots_(parameter_slots(network)),
        statistic_slots_(statistic_slots(network)),
        encoding_slots_(encoding_slots(network)) {}

  // Standardise takes its statistics from `statistics`; each BatchNorm takes the batch's own, which
  // batch_statistics() then tells, its rows (all pixels of each) counting by `weights` unless that is empty;
  // Dropout takes its mask from (seed, layer index, step).
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
      if (std::holds_alternative<BatchNorm>(network_.layers[i])) find_batch_statistics(i);
      values_.push_back(forward_layer(i, values_, rows, true));
    }
    return values_.back();
  }

  // Adds into d_parameters, returns d_x. For the last forward_training.
  std::vector<T> backward(const std::vector<T>& d_output, std::vector<T>& d_parameters) const {
    assert(d_output.size() == values_.back().size() && d_parameters.size() == parameters_.size());
    std::vector<std::vector<T>> d(values_.size());  // of values_, as far as its readers are done
    d.back() = d_output;
    for (std::size_t i = network_.layers.size(); i-- > 0;) {
      add_into(d[source(i)], backward_layer(i, d[i + 1], d_parameters));
      if (const auto* add = std::get_if<Add>(&network_.layers[i])) add_into(d[i + 1 - add->back], d[i + 1]);
    }
    return d.front();
  }

  // Known statistics everywhere and no dropout. Forgets what backward would need.
  std::vector<T> forward_inference(const std::vector<T>& x, std::size_t rows,
                                   const std::vector<T>& parameters, const std::vector<T>& statistics) {
    return forward_inference(x, rows, parameters, statistics, [](std::size_t, MatrixView<const T>) {});
  }

  // And look(layer, its output [rows · pixels, channels]) for each layer in turn.
  template <class Look>
  std::vector<T> forward_inference(const std::vector<T>& x, std::size_t rows,
                                   const std::vector<T>& parameters, const std::vector<T>& statistics,
                                   Look&& look) {
    assert(x.size() == rows * network_.inputs && parameters.size() == parameter_arena_size(network_));
    assert(statistics.size() == statistic_arena_size(network_));
    values_.clear();
    parameters_ = parameters;
    statistics_ = statistics;
    std::vector<std::vector<T>> values(1, x);
    for (std::size_t i = 0; i < network_.layers.size(); ++i) {
      values.push_back(forward_layer(i, values, rows, false));
      look(i, view(std::as_const(values.back()), i + 1));
    }
    return values.back();
  }

  // Mean and population variance of each BatchNorm in the last forward_training, by
  // statistic_slots; Standardise's are those it was given.
  const std::vector<T>& batch_statistics() const { return statistics_; }

  // What entered a layer in the last forward_training (an Add: of the layer before it): [rows, height,
  // width, channels].
  const std::vector<T>& layer_input(std::size_t layer) const { return values_[source(layer)]; }

 private:
  // Of the network's input and of what leaves each layer, as values_ has them.
  static std::vector<Shape> layer_shapes_of(const Network& network) {
    validate(network);
    std::vector<Shape> shapes = layer_shapes(network);
    shapes.insert(shapes.begin(), network.input_shape());
    return shapes;
  }

  // Which of the values enters a layer.
  std::size_t source(std::size_t layer) const {
    const std::optional<std::size_t> of = layer_source(network_, layer);
    return of ? *of + 1 : 0;
  }

  // A row for each pixel.
  MatrixView<const T> view(const std::vector<T>& value, std::size_t i) const {
    return {value.data(), value.size() / shapes_[i].channels, shapes_[i].channels};
  }
  MatrixView<T> view(std::vector<T>& value, std::size_t i) const {
    return {value.data(), value.size() / shapes_[i].channels, shapes_[i].channels};
  }

  // Of a value with several readers: the gradients that come back from them add up.
  static void add_into(std::vector<T>& sum, std::vector<T> d) {
    if (sum.empty()) {
      sum = std::move(d);
    } else {
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += d[i];
    }
  }

  void find_batch_statistics(std::size_t i) {
    const MatrixView<const T> z = view(values_[source(i)], source(i));
    const std::span<T> both = std::span(statistics_).subspan(statistic_offset(i), 2 * z.channels);
    if (weights_.empty()) {
      reference::batch_statistics<T>(z, both.first(z.channels), both.last(z.channels));
    } else {
      reference::weighted_batch_statistics<T>(z, pixel_weights(i), both.first(z.channels),
                                              both.last(z.channels));
    }
  }

  // The weights of the pixels that enter a layer: of each its row's.
  std::vector<double> pixel_weights(std::size_t i) const {
    std::vector<double> weights;
    for (const double weight : weights_) weights.insert(weights.end(), shapes_[source(i)].pixels(), weight);
    return weights;
  }

  std::size_t statistic_offset(std::size_t layer) const {
    for (const StatisticSlot& slot : statistic_slots_) {
      if (slot.layer == layer) return slot.offset;
    }
    assert(false && "only asked of layers that have statistics");
    return 0;
  }
  std::span<const T> mean(std::size_t i) const {
    return std::span<const T>(statistics_).subspan(statistic_offset(i), shapes_[source(i)].channels);
  }
  std::span<const T> variance(std::size_t i) const {
    const std::size_t channels = shapes_[source(i)].channels;
    return std::span<const T>(statistics_).subspan(statistic_offset(i) + channels, channels);
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

  // values: the network's input and what left the layers before.
  std::vector<T> forward_layer(std::size_t i, const std::vector<std::vector<T>>& values, std::size_t rows,
                               bool drop) const {
    const std::vector<T>& input = values[source(i)];
    const Shape& image = shapes_[source(i)];
    const MatrixView<const T> x = view(input, source(i));
    std::vector<T> output(rows * shapes_[i + 1].size());
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
                   [&](const Conv2d& conv) { reference::conv2d_forward(conv, image, x, weight, bias, y); },
                   [&](const MaxPool& pool) { reference::max_pool_forward(pool, image, x, y); },
                   [&](const AveragePool& pool) { reference::average_pool_forward(pool, image, x, y); },
                   [&](const GlobalAveragePool&) { reference::global_average_pool_forward(x, y); },
                   [&](const Flatten&) { output = input; },
                   [&](const Add& add) {
                     const std::size_t other = i + 1 - add.back;
                     reference::add_forward(x, view(values[other], other), y);
                   },
                   [&](const Shortcut&) { output = input; },
               },
               network_.layers[i]);
    return output;
  }

  std::vector<T> backward_layer(std::size_t i, const std::vector<T>& d_output,
                                std::vector<T>& d_parameters) const {
    const std::vector<T>& input = values_[source(i)];
    const Shape& image = shapes_[source(i)];
    const MatrixView<const T> x = view(input, source(i));
    const MatrixView<const T> d_y = view(d_output, i + 1);
    std::vector<T> d_input(input.size());
    const MatrixView<T> d_x = view(d_input, source(i));
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
                                             d_bias, pixel_weights(i));
            },
            [&](const Activation& activation) { reference::activation_backward(activation, x, d_y, d_x); },
            [&](const Dropout& dropout) { reference::dropout(dropout, stream(i), d_y, d_x); },
            [&](const Conv2d& conv) {
              reference::conv2d_backward(conv, image, x, weight, d_y, d_x, d_weight, d_bias);
            },
            [&](const MaxPool& pool) { reference::max_pool_backward(pool, image, x, d_y, d_x); },
            [&](const AveragePool& pool) { reference::average_pool_backward(pool, image, d_y, d_x); },
            [&](const GlobalAveragePool&) { reference::global_average_pool_backward(d_y, d_x); },
            [&](const Flatten&) { d_input = d_output; },
            [&](const Add&) { d_input = d_output; },  // backward() gives the other its own
            [&](const Shortcut&) { d_input = d_output; },
        },
        network_.layers[i]);
    return d_input;
  }

  RandomStream stream(std::size_t layer) const {
    return {seed_, Purpose::dropout, static_cast<std::uint32_t>(layer), step_};
  }

  Network network_;
  std::vector<Shape> shapes_;  // of the network's input, then of what leaves each layer
  std::vector<ParameterSlot> parameter_slots_;
  std::vector<StatisticSlot> statistic_slots_;
  std::vector<EncodingSlot> encoding_slots_;

  std::uint64_t seed_ = 0, step_ = 0;
  std::vector<T> parameters_, statistics_;
  std::vector<double> weights_;         // of the rows in the statistics; empty: all 1
  std::vector<std::vector<T>> values_;  // the network's input, then what leaves each layer
};

}  // namespace ztilde
