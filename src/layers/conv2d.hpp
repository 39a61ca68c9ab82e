// Conv2d: z[n, y, x, o] = b[o] + Σ over i, u, v of a[n, y·stride + u − padding, x·stride + v − padding, i] ·
// W[o, i, u, v], 0 outside of the image; depthwise: i = o only.
//   a: [rows, height, width, inputs];  z: [rows, height', width', outputs], both channels last
//   weight: [outputs, inputs (depthwise 1), kernel, kernel];  bias: [outputs] or empty
#pragma once

#include <span>
#include <vector>

#include "layers/fields.hpp"
#include "layers/scalar.hpp"
#include "layers/windows.hpp"
#include "ztilde/matrix_view.hpp"

namespace ztilde::layers {

constexpr std::string_view layer_name(const Conv2d&) { return "conv2d"; }

template <Is<Conv2d> L, class Visit>
void for_each_field(L& layer, Visit&& visit) {
  visit("outputs", layer.outputs, Limits{.least = 1, .required = true});
  visit("kernel", layer.kernel, Limits{.least = 1, .most = kMostWindow});
  visit("stride", layer.stride, Limits{.least = 1, .most = kMostWindow});
  visit("padding", layer.padding, Limits{.least = 0, .most = kMostWindow});
  visit("depthwise", layer.depthwise, Limits{});
  visit("bias", layer.bias, Limits{});
}

inline Shape output_shape(const Conv2d& layer, const Shape& input) {
  return windows_over(input, layer.kernel, layer.stride, layer.padding, layer.outputs);
}

inline std::vector<ParameterShape> parameters(const Conv2d& layer, const Shape& input) {
  const std::size_t summed = (layer.depthwise ? 1 : input.channels) * layer.kernel * layer.kernel;
  std::vector<ParameterShape> shapes{{"weight", layer.outputs, summed, true, {}, layer.kernel}};
  if (layer.bias) shapes.push_back({"bias", layer.outputs});
  return shapes;
}
constexpr bool has_statistics(const Conv2d&) { return false; }

}  // namespace ztilde::layers

namespace ztilde::reference {

namespace detail {

// visit(row of z, output, row of a, input, number of the weight) for each product of the sums above.
template <class Visit>
void for_each_product(const Conv2d& layer, const Shape& image, std::size_t images, Visit&& visit) {
  const std::size_t area = layer.kernel * layer.kernel, summed = layer.depthwise ? 1 : image.channels;
  layers::for_each_place(image, images, layer.kernel, layer.stride, layer.padding,
                         [&](std::size_t window, std::size_t place, std::size_t pixel) {
                           for (std::size_t o = 0; o < layer.outputs; ++o) {
                             for (std::size_t i = 0; i < summed; ++i) {
                               visit(window, o, pixel, layer.depthwise ? o : i,
                                     (o * summed + i) * area + place);
                             }
                           }
                         });
}

}  // namespace detail

// image: the shape of one that enters; a, z: a row for each pixel. The weights are taken with the outputs
// side by side, so that compilers make vector code of the innermost loop; every sum keeps its order.
template <class T>
void conv2d_forward(const Conv2d& layer, const Shape& image, MatrixView<const T> a, std::span<const T> weight,
                    std::span<const T> bias, MatrixView<T> z) {
  const std::size_t area = layer.kernel * layer.kernel, outputs = z.channels;
  const std::size_t summed = layer.depthwise ? 1 : a.channels;
  std::vector<T> by_place(weight.size());  // [area, summed, outputs]
  for (std::size_t w = 0; w < weight.size(); ++w) {
    const std::size_t o = w / (summed * area), i = w / area % summed, place = w % area;
    by_place[(place * summed + i) * outputs + o] = weight[w];
  }
  for (std::size_t r = 0; r < z.rows; ++r) {
    for (std::size_t o = 0; o < outputs; ++o) z(r, o) = bias.empty() ? T(0) : bias[o];
  }
  layers::for_each_place(image, a.rows / image.pixels(), layer.kernel, layer.stride, layer.padding,
                         [&](std::size_t window, std::size_t place, std::size_t pixel) {
                           T* sums = z.row(window);
                           for (std::size_t i = 0; i < summed; ++i) {
                             const T* weights = by_place.data() + (place * summed + i) * outputs;
                             for (std::size_t o = 0; o < outputs; ++o) {
                               sums[o] += a(pixel, layer.depthwise ? o : i) * weights[o];
                             }
                           }
                         });
}

// Overwrites d_a; adds into d_weight and d_bias.
template <class T>
void conv2d_backward(const Conv2d& layer, const Shape& image, MatrixView<const T> a,
                     std::span<const T> weight, MatrixView<const T> d_z, MatrixView<T> d_a,
                     std::span<T> d_weight, std::span<T> d_bias) {
  for (std::size_t r = 0; r < a.rows; ++r) {
    for (std::size_t i = 0; i < a.channels; ++i) d_a(r, i) = T(0);
  }
  for (std::size_t r = 0; r < d_z.rows; ++r) {
    for (std::size_t o = 0; o < d_bias.size(); ++o) d_bias[o] += d_z(r, o);
  }
  detail::for_each_product(
      layer, image, a.rows / image.pixels(),
      [&](std::size_t to, std::size_t o, std::size_t from, std::size_t i, std::size_t w) {
        d_a(from, i) += d_z(to, o) * weight[w];
        d_weight[w] += d_z(to, o) * a(from, i);
      });
}

}  // namespace ztilde::reference
