#include "exchange/c_layers.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "exchange/c_buffers.hpp"
#include "exchange/c_text.hpp"
#include "kernels/block_kernels.hpp"
#include "layers/layer.hpp"
#include "ztilde/error.hpp"

namespace ztilde::c_export {
namespace {

using Floats = std::vector<float>;

class Writer {
 public:
  explicit Writer(const Model& model)
      : model_(model), shapes_(layer_shapes(model.network)), buffers_(buffers_of(model.network)) {
    for (const ParameterSlot& slot : parameter_slots(model.network)) {
      if (!slot.column) parameters_[{slot.layer, slot.name}] = slot;
    }
    for (const StatisticSlot& slot : statistic_slots(model.network)) statistics_[slot.layer] = slot;
  }

  LayerSource run() {
    const std::vector<Layer>& layers = model_.network.layers;
    for (layer_ = 0; layer_ < layers.size(); ++layer_) {
      const LayerPlaces& places = buffers_.layers[layer_];
      std::string what = fmt::format("layer {}: {}", layer_, layers::name_of_layer(layers[layer_]));
      if (const auto* activation = std::get_if<Activation>(&layers[layer_]))
        what = fmt::format("layer {}: {}", layer_, to_string(activation->kind));
      if (places.nothing_to_do) {
        source_.calls += fmt::format("  /* {}, which leaves {} as it is */\n", what, places.to.text());
        continue;
      }
      source_.calls += fmt::format("  /* {}{} */\n", what, shape_words());
      std::visit([&](const auto& layer) { write(layer); }, layers[layer_]);
    }
    if (buffers_.last.kind != Place::outputs)
      copy(buffers_.last, Place{Place::outputs, 0}, shapes_.back().size());
    source_.scratch = buffers_.scratch;
    return std::move(source_);
  }

 private:
  const Shape& output() const { return shapes_[layer_]; }
  Shape input() const {
    const auto source = layer_source(model_.network, layer_);
    return source ? shapes_[*source] : model_.network.input_shape();
  }
  std::string from() const { return buffers_.layers[layer_].from.text(); }
  std::string to() const { return buffers_.layers[layer_].to.text(); }

  std::string shape_words() const {
    const Shape& shape = output();
    return shape.pixels() == 1 ? fmt::format(" [{}]", shape.channels)
                               : fmt::format(" [{}][{}][{}]", shape.height, shape.width, shape.channels);
  }

  std::string name_of(std::string_view what) const { return fmt::format("$_{}_{}", what, layer_); }

  // Writes the array and returns its name.
  std::string array(std::string_view what, std::span<const float> values) {
    source_.arrays += c_text::array(name_of(what), values);
    return name_of(what);
  }

  template <class... Arguments>
  void call(const char* function, const Arguments&... arguments) {
    source_.functions.insert(function);
    std::string all;
    ((all += fmt::format("{}{}", all.empty() ? "" : ", ", arguments)), ...);
    source_.calls += fmt::format("  $_{}({});\n", function, all);
  }

  void copy(const Place& source, const Place& target, std::size_t count) {
    if (!(source == target)) call("copy", source.text(), count, target.text());
  }
  // Of layers that work in place.
  void bring() { copy(buffers_.layers[layer_].from, buffers_.layers[layer_].to, output().size()); }

  std::span<const float> parameter(std::string_view name) const {
    const auto found = parameters_.find({layer_, name});
    if (found == parameters_.end()) return {};
    return std::span(model_.parameters).subspan(found->second.offset, found->second.size());
  }

  std::string bias() {
    const std::span<const float> values = parameter("bias");
    return values.empty() ? "NULL" : array("bias", values);
  }

  // [outputs][inputs][area] to [area][inputs][outputs].
  std::string weight(std::size_t outputs, std::size_t inputs, std::size_t area) {
    const std::span<const float> values = parameter("weight");
    Floats turned(values.size());
    for (std::size_t o = 0; o < outputs; ++o) {
      for (std::size_t i = 0; i < inputs; ++i) {
        for (std::size_t a = 0; a < area; ++a)
          turned[(a * inputs + i) * outputs + o] = values[(o * inputs + i) * area + a];
      }
    }
    return array("weight", turned);
  }

  void write(const Encode&) {
    source_.encodes = true;
    source_.calls += fmt::format("  $_encode(row, {});\n", to());
  }

  void write(const Standardise&) { normalise(0.0, nullptr, nullptr); }

  void write(const BatchNorm& norm) {
    const float* gamma = parameter("weight").data();
    const float* beta = parameter("bias").data();
    bool raw = true;
    for (std::size_t i = 0; i < layer_; ++i) {
      const Layer& layer = model_.network.layers[i];
      raw = raw && !std::holds_alternative<Dense>(layer) && !std::holds_alternative<Conv2d>(layer);
    }
    if (raw) return normalise(norm.epsilon, gamma, beta);

    const StatisticSlot& slot = statistics_.at(layer_);
    const double* mean = model_.statistics.data() + slot.offset;
    const double* variance = mean + slot.channels;
    Floats scale, shift;
    for (std::size_t c = 0; c < slot.channels; ++c) {
      const double factor = gamma[c] * reference::inverse_std(variance[c], norm.epsilon);
      scale.push_back(rounded(factor, c));
      shift.push_back(rounded(beta[c] - factor * mean[c], c));
    }
    bring();
    const std::string scales = array("scale", scale), shifts = array("shift", shift);
    call("batch_norm", to(), output().pixels(), output().channels, scales, shifts);
  }

  float rounded(double value, std::size_t channel) const {
    if (std::abs(value) <= std::numeric_limits<float>::max()) return static_cast<float>(value);
    throw Error(
        ErrorKind::data,
        fmt::format("{}: the scale or the shift of channel {} would be {:.2g}, too large for a float; "
                    "train with a larger --epsilon",
                    layers::label(model_.network, layer_), channel, value));
  }

  // With the mean taken away first, as Predictor does it.
  void normalise(double epsilon, const float* gamma, const float* beta) {
    const StatisticSlot& slot = statistics_.at(layer_);
    std::size_t channels = slot.channels;
    const double* mean = model_.statistics.data() + slot.offset;
    Floats centre(channels), scale(channels), shift(channels);
    kernels::make_affine(channels, mean, mean + channels, epsilon, gamma, beta, centre.data(), scale.data(),
                         shift.data(), nullptr);
    bring();
    // Behind Encode all but the numbers stay as they are.
    const bool one_pixel = output().pixels() == 1;
    while (one_pixel && channels > 0 && centre[channels - 1] == 0 && scale[channels - 1] == 1 &&
           shift[channels - 1] == 0) {
      --channels;
    }
    if (channels == 0) return;
    for (Floats* values : {&centre, &scale, &shift}) values->resize(channels);
    const std::string means = array("mean", centre), scales = array("scale", scale),
                      shifts = array("shift", shift);
    call("normalise", to(), output().pixels(), channels, means, scales, shifts);
  }

  void write(const Dense& dense) {
    const std::string w = weight(dense.outputs, input().channels, 1), b = bias();
    call("dense", from(), input().channels, w, b, dense.outputs, to());
  }

  void write(const Conv2d& conv) {
    const Shape image = input();
    const std::string w =
        weight(conv.outputs, conv.depthwise ? 1 : image.channels, conv.kernel * conv.kernel);
    const std::string b = bias();
    if (conv.depthwise) {
      call("depthwise", from(), image.height, image.width, image.channels, w, b, conv.kernel, conv.stride,
           conv.padding, to());
    } else {
      call("conv2d", from(), image.height, image.width, image.channels, w, b, conv.outputs, conv.kernel,
           conv.stride, conv.padding, to());
    }
  }

  void write(const Activation& activation) {
    bring();
    call(std::string(to_string(activation.kind)).c_str(), to(), output().size());
  }

  void write(const MaxPool& pool) {
    const Shape image = input();
    call("max_pool", from(), image.height, image.width, image.channels, pool.kernel, pool.stride, to());
  }
  void write(const AveragePool& pool) { average(pool.kernel, pool.kernel, pool.stride); }
  void write(const GlobalAveragePool&) { average(input().height, input().width, 1); }
  void average(std::size_t height, std::size_t width, std::size_t stride) {
    const Shape image = input();
    call("average_pool", from(), image.height, image.width, image.channels, height, width, stride, to());
  }

  void write(const Add&) {
    const LayerPlaces& places = buffers_.layers[layer_];
    // Whichever of the two it may overwrite is where the sum comes to be.
    const bool other_way = *places.other == places.to && !(places.from == places.to);
    if (!other_way) bring();
    call("add", to(), output().size(), other_way ? from() : places.other->text());
  }

  void write(const Dropout&) {}
  void write(const Flatten&) {}
  void write(const Shortcut&) {}

  const Model& model_;
  const std::vector<Shape> shapes_;
  const Buffers buffers_;
  std::map<std::pair<std::size_t, std::string_view>, ParameterSlot> parameters_;
  std::map<std::size_t, StatisticSlot> statistics_;
  std::size_t layer_ = 0;
  LayerSource source_;
};

}  // namespace

LayerSource layer_source_of(const Model& model) { return Writer(model).run(); }

}  // namespace ztilde::c_export
