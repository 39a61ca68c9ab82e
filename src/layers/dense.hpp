// Dense: z = x Wᵀ + b.
//   x: [rows, inputs];  weight: [outputs, inputs];  bias: [outputs] or empty;  z: [rows, outputs]
#pragma once

#include <span>

#include "layers/fields.hpp"
#include "layers/scalar.hpp"
#include "ztilde/matrix_view.hpp"

namespace ztilde::layers {

constexpr std::string_view layer_name(const Dense&) { return "dense"; }

template <Is<Dense> L, class Visit>
void for_each_field(L& layer, Visit&& visit) {
  visit("outputs", layer.outputs, Limits{.least = 1, .required = true});
  visit("bias", layer.bias, Limits{});
}

inline Shape output_shape(const Dense& layer, const Shape&) { return {1, 1, layer.outputs}; }

inline std::vector<ParameterShape> parameters(const Dense& layer, const Shape& input) {
  std::vector<ParameterShape> shapes{{"weight", layer.outputs, input.channels, true}};
  if (layer.bias) shapes.push_back({"bias", layer.outputs});
  return shapes;
}
constexpr bool has_statistics(const Dense&) { return false; }

}  // namespace ztilde::layers

namespace ztilde::reference {

template <class T>
void dense_forward(MatrixView<const T> x, std::span<const T> weight, std::span<const T> bias,
                   MatrixView<T> z) {
  for (std::size_t r = 0; r < x.rows; ++r) {
    for (std::size_t o = 0; o < z.channels; ++o) {
      T sum = bias.empty() ? T(0) : bias[o];
      for (std::size_t i = 0; i < x.channels; ++i) sum += x(r, i) * weight[o * x.channels + i];
      z(r, o) = sum;
    }
  }
}

// Overwrites d_x; adds into d_weight and d_bias.
template <class T>
void dense_backward(MatrixView<const T> x, std::span<const T> weight, MatrixView<const T> d_z,
                    MatrixView<T> d_x, std::span<T> d_weight, std::span<T> d_bias) {
  for (std::size_t r = 0; r < x.rows; ++r) {
    for (std::size_t i = 0; i < x.channels; ++i) d_x(r, i) = T(0);
    for (std::size_t o = 0; o < d_z.channels; ++o) {
      const T d = d_z(r, o);
      if (!d_bias.empty()) d_bias[o] += d;
      for (std::size_t i = 0; i < x.channels; ++i) {
        d_x(r, i) += d * weight[o * x.channels + i];
        d_weight[o * x.channels + i] += d * x(r, i);
      }
    }
  }
}

}  // namespace ztilde::reference
