// Windows of kernel × kernel pixels over an image, every stride pixels.
#pragma once

#include <cstddef>

#include "ztilde/network.hpp"

namespace ztilde::layers {

// What a kernel, a stride or a padding may be: far above any use, far below any overflow.
constexpr std::size_t kMostWindow = 1 << 12;

// How many windows there are along `size` pixels with `padding` more on both sides; 0 where none fits.
constexpr std::size_t windows_along(std::size_t size, std::size_t kernel, std::size_t stride,
                                    std::size_t padding) {
  return size + 2 * padding < kernel ? 0 : (size + 2 * padding - kernel) / stride + 1;
}

inline Shape windows_over(const Shape& input, std::size_t kernel, std::size_t stride, std::size_t padding,
                          std::size_t channels) {
  return {windows_along(input.height, kernel, stride, padding),
          windows_along(input.width, kernel, stride, padding), channels};
}

}  // namespace ztilde::layers
