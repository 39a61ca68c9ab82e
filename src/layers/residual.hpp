// Add and Shortcut: residual connections.
//   Add:      y = x + the output of the layer `back` places before, of the same shape
//   Shortcut: y = the output of the layer `back` places before; what the layer before gave waits for an Add
#pragma once

#include "layers/fields.hpp"
#include "ztilde/matrix_view.hpp"

namespace ztilde::layers {

constexpr std::string_view layer_name(const Add&) { return "add"; }
constexpr std::string_view layer_name(const Shortcut&) { return "shortcut"; }

template <class L, class Visit>
requires(Is<L, Add> || Is<L, Shortcut>) void for_each_field(L& layer, Visit&& visit) {
  visit("back", layer.back, Limits{.least = 2, .required = true});
}

// input: of an Add both of what it adds; of a Shortcut what it goes back to.
inline Shape output_shape(const Add&, const Shape& input) { return input; }
inline Shape output_shape(const Shortcut&, const Shape& input) { return input; }
inline std::vector<ParameterShape> parameters(const Add&, const Shape&) { return {}; }
inline std::vector<ParameterShape> parameters(const Shortcut&, const Shape&) { return {}; }
constexpr bool has_statistics(const Add&) { return false; }
constexpr bool has_statistics(const Shortcut&) { return false; }

}  // namespace ztilde::layers

namespace ztilde::reference {

// Backward, each of the two gets d_y as it is.
template <class T>
void add_forward(MatrixView<const T> x, MatrixView<const T> other, MatrixView<T> y) {
  for (std::size_t r = 0; r < x.rows; ++r) {
    for (std::size_t c = 0; c < x.channels; ++c) y(r, c) = x(r, c) + other(r, c);
  }
}

}  // namespace ztilde::reference
