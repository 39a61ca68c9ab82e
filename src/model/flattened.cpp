#include "model/flattened.hpp"

#include <variant>

#include "layers/layer.hpp"

namespace ztilde {
namespace {

using Image = std::optional<Shape>;

// What leaves a layer that `image` of this shape enters; of an Add also what it adds.
Image image_after(const Layer& layer, const Shape& shape, const Image& image, const Image& added) {
  return std::visit(layers::overloaded{
                        [&](const Flatten&) -> Image {
                          if (image || shape.pixels() == 1 || shape.channels == 1) return image;
                          return shape;
                        },
                        [&](const Add&) -> Image {
                          const bool agree = image && added && image->pixels() == added->pixels() &&
                                             image->channels == added->channels;
                          return agree ? image : Image();
                        },
                        [&](const BatchNorm&) { return image; },
                        [&](const Activation&) { return image; },
                        [&](const Dropout&) { return image; },
                        [&](const Shortcut&) { return image; },
                        [](const Encode&) { return Image(); },
                        [](const Standardise&) { return Image(); },
                        [](const Dense&) { return Image(); },
                        [](const Conv2d&) { return Image(); },
                        [](const MaxPool&) { return Image(); },
                        [](const AveragePool&) { return Image(); },
                        [](const GlobalAveragePool&) { return Image(); },
                    },
                    layer);
}

template <class Number>
void reorder(FeatureOrder to, const Shape& image, std::span<Number> numbers) {
  const std::vector<Number> before(numbers.begin(), numbers.end());
  for (std::size_t pixel = 0; pixel < image.pixels(); ++pixel) {
    for (std::size_t c = 0; c < image.channels; ++c) {
      const std::size_t last = pixel * image.channels + c, first = c * image.pixels() + pixel;
      const bool to_first = to == FeatureOrder::channels_first;
      numbers[to_first ? first : last] = before[to_first ? last : first];
    }
  }
}

}  // namespace

std::vector<std::optional<Shape>> flattened_images(const Network& network) {
  const std::vector<Shape> shapes = layer_shapes(network);
  std::vector<Image> entering, leaving;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const std::optional<std::size_t> source = layer_source(network, i);
    const auto* add = std::get_if<Add>(&network.layers[i]);
    entering.push_back(source ? leaving[*source] : Image());
    leaving.push_back(image_after(network.layers[i], source ? shapes[*source] : network.input_shape(),
                                  entering[i], add ? leaving[i - add->back] : Image()));
  }
  return entering;
}

void reorder_features(const Network& network, FeatureOrder to, std::span<float> parameters,
                      std::span<double> statistics) {
  const std::vector<Image> images = flattened_images(network);
  for (const ParameterSlot& slot : parameter_slots(network)) {
    const Image& image = images[slot.layer];
    const bool is_of_features =
        slot.is_weight_matrix || std::holds_alternative<BatchNorm>(network.layers[slot.layer]);
    if (!image || !is_of_features) continue;
    const std::size_t features = image->size();
    for (std::size_t begin = 0; begin < slot.size(); begin += features) {  // row by row
      reorder(to, *image, parameters.subspan(slot.offset + begin, features));
    }
  }
  for (const StatisticSlot& slot : statistic_slots(network)) {
    const Image& image = images[slot.layer];
    if (!image) continue;
    reorder(to, *image, statistics.subspan(slot.offset, slot.channels));
    reorder(to, *image, statistics.subspan(slot.offset + slot.channels, slot.channels));
  }
}

}  // namespace ztilde
