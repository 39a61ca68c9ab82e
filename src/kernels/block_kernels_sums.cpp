// The kernels that sum down the rows of a block, and the backward pass. All sums are in double, in
// the order of the rows. Products of two floats are exact in double, so where the summands are
// floats the sums have the same bits on every target.
#include <type_traits>

#include "kernels/block_kernels.hpp"
#include "kernels/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/block_kernels_sums.cpp"
#include "hwy/cache_control.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/activations-inl.hpp"
#include "kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace ztilde::kernels::HWY_NAMESPACE {

// x - shift is taken in double, where it is exact: an outlier in the first row does no harm.
struct ShiftedSums {
  Wide shift, sum = wide_zero(), squares = wide_zero();
  HWY_INLINE void add_row(VF x) {
    const Wide distance = widen(x) - shift;
    add(distance, sum);
    add_product(distance, distance, squares);
  }
};

// Where a kernel's result goes besides: nowhere, or past the caches to memory.
struct Nowhere {
  HWY_INLINE void operator()(VF, std::size_t, std::size_t) const {}
};
struct PastCaches {
  View out;
  HWY_INLINE void operator()(VF v, std::size_t r, std::size_t c) const {
    hn::Stream(v, DF(), out.row(r) + c);
  }
};

template <class Put>
HWY_INLINE void shifted_sums_of(ConstView x, float* shift, double* sum, double* sum_squares, const Put& put) {
  std::copy_n(x.data, x.channels, shift);
  std::size_t c = 0;
  // Two vectors at a time hide the latency of the additions.
  for (; c + 2 * kLanes <= x.channels; c += 2 * kLanes) {
    ShiftedSums a{widen(hn::LoadU(DF(), x.data + c))};
    ShiftedSums b{widen(hn::LoadU(DF(), x.data + c + kLanes))};
    for (std::size_t r = 0; r < x.rows; ++r) {
      const VF of_a = hn::LoadU(DF(), x.row(r) + c), of_b = hn::LoadU(DF(), x.row(r) + c + kLanes);
      put(of_a, r, c);
      put(of_b, r, c + kLanes);
      a.add_row(of_a);
      b.add_row(of_b);
    }
    store_wide(a.sum, kLanes, sum + c);
    store_wide(a.squares, kLanes, sum_squares + c);
    store_wide(b.sum, kLanes, sum + c + kLanes);
    store_wide(b.squares, kLanes, sum_squares + c + kLanes);
  }
  for_each_vector(x.channels - c, [&](const auto& at, std::size_t i) HWY_ATTR {
    ShiftedSums a{widen(at.load(x.data + c + i))};
    for (std::size_t r = 0; r < x.rows; ++r) {
      const VF of_a = at.load(x.row(r) + c + i);
      put(of_a, r, c + i);
      a.add_row(of_a);
    }
    store_wide(a.sum, at.count(), sum + c + i);
    store_wide(a.squares, at.count(), sum_squares + c + i);
  });
}

void ShiftedSumsOf(ConstView x, float* shift, double* sum, double* sum_squares, View moved) {
  if (moved.data == nullptr) return shifted_sums_of(x, shift, sum, sum_squares, Nowhere());
  shifted_sums_of(x, shift, sum, sum_squares, PastCaches{moved});
  hwy::FlushStream();
}

// One vector at a time: weights are rare.
void WeightedSumsOf(ConstView x, const float* weights, float* shift, double* sum, double* sum_squares) {
  std::size_t first = 0;
  while (first + 1 < x.rows && weights[first] == 0) ++first;
  std::copy_n(x.row(first), x.channels, shift);
  for_each_vector(x.channels, [&](const auto& at, std::size_t c) HWY_ATTR {
    const Wide centre = widen(at.load(shift + c));
    Wide total = wide_zero(), squares = wide_zero();
    for (std::size_t r = 0; r < x.rows; ++r) {
      if (weights[r] == 0) continue;  // whatever it holds, it does not count
      const Wide distance = widen(at.load(x.row(r) + c)) - centre;
      const Wide weight = widen(hn::Set(DF(), weights[r]));
      const Wide weighted = {hn::Mul(distance.low, weight.low), hn::Mul(distance.high, weight.high)};
      add(weighted, total);
      add_product(weighted, distance, squares);
    }
    store_wide(total, at.count(), sum + c);
    store_wide(squares, at.count(), sum_squares + c);
  });
}

void ColumnSums(ConstView d, double* sum) {
  for_each_vector(d.channels, [&](const auto& at, std::size_t c) HWY_ATTR {
    Wide total_of = wide_zero();
    for (std::size_t r = 0; r < d.rows; ++r) add(widen(at.load(d.row(r) + c)), total_of);
    store_wide(total_of, at.count(), sum + c);
  });
}

// One vector of channels on its way down the rows.
template <bool kKeepsValue, bool kMoves, class G, class Access>
struct BackwardVector {
  Access at;
  std::size_t c;
  VF centre, scale, shift;
  Wide total_d = wide_zero(), total_dx = wide_zero();

  HWY_INLINE BackwardVector(const Affine& affine, const Access& access, std::size_t first)
      : at(access),
        c(first),
        centre(at.load(affine.centre + c)),
        scale(at.load(affine.scale + c)),
        shift(at.load(affine.shift + c)) {}
  HWY_INLINE void add_row(const float* x, float* d, float* y, float* moved) {
    const VF distance = hn::Sub(at.load(x + c), centre);
    const VF z = hn::MulAdd(distance, scale, shift);
    const VF d_z = G::slope(z, at.load(d + c));
    if constexpr (kMoves) {
      hn::Stream(d_z, DF(), moved + c);
    } else {
      at.store(d_z, d + c);
    }
    if constexpr (kKeepsValue) at.store(G::value(z), y + c);
    const Wide wide_d = widen(d_z);
    add(wide_d, total_d);
    add_product(wide_d, widen(distance), total_dx);
  }
  HWY_INLINE void store(double* sum_d, double* sum_dx) const {
    store_wide(total_d, at.count(), sum_d + c);
    store_wide(total_dx, at.count(), sum_dx + c);
  }
};

template <bool kKeepsValue, bool kMoves>
HWY_INLINE void normalise_activate_backward_of(ConstView x, const Affine& affine, ActivationKind kind, View d,
                                               double* sum_d, double* sum_dx, View y, View moved) {
  with_activation(kind, [&](auto g) HWY_ATTR {
    using G = decltype(g);
    std::size_t c = 0;
    // Two vectors at a time: half as many walks down the rows.
    for (; c + 2 * kLanes <= x.channels; c += 2 * kLanes) {
      BackwardVector<kKeepsValue, kMoves, G, Whole> a(affine, Whole(), c), b(affine, Whole(), c + kLanes);
      for (std::size_t r = 0; r < x.rows; ++r) {
        a.add_row(x.row(r), d.row(r), y.row(r), moved.row(r));
        b.add_row(x.row(r), d.row(r), y.row(r), moved.row(r));
      }
      a.store(sum_d, sum_dx);
      b.store(sum_d, sum_dx);
    }
    for_each_vector(x.channels - c, [&](const auto& at, std::size_t i) HWY_ATTR {
      BackwardVector<kKeepsValue, kMoves, G, std::decay_t<decltype(at)>> a(affine, at, c + i);
      for (std::size_t r = 0; r < x.rows; ++r) a.add_row(x.row(r), d.row(r), y.row(r), moved.row(r));
      a.store(sum_d, sum_dx);
    });
  });
}

void NormaliseActivateBackward(ConstView x, const Affine& affine, ActivationKind kind, View d, double* sum_d,
                               double* sum_dx, View y, View moved) {
  if (y.data != nullptr) {
    normalise_activate_backward_of<true, false>(x, affine, kind, d, sum_d, sum_dx, y, moved);
  } else if (moved.data != nullptr) {
    normalise_activate_backward_of<false, true>(x, affine, kind, d, sum_d, sum_dx, y, moved);
    hwy::FlushStream();
  } else {
    normalise_activate_backward_of<false, false>(x, affine, kind, d, sum_d, sum_dx, y, moved);
  }
}

void ActivateBackward(ConstView x, ActivationKind kind, View d) {
  with_activation(kind, [&](auto g) HWY_ATTR {
    for_each_tile(x.rows, x.channels,
                  [&](const auto& at, std::size_t c, std::size_t first, std::size_t last) HWY_ATTR {
                    for (std::size_t r = first; r < last; ++r) {
                      at.store(g.slope(at.load(x.row(r) + c), at.load(d.row(r) + c)), d.row(r) + c);
                    }
                  });
  });
}

void InputGradientOf(ConstView x, const InputGradient& gradient, View d) {
  for_each_tile(x.rows, x.channels,
                [&](const auto& at, std::size_t c, std::size_t first, std::size_t last) HWY_ATTR {
                  const VF centre = at.load(gradient.centre + c), slope = at.load(gradient.slope + c);
                  const VF offset = at.load(gradient.offset + c), scale = at.load(gradient.scale + c);
                  for (std::size_t r = first; r < last; ++r) {
                    const VF rest = hn::MulAdd(hn::Sub(at.load(x.row(r) + c), centre), slope, offset);
                    at.store(hn::Mul(hn::Add(at.load(d.row(r) + c), rest), scale), d.row(r) + c);
                  }
                });
}

void WeightedInputGradientOf(ConstView x, const float* weights, const InputGradient& gradient, View d) {
  for_each_tile(x.rows, x.channels,
                [&](const auto& at, std::size_t c, std::size_t first, std::size_t last) HWY_ATTR {
                  const VF centre = at.load(gradient.centre + c), slope = at.load(gradient.slope + c);
                  const VF offset = at.load(gradient.offset + c), scale = at.load(gradient.scale + c);
                  for (std::size_t r = first; r < last; ++r) {
                    const VF rest = hn::MulAdd(hn::Sub(at.load(x.row(r) + c), centre), slope, offset);
                    const VF sum = hn::MulAdd(hn::Set(DF(), weights[r]), rest, at.load(d.row(r) + c));
                    at.store(hn::Mul(sum, scale), d.row(r) + c);
                  }
                });
}

}  // namespace ztilde::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ztilde::kernels {

HWY_EXPORT(ShiftedSumsOf);
HWY_EXPORT(WeightedSumsOf);
HWY_EXPORT(WeightedInputGradientOf);
HWY_EXPORT(ColumnSums);
HWY_EXPORT(NormaliseActivateBackward);
HWY_EXPORT(ActivateBackward);
HWY_EXPORT(InputGradientOf);

void shifted_sums(ConstView x, float* shift, double* sum, double* sum_squares, View moved) {
  HWY_DYNAMIC_DISPATCH(ShiftedSumsOf)(x, shift, sum, sum_squares, moved);
}
void weighted_sums(ConstView x, const float* weights, float* shift, double* sum, double* sum_squares) {
  HWY_DYNAMIC_DISPATCH(WeightedSumsOf)(x, weights, shift, sum, sum_squares);
}
void weighted_input_gradient(ConstView x, const float* weights, const InputGradient& gradient, View d) {
  HWY_DYNAMIC_DISPATCH(WeightedInputGradientOf)(x, weights, gradient, d);
}
void column_sums(ConstView d, double* sum) { HWY_DYNAMIC_DISPATCH(ColumnSums)(d, sum); }
void normalise_activate_backward(ConstView x, const Affine& affine, ActivationKind g, View d, double* sum_d,
                                 double* sum_dx, View y, View moved) {
  HWY_DYNAMIC_DISPATCH(NormaliseActivateBackward)(x, affine, g, d, sum_d, sum_dx, y, moved);
}
void activate_backward(ConstView x, ActivationKind g, View d) {
  HWY_DYNAMIC_DISPATCH(ActivateBackward)(x, g, d);
}
void input_gradient(ConstView x, const InputGradient& gradient, View d) {
  HWY_DYNAMIC_DISPATCH(InputGradientOf)(x, gradient, d);
}

}  // namespace ztilde::kernels
#endif
