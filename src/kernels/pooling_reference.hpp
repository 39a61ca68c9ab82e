// Scalar twin of pooling.hpp in any real number type: what it means, window by window.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "kernels/pooling.hpp"

namespace ztilde::kernels::reference {

// Calls visit(i, o, first) for every pixel of every window: x[i] is a pixel of the window of y[o], `first`
// whether it is its first. In the order of y, and within a window in reading order.
template <class Visit>
void for_each_pixel_of_windows(const PoolingShape& s, const Visit& visit) {
  std::size_t o = 0;
  for (std::size_t n = 0; n < s.images; ++n) {
    for (std::size_t row = 0; row < s.out_height(); ++row) {
      for (std::size_t column = 0; column < s.out_width(); ++column) {
        for (std::size_t c = 0; c < s.channels; ++c, ++o) {
          for (std::size_t u = 0; u < s.kernel_height; ++u) {
            for (std::size_t v = 0; v < s.kernel_width; ++v) {
              const std::size_t y = row * s.stride_height + u, x = column * s.stride_width + v;
              visit(((n * s.height + y) * s.width + x) * s.channels + c, o, u == 0 && v == 0);
            }
          }
        }
      }
    }
  }
}

// largest: the index in x of each y, where that is the kind.
template <class T>
void pool(const PoolingShape& s, const T* x, T* y, std::vector<std::size_t>& largest) {
  largest.assign(s.images * s.out_height() * s.out_width() * s.channels, 0);
  for_each_pixel_of_windows(s, [&](std::size_t i, std::size_t o, bool first) {
    if (s.kind == PoolingKind::mean) {
      y[o] = (first ? T{0} : y[o]) + x[i] / static_cast<T>(s.window());
    } else if (first || x[i] > y[o] || (std::isnan(x[i]) && !std::isnan(y[o]))) {
      y[o] = x[i];
      largest[o] = i;
    }
  });
}

template <class T>
void pool_backward(const PoolingShape& s, const T* d_y, T* d_x, const std::vector<std::size_t>& largest) {
  for (std::size_t i = 0; i < s.images * s.height * s.width * s.channels; ++i) d_x[i] = 0;
  for_each_pixel_of_windows(s, [&](std::size_t i, std::size_t o, bool) {
    if (s.kind == PoolingKind::mean) {
      d_x[i] += d_y[o] / static_cast<T>(s.window());
    } else if (largest[o] == i) {
      d_x[i] += d_y[o];
    }
  });
}

}  // namespace ztilde::kernels::reference
