// What the kernels share about vectors: whole and partial loads and stores that stay inside a row,
// sums in double, and the walk over a block. Compiled once a target.
#if defined(ZTILDE_KERNELS_SIMD_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef ZTILDE_KERNELS_SIMD_INL
#undef ZTILDE_KERNELS_SIMD_INL
#else
#define ZTILDE_KERNELS_SIMD_INL
#endif

#include <algorithm>
#include <cstddef>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace ztilde::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::ScalableTag<float>;
using DD = hn::ScalableTag<double>;
using VF = hn::Vec<DF>;
using VD = hn::Vec<DD>;
constexpr std::size_t kLanes = hn::MaxLanes(DF());
constexpr std::size_t kDoubleLanes = hn::MaxLanes(DD());
// A vector of floats makes two of doubles, but for the scalar target, whose vectors are one number.
constexpr bool kTwoHalves = kLanes == 2 * kDoubleLanes;

// Masked loads and stores of these targets do not touch memory outside the mask.
#undef ZTILDE_MASKS_ARE_SAFE
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
#define ZTILDE_MASKS_ARE_SAFE 1
#else
#define ZTILDE_MASKS_ARE_SAFE 0
#endif

// kLanes floats.
struct Whole {
  HWY_INLINE VF load(const float* p) const { return hn::LoadU(DF(), p); }
  HWY_INLINE void store(VF v, float* p) const { hn::StoreU(v, DF(), p); }
  std::size_t count() const { return kLanes; }
};

// The last `count` < kLanes floats of a row; the other lanes are loaded as 0.
struct Part {
  HWY_INLINE explicit Part(std::size_t count) : mask_(hn::FirstN(DF(), count)), count_(count) {}
#if ZTILDE_MASKS_ARE_SAFE
  HWY_INLINE VF load(const float* p) const { return hn::MaskedLoad(mask_, DF(), p); }
  HWY_INLINE void store(VF v, float* p) const { hn::BlendedStore(v, mask_, DF(), p); }
#else
  HWY_INLINE VF load(const float* p) const {
    alignas(64) float lanes[kLanes] = {};
    std::copy_n(p, count_, lanes);
    return hn::Load(DF(), lanes);
  }
  HWY_INLINE void store(VF v, float* p) const {
    alignas(64) float lanes[kLanes];
    hn::Store(v, DF(), lanes);
    std::copy_n(lanes, count_, p);
  }
#endif
  std::size_t count() const { return count_; }
  hn::Mask<DF> mask() const { return mask_; }

 private:
  hn::Mask<DF> mask_;
  std::size_t count_;
};

// The doubles of a vector of floats: lanes 0 … n/2 - 1 and n/2 … n - 1.
struct Wide {
  VD low, high;
};

HWY_INLINE Wide widen(VF v) {
#if HWY_TARGET == HWY_SCALAR
  return {hn::PromoteTo(DD(), v), hn::Zero(DD())};
#else
  const hn::Half<DF> half;
  return {hn::PromoteTo(DD(), hn::LowerHalf(half, v)), hn::PromoteTo(DD(), hn::UpperHalf(half, v))};
#endif
}
HWY_INLINE Wide wide_zero() { return {hn::Zero(DD()), hn::Zero(DD())}; }
HWY_INLINE Wide operator-(const Wide& a, const Wide& b) {
  return {hn::Sub(a.low, b.low), hn::Sub(a.high, b.high)};
}
HWY_INLINE void add(const Wide& a, Wide& sum) {
  sum.low = hn::Add(sum.low, a.low);
  sum.high = hn::Add(sum.high, a.high);
}
HWY_INLINE void add_product(const Wide& a, const Wide& b, Wide& sum) {
  sum.low = hn::MulAdd(a.low, b.low, sum.low);
  sum.high = hn::MulAdd(a.high, b.high, sum.high);
}
HWY_INLINE void store_wide(const Wide& v, std::size_t count, double* p) {
  alignas(64) double lanes[2 * kDoubleLanes];
  hn::Store(v.low, DD(), lanes);
  hn::Store(v.high, DD(), lanes + kDoubleLanes);
  std::copy_n(lanes, count, p);
}
// The sum of all lanes, in the order of the lanes.
HWY_INLINE double total(const Wide& v) {
  alignas(64) double lanes[2 * kDoubleLanes];
  store_wide(v, 2 * kDoubleLanes, lanes);
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

// Calls visit(access, c) for each vector of `count` elements; access is a Whole or the last Part.
template <class Visit>
HWY_INLINE void for_each_vector(std::size_t count, const Visit& visit) {
  std::size_t c = 0;
  for (; c + kLanes <= count; c += kLanes) visit(Whole(), c);
  if (c < count) visit(Part(count - c), c);
}

// Calls visit(access, c, first_row, last_row) for all of a block, a few rows at a time: what
// belongs to the channels is loaded once for them, and memory is still walked row by row.
template <class Visit>
HWY_INLINE void for_each_tile(std::size_t rows, std::size_t channels, const Visit& visit) {
  // Rows of a few channels, as images have them, lie close together: more of them fit in the first cache.
  const std::size_t tile_rows = channels <= 64 ? 16 : 4;
  for (std::size_t first = 0; first < rows; first += tile_rows) {
    const std::size_t last = std::min(rows, first + tile_rows);
    for_each_vector(channels, [&](const auto& at, std::size_t c) HWY_ATTR { visit(at, c, first, last); });
  }
}

}  // namespace ztilde::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
