#include "plan/augment.hpp"

#include <algorithm>

namespace ztilde {
namespace {

// Random numbers of one row; what is not drawn keeps its place, so that one option changes nothing of
// another.
enum Draw : std::uint64_t { kFlip, kRight, kDown, kHoleX, kHoleY, kDraws = 8 };

// Pixels first … end - 1 of an axis.
struct Interval {
  std::size_t first = 0, end = 0;
};

// Of `length` pixels, those that a shift by `by` leaves something in.
Interval filled(std::size_t length, std::ptrdiff_t by) {
  const auto size = static_cast<std::ptrdiff_t>(length);
  return {static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(by, 0, size)),
          static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(size + by, 0, size))};
}

Interval hole(std::size_t centre, std::size_t side, std::size_t length) {
  const std::size_t before = side / 2;
  return {std::max(centre, before) - before, std::min(centre + side - before, length)};
}

// Some numbers of one row of pixels, [begin, end) of width · channels, to `out`.
template <class Source>
void changed_row(const Source* row, const Shape& shape, const ImageChange& change, std::size_t begin,
                 std::size_t end, float* out) {
  const Interval inside = filled(shape.width, change.right);
  const std::size_t channels = shape.channels;
  const std::size_t from = std::clamp(inside.first * channels, begin, end);
  const std::size_t to = std::clamp(inside.end * channels, from, end);
  std::fill(out, out + (from - begin), 0.0f);
  std::fill(out + (to - begin), out + (end - begin), 0.0f);
  if (!change.flip) {
    const std::ptrdiff_t back = change.right * static_cast<std::ptrdiff_t>(channels);
    for (std::size_t i = from; i < to; ++i)
      out[i - begin] = static_cast<float>(row[static_cast<std::ptrdiff_t>(i) - back]);
    return;
  }
  for (std::size_t i = from; i < to;) {
    const std::size_t x = i / channels, next = std::min((x + 1) * channels, to);
    const auto mirrored =
        static_cast<std::size_t>(static_cast<std::ptrdiff_t>(shape.width - 1 - x) + change.right);
    for (const Source* pixel = row + mirrored * channels; i < next; ++i)
      out[i - begin] = static_cast<float>(pixel[i - x * channels]);
  }
}

template <class Source>
void changed(const Source* image, const Shape& shape, const ImageChange& change, std::size_t first,
             std::size_t count, float* out) {
  const std::size_t line = shape.width * shape.channels, last = first + count;
  const Interval inside = filled(shape.height, change.down);
  for (std::size_t y = first / line; y * line < last; ++y) {
    const std::size_t begin = std::max(first, y * line) - y * line;
    const std::size_t end = std::min(last, (y + 1) * line) - y * line;
    float* to = out + (y * line + begin - first);
    if (y < inside.first || y >= inside.end) {
      std::fill(to, to + (end - begin), 0.0f);
      continue;
    }
    const auto source = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(y) - change.down);
    changed_row(image + source * line, shape, change, begin, end, to);
    if (y < change.hole_top || y >= change.hole_bottom) continue;
    const std::size_t left = std::clamp(change.hole_left * shape.channels, begin, end);
    const std::size_t right = std::clamp(change.hole_right * shape.channels, left, end);
    std::fill(to + (left - begin), to + (right - begin), 0.0f);
  }
}

}  // namespace

ImageChange change_of(const AugmentedRows& rows, std::size_t row) {
  const Augmentation& given = rows.augmentation;
  const std::uint64_t draws = std::uint64_t{kDraws} * (rows.first_row + row);
  const auto below = [&](std::size_t bound, Draw draw) {
    return rows.chance.below(static_cast<std::uint32_t>(bound), draws + draw);
  };
  const auto shift = [&](Draw draw) {
    return static_cast<std::ptrdiff_t>(below(2 * given.shift + 1, draw)) -
           static_cast<std::ptrdiff_t>(given.shift);
  };
  ImageChange change;
  change.flip = given.flip && below(2, kFlip) == 1;
  if (given.shift > 0) {
    change.right = shift(kRight);
    change.down = shift(kDown);
  }
  if (given.cutout > 0) {
    const Interval x = hole(below(rows.image.width, kHoleX), given.cutout, rows.image.width);
    const Interval y = hole(below(rows.image.height, kHoleY), given.cutout, rows.image.height);
    change.hole_left = x.first;
    change.hole_right = x.end;
    change.hole_top = y.first;
    change.hole_bottom = y.end;
  }
  return change;
}

void changed_image(const std::uint8_t* image, const Shape& shape, const ImageChange& change,
                   std::size_t first, std::size_t count, float* out) {
  changed(image, shape, change, first, count, out);
}

void changed_image(const float* image, const Shape& shape, const ImageChange& change, std::size_t first,
                   std::size_t count, float* out) {
  changed(image, shape, change, first, count, out);
}

}  // namespace ztilde
