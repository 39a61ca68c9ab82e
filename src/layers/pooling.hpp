// MaxPool, AveragePool, GlobalAveragePool: of each channel of a window of pixels the largest or the mean.
//   x: [rows, height, width, channels];  y: [rows, height', width', channels], both channels last
// Of equal ones the first in reading order is the largest: its gradient takes all. A NaN is larger than any
// number, so that it is not lost.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

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

namespace ztilde::reference {

template <class T>
bool is_larger(const T& x, const T& largest) {
  return !(real_part(x) <= real_part(largest)) && !std::isnan(real_part(largest));
}

// image: the shape of one that enters; x, y: a row for each pixel.
template <class T>
void max_pool_forward(const MaxPool& layer, const Shape& image, MatrixView<const T> x, MatrixView<T> y) {
  layers::for_each_place(image, x.rows / image.pixels(), layer.kernel, layer.stride, 0,
                         [&](std::size_t window, std::size_t place, std::size_t pixel) {
                           for (std::size_t c = 0; c < x.channels; ++c) {
                             if (place == 0 || is_larger(x(pixel, c), y(window, c)))
                               y(window, c) = x(pixel, c);
                           }
                         });
}

// Overwrites d_x.
template <class T>
void max_pool_backward(const MaxPool& layer, const Shape& image, MatrixView<const T> x,
                       MatrixView<const T> d_y, MatrixView<T> d_x) {
  for (std::size_t r = 0; r < x.rows; ++r) {
    for (std::size_t c = 0; c < x.channels; ++c) d_x(r, c) = T(0);
  }
  const std::size_t last = layer.kernel * layer.kernel - 1;
  std::vector<std::size_t> largest(x.channels);  // its pixel, of the window so far
  layers::for_each_place(image, x.rows / image.pixels(), layer.kernel, layer.stride, 0,
                         [&](std::size_t window, std::size_t place, std::size_t pixel) {
                           for (std::size_t c = 0; c < x.channels; ++c) {
                             if (place == 0 || is_larger(x(pixel, c), x(largest[c], c))) largest[c] = pixel;
                             if (place == last) d_x(largest[c], c) += d_y(window, c);
                           }
                         });
}

template <class T>
void average_pool_forward(const AveragePool& layer, const Shape& image, MatrixView<const T> x,
                          MatrixView<T> y) {
  const std::size_t area = layer.kernel * layer.kernel;
  layers::for_each_place(image, x.rows / image.pixels(), layer.kernel, layer.stride, 0,
                         [&](std::size_t window, std::size_t place, std::size_t pixel) {
                           for (std::size_t c = 0; c < x.channels; ++c) {
                             const T sum = place == 0 ? x(pixel, c) : y(window, c) + x(pixel, c);
                             y(window, c) = place + 1 == area ? sum / number<T>(area) : sum;
                           }
                         });
}

// Overwrites d_x.
template <class T>
void average_pool_backward(const AveragePool& layer, const Shape& image, MatrixView<const T> d_y,
                           MatrixView<T> d_x) {
  for (std::size_t r = 0; r < d_x.rows; ++r) {
    for (std::size_t c = 0; c < d_x.channels; ++c) d_x(r, c) = T(0);
  }
  const T area = number<T>(layer.kernel * layer.kernel);
  layers::for_each_place(image, d_x.rows / image.pixels(), layer.kernel, layer.stride, 0,
                         [&](std::size_t window, std::size_t, std::size_t pixel) {
                           for (std::size_t c = 0; c < d_x.channels; ++c)
                             d_x(pixel, c) += d_y(window, c) / area;
                         });
}

// y: a row for each image.
template <class T>
void global_average_pool_forward(MatrixView<const T> x, MatrixView<T> y) {
  const std::size_t pixels = x.rows / y.rows;
  for (std::size_t r = 0; r < y.rows; ++r) {
    for (std::size_t c = 0; c < y.channels; ++c) {
      T sum(0);
      for (std::size_t p = 0; p < pixels; ++p) sum += x(r * pixels + p, c);
      y(r, c) = sum / number<T>(pixels);
    }
  }
}

// Overwrites d_x.
template <class T>
void global_average_pool_backward(MatrixView<const T> d_y, MatrixView<T> d_x) {
  const std::size_t pixels = d_x.rows / d_y.rows;
  for (std::size_t r = 0; r < d_x.rows; ++r) {
    for (std::size_t c = 0; c < d_x.channels; ++c) d_x(r, c) = d_y(r / pixels, c) / number<T>(pixels);
  }
}

}  // namespace ztilde::reference
