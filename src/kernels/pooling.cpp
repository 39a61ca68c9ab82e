#include "kernels/pooling.hpp"

#include <algorithm>
#include <cstdint>

#include "kernels/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pooling.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace ztilde::kernels::HWY_NAMESPACE {

using DI = hn::RebindToSigned<DF>;
using VI = hn::Vec<DI>;

// The size of a window; that of 2 × 2 is known to the compiler, which unrolls it.
struct AnyWindow {
  std::size_t height, width;
};
struct TwoByTwo {
  static constexpr std::size_t height = 2, width = 2;
};
template <class Visit>
HWY_INLINE void with_window(const PoolingShape& s, const Visit& visit) {
  if (s.kernel_height == 2 && s.kernel_width == 2) return visit(TwoByTwo());
  visit(AnyWindow{s.kernel_height, s.kernel_width});
}

// Calls visit(offset in x, number of the pixel) for a window's pixels after the first, in reading order.
template <class Window, class Visit>
HWY_INLINE void for_each_after_first(const Window& window, std::size_t row, std::size_t pixel,
                                     const Visit& visit) {
  for (std::size_t u = 0; u < window.height; ++u) {
    for (std::size_t v = u == 0 ? 1 : 0; v < window.width; ++v)
      visit(u * row + v * pixel, u * window.width + v);
  }
}

// Calls visit(access, offset in x, offset in y) for each vector of channels of each window.
template <class Visit>
HWY_INLINE void for_each_window(const PoolingShape& s, const Visit& visit) {
  const std::size_t pixel = s.channels, row = s.width * pixel, out_height = s.out_height(),
                    out_width = s.out_width();
  std::size_t y = 0;
  for (std::size_t n = 0; n < s.images; ++n) {
    for (std::size_t h = 0; h < out_height; ++h) {
      const std::size_t x = (n * s.height + h * s.stride_height) * row;
      for (std::size_t w = 0; w < out_width; ++w, y += pixel) {
        for_each_vector(pixel, [&](const auto& at, std::size_t c)
                                   HWY_ATTR { visit(at, x + w * s.stride_width * pixel + c, y + c); });
      }
    }
  }
}

// Which pixel of the window was the largest, one number a channel.
HWY_INLINE void store_places(const Whole&, VI places, std::uint8_t* p) {
  hn::StoreU(hn::DemoteTo(hn::Rebind<std::uint8_t, DF>(), places), hn::Rebind<std::uint8_t, DF>(), p);
}
HWY_INLINE void store_places(const Whole&, VI places, std::int32_t* p) { hn::StoreU(places, DI(), p); }
template <class Place>
HWY_INLINE void store_places(const Part& at, VI places, Place* p) {
  alignas(64) Place lanes[kLanes];
  store_places(Whole(), places, lanes);
  std::copy_n(lanes, at.count(), p);
}
HWY_INLINE VI load_places(const Whole&, const std::uint8_t* p) {
  return hn::PromoteTo(DI(), hn::LoadU(hn::Rebind<std::uint8_t, DF>(), p));
}
HWY_INLINE VI load_places(const Whole&, const std::int32_t* p) { return hn::LoadU(DI(), p); }
template <class Place>
HWY_INLINE VI load_places(const Part& at, const Place* p) {
  alignas(64) Place lanes[kLanes] = {};
  std::copy_n(p, at.count(), lanes);
  return load_places(Whole(), lanes);
}

template <class Place>
HWY_INLINE void largest_of_windows(const PoolingShape& s, const float* x, float* y, Place* places) {
  with_window(s, [&](const auto& window) HWY_ATTR {
    for_each_window(s, [&](const auto& at, std::size_t from, std::size_t to) HWY_ATTR {
      VF best = at.load(x + from);
      VI place = hn::Zero(DI());
      for_each_after_first(window, s.width * s.channels, s.channels,
                           [&](std::size_t offset, std::size_t number) HWY_ATTR {
                             const VF value = at.load(x + from + offset);
                             // Not "at most": true of a NaN too, which nothing after it replaces.
                             const auto larger = hn::AndNot(hn::IsNaN(best), hn::Not(hn::Le(value, best)));
                             best = hn::IfThenElse(larger, value, best);
                             place = hn::IfThenElse(hn::RebindMask(DI(), larger),
                                                    hn::Set(DI(), static_cast<std::int32_t>(number)), place);
                           });
      at.store(best, y + to);
      if (places) store_places(at, place, places + to);
    });
  });
}

HWY_INLINE void means_of_windows(const PoolingShape& s, const float* x, float* y) {
  const VF inverse = hn::Set(DF(), 1.0f / static_cast<float>(s.window()));
  with_window(s, [&](const auto& window) HWY_ATTR {
    for_each_window(s, [&](const auto& at, std::size_t from, std::size_t to) HWY_ATTR {
      VF sum = at.load(x + from);
      for_each_after_first(window, s.width * s.channels, s.channels,
                           [&](std::size_t offset, std::size_t)
                               HWY_ATTR { sum = hn::Add(sum, at.load(x + from + offset)); });
      at.store(hn::Mul(sum, inverse), y + to);
    });
  });
}

// Writes gradient(access, offset in y)(number of the pixel) to every pixel of every window: adds it where
// windows overlap, and begins with zeros where they do not cover the image.
template <class Gradient>
HWY_INLINE void spread(const PoolingShape& s, float* d_x, const Gradient& gradient) {
  const bool overlap = s.stride_height < s.kernel_height || s.stride_width < s.kernel_width;
  const bool cover =
      s.out_height() * s.kernel_height == s.height && s.out_width() * s.kernel_width == s.width;
  if (overlap || !cover) std::fill_n(d_x, s.images * s.height * s.width * s.channels, 0.0f);
  with_window(s, [&](const auto& window) HWY_ATTR {
    for_each_window(s, [&](const auto& at, std::size_t from, std::size_t to) HWY_ATTR {
      const auto of_pixel = gradient(at, to);
      const auto put = [&](std::size_t offset, std::size_t number) HWY_ATTR {
        float* p = d_x + from + offset;
        const VF value = of_pixel(number);
        at.store(overlap ? hn::Add(at.load(p), value) : value, p);
      };
      put(0, 0);
      for_each_after_first(window, s.width * s.channels, s.channels, put);
    });
  });
}

template <class Place>
HWY_INLINE void spread_to_largest(const PoolingShape& s, const float* d_y, float* d_x, const Place* places) {
  spread(s, d_x, [&](const auto& at, std::size_t y) HWY_ATTR {
    const VF d = at.load(d_y + y);
    const VI place = load_places(at, places + y);
    return [d, place](std::size_t number) HWY_ATTR {
      const auto here = hn::Eq(place, hn::Set(DI(), static_cast<std::int32_t>(number)));
      return hn::IfThenElseZero(hn::RebindMask(DF(), here), d);
    };
  });
}

// A place is a byte where the window has no more than 256 pixels.
void PoolForward(const PoolingShape& s, const float* x, float* y, void* places) {
  if (s.kind == PoolingKind::mean) return means_of_windows(s, x, y);
  if (s.window() <= 256) return largest_of_windows(s, x, y, static_cast<std::uint8_t*>(places));
  largest_of_windows(s, x, y, static_cast<std::int32_t*>(places));
}

void PoolBackward(const PoolingShape& s, const float* d_y, float* d_x, const void* places) {
  if (s.kind == PoolingKind::mean) {
    const VF inverse = hn::Set(DF(), 1.0f / static_cast<float>(s.window()));
    return spread(s, d_x, [&](const auto& at, std::size_t y) HWY_ATTR {
      const VF share = hn::Mul(at.load(d_y + y), inverse);
      return [share](std::size_t) HWY_ATTR { return share; };
    });
  }
  if (s.window() <= 256) return spread_to_largest(s, d_y, d_x, static_cast<const std::uint8_t*>(places));
  spread_to_largest(s, d_y, d_x, static_cast<const std::int32_t*>(places));
}

}  // namespace ztilde::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ztilde::kernels {

HWY_EXPORT(PoolForward);
HWY_EXPORT(PoolBackward);

std::size_t Pooling::places_bytes() const {
  if (shape_.kind == PoolingKind::mean) return 0;
  return shape_.images * shape_.out_height() * shape_.out_width() * shape_.channels *
         (shape_.window() <= 256 ? sizeof(std::uint8_t) : sizeof(std::int32_t));
}

void Pooling::forward(const float* x, float* y, void* places) const {
  HWY_DYNAMIC_DISPATCH(PoolForward)(shape_, x, y, places);
}
void Pooling::backward(const float* d_y, float* d_x, const void* places) const {
  HWY_DYNAMIC_DISPATCH(PoolBackward)(shape_, d_y, d_x, places);
}

}  // namespace ztilde::kernels
#endif
