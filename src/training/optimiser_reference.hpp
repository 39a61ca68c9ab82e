// Scalar update rules, one step each, element by element: the twins of kernels/optimiser_kernels.hpp
// in any real type. w: parameters, g: their gradient (already scaled by clipping), m, v: state; all
// of one length. `decay` is the weight decay of this range. Formulas are those of torch.optim.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>

namespace ztilde::reference {

template <class T>
void sgd_step(std::span<T> w, std::span<const T> g, T rate, T decay) {
  for (std::size_t i = 0; i < w.size(); ++i) w[i] -= rate * (g[i] + decay * w[i]);
}

// m starts at zero, so that the first step sets m to the gradient itself.
template <class T>
void momentum_step(std::span<T> w, std::span<const T> g, std::span<T> m, T rate, T decay, T momentum,
                   bool nesterov) {
  for (std::size_t i = 0; i < w.size(); ++i) {
    const T d = g[i] + decay * w[i];
    m[i] = momentum * m[i] + d;
    w[i] -= rate * (nesterov ? d + momentum * m[i] : m[i]);
  }
}

template <class T>
void rmsprop_step(std::span<T> w, std::span<const T> g, std::span<T> v, T rate, T decay, T alpha, T epsilon) {
  for (std::size_t i = 0; i < w.size(); ++i) {
    const T d = g[i] + decay * w[i];
    v[i] = alpha * v[i] + (T(1) - alpha) * d * d;
    w[i] -= rate * d / (std::sqrt(v[i]) + epsilon);
  }
}

template <class T>
struct AdamSettings {
  T rate, decay, beta1, beta2, epsilon;
  bool decoupled = false;  // AdamW: the decay shrinks w and stays out of the moments
};

// Kingma & Ba 2015, arXiv:1412.6980; Loshchilov & Hutter 2019, arXiv:1711.05101. step counts from 1.
template <class T>
void adam_step(std::span<T> w, std::span<const T> g, std::span<T> m, std::span<T> v, std::uint64_t step,
               const AdamSettings<T>& s) {
  const T correction1 = T(1) - std::pow(s.beta1, static_cast<T>(step));
  const T correction2 = T(1) - std::pow(s.beta2, static_cast<T>(step));
  for (std::size_t i = 0; i < w.size(); ++i) {
    if (s.decoupled) w[i] *= T(1) - s.rate * s.decay;
    const T d = s.decoupled ? g[i] : g[i] + s.decay * w[i];
    m[i] = s.beta1 * m[i] + (T(1) - s.beta1) * d;
    v[i] = s.beta2 * v[i] + (T(1) - s.beta2) * d * d;
    w[i] -= (s.rate / correction1) * m[i] / (std::sqrt(v[i]) / std::sqrt(correction2) + s.epsilon);
  }
}

// What the whole gradient is multiplied by so that its norm is at most `largest` (torch's
// clip_grad_norm_, its 1e-6 included).
template <class T>
T clip_scale(std::span<const T> g, T largest) {
  T squares(0);
  for (const T& d : g) squares += d * d;
  const T scale = largest / (std::sqrt(squares) + T(1e-6));
  return scale < T(1) ? scale : T(1);
}

}  // namespace ztilde::reference
