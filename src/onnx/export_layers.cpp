#include "onnx/export_layers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include "layers/layer.hpp"
#include "model/flattened.hpp"
#include "onnx/export_encode.hpp"

namespace ztilde::onnx_export {
namespace {

// Above this many standard deviations from 0 a mean is taken away by a node of its own: runtimes make
// z · scale + (beta − mean · scale) of a batch norm, which rounds the more the further off the mean is.
constexpr double kFarMean = 16;

// The nearest float; where none is near, the number itself, which Graph::floats then refuses.
double nearest_float(double number) {
  const auto nearest = static_cast<float>(number);
  return std::isinf(nearest) ? number : nearest;
}

std::int64_t whole(std::size_t number) { return static_cast<std::int64_t>(number); }

// What flows between layers: a row's shape, as ztilde has it, and how the graph has it.
struct Flow {
  Value value;
  Shape shape;
  bool is_image = false;           // [rows, channels, height, width], else [rows, size]
  std::optional<Shape> flattened;  // rows of this image, channels first: c · pixels + pixel
};

class Converter {
 public:
  Converter(Graph& graph, const Model& model)
      : graph_(graph),
        model_(model),
        parameter_slots_(parameter_slots(model.network)),
        statistic_slots_(statistic_slots(model.network)) {
    if (!has_layer<Flatten>(model.network)) return;
    flat_parameters_ = model.parameters;
    flat_statistics_ = model.statistics;
    reorder_features(model.network, FeatureOrder::channels_first, flat_parameters_, flat_statistics_);
  }

  Value run(const Interface& interface, const std::vector<Value>& inputs) {
    const Network& network = model_.network;
    Flow in{encode_columns(graph_, model_, interface, inputs), network.input_shape(), interface.is_image, {}};
    if (interface.channels_last) {
      graph_.begin("input");
      in.value = graph_.node("Transpose", {in.value}, {{"perm", Dims{0, 3, 1, 2}}});
    }
    const std::vector<Shape> shapes = layer_shapes(network);
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      const std::optional<std::size_t> source = layer_source(network, i);
      graph_.begin(fmt::format("{}.{}", i, layers::name_of_layer(network.layers[i])));
      Flow out = layer(i, source ? flows_[*source] : in);
      out.shape = shapes[i];
      flows_.push_back(std::move(out));
    }
    graph_.begin("answer");
    return rows(plain(flows_.back())).value;
  }

 private:
  Flow layer(std::size_t i, const Flow& x) {
    const auto same = [&](Flow y, Value value) {
      y.value = std::move(value);
      return y;
    };
    return std::visit(
        layers::overloaded{
            [&](const Encode&) { return x; },  // encode_columns has been there
            [&](const Standardise&) { return same(x, standardise(i, x)); },
            [&](const Dense& dense) { return this->dense(i, dense, x); },
            [&](const BatchNorm& norm) { return same(x, batch_norm(i, norm, x)); },
            [&](const Activation& activation) { return same(x, activate(activation.kind, x.value)); },
            [&](const Dropout&) { return x; },
            [&](const Conv2d& conv) { return conv2d(i, conv, image(plain(x))); },
            [&](const MaxPool& pool) { return this->pool("MaxPool", pool.kernel, pool.stride, x); },
            [&](const AveragePool& pool) { return this->pool("AveragePool", pool.kernel, pool.stride, x); },
            [&](const GlobalAveragePool&) { return global_average_pool(x); },
            [&](const Flatten&) { return flatten(x); },
            [&](const Add& add) { return this->add(x, flows_[i - add.back]); },
            [&](const Shortcut&) { return x; },
        },
        model_.network.layers[i]);
  }

  // A layer's tensor, in the order of the features that enter it; none: empty.
  std::span<const float> tensor(std::size_t layer, std::string_view name, const Flow& x) const {
    for (const ParameterSlot& slot : parameter_slots_) {
      if (slot.layer != layer || slot.name != name) continue;
      return std::span(x.flattened ? flat_parameters_ : model_.parameters).subspan(slot.offset, slot.size());
    }
    return {};
  }

  struct Statistics {
    std::span<const double> mean, variance;
  };
  Statistics statistics(std::size_t layer, const Flow& x) const {
    const auto slot = std::ranges::find(statistic_slots_, layer, &StatisticSlot::layer);
    const std::span<const double> both = std::span(x.flattened ? flat_statistics_ : model_.statistics)
                                             .subspan(slot->offset, 2 * slot->channels);
    return {both.first(slot->channels), both.last(slot->channels)};
  }

  // A number a channel.
  Value by_channel(const char* name, const Flow& x, const std::vector<double>& numbers) {
    const Dims dims = x.is_image ? Dims{whole(numbers.size()), 1, 1} : Dims{whole(numbers.size())};
    return graph_.floats(name, dims, numbers);
  }

  // (x − centre) · inv_std, the centre being the mean as a float; what that leaves of the mean comes after,
  // where a float sees it at all.
  Value standardise(std::size_t i, const Flow& x) {
    const auto [mean, variance] = statistics(i, x);
    std::vector<double> centre(mean.size()), inv_std(mean.size()), shift(mean.size());
    double most = 0;
    for (std::size_t c = 0; c < mean.size(); ++c) {
      centre[c] = nearest_float(mean[c]);
      inv_std[c] = reference::inverse_std(variance[c], 0);
      shift[c] = (centre[c] - mean[c]) * inv_std[c];
      most = std::max(most, std::abs(shift[c]));
    }
    const Value off = graph_.node("Sub", {x.value, by_channel("centre", x, centre)});
    const Value y = graph_.node("Mul", {off, by_channel("inv_std", x, inv_std)});
    return most < 0x1p-24 ? y : graph_.node("Add", {y, by_channel("shift", x, shift)});
  }

  Flow dense(std::size_t i, const Dense& layer, const Flow& x) {
    const Flow in = rows(x);
    const std::span<const float> weight = tensor(i, "weight", in), bias = tensor(i, "bias", in);
    std::vector<Value> inputs = {
        in.value, graph_.floats("weight", {whole(layer.outputs), whole(in.shape.size())}, weight)};
    if (!bias.empty()) inputs.push_back(graph_.floats("bias", {whole(bias.size())}, bias));
    return {graph_.node("Gemm", inputs, {{"transB", std::int64_t{1}}}), {}, false, {}};
  }

  // A variance that no float holds, or that is 0 with epsilon 0, goes into gamma.
  Value batch_norm(std::size_t i, const BatchNorm& layer, const Flow& x) {
    const auto [known_mean, known_variance] = statistics(i, x);
    const std::span<const float> weight = tensor(i, "weight", x), bias = tensor(i, "bias", x);
    const auto epsilon = static_cast<float>(layer.epsilon);
    std::vector<double> gamma(weight.begin(), weight.end()), beta(bias.begin(), bias.end());
    std::vector<double> mean(known_mean.begin(), known_mean.end()), centre(mean.size());
    std::vector<double> variance(known_variance.begin(), known_variance.end());
    double furthest = 0;
    for (std::size_t c = 0; c < mean.size(); ++c) {
      const double inv_std = reference::inverse_std(variance[c], layer.epsilon);
      furthest = std::max(furthest, std::abs(mean[c]) * inv_std);
      const float in_float = static_cast<float>(variance[c]) + epsilon;
      if (std::isnormal(in_float)) continue;
      gamma[c] *= inv_std * std::sqrt(1 + double{epsilon});
      variance[c] = 1;
    }
    Value z = x.value;
    if (furthest > kFarMean) {
      for (std::size_t c = 0; c < mean.size(); ++c) {
        centre[c] = nearest_float(mean[c]);
        mean[c] -= centre[c];
      }
      z = graph_.node("Sub", {z, by_channel("centre", x, centre)});
    }
    const Dims dims = {whole(mean.size())};
    return graph_.node(
        "BatchNormalization",
        {z, graph_.floats("weight", dims, gamma), graph_.floats("bias", dims, beta),
         graph_.floats("running_mean", dims, mean), graph_.floats("running_var", dims, variance)},
        {{"epsilon", epsilon},
         {"momentum", static_cast<float>(layer.keep)},
         {"training_mode", std::int64_t{0}}});
  }

  Value constant(const char* name, double number) {
    return graph_.floats(name, {}, std::vector<double>{number});
  }

  Value activate(ActivationKind kind, const Value& z) {
    switch (kind) {
      case ActivationKind::identity:
        return z;
      case ActivationKind::relu:
        return graph_.node("Relu", {z});
      case ActivationKind::leaky_relu:
        return graph_.node("LeakyRelu", {z}, {{"alpha", static_cast<float>(reference::kLeakySlope)}});
      case ActivationKind::sigmoid:
        return graph_.node("Sigmoid", {z});
      case ActivationKind::tanh:
        return graph_.node("Tanh", {z});
      case ActivationKind::silu:
        return graph_.node("Mul", {z, graph_.node("Sigmoid", {z})});
      case ActivationKind::gelu: {  // the nodes that runtimes know for one
        const Value scaled = graph_.node("Div", {z, constant("sqrt2", std::numbers::sqrt2)});
        const Value error = graph_.node("Add", {graph_.node("Erf", {scaled}), constant("one", 1)});
        return graph_.node("Mul", {graph_.node("Mul", {z, error}), constant("half", 0.5)});
      }
    }
    return z;
  }

  Flow conv2d(std::size_t i, const Conv2d& layer, const Flow& x) {
    const std::span<const float> weight = tensor(i, "weight", x), bias = tensor(i, "bias", x);
    const std::int64_t kernel = whole(layer.kernel), stride = whole(layer.stride), pad = whole(layer.padding);
    const std::int64_t groups = layer.depthwise ? whole(x.shape.channels) : 1;
    const Dims dims = {whole(layer.outputs), whole(x.shape.channels) / groups, kernel, kernel};
    std::vector<Value> inputs = {x.value, graph_.floats("weight", dims, weight)};
    if (!bias.empty()) inputs.push_back(graph_.floats("bias", {whole(bias.size())}, bias));
    return {graph_.node("Conv", inputs,
                        {{"kernel_shape", Dims{kernel, kernel}},
                         {"strides", Dims{stride, stride}},
                         {"pads", Dims{pad, pad, pad, pad}},
                         {"group", groups}}),
            {},
            true,
            {}};
  }

  Flow pool(const char* op, std::size_t kernel, std::size_t stride, const Flow& x) {
    const Dims window = {whole(kernel), whole(kernel)}, step = {whole(stride), whole(stride)};
    return {graph_.node(op, {image(plain(x)).value}, {{"kernel_shape", window}, {"strides", step}}),
            {},
            true,
            {}};
  }

  Flow global_average_pool(const Flow& x) {
    const Value mean = graph_.node("GlobalAveragePool", {image(plain(x)).value});
    return {graph_.node("Flatten", {mean}), {}, false, {}};
  }

  Flow flatten(const Flow& x) {
    if (!x.is_image) return x;
    Flow y{graph_.node("Flatten", {x.value}), {1, 1, x.shape.size()}, false, {}};
    if (x.shape.pixels() > 1 && x.shape.channels > 1) y.flattened = x.shape;
    return y;
  }

  Flow add(const Flow& x, const Flow& other) {
    const auto layout = [](const Flow& flow) {
      const Shape image = flow.flattened.value_or(Shape{});
      return std::pair(image.pixels(), image.channels);
    };
    const bool agree = layout(x) == layout(other);
    Flow y = agree ? x : plain(x), z = agree ? other : plain(other);
    if (y.is_image != z.is_image) {
      y = rows(y);
      z = rows(z);
    }
    y.value = graph_.node("Add", {y.value, z.value});
    return y;
  }

  // Rows of a flattened image in ztilde's own order.
  Flow plain(const Flow& x) {
    if (!x.flattened) return x;
    const Shape& from = *x.flattened;
    const Dims apart = {-1, whole(from.channels), whole(from.pixels())}, together = {-1, whole(from.size())};
    const Value cut = graph_.node("Reshape", {x.value, graph_.integers("apart", {3}, apart)});
    const Value last = graph_.node("Transpose", {cut}, {{"perm", Dims{0, 2, 1}}});
    return {graph_.node("Reshape", {last, graph_.integers("together", {2}, together)}), x.shape, false, {}};
  }

  // An image of one pixel as a row, and the other way round.
  Flow rows(const Flow& x) {
    if (!x.is_image) return x;
    return {graph_.node("Flatten", {x.value}), x.shape, false, {}};
  }
  Flow image(const Flow& x) {
    if (x.is_image) return x;
    const Value axes = graph_.integers("pixel_axes", {2}, Dims{2, 3});
    return {graph_.node("Unsqueeze", {x.value, axes}), x.shape, true, {}};
  }

  Graph& graph_;
  const Model& model_;
  std::vector<ParameterSlot> parameter_slots_;
  std::vector<StatisticSlot> statistic_slots_;
  std::vector<float> flat_parameters_;  // with the features of flattened images channels first
  std::vector<double> flat_statistics_;
  std::vector<Flow> flows_;  // what leaves each layer
};

}  // namespace

Value add_layers(Graph& graph, const Model& model, const Interface& interface,
                 const std::vector<Value>& inputs) {
  return Converter(graph, model).run(interface, inputs);
}

}  // namespace ztilde::onnx_export
