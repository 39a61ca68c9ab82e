#include "data/resize.hpp"

#include <algorithm>
#include <vector>

namespace ztilde {
namespace {

// What the pixels of an axis become: weights[first of the pixel … + count] of the old ones from `from` on,
// whole numbers with the sum `total`. Of 10^8 pixels at most, and so the product of both axes' totals
// times 255 stays below 2^63: a total is the old length, or twice the new one, kMostResizedSide at most.
struct Axis {
  struct Pixel {
    std::size_t from, first, count;
  };
  std::vector<Pixel> pixels;
  std::vector<std::uint64_t> weights;
  std::uint64_t total = 1;
};

// In units of 1/to of an old pixel, new pixel i covers i · from … (i + 1) · from, and old pixel s
// s · to … (s + 1) · to.
Axis area_means(std::size_t from, std::size_t to) {
  Axis axis;
  axis.total = from;
  for (std::size_t i = 0; i < to; ++i) {
    const std::size_t begin = i * from, end = begin + from, first = begin / to, last = (end - 1) / to;
    axis.pixels.push_back({first, axis.weights.size(), last - first + 1});
    for (std::size_t s = first; s <= last; ++s) {
      axis.weights.push_back(std::min(end, (s + 1) * to) - std::max(begin, s * to));
    }
  }
  return axis;
}

// In units of 1/(2 · to) of an old pixel, the centre of new pixel i is at (2 i + 1) · from, and that of
// old pixel s at (2 s + 1) · to.
Axis between_neighbours(std::size_t from, std::size_t to) {
  Axis axis;
  axis.total = 2 * to;
  for (std::size_t i = 0; i < to; ++i) {
    const std::size_t centre = (2 * i + 1) * from;
    const std::size_t beyond = std::max(centre, to) - to;  // the first old pixel's centre
    const std::size_t s = std::min(beyond / (2 * to), from - 1);
    const std::size_t second = s + 1 < from ? beyond - s * 2 * to : 0;
    axis.pixels.push_back({s, axis.weights.size(), second > 0 ? 2u : 1u});
    axis.weights.push_back(2 * to - second);
    if (second > 0) axis.weights.push_back(second);
  }
  return axis;
}

Axis axis_of(std::size_t from, std::size_t to) {
  return to <= from ? area_means(from, to) : between_neighbours(from, to);
}

}  // namespace

void resize(const Image& image, ImageSize to, std::uint8_t* out) {
  if (image.width == to.width && image.height == to.height) {
    std::copy(image.pixels.begin(), image.pixels.end(), out);
    return;
  }
  const Axis across = axis_of(image.width, to.width), down = axis_of(image.height, to.height);
  const std::uint64_t total = across.total * down.total;
  const std::size_t row_numbers = image.width * image.channels;
  std::vector<std::uint64_t> row(row_numbers);
  for (const Axis::Pixel& y : down.pixels) {
    std::fill(row.begin(), row.end(), 0);
    for (std::size_t i = 0; i < y.count; ++i) {
      const std::uint64_t weight = down.weights[y.first + i];
      const std::uint8_t* from = image.pixels.data() + (y.from + i) * row_numbers;
      for (std::size_t n = 0; n < row_numbers; ++n) row[n] += weight * from[n];
    }
    for (const Axis::Pixel& x : across.pixels) {
      for (std::size_t c = 0; c < image.channels; ++c) {
        std::uint64_t sum = total / 2;
        for (std::size_t i = 0; i < x.count; ++i)
          sum += across.weights[x.first + i] * row[(x.from + i) * image.channels + c];
        *out++ = static_cast<std::uint8_t>(sum / total);
      }
    }
  }
}

}  // namespace ztilde
