// One step of each optimiser on a range of parameters: element-wise, so any cut into ranges gives
// the same bits. w: parameters, g: gradient (const), m / v: state, all [n]. `decay` is the weight
// decay of this range. Formulas are those of torch.optim (PyTorch 2), checked against traces.
#pragma once

#include <cstddef>

namespace ztilde::kernels {

// w ← w − rate · (g·gradient_scale + decay·w)
void sgd_step(std::size_t n, float* w, const float* g, float gradient_scale, float rate, float decay);
// g' = g·gradient_scale + decay·w;  m ← momentum·m + g' (first step: m ← g');
// w ← w − rate · m, or with nesterov w ← w − rate · (g' + momentum·m)
void momentum_step(std::size_t n, float* w, const float* g, float* m, float gradient_scale, float rate,
                   float decay, float momentum, bool nesterov);
// g' as above;  v ← alpha·v + (1 − alpha)·g'²;  w ← w − rate · g' / (sqrt(v) + epsilon)
void rmsprop_step(std::size_t n, float* w, const float* g, float* v, float gradient_scale, float rate,
                  float decay, float alpha, float epsilon);
// Adam (decay added to the gradient) or, with decoupled, AdamW (w ← w·(1 − rate·decay) first):
// m ← beta1·m + (1 − beta1)·g';  v ← beta2·v + (1 − beta2)·g'²;
// w ← w − (rate / correction1) · m / (sqrt(v) / sqrt(correction2) + epsilon),
// correction_i = 1 − beta_i^t, computed by the caller in double.
struct AdamRates {
  float rate, decay, beta1, beta2, epsilon;
  double correction1, correction2;
  bool decoupled;
};
void adam_step(std::size_t n, float* w, const float* g, float* m, float* v, float gradient_scale,
               const AdamRates& rates);
// Σ g² in double, for clipping and for noticing NaN and infinity.
double sum_of_squares(std::size_t n, const float* g);

}  // namespace ztilde::kernels
