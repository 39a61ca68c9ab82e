#include "kernels/loss_kernels.hpp"

#include <cmath>
#include <limits>

#include "kernels/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/loss_kernels.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/activations-inl.hpp"
#include "kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace ztilde::kernels::HWY_NAMESPACE {

HWY_INLINE VF load_or_lowest(const Whole& at, const float* p) { return at.load(p); }
HWY_INLINE VF load_or_lowest(const Part& at, const float* p) {
  return hn::IfThenElse(at.mask(), at.load(p), constant(-std::numeric_limits<float>::infinity()));
}

// The largest of a row; any of them where there is a NaN, which row_exponentials then finds.
HWY_INLINE float row_largest(const float* row, std::size_t count) {
  VF largest = constant(-std::numeric_limits<float>::infinity());
  for_each_vector(count, [&](const auto& at, std::size_t c)
                             HWY_ATTR { largest = hn::Max(largest, load_or_lowest(at, row + c)); });
  return hn::GetLane(hn::MaxOfLanes(DF(), largest));
}

// e[c] = exp(row[c] - largest); their sum. e may be row, or null. NaN in, NaN out; a largest of
// infinity gives infinity - infinity, NaN too.
HWY_INLINE double row_exponentials(const float* row, float largest, std::size_t count, float* e) {
  Wide sum = wide_zero();
  for_each_vector(count, [&](const auto& at, std::size_t c) HWY_ATTR {
    const VF x = hn::Sub(load_or_lowest(at, row + c), constant(largest));
    VF power = keep_nan(x, hn::Exp(DF(), hn::Neg(bounded_abs(x, 110.0f))));
    if constexpr (std::is_same_v<std::decay_t<decltype(at)>, Part>)
      power = hn::IfThenElseZero(at.mask(), power);
    add(widen(power), sum);
    if (e) at.store(power, e + c);
  });
  return total(sum);
}

HWY_INLINE double row_sum(const float* row, std::size_t count) {
  Wide sum = wide_zero();
  for_each_vector(count, [&](const auto& at, std::size_t c) HWY_ATTR { add(widen(at.load(row + c)), sum); });
  return total(sum);
}

// row ← factor · row − less
HWY_INLINE void scale_row(float* row, float factor, float less, std::size_t count) {
  for_each_vector(count, [&](const auto& at, std::size_t c) HWY_ATTR {
    at.store(hn::MulSub(at.load(row + c), constant(factor), constant(less)), row + c);
  });
}

// Below this share of the sum, sum - e[target] has lost more digits than a float has.
constexpr double kNearlyCertain = 0x1p-28;

LossSums SoftmaxCrossEntropy(MatrixView<const float> out, const float* targets,
                             const std::uint32_t* row_index, double scale, MatrixView<float> d_out,
                             const LossWeights& weights, double smoothing) {
  LossSums sums;
  const double each = smoothing / static_cast<double>(out.channels);
  for (std::size_t r = 0; r < out.rows; ++r) {
    const float* row = out.row(r);
    const std::size_t source_row = row_index ? row_index[r] : r;
    const auto target = static_cast<std::size_t>(targets[source_row]);
    const double weight = weights.of(source_row, targets[source_row]);
    const float largest = row_largest(row, out.channels);
    const float output = row[target];
    bool correct = output == largest;
    for (std::size_t c = 0; correct && c < target; ++c) correct = row[c] != largest;

    // Σ target[c] · (largest − z[c]): of the row's own class, and with smoothing of every class.
    double below = (1 - smoothing) * (double{largest} - double{output});
    if (smoothing > 0)
      below += smoothing * double{largest} - each * row_sum(row, out.channels);  // before e overwrites it
    float* e = d_out.data ? d_out.row(r) : nullptr;
    const double sum = row_exponentials(row, largest, out.channels, e);
    sums.loss += weight * (std::log(sum) + below);
    sums.correct += correct && !std::isnan(sum);
    if (e) {
      // p - 1 for the target as minus the others, which does not cancel where p is nearly 1.
      double others = sum - double{e[target]};
      e[target] = 0;
      if (others < kNearlyCertain * sum) others = row_sum(e, out.channels);
      const double share = scale * weight;
      scale_row(e, static_cast<float>(share / sum), static_cast<float>(each * share), out.channels);
      e[target] = static_cast<float>((smoothing - each - others / sum) * share);
    }
  }
  return sums;
}

void Probabilities(MatrixView<float> out) {
  if (out.channels == 1) {
    for (std::size_t r = 0; r < out.rows; ++r) {
      const Part one_lane(1);
      const auto one = [&](const auto& at)
                           HWY_ATTR { at.store(Sigmoid::value(at.load(out.row(r))), out.row(r)); };
      if constexpr (kLanes == 1) {
        one(Whole());
      } else {
        one(one_lane);
      }
    }
    return;
  }
  for (std::size_t r = 0; r < out.rows; ++r) {
    float* row = out.row(r);
    const double sum = row_exponentials(row, row_largest(row, out.channels), out.channels, row);
    scale_row(row, static_cast<float>(1 / sum), 0, out.channels);
  }
}

}  // namespace ztilde::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ztilde::kernels {

HWY_EXPORT(SoftmaxCrossEntropy);
HWY_EXPORT(Probabilities);

LossSums softmax_cross_entropy(MatrixView<const float> out, const float* targets,
                               const std::uint32_t* row_index, double scale, MatrixView<float> d_out,
                               const LossWeights& weights, double smoothing) {
  return HWY_DYNAMIC_DISPATCH(SoftmaxCrossEntropy)(out, targets, row_index, scale, d_out, weights, smoothing);
}
void probabilities(MatrixView<float> out) { HWY_DYNAMIC_DISPATCH(Probabilities)(out); }

// One number a row: scalar, in double.
LossSums binary_cross_entropy(MatrixView<const float> out, const float* targets,
                              const std::uint32_t* row_index, double scale, MatrixView<float> d_out,
                              const LossWeights& weights, double smoothing) {
  LossSums sums;
  for (std::size_t r = 0; r < out.rows; ++r) {
    const std::size_t source_row = row_index ? row_index[r] : r;
    const double z = out(r, 0);
    const double answer = targets[source_row], target = (1 - smoothing) * answer + smoothing / 2;
    const double weight = weights.of(source_row, targets[source_row]);
    const double e = std::exp(-std::abs(z));
    sums.loss += weight * (std::log1p(e) + (z > 0 ? z : 0) - z * target);
    sums.correct += !std::isnan(z) && (z > 0) == (answer > 0.5);
    // sigmoid(z) - target as target's complement minus sigmoid(-z) for z > 0: neither cancels.
    const double difference = z > 0 ? (1 - target) - e / (1 + e) : e / (1 + e) - target;
    if (d_out.data) d_out(r, 0) = static_cast<float>(difference * (scale * weight));
  }
  return sums;
}

LossSums squared_error(MatrixView<const float> out, const float* targets, const std::uint32_t* row_index,
                       double target_mean, double target_std, double scale, MatrixView<float> d_out,
                       const LossWeights& weights) {
  LossSums sums;
  for (std::size_t r = 0; r < out.rows; ++r) {
    const std::size_t source_row = row_index ? row_index[r] : r;
    const double target = (double{targets[source_row]} - target_mean) / target_std;
    const double difference = double{out(r, 0)} - target;
    const double weight = weights.by_row ? double{weights.by_row[source_row]} : 1.0;
    sums.loss += weight * (difference * difference);
    if (d_out.data) d_out(r, 0) = static_cast<float>(2 * difference * (scale * weight));
  }
  return sums;
}

}  // namespace ztilde::kernels
#endif
