// What is computed once a channel and not once an element, in double: the merged statistics of blocks
// and the coefficients of batch norm's two affine maps, each rounded once.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/block_kernels.hpp"
#include "kernels/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/affine.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace ztilde::kernels::HWY_NAMESPACE {

using FloatsOfDoubles = hn::Rebind<float, DD>;

HWY_INLINE VD wide_constant(double value) { return hn::Set(DD(), value); }

// To the nearest float, the largest finite one where there is none nearer; NaN stays NaN.
HWY_INLINE hn::Vec<FloatsOfDoubles> to_float(VD value) {
  const VD largest = wide_constant(std::numeric_limits<float>::max());
  const VD above = hn::IfThenElse(hn::Gt(value, largest), largest, value);
  const VD both = hn::IfThenElse(hn::Lt(above, hn::Neg(largest)), hn::Neg(largest), above);
  return hn::DemoteTo(FloatsOfDoubles(), both);
}

// kDoubleLanes channels.
struct WholeChannels {
  HWY_INLINE VD load(const double* p) const { return hn::LoadU(DD(), p); }
  HWY_INLINE VD load(const float* p) const { return hn::PromoteTo(DD(), hn::LoadU(FloatsOfDoubles(), p)); }
  HWY_INLINE void store(VD v, double* p) const { hn::StoreU(v, DD(), p); }
  // Returns what was stored.
  HWY_INLINE VD store_float(VD v, float* p) const {
    const auto rounded = to_float(v);
    hn::StoreU(rounded, FloatsOfDoubles(), p);
    return hn::PromoteTo(DD(), rounded);
  }
  std::size_t count() const { return kDoubleLanes; }
};

// The last `count` < kDoubleLanes channels; the other lanes are 0.
struct PartChannels {
  std::size_t count_;
  template <class T>
  HWY_INLINE VD load(const T* p) const {
    alignas(64) T lanes[kDoubleLanes] = {};
    std::copy_n(p, count_, lanes);
    return WholeChannels().load(lanes);
  }
  HWY_INLINE void store(VD v, double* p) const {
    alignas(64) double lanes[kDoubleLanes];
    WholeChannels().store(v, lanes);
    std::copy_n(lanes, count_, p);
  }
  HWY_INLINE VD store_float(VD v, float* p) const {
    alignas(64) float lanes[kDoubleLanes];
    const VD stored = WholeChannels().store_float(v, lanes);
    std::copy_n(lanes, count_, p);
    return stored;
  }
  std::size_t count() const { return count_; }
};

template <class Visit>
HWY_INLINE void for_each_channel_vector(std::size_t channels, const Visit& visit) {
  std::size_t c = 0;
  for (; c + kDoubleLanes <= channels; c += kDoubleLanes) visit(WholeChannels(), c);
  if (c < channels) visit(PartChannels{channels - c}, c);
}

// 1 / sqrt(variance + epsilon), and 0 where that is infinite.
HWY_INLINE VD inverse_std(VD variance, VD epsilon) {
  const VD inside = hn::Add(variance, epsilon);
  const VD inverse = hn::Div(wide_constant(1), hn::Sqrt(inside));
  return hn::IfThenElse(hn::Eq(inside, hn::Zero(DD())), hn::Zero(DD()), inverse);
}

void MakeAffine(std::size_t channels, const double* mean, const double* variance, double epsilon,
                const float* gamma, const float* beta, float* centre, float* scale, float* shift,
                double* inv_std) {
  const VD one = wide_constant(1), v_epsilon = wide_constant(epsilon);
  for_each_channel_vector(channels, [&](const auto& at, std::size_t c) HWY_ATTR {
    const VD inverse = inverse_std(at.load(variance + c), v_epsilon);
    const VD m = at.load(mean + c);
    const VD lost = hn::Sub(m, at.store_float(m, centre + c));
    const VD s = at.store_float(hn::Mul(gamma ? at.load(gamma + c) : one, inverse), scale + c);
    at.store_float(hn::NegMulAdd(lost, s, beta ? at.load(beta + c) : hn::Zero(DD())), shift + c);
    if (inv_std) at.store(inverse, inv_std + c);
  });
}

void MakeInputGradient(std::size_t channels, std::uint64_t rows, const double* mean, const double* variance,
                       double epsilon, const float* gamma, const double* sum_d, const double* sum_dx,
                       float* centre, float* scale, float* slope, float* offset, double* d_gamma) {
  const VD one = wide_constant(1), v_epsilon = wide_constant(epsilon);
  const VD v_rows = wide_constant(static_cast<double>(rows));
  for_each_channel_vector(channels, [&](const auto& at, std::size_t c) HWY_ATTR {
    const VD inverse = inverse_std(at.load(variance + c), v_epsilon);
    const VD m = at.load(mean + c), d = at.load(sum_d + c);
    const VD lost = hn::Sub(m, at.store_float(m, centre + c));
    const VD sum_d_x_norm = hn::Mul(inverse, hn::NegMulAdd(lost, d, at.load(sum_dx + c)));
    const VD pull = hn::Mul(inverse, hn::Div(sum_d_x_norm, v_rows));
    at.store_float(hn::Mul(gamma ? at.load(gamma + c) : one, inverse), scale + c);
    at.store_float(hn::Neg(pull), slope + c);
    at.store_float(hn::Sub(hn::Mul(pull, lost), hn::Div(d, v_rows)), offset + c);
    if (d_gamma) at.store(sum_d_x_norm, d_gamma + c);
  });
}

void MergeBlock(std::size_t channels, double rows, double block_rows, const float* shift, const double* sum,
                const double* squares, double* mean, double* m2) {
  const double weight = block_rows / (rows + block_rows);
  const VD v_weight = wide_constant(weight), between = wide_constant(rows * weight);
  const VD inverse = wide_constant(1 / block_rows);
  for_each_channel_vector(channels, [&](const auto& at, std::size_t c) HWY_ATTR {
    const VD total = at.load(sum + c);
    const VD offset = hn::Mul(total, inverse);
    const VD block_mean = hn::Add(at.load(shift + c), offset);
    const VD block_m2 = hn::NegMulAdd(total, offset, at.load(squares + c));
    if (rows == 0) {
      at.store(block_mean, mean + c);
      at.store(block_m2, m2 + c);
    } else {
      const VD before = at.load(mean + c);
      const VD delta = hn::Sub(block_mean, before);
      at.store(hn::MulAdd(delta, v_weight, before), mean + c);
      at.store(hn::Add(at.load(m2 + c), hn::MulAdd(hn::Mul(delta, delta), between, block_m2)), m2 + c);
    }
  });
}

MergedVariance FinishVariance(std::size_t channels, double rows, const double* mean, double* m2) {
  MergedVariance found{channels, 0};
  const VD v_rows = wide_constant(rows);
  for_each_channel_vector(channels, [&](const auto& at, std::size_t c) HWY_ATTR {
    const VD squares = at.load(m2 + c);
    const auto usual =
        hn::And(hn::IsFinite(hn::Add(at.load(mean + c), squares)), hn::Ge(squares, hn::Zero(DD())));
    if (!hn::AllTrue(DD(), usual)) {
      for (std::size_t i = c; i < c + at.count(); ++i) {
        if (!std::isfinite(mean[i] + m2[i])) {
          found.first_broken = std::min(found.first_broken, i);
        } else if (m2[i] < 0) {
          m2[i] = 0;
          ++found.clamped;
        }
      }
    }
    at.store(hn::Div(at.load(m2 + c), v_rows), m2 + c);
  });
  return found;
}

}  // namespace ztilde::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ztilde::kernels {

HWY_EXPORT(MakeAffine);
HWY_EXPORT(MakeInputGradient);
HWY_EXPORT(MergeBlock);
HWY_EXPORT(FinishVariance);

void make_affine(std::size_t channels, const double* mean, const double* variance, double epsilon,
                 const float* gamma, const float* beta, float* centre, float* scale, float* shift,
                 double* inv_std) {
  HWY_DYNAMIC_DISPATCH(MakeAffine)
  (channels, mean, variance, epsilon, gamma, beta, centre, scale, shift, inv_std);
}
void make_input_gradient(std::size_t channels, std::uint64_t rows, const double* mean, const double* variance,
                         double epsilon, const float* gamma, const double* sum_d, const double* sum_dx,
                         float* centre, float* scale, float* slope, float* offset, double* d_gamma) {
  HWY_DYNAMIC_DISPATCH(MakeInputGradient)
  (channels, rows, mean, variance, epsilon, gamma, sum_d, sum_dx, centre, scale, slope, offset, d_gamma);
}
void merge_block(std::size_t channels, double rows, double block_rows, const float* shift, const double* sum,
                 const double* squares, double* mean, double* m2) {
  HWY_DYNAMIC_DISPATCH(MergeBlock)(channels, rows, block_rows, shift, sum, squares, mean, m2);
}
MergedVariance finish_variance(std::size_t channels, double rows, const double* mean, double* m2) {
  return HWY_DYNAMIC_DISPATCH(FinishVariance)(channels, rows, mean, m2);
}

}  // namespace ztilde::kernels
#endif
