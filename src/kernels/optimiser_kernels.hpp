// One step of each optimiser on a range of parameters: element-wise, so any cut into ranges gives
// the same bits. w: parameters, g: gradient (const), m / v: state, all [n]. `decay` is the weight
// decay of this range. Formulas are those of torch.optim (PyTorch 2), checked against traces.
// Rates are double so that 1 − beta is right to float precision (1 − 0.999f is off by 5e-5); the
// arithmetic on the elements is float. Scalar twins in optimiser_kernels_reference.hpp.
#pragma once

#include <cstddef>

namespace ztilde::kernels {

// w ← w − rate · (g·gradient_scale + decay·w)
void sgd_step(std::size_t n, float* w, const float* g, double gradient_scale, double rate, double decay);
// g' = g·gradient_scale + decay·w;  m ← momentum·m + g' (m starts as 0, so the first step makes it g');
// w ← w − rate · m, or with nesterov w ← w − rate · (g' + momentum·m)
void momentum_step(std::size_t n, float* w, const float* g, float* m, double gradient_scale, double rate,
                   double decay, double momentum, bool nesterov);
// g' as above;  v ← alpha·v + (1 − alpha)·g'²;  w ← w − rate · g' / (sqrt(v) + epsilon)
void rmsprop_step(std::size_t n, float* w, const float* g, float* v, double gradient_scale, double rate,
                  double decay, double alpha, double epsilon);
// Adam (decay added to the gradient) or, with decoupled, AdamW (w ← w·(1 − rate·decay) first):
// m ← beta1·m + (1 − beta1)·g';  v ← beta2·v + (1 − beta2)·g'²;
// w ← w − (rate / correction1) · m / (sqrt(v) / sqrt(correction2) + epsilon),
// correction_i = 1 − beta_i^t.
struct AdamRates {
  double rate, decay, beta1, beta2, epsilon;
  double correction1, correction2;
  bool decoupled;
};
void adam_step(std::size_t n, float* w, const float* g, float* m, float* v, double gradient_scale,
               const AdamRates& rates);
// average ← keep · average + (1 − keep) · w, in double: where keep is 0.9999, a float would lose what moves a
// weight by less than 3e-4 of itself, which is where a slow average is wanted. No fused products: the same
// bits on every target.
void average_step(std::size_t n, double* average, const float* w, double keep);
// Σ g² in double, for clipping and for noticing NaN and infinity. The same bits on every target.
double sum_of_squares(std::size_t n, const float* g);

}  // namespace ztilde::kernels
