// Activations on vectors: value(z) = g(z) and slope(z, d) = d · g'(z). NaN in, NaN out.
// Accurate to a few units in the last place, also in the tails; limits are taken at ±infinity.
#if defined(ZTILDE_KERNELS_ACTIVATIONS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef ZTILDE_KERNELS_ACTIVATIONS_INL
#undef ZTILDE_KERNELS_ACTIVATIONS_INL
#else
#define ZTILDE_KERNELS_ACTIVATIONS_INL
#endif

#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
#include "kernels/simd-inl.hpp"
#include "ztilde/network.hpp"

HWY_BEFORE_NAMESPACE();
namespace ztilde::kernels::HWY_NAMESPACE {

HWY_INLINE VF constant(float value) { return hn::Set(DF(), value); }

// min(|z|, limit), and limit for NaN: the exponential below never sees what it cannot take.
HWY_INLINE VF bounded_abs(VF z, float limit) {
  const VF a = hn::Abs(z);
  return hn::IfThenElse(hn::Lt(a, constant(limit)), a, constant(limit));
}
HWY_INLINE VF keep_nan(VF z, VF result) { return hn::IfThenElse(hn::IsNaN(z), z, result); }

struct Identity {
  static HWY_INLINE VF value(VF z) { return z; }
  static HWY_INLINE VF slope(VF, VF d) { return d; }
};

struct Relu {
  static HWY_INLINE VF value(VF z) { return hn::IfThenZeroElse(hn::Le(z, hn::Zero(DF())), z); }
  static HWY_INLINE VF slope(VF z, VF d) { return hn::IfThenZeroElse(hn::Le(z, hn::Zero(DF())), d); }
};

struct LeakyRelu {
  static constexpr float kSlope = 0.01f;
  static HWY_INLINE VF value(VF z) {
    return hn::IfThenElse(hn::Le(z, hn::Zero(DF())), hn::Mul(z, constant(kSlope)), z);
  }
  static HWY_INLINE VF slope(VF z, VF d) {
    return hn::IfThenElse(hn::Le(z, hn::Zero(DF())), hn::Mul(d, constant(kSlope)), d);
  }
};

// With e = exp(-|z|) and r = 1/(1 + e): sigmoid(|z|) = r and sigmoid(-|z|) = e·r, neither of which
// cancels; exp(-110) is 0 in float.
struct LogisticParts {
  VF e, r;
  HWY_INLINE explicit LogisticParts(VF z)
      : e(hn::Exp(DF(), hn::Neg(bounded_abs(z, 110.0f)))), r(hn::Div(constant(1), hn::Add(constant(1), e))) {}
};

struct Sigmoid {
  static HWY_INLINE VF value(VF z) {
    const LogisticParts p(z);
    return keep_nan(z, hn::IfThenElse(hn::Lt(z, hn::Zero(DF())), hn::Mul(p.e, p.r), p.r));
  }
  static HWY_INLINE VF slope(VF z, VF d) {
    const LogisticParts p(z);
    return hn::Mul(d, keep_nan(z, hn::Mul(hn::Mul(p.e, p.r), p.r)));
  }
};

struct Tanh {
  static HWY_INLINE VF value(VF z) {
    return keep_nan(z, hn::CopySign(hn::Tanh(DF(), bounded_abs(z, 20.0f)), z));
  }
  // 1 - tanh² = 4 e/(1 + e)² with e = exp(-2|z|).
  static HWY_INLINE VF slope(VF z, VF d) {
    const LogisticParts p(hn::Add(z, z));
    return hn::Mul(d, keep_nan(z, hn::Mul(constant(4), hn::Mul(hn::Mul(p.e, p.r), p.r))));
  }
};

struct Silu {
  static HWY_INLINE VF value(VF z) {
    const LogisticParts p(z);
    // |z|·e and not infinity·0 at -infinity.
    const VF negative = hn::Neg(hn::Mul(hn::Mul(bounded_abs(z, 110.0f), p.e), p.r));
    return keep_nan(z, hn::IfThenElse(hn::Lt(z, hn::Zero(DF())), negative, hn::Mul(z, p.r)));
  }
  // s + z·s·(1 - s) for s = sigmoid(z).
  static HWY_INLINE VF slope(VF z, VF d) {
    const LogisticParts p(z);
    const VF a = bounded_abs(z, 110.0f);
    const VF positive = hn::Mul(p.r, hn::MulAdd(a, hn::Mul(p.e, p.r), constant(1)));
    const VF negative = hn::Mul(hn::Mul(p.e, p.r), hn::NegMulAdd(a, p.r, constant(1)));
    return hn::Mul(d, keep_nan(z, hn::IfThenElse(hn::Lt(z, hn::Zero(DF())), negative, positive)));
  }
};

// Φ(-t) = exp(-t²/2) · ratio(t) for t = min(|z|, 15), where ratio(t) = erfcx(t/√2)/2 falls slowly
// from 1/2. ratio is P₄/Q₅, fitted for this file to least relative error on [0, 15]: 6.3e-9, and
// 4.3e-8 with the coefficients rounded to float. All coefficients are positive: nothing cancels.
struct NormalTail {
  VF t, exponential, ratio;
  HWY_INLINE explicit NormalTail(VF z) {
    const DF d;
    t = bounded_abs(z, 15.0f);
    // t²/2 = s - error, s a float: rounded t²/2 alone would cost up to 100 units in the last place.
    const hn::RebindToUnsigned<DF> bits;
    const VF head = hn::BitCast(d, hn::And(hn::BitCast(bits, t), hn::Set(bits, 0xFFFFF000u)));
    const VF head_squared = hn::Mul(hn::Mul(head, head), constant(0.5f));
    const VF rest = hn::Mul(hn::Mul(hn::Sub(t, head), hn::Add(t, head)), constant(0.5f));
    const VF s = hn::Add(head_squared, rest);
    const VF missing = hn::Sub(rest, hn::Sub(s, head_squared));
    const VF rough = hn::Exp(d, hn::Neg(s));
    exponential = hn::NegMulAdd(missing, rough, rough);

    VF p = constant(0.0041531865f);
    p = hn::MulAdd(p, t, constant(0.040880866f));
    p = hn::MulAdd(p, t, constant(0.18396841f));
    p = hn::MulAdd(p, t, constant(0.43928254f));
    p = hn::MulAdd(p, t, constant(0.5f));
    VF q = constant(0.010410382f);
    q = hn::MulAdd(q, t, constant(0.10247925f));
    q = hn::MulAdd(q, t, constant(0.47140676f));
    q = hn::MulAdd(q, t, constant(1.2055454f));
    q = hn::MulAdd(q, t, constant(1.67645f));
    q = hn::MulAdd(q, t, constant(1.0f));
    ratio = hn::Div(p, q);
  }
};

struct Gelu {
  static HWY_INLINE VF value(VF z) {
    const NormalTail n(z);
    const VF tail = hn::Mul(n.exponential, n.ratio);
    const VF negative = hn::Neg(hn::Mul(n.t, tail));
    const VF positive = hn::Mul(z, hn::Sub(constant(1), tail));
    return keep_nan(z, hn::IfThenElse(hn::Lt(z, hn::Zero(DF())), negative, positive));
  }
  // Φ(z) + z φ(z): with h = exp(-t²/2) (t/√(2π) - ratio(t)) it is 1 + h for z >= 0, else -h.
  static HWY_INLINE VF slope(VF z, VF d) {
    const NormalTail n(z);
    const VF h = hn::Mul(n.exponential, hn::MulSub(n.t, constant(0.398942280f), n.ratio));
    const VF result = hn::IfThenElse(hn::Lt(z, hn::Zero(DF())), hn::Neg(h), hn::Add(constant(1), h));
    return hn::Mul(d, keep_nan(z, result));
  }
};

// Calls visit(G()) with the type of `kind`: the choice is made outside of all loops.
template <class Visit>
HWY_INLINE void with_activation(ActivationKind kind, const Visit& visit) {
  switch (kind) {
    case ActivationKind::identity:
      return visit(Identity());
    case ActivationKind::relu:
      return visit(Relu());
    case ActivationKind::leaky_relu:
      return visit(LeakyRelu());
    case ActivationKind::sigmoid:
      return visit(Sigmoid());
    case ActivationKind::tanh:
      return visit(Tanh());
    case ActivationKind::silu:
      return visit(Silu());
    case ActivationKind::gelu:
      return visit(Gelu());
  }
}

}  // namespace ztilde::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
