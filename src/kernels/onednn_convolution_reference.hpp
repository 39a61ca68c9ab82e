// Scalar twins of onednn_convolution.hpp in any real number type, with W as the arena has it.
#pragma once

#include <cstddef>

#include "kernels/onednn_convolution.hpp"

namespace ztilde::kernels::reference {

// Calls visit(i, w, o) for every product x[i] · W[w] that is part of y[o], pixel by pixel of y.
template <class Visit>
void for_each_term(const ConvolutionShape& s, const Visit& visit) {
  const std::size_t summed = s.depthwise ? 1 : s.inputs;
  std::size_t o = 0;
  for (std::size_t n = 0; n < s.images; ++n) {
    for (std::size_t row = 0; row < s.out_height(); ++row) {
      for (std::size_t column = 0; column < s.out_width(); ++column) {
        for (std::size_t output = 0; output < s.outputs; ++output, ++o) {
          std::size_t w = output * summed * s.kernel * s.kernel;
          for (std::size_t input = 0; input < summed; ++input) {
            for (std::size_t u = 0; u < s.kernel; ++u) {
              for (std::size_t v = 0; v < s.kernel; ++v, ++w) {
                // Over the upper or left edge these wrap round and are past the image too.
                const std::size_t y = row * s.stride + u - s.padding, x = column * s.stride + v - s.padding;
                if (y >= s.height || x >= s.width) continue;
                visit(((n * s.height + y) * s.width + x) * s.inputs + (s.depthwise ? output : input), w, o);
              }
            }
          }
        }
      }
    }
  }
}

// Each adds to its result.
template <class T>
void convolve(const ConvolutionShape& s, const T* x, const T* weight, T* y) {
  for_each_term(s, [&](std::size_t i, std::size_t w, std::size_t o) { y[o] += x[i] * weight[w]; });
}
template <class T>
void convolution_input_gradient(const ConvolutionShape& s, const T* d_y, const T* weight, T* d_x) {
  for_each_term(s, [&](std::size_t i, std::size_t w, std::size_t o) { d_x[i] += d_y[o] * weight[w]; });
}
template <class T>
void convolution_weight_gradient(const ConvolutionShape& s, const T* x, const T* d_y, T* d_weight) {
  for_each_term(s, [&](std::size_t i, std::size_t w, std::size_t o) { d_weight[w] += x[i] * d_y[o]; });
}

}  // namespace ztilde::kernels::reference
