// The three convolutions of a Conv2d layer, by oneDNN, each on the calling thread alone.
//   forward:          y [images, out_height, out_width, outputs] = x [images, height, width, inputs] ∗ W + b
//   input_gradient:   d_x from d_y and W
//   weight_gradient:  d_W from x and d_y
// Images are channels last without gaps. W as the arena has it: [outputs, inputs, kernel, kernel]
// (depthwise: [outputs, 1, kernel, kernel]); the calls take it packed, as oneDNN likes it best, which depends
// on everything in the shape but the number of images. The only file that knows oneDNN is
// onednn_convolution.cpp.
#pragma once

#include <compare>
#include <cstddef>
#include <memory>

namespace ztilde::kernels {

enum class ConvolutionKind { forward, input_gradient, weight_gradient };

struct ConvolutionShape {
  ConvolutionKind kind;
  std::size_t images;
  std::size_t height, width, inputs;  // of x
  std::size_t outputs, kernel, stride, padding;
  bool depthwise = false;
  bool bias = false;  // forward only
  auto operator<=>(const ConvolutionShape&) const = default;

  // Requires that at least one window fits.
  std::size_t out_height() const { return (height + 2 * padding - kernel) / stride + 1; }
  std::size_t out_width() const { return (width + 2 * padding - kernel) / stride + 1; }
};

class Convolution {
 public:
  // Prepares it for `workers` threads, each of which may call run() at the same time as the others under
  // its own index. Throws Error(data) when oneDNN cannot do it.
  Convolution(const ConvolutionShape& shape, std::size_t workers);
  ~Convolution();
  Convolution(Convolution&&) noexcept;

  std::size_t scratch_bytes() const;
  std::size_t packed_floats() const;  // of W or d_W as run() takes it
  // weight: as the arena has it; packed: packed_floats(), aligned to 64 bytes. For forward and
  // input_gradient. May run at the same time on different workers.
  void pack_weight(std::size_t worker, const float* weight, float* packed) const;
  // The other way, for weight_gradient: what run() wrote, or a sum of such, to the arena's layout.
  void unpack_gradient(std::size_t worker, const float* packed, float* d_weight) const;
  // x, y, packed weight play the roles of the comment above whichever way it goes; the one that is the
  // result is overwritten. bias: [outputs], or null. scratch: scratch_bytes(), aligned to 64 bytes.
  void run(std::size_t worker, const float* x, const float* packed, const float* bias, const float* y,
           void* scratch) const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace ztilde::kernels
