// Pooling of images, channels last without gaps, by oneDNN, each call on the calling thread alone.
//   x, d_x: [images, height, width, channels];  y, d_y: [images, out_height, out_width, channels]
// Windows of kernel_height × kernel_width every stride pixels, none of them over the edge. Of equal numbers
// the first in reading order is the largest and takes the gradient. The only file that knows oneDNN is
// onednn_pooling.cpp.
#pragma once

#include <compare>
#include <cstddef>
#include <memory>

namespace ztilde::kernels {

enum class PoolingKind { largest, mean };

struct PoolingShape {
  PoolingKind kind;
  std::size_t images;
  std::size_t height, width, channels;  // of x
  std::size_t kernel_height, kernel_width, stride_height, stride_width;
  auto operator<=>(const PoolingShape&) const = default;
};

class Pooling {
 public:
  // Prepares it for `workers` threads, each of which may run at the same time as the others under its own
  // index. Throws Error(data) when oneDNN cannot do it.
  Pooling(const PoolingShape& shape, std::size_t workers);
  ~Pooling();
  Pooling(Pooling&&) noexcept;

  std::size_t places_bytes() const;  // of where the largest numbers were; 0 for the mean
  // Both overwrite their result. places: places_bytes(), aligned to 64 bytes: written by forward, read by
  // backward.
  void forward(std::size_t worker, const float* x, float* y, void* places) const;
  void backward(std::size_t worker, const float* d_y, float* d_x, const void* places) const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace ztilde::kernels
