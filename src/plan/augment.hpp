// Training images changed by chance (ztilde/train.hpp: Augmentation): flipped, then shifted, then with a
// square cut out. What chance says depends on seed, step and row of the step alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/random.hpp"
#include "ztilde/network.hpp"
#include "ztilde/train.hpp"

namespace ztilde {

// What is done to the rows of a batch as they are gathered.
struct AugmentedRows {
  Augmentation augmentation;
  Shape image;
  RandomStream chance;        // of the step
  std::size_t first_row = 0;  // of the batch, among the rows of the step
};

// What chance does to one image. The hole is pixels left … right − 1 of the rows top … bottom − 1.
struct ImageChange {
  bool flip = false;
  std::ptrdiff_t right = 0, down = 0;  // what the image is shifted by
  std::size_t hole_left = 0, hole_top = 0, hole_right = 0, hole_bottom = 0;
  bool operator==(const ImageChange&) const = default;
};

// For a row of the step. Requires shift < height and width, and cutout up to 2^31.
ImageChange change_of(const AugmentedRows& rows, std::size_t row);

// out: features [first, first + count) of the changed image. Pixel x of row y is pixel x − right (flipped:
// width − 1 − that) of row y − down, and 0 beyond the image and in the hole.
void changed_image(const std::uint8_t* image, const Shape& shape, const ImageChange& change,
                   std::size_t first, std::size_t count, float* out);
void changed_image(const float* image, const Shape& shape, const ImageChange& change, std::size_t first,
                   std::size_t count, float* out);

}  // namespace ztilde
