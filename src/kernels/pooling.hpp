// Pooling of images, channels last without gaps, each channel by itself.
//   x, d_x: [images, height, width, channels];  y, d_y: [images, out_height, out_width, channels]
// Windows of kernel_height × kernel_width every stride pixels, none of them over the edge. Of equal numbers
// the first in reading order is the largest and takes the gradient; a NaN is larger than any number. Ours,
// for oneDNN's pooling makes the least float of NaN and of -infinity. Scalar twin: pooling_reference.hpp.
#pragma once

#include <compare>
#include <cstddef>

namespace ztilde::kernels {

enum class PoolingKind { largest, mean };

struct PoolingShape {
  PoolingKind kind;
  std::size_t images;
  std::size_t height, width, channels;  // of x
  std::size_t kernel_height, kernel_width, stride_height, stride_width;
  auto operator<=>(const PoolingShape&) const = default;

  // Requires that at least one window fits.
  std::size_t out_height() const { return (height - kernel_height) / stride_height + 1; }
  std::size_t out_width() const { return (width - kernel_width) / stride_width + 1; }
  std::size_t window() const { return kernel_height * kernel_width; }
};

class Pooling {
 public:
  explicit Pooling(const PoolingShape& shape) : shape_(shape) {}

  std::size_t places_bytes() const;  // of where the largest numbers were; 0 for the mean
  // Both overwrite their result. places: places_bytes(), aligned to 4 bytes: written by forward, read by
  // backward; forward leaves it alone where it is null.
  void forward(const float* x, float* y, void* places) const;
  void backward(const float* d_y, float* d_x, const void* places) const;

 private:
  PoolingShape shape_;
};

}  // namespace ztilde::kernels
