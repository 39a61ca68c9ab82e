#include "exchange/torch_modules.hpp"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <variant>

#include "layers/layer.hpp"
#include "ztilde/error.hpp"

namespace ztilde::exchange {
namespace {

// What enters a module: an image has four axes in PyTorch, of however few pixels.
struct Entering {
  Shape shape;
  bool is_image = false;
};

std::string activation_module(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::identity:
      return "nn.Identity()";
    case ActivationKind::relu:
      return "nn.ReLU()";
    case ActivationKind::leaky_relu:
      return "nn.LeakyReLU(0.01)";
    case ActivationKind::sigmoid:
      return "nn.Sigmoid()";
    case ActivationKind::tanh:
      return "nn.Tanh()";
    case ActivationKind::silu:
      return "nn.SiLU()";
    case ActivationKind::gelu:
      return "nn.GELU()";
  }
  return "";
}

std::string norm_module(const Entering& from, const std::string& arguments) {
  return fmt::format("nn.BatchNorm{}d({}, {})", from.is_image ? 2 : 1, from.shape.channels, arguments);
}

std::string bias_text(bool bias) { return bias ? "" : ", bias=False"; }

std::string pool_module(const char* name, std::size_t kernel, std::size_t stride) {
  return fmt::format("nn.{}({}, {})", name, kernel, stride);
}

std::string convolution_module(const Conv2d& layer, std::size_t channels) {
  return fmt::format("nn.Conv2d({}, {}, {}, {}, {}{}{})", channels, layer.outputs, layer.kernel, layer.stride,
                     layer.padding, layer.depthwise ? fmt::format(", groups={}", channels) : "",
                     bias_text(layer.bias));
}

std::string dense_module(const Dense& layer, const Entering& from) {
  return fmt::format("{}({}, {}{})", from.is_image ? "FlatLinear" : "nn.Linear", from.shape.size(),
                     layer.outputs, bias_text(layer.bias));
}

std::string batch_norm_module(const BatchNorm& layer, const Entering& from) {
  // Twelve digits, so that keep 0.9 reads 0.1 and not 0.09999999999999998.
  return norm_module(from, fmt::format("eps={}, momentum={:.12g}", layer.epsilon, 1 - layer.keep));
}

std::string module_of(const Layer& layer, const Entering& from) {
  return std::visit(
      layers::overloaded{
          [](const Encode&) -> std::string {
            throw Error(
                ErrorKind::data,
                "layer 0 (encode): the model encodes its columns (categories, missing numbers), for which "
                "torch.nn has no module; use the model file, whose tensors docs/model-file.md describes");
          },
          [&](const Standardise&) { return norm_module(from, "eps=0, affine=False"); },
          [&](const Dense& dense) { return dense_module(dense, from); },
          [&](const BatchNorm& norm) { return batch_norm_module(norm, from); },
          [](const Activation& activation) { return activation_module(activation.kind); },
          [](const Dropout& dropout) { return fmt::format("nn.Dropout({})", dropout.probability); },
          [&](const Conv2d& conv) { return convolution_module(conv, from.shape.channels); },
          [](const MaxPool& pool) { return pool_module("MaxPool2d", pool.kernel, pool.stride); },
          [](const AveragePool& pool) { return pool_module("AvgPool2d", pool.kernel, pool.stride); },
          [](const GlobalAveragePool&) {
            return std::string("nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())");
          },
          [](const Flatten&) { return std::string("nn.Flatten()"); },
          [](const Add& add) { return fmt::format("Add({})", add.back); },
          [](const Shortcut& shortcut) { return fmt::format("Shortcut({})", shortcut.back); },
      },
      layer);
}

bool leaves_image(const Layer& layer, bool is_image) {
  return is_image && !std::holds_alternative<Flatten>(layer) &&
         !std::holds_alternative<GlobalAveragePool>(layer) && !std::holds_alternative<Dense>(layer);
}

}  // namespace

TorchSource torch_source(const Network& network) {
  TorchSource source;
  const std::vector<Shape> shapes = layer_shapes(network);
  std::vector<bool> images;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const Layer& layer = network.layers[i];
    const std::optional<std::size_t> before = layer_source(network, i);
    const Entering from = before ? Entering{shapes[*before], images[*before]}
                                 : Entering{network.input_shape(), network.height * network.width > 1};
    source.modules.push_back(module_of(layer, from));
    source.skips |= std::holds_alternative<Add>(layer) || std::holds_alternative<Shortcut>(layer);
    source.flat_linear |= std::holds_alternative<Dense>(layer) && from.is_image;
    images.push_back(leaves_image(layer, from.is_image));
  }
  return source;
}

}  // namespace ztilde::exchange
