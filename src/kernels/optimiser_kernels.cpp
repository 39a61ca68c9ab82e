#include "kernels/optimiser_kernels.hpp"

#include <cmath>

#include "kernels/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/optimiser_kernels.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace ztilde::kernels::HWY_NAMESPACE {

HWY_INLINE VF splat(double value) { return hn::Set(DF(), static_cast<float>(value)); }

void SgdStep(std::size_t n, float* w, const float* g, double gradient_scale, double rate, double decay) {
  const VF v_scale = splat(gradient_scale), v_rate = splat(rate), v_decay = splat(decay);
  for_each_vector(n, [&](const auto& at, std::size_t i) HWY_ATTR {
    const VF weight = at.load(w + i);
    const VF gradient = hn::MulAdd(v_decay, weight, hn::Mul(at.load(g + i), v_scale));
    at.store(hn::NegMulAdd(v_rate, gradient, weight), w + i);
  });
}

void MomentumStep(std::size_t n, float* w, const float* g, float* m, double gradient_scale, double rate,
                  double decay, double momentum, bool nesterov) {
  const VF v_scale = splat(gradient_scale), v_rate = splat(rate), v_decay = splat(decay);
  const VF v_momentum = splat(momentum);
  for_each_vector(n, [&](const auto& at, std::size_t i) HWY_ATTR {
    const VF weight = at.load(w + i);
    const VF gradient = hn::MulAdd(v_decay, weight, hn::Mul(at.load(g + i), v_scale));
    const VF velocity = hn::MulAdd(v_momentum, at.load(m + i), gradient);
    at.store(velocity, m + i);
    const VF step = nesterov ? hn::MulAdd(v_momentum, velocity, gradient) : velocity;
    at.store(hn::NegMulAdd(v_rate, step, weight), w + i);
  });
}

void RmspropStep(std::size_t n, float* w, const float* g, float* v, double gradient_scale, double rate,
                 double decay, double alpha, double epsilon) {
  const VF v_scale = splat(gradient_scale), v_rate = splat(rate), v_decay = splat(decay);
  const VF v_alpha = splat(alpha), v_take = splat(1 - alpha), v_epsilon = splat(epsilon);
  for_each_vector(n, [&](const auto& at, std::size_t i) HWY_ATTR {
    const VF weight = at.load(w + i);
    const VF gradient = hn::MulAdd(v_decay, weight, hn::Mul(at.load(g + i), v_scale));
    const VF squares = hn::MulAdd(v_alpha, at.load(v + i), hn::Mul(hn::Mul(v_take, gradient), gradient));
    at.store(squares, v + i);
    const VF step = hn::Div(gradient, hn::Add(hn::Sqrt(squares), v_epsilon));
    at.store(hn::NegMulAdd(v_rate, step, weight), w + i);
  });
}

void AdamStep(std::size_t n, float* w, const float* g, float* m, float* v, double gradient_scale,
              const AdamRates& rates) {
  const VF v_scale = splat(gradient_scale);
  const VF v_decay = splat(rates.decoupled ? 0 : rates.decay);
  const VF v_shrink = splat(rates.decoupled ? 1 - rates.rate * rates.decay : 1);
  const VF v_beta1 = splat(rates.beta1), v_take1 = splat(1 - rates.beta1);
  const VF v_beta2 = splat(rates.beta2), v_take2 = splat(1 - rates.beta2);
  const VF v_rate = splat(rates.rate / rates.correction1);
  const VF v_unbias = splat(1 / std::sqrt(rates.correction2)), v_epsilon = splat(rates.epsilon);
  for_each_vector(n, [&](const auto& at, std::size_t i) HWY_ATTR {
    const VF weight = at.load(w + i);
    const VF gradient = hn::MulAdd(v_decay, weight, hn::Mul(at.load(g + i), v_scale));
    const VF mean = hn::MulAdd(v_beta1, at.load(m + i), hn::Mul(v_take1, gradient));
    const VF squares = hn::MulAdd(v_beta2, at.load(v + i), hn::Mul(hn::Mul(v_take2, gradient), gradient));
    at.store(mean, m + i);
    at.store(squares, v + i);
    const VF step = hn::Div(mean, hn::MulAdd(hn::Sqrt(squares), v_unbias, v_epsilon));
    at.store(hn::NegMulAdd(v_rate, step, hn::Mul(weight, v_shrink)), w + i);
  });
}

void AverageStep(std::size_t n, double* average, const float* w, double keep) {
  const double take = 1 - keep;
  const auto follow = [&](VD weights, double* at) HWY_ATTR {
    const VD kept = hn::Mul(hn::Set(DD(), keep), hn::LoadU(DD(), at));
    hn::StoreU(hn::Add(kept, hn::Mul(hn::Set(DD(), take), weights)), DD(), at);
  };
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const Wide weights = widen(hn::LoadU(DF(), w + i));
    follow(weights.low, average + i);
    if constexpr (kTwoHalves) follow(weights.high, average + i + kDoubleLanes);
  }
  for (; i < n; ++i) average[i] = keep * average[i] + take * double{w[i]};
}

// Element i is added into sum i mod 16 whatever the width of a vector; squares of floats are exact
// in double. Hence the same bits everywhere.
double SumOfSquares(std::size_t n, const float* g) {
  constexpr std::size_t kSums = 16;
  constexpr std::size_t kVectors = kSums / kLanes;
  Wide sums[kVectors];
  for (Wide& sum : sums) sum = wide_zero();
  std::size_t i = 0;
  for (; i + kSums <= n; i += kSums) {
    for (std::size_t k = 0; k < kVectors; ++k) {
      const Wide x = widen(hn::LoadU(DF(), g + i + k * kLanes));
      add_product(x, x, sums[k]);
    }
  }
  double lanes[kSums];
  for (std::size_t k = 0; k < kVectors; ++k) store_wide(sums[k], kLanes, lanes + k * kLanes);
  for (; i < n; ++i) lanes[i % kSums] += double{g[i]} * double{g[i]};
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

}  // namespace ztilde::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ztilde::kernels {

HWY_EXPORT(SgdStep);
HWY_EXPORT(MomentumStep);
HWY_EXPORT(RmspropStep);
HWY_EXPORT(AdamStep);
HWY_EXPORT(AverageStep);
HWY_EXPORT(SumOfSquares);

void sgd_step(std::size_t n, float* w, const float* g, double gradient_scale, double rate, double decay) {
  HWY_DYNAMIC_DISPATCH(SgdStep)(n, w, g, gradient_scale, rate, decay);
}
void momentum_step(std::size_t n, float* w, const float* g, float* m, double gradient_scale, double rate,
                   double decay, double momentum, bool nesterov) {
  HWY_DYNAMIC_DISPATCH(MomentumStep)(n, w, g, m, gradient_scale, rate, decay, momentum, nesterov);
}
void rmsprop_step(std::size_t n, float* w, const float* g, float* v, double gradient_scale, double rate,
                  double decay, double alpha, double epsilon) {
  HWY_DYNAMIC_DISPATCH(RmspropStep)(n, w, g, v, gradient_scale, rate, decay, alpha, epsilon);
}
void adam_step(std::size_t n, float* w, const float* g, float* m, float* v, double gradient_scale,
               const AdamRates& rates) {
  HWY_DYNAMIC_DISPATCH(AdamStep)(n, w, g, m, v, gradient_scale, rates);
}
void average_step(std::size_t n, double* average, const float* w, double keep) {
  HWY_DYNAMIC_DISPATCH(AverageStep)(n, average, w, keep);
}
double sum_of_squares(std::size_t n, const float* g) { return HWY_DYNAMIC_DISPATCH(SumOfSquares)(n, g); }

}  // namespace ztilde::kernels
#endif
