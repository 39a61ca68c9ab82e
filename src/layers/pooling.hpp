// MaxPool, AveragePool, GlobalAveragePool: of each channel of a window of pixels the largest or the mean.
//   x: [rows, height, width, channels];  y: [rows, height', width', channels], both channels last
// Of equal ones the first in reading order is the largest: its gradient takes all.
#pragma once

#include "layers/fields.hpp"
#include "layers/scalar.hpp"
#include "layers/windows.hpp"
#include "ztilde/matrix_view.hpp"

namespace ztilde::layers {

constexpr std::string_view layer_name(const MaxPool&) { return "max_pool"; }
constexpr std::string_view layer_name(const AveragePool&) { return "average_pool"; }
constexpr std::string_view layer_name(const GlobalAveragePool&) { return "global_average_pool"; }

template <class L, class Visit>
requires(Is<L, MaxPool> || Is<L, AveragePool>) void for_each_field(L& layer, Visit&& visit) {
  visit("kernel", layer.kernel, Limits{.least = 1, .most = kMostWindow});
  visit("stride", layer.stride, Limits{.least = 1, .most = kMostWindow});
}
template <Is<GlobalAveragePool> L, class Visit>
void for_each_field(L&, Visit&&) {}

inline Shape output_shape(const MaxPool& layer, const Shape& input) {
  return windows_over(input, layer.kernel, layer.stride, 0, input.channels);
}
inline Shape output_shape(const AveragePool& layer, const Shape& input) {
  return windows_over(input, layer.kernel, layer.stride, 0, input.channels);
}
inline Shape output_shape(const GlobalAveragePool&, const Shape& input) { return {1, 1, input.channels}; }

inline std::vector<ParameterShape> parameters(const MaxPool&, const Shape&) { return {}; }
inline std::vector<ParameterShape> parameters(const AveragePool&, const Shape&) { return {}; }
inline std::vector<ParameterShape> parameters(const GlobalAveragePool&, const Shape&) { return {}; }
constexpr bool has_statistics(const MaxPool&) { return false; }
constexpr bool has_statistics(const AveragePool&) { return false; }
constexpr bool has_statistics(const GlobalAveragePool&) { return false; }

}  // namespace ztilde::layers
