// Images brought to another size.
#pragma once

#include <cstdint>

#include "data/image_file.hpp"
#include "ztilde/dataset.hpp"

namespace ztilde {

constexpr std::size_t kMostResizedSide = 4096;

// Stretches or shrinks each axis by itself, so that nothing is cut off: where it gets smaller, a new pixel
// is the mean of the area it covers; where it gets larger, it lies between the two nearest pixels
// (bilinear, the outermost going on beyond their centres). Exact but for one rounding, halves up.
//   out: [to.height, to.width, image.channels]
void resize(const Image& image, ImageSize to, std::uint8_t* out);

}  // namespace ztilde
