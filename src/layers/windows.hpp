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

// visit(window, place, pixel) for each of `images` images, window by window and in reading order within
// one: the pixel, counted over all images, that lies at this place (row · kernel + column) of the window,
// counted over all images too. Places over the padding are left out.
template <class Visit>
void for_each_place(const Shape& image, std::size_t images, std::size_t kernel, std::size_t stride,
                    std::size_t padding, Visit&& visit) {
  const Shape windows = windows_over(image, kernel, stride, padding, image.channels);
  for (std::size_t w = 0; w < images * windows.pixels(); ++w) {
    const std::size_t top = w % windows.pixels() / windows.width * stride, left = w % windows.width * stride;
    const std::size_t first_pixel = w / windows.pixels() * image.pixels();
    for (std::size_t place = 0; place < kernel * kernel; ++place) {
      // In the padded image; below the padding, the difference wraps around to beyond any image.
      const std::size_t y = top + place / kernel - padding, x = left + place % kernel - padding;
      if (y < image.height && x < image.width) visit(w, place, first_pixel + y * image.width + x);
    }
  }
}

}  // namespace ztilde::layers
