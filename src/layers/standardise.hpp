// Standardise: (x - mean) / sqrt(variance) per input column, with statistics fixed before training.
//   x, y: [rows, channels];  mean, variance: [channels], variance 0 or 1 for a constant column.
#pragma once

#include <span>

#include "layers/fields.hpp"
#include "layers/scalar.hpp"
#include "ztilde/matrix_view.hpp"

namespace ztilde::layers {

constexpr std::string_view layer_name(const Standardise&) { return "standardise"; }

template <Is<Standardise> L, class Visit>
void for_each_field(L&, Visit&&) {}

inline Shape output_shape(const Standardise&, const Shape& input) { return input; }
inline std::vector<ParameterShape> parameters(const Standardise&, const Shape&) { return {}; }
constexpr bool has_statistics(const Standardise&) { return true; }

}  // namespace ztilde::layers

namespace ztilde::reference {

template <class T>
void standardise_forward(MatrixView<const T> x, std::span<const T> mean, std::span<const T> variance,
                         MatrixView<T> y) {
  for (std::size_t c = 0; c < x.channels; ++c) {
    const T inv_std = inverse_std(variance[c], 0.0);
    for (std::size_t r = 0; r < x.rows; ++r) y(r, c) = (x(r, c) - mean[c]) * inv_std;
  }
}

// Overwrites d_x.
template <class T>
void standardise_backward(std::span<const T> variance, MatrixView<const T> d_y, MatrixView<T> d_x) {
  for (std::size_t c = 0; c < d_y.channels; ++c) {
    const T inv_std = inverse_std(variance[c], 0.0);
    for (std::size_t r = 0; r < d_y.rows; ++r) d_x(r, c) = d_y(r, c) * inv_std;
  }
}

}  // namespace ztilde::reference
