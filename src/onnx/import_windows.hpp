// What Conv and the poolings have in common: the attributes of a window over images, read and checked.
#pragma once

#include <cstddef>

#include "onnx/import_walk.hpp"

namespace ztilde::onnx_import {

// Two of everything: along the height and along the width.
struct Windows {
  std::size_t kernel[2] = {1, 1};  // dilation included
  std::size_t stride[2] = {1, 1};
  std::size_t dilation[2] = {1, 1};
  std::size_t before[2] = {0, 0}, after[2] = {0, 0};  // padding
  std::size_t size[2] = {0, 0};                       // of the image that enters
  std::size_t outputs[2] = {0, 0};                    // windows along each

  bool is_padded() const { return before[0] + before[1] + after[0] + after[1] > 0; }
};

// images: what enters the node, [channels, height, width] or refused. kernel: {height, width}, from the
// weight of a convolution or the node's kernel_shape.
Windows read_windows(const Node& node, const Flow& images, const Dims& kernel);

// The images that a node works on: four dimensions, channels first; anything else is refused.
Flow read_images(Walk& walk, const Node& node, const char* layer);

}  // namespace ztilde::onnx_import
