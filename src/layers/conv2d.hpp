// Conv2d: z[n, y, x, o] = b[o] + Σ over i, u, v of a[n, y·stride + u − padding, x·stride + v − padding, i] ·
// W[o, i, u, v], 0 outside of the image; depthwise: i = o only.
//   a: [rows, height, width, inputs];  z: [rows, height', width', outputs], both channels last
//   weight: [outputs, inputs (depthwise 1), kernel, kernel];  bias: [outputs] or empty
#pragma once

#include <span>

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
