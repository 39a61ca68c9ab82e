#include "kernels/block_kernels.hpp"

#include "kernels/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/block_kernels.cpp"
#include "hwy/cache_control.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/activations-inl.hpp"
#include "kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace ztilde::kernels::HWY_NAMESPACE {

// The affine map of one vector of channels.
struct AffineVector {
  VF centre, scale, shift;
  template <class Access>
  HWY_INLINE AffineVector(const Affine& affine, const Access& at, std::size_t c)
      : centre(at.load(affine.centre + c)),
        scale(at.load(affine.scale + c)),
        shift(at.load(affine.shift + c)) {}
  HWY_INLINE VF operator()(VF x) const { return hn::MulAdd(hn::Sub(x, centre), scale, shift); }
};

void NormaliseActivate(ConstView x, const Affine& affine, ActivationKind kind, View y) {
  with_activation(kind, [&](auto g) HWY_ATTR {
    for_each_tile(x.rows, x.channels,
                  [&](const auto& at, std::size_t c, std::size_t first, std::size_t last) HWY_ATTR {
                    const AffineVector map(affine, at, c);
                    for (std::size_t r = first; r < last; ++r)
                      at.store(g.value(map(at.load(x.row(r) + c))), y.row(r) + c);
                  });
  });
}

void Activate(ConstView x, ActivationKind kind, View y) {
  with_activation(kind, [&](auto g) HWY_ATTR {
    for_each_tile(x.rows, x.channels,
                  [&](const auto& at, std::size_t c, std::size_t first, std::size_t last) HWY_ATTR {
                    for (std::size_t r = first; r < last; ++r)
                      at.store(g.value(at.load(x.row(r) + c)), y.row(r) + c);
                  });
  });
}

// An affine map, or none.
template <bool kHasMap>
struct MaybeAffine {
  template <class Access>
  HWY_INLINE MaybeAffine(const Affine& affine, const Access& at, std::size_t c) : map(affine, at, c) {}
  HWY_INLINE VF operator()(VF x) const { return map(x); }
  AffineVector map;
};
template <>
struct MaybeAffine<false> {
  template <class Access>
  HWY_INLINE MaybeAffine(const Affine&, const Access&, std::size_t) {}
  HWY_INLINE VF operator()(VF x) const { return x; }
};

template <bool kMapsX, bool kMapsY>
HWY_INLINE void add_mapped(ConstView x, const Affine& affine_x, ConstView y, const Affine& affine_y,
                           ActivationKind kind, View out) {
  with_activation(kind, [&](auto g) HWY_ATTR {
    for_each_tile(x.rows, x.channels,
                  [&](const auto& at, std::size_t c, std::size_t first, std::size_t last) HWY_ATTR {
                    const MaybeAffine<kMapsX> map_x(affine_x, at, c);
                    const MaybeAffine<kMapsY> map_y(affine_y, at, c);
                    for (std::size_t r = first; r < last; ++r) {
                      at.store(g.value(hn::Add(map_x(at.load(x.row(r) + c)), map_y(at.load(y.row(r) + c)))),
                               out.row(r) + c);
                    }
                  });
  });
}

void AddActivate(ConstView x, const Affine& affine_x, ConstView y, const Affine& affine_y,
                 ActivationKind kind, View out) {
  if (affine_x.centre) {
    affine_y.centre ? add_mapped<true, true>(x, affine_x, y, affine_y, kind, out)
                    : add_mapped<true, false>(x, affine_x, y, affine_y, kind, out);
  } else {
    affine_y.centre ? add_mapped<false, true>(x, affine_x, y, affine_y, kind, out)
                    : add_mapped<false, false>(x, affine_x, y, affine_y, kind, out);
  }
}

HWY_INLINE VF load_as_float(const Whole& at, const float* p) { return at.load(p); }
HWY_INLINE VF load_as_float(const Part& at, const float* p) { return at.load(p); }
HWY_INLINE VF load_as_float(const Whole&, const std::uint8_t* p) {
  const hn::Rebind<std::uint8_t, DF> bytes;
  return hn::ConvertTo(DF(), hn::PromoteTo(hn::RebindToSigned<DF>(), hn::LoadU(bytes, p)));
}
HWY_INLINE VF load_as_float(const Part& at, const std::uint8_t* p) {
  alignas(64) std::uint8_t lanes[kLanes] = {};
  std::copy_n(p, at.count(), lanes);
  return load_as_float(Whole(), lanes);
}

template <class Source>
HWY_INLINE void gather_rows(const Source* source, std::size_t stride, const std::uint32_t* row_index,
                            const Affine& affine, View y) {
  const auto row = [&](std::size_t r) { return source + (row_index ? row_index[r] : r) * stride; };
  // Shuffled rows lie anywhere in memory: those of the next tile are asked for while this one is read.
  const auto prefetch = [&](std::size_t first, std::size_t last) {
    for (std::size_t r = first; row_index && r < std::min(last, y.rows); ++r) {
      for (std::size_t c = 0; c < y.channels; c += 64 / sizeof(Source)) hwy::Prefetch(row(r) + c);
    }
  };
  prefetch(0, 4);
  for_each_tile(y.rows, y.channels,
                [&](const auto& at, std::size_t c, std::size_t first, std::size_t last) HWY_ATTR {
                  if (c == 0) prefetch(last, 2 * last - first);
                  if (affine.centre) {
                    const AffineVector map(affine, at, c);
                    for (std::size_t r = first; r < last; ++r)
                      at.store(map(load_as_float(at, row(r) + c)), y.row(r) + c);
                  } else {
                    for (std::size_t r = first; r < last; ++r)
                      at.store(load_as_float(at, row(r) + c), y.row(r) + c);
                  }
                });
}

void GatherBytes(const std::uint8_t* source, std::size_t stride, const std::uint32_t* row_index,
                 const Affine& affine, View y) {
  gather_rows(source, stride, row_index, affine, y);
}
void GatherFloats(const float* source, std::size_t stride, const std::uint32_t* row_index,
                  const Affine& affine, View y) {
  gather_rows(source, stride, row_index, affine, y);
}

}  // namespace ztilde::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ztilde::kernels {

HWY_EXPORT(NormaliseActivate);
HWY_EXPORT(Activate);
HWY_EXPORT(AddActivate);
HWY_EXPORT(GatherBytes);
HWY_EXPORT(GatherFloats);

void normalise_activate(ConstView x, const Affine& affine, ActivationKind g, View y) {
  HWY_DYNAMIC_DISPATCH(NormaliseActivate)(x, affine, g, y);
}
void add_activate(ConstView x, const Affine& affine_x, ConstView y, const Affine& affine_y, ActivationKind g,
                  View out) {
  HWY_DYNAMIC_DISPATCH(AddActivate)(x, affine_x, y, affine_y, g, out);
}
void add(ConstView x, View y) { add_activate(x, {}, y, {}, ActivationKind::identity, y); }
void activate(ConstView x, ActivationKind g, View y) { HWY_DYNAMIC_DISPATCH(Activate)(x, g, y); }
void gather(const std::uint8_t* source, std::size_t source_stride, const std::uint32_t* row_index,
            const Affine& affine, View y) {
  HWY_DYNAMIC_DISPATCH(GatherBytes)(source, source_stride, row_index, affine, y);
}
void gather(const float* source, std::size_t source_stride, const std::uint32_t* row_index,
            const Affine& affine, View y) {
  HWY_DYNAMIC_DISPATCH(GatherFloats)(source, source_stride, row_index, affine, y);
}

std::int64_t supported_targets() { return (hwy::SupportedTargets() | HWY_STATIC_TARGET) & HWY_TARGETS; }

void force_target(std::int64_t target) {
  hwy::SetSupportedTargetsForTest(target);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace ztilde::kernels
#endif
