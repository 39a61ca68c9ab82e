// Scalar twins of optimiser_kernels.hpp for one parameter, in any real number type.
#pragma once

#include <cmath>

namespace ztilde::kernels::reference {

template <class T>
T decayed_gradient(T w, T g, T gradient_scale, T decay) {
  return g * gradient_scale + decay * w;
}

template <class T>
void sgd_step(T& w, T g, T gradient_scale, T rate, T decay) {
  w -= rate * decayed_gradient(w, g, gradient_scale, decay);
}

template <class T>
void momentum_step(T& w, T g, T& m, T gradient_scale, T rate, T decay, T momentum, bool nesterov) {
  const T gradient = decayed_gradient(w, g, gradient_scale, decay);
  m = momentum * m + gradient;
  w -= rate * (nesterov ? gradient + momentum * m : m);
}

template <class T>
void rmsprop_step(T& w, T g, T& v, T gradient_scale, T rate, T decay, T alpha, T epsilon) {
  const T gradient = decayed_gradient(w, g, gradient_scale, decay);
  v = alpha * v + (1 - alpha) * gradient * gradient;
  w -= rate * gradient / (std::sqrt(v) + epsilon);
}

// AdamRates as they are; correction_i = 1 - beta_i^t.
template <class T, class Rates>
void adam_step(T& w, T g, T& m, T& v, T gradient_scale, const Rates& rates) {
  const T beta1 = static_cast<T>(rates.beta1), beta2 = static_cast<T>(rates.beta2);
  const T rate = static_cast<T>(rates.rate), decay = static_cast<T>(rates.decay);
  const T gradient = decayed_gradient(w, g, gradient_scale, rates.decoupled ? T{0} : decay);
  if (rates.decoupled) w *= 1 - rate * decay;
  m = beta1 * m + (1 - beta1) * gradient;
  v = beta2 * v + (1 - beta2) * gradient * gradient;
  const T root = std::sqrt(v) / std::sqrt(static_cast<T>(rates.correction2));
  w -= rate / static_cast<T>(rates.correction1) * m / (root + static_cast<T>(rates.epsilon));
}

template <class T>
void average_step(T& average, T w, T keep) {
  average = keep * average + (1 - keep) * w;
}

}  // namespace ztilde::kernels::reference
