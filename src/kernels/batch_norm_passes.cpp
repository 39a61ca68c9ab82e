#include "kernels/batch_norm_passes.hpp"

#include <cstdint>

#include "kernels/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/batch_norm_passes.cpp"
#include "hwy/cache_control.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/activations-inl.hpp"
#include "kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace ztilde::kernels::HWY_NAMESPACE {

// Sums live in memory between tiles: eight rows at a time make that cheap.
constexpr std::size_t kTileRows = 8;

HWY_INLINE bool has_gaps(ConstView view) { return view.row_stride != view.channels; }

// Asks for memory to come, in the order it lies there, while a tile is walked column by column: the
// processor's own prefetcher loses its way between so many rows. Whole matrices without gaps only.
class Prefetch {
 public:
  HWY_INLINE explicit Prefetch(ConstView x)
      : last_(reinterpret_cast<std::uintptr_t>(x.data + x.rows * x.row_stride)),
        distance_(std::max(kLeast, 2 * kTileRows * x.channels * sizeof(float))),
        has_gaps_(has_gaps(x)) {}
  HWY_INLINE void start(const float* tile) {
    next_ = has_gaps_ ? last_ : reinterpret_cast<std::uintptr_t>(tile) + distance_;
  }
  // What one vector of a tile's rows is worth.
  HWY_INLINE void step() {
    if (next_ >= last_) return;
    for (std::size_t i = 0; i < kTileRows * kLanes * sizeof(float); i += kLine)
      __builtin_prefetch(reinterpret_cast<const void*>(next_ + i), 0, 2);
    next_ += kTileRows * kLanes * sizeof(float);
  }

 private:
  static constexpr std::size_t kLine = 64, kLeast = 32768;
  std::uintptr_t next_ = 0, last_;
  std::size_t distance_;
  bool has_gaps_;
};

HWY_INLINE Wide load(const double* p) { return {hn::Load(DD(), p), hn::Load(DD(), p + kDoubleLanes)}; }
HWY_INLINE void keep(const Wide& v, double* p) {
  hn::Store(v.low, DD(), p);
  hn::Store(v.high, DD(), p + kDoubleLanes);
}
constexpr std::size_t kWide = 2 * kDoubleLanes;

// The lines of one vector of channels in `work`.
struct StatisticsWork {
  double *sum, *squares, *shift, *mean, *m2;
  HWY_INLINE StatisticsWork(double* work, std::size_t c)
      : sum(work + c / kLanes * 5 * kWide),
        squares(sum + kWide),
        shift(sum + 2 * kWide),
        mean(sum + 3 * kWide),
        m2(sum + 4 * kWide) {}
};

// Pools a block's shifted sums into mean and m2 (Chan): `before` rows are in there already.
HWY_INLINE void pool_block(VD sum, VD squares, VD shift, double count, double before, VD& mean, VD& m2) {
  const DD d;
  const VD offset = hn::Div(sum, hn::Set(d, count));
  // Σ d² - (Σ d)²/m is 0 or more but for rounding; NaN stays NaN.
  const VD rounded = hn::Sub(squares, hn::Mul(sum, offset));
  const VD block_m2 = hn::IfThenElse(hn::Lt(rounded, hn::Zero(d)), hn::Zero(d), rounded);
  const VD block_mean = hn::Add(shift, offset);
  if (before == 0) {
    mean = block_mean;
    m2 = block_m2;
    return;
  }
  const double share = count / (before + count);
  const VD delta = hn::Sub(block_mean, mean);
  mean = hn::Add(mean, hn::Mul(delta, hn::Set(d, share)));
  m2 = hn::Add(m2, hn::Add(block_m2, hn::Mul(hn::Mul(delta, delta), hn::Set(d, before * share))));
}

// One tile of one vector of channels.
template <class At>
HWY_INLINE void add_tile(const At& at, const float* x, std::size_t stride, std::size_t rows,
                         const StatisticsWork& w) {
  const Wide shift = load(w.shift);
  Wide sum = load(w.sum), squares = load(w.squares);
  for (std::size_t r = 0; r < rows; ++r) {
    const Wide distance = widen(at.load(x + r * stride)) - shift;
    add(distance, sum);
    add_product(distance, distance, squares);
  }
  keep(sum, w.sum);
  keep(squares, w.squares);
}

void StatisticsPass(ConstView x, double* work, double* mean, double* m2) {
  const std::size_t whole = x.channels / kLanes * kLanes, stride = x.row_stride;
  const Part part(x.channels - whole);
  Prefetch prefetch(x);
  for (std::size_t first = 0; first < x.rows; first += kSumRows) {
    const std::size_t last = std::min(x.rows, first + kSumRows);
    for_each_vector(x.channels, [&](const auto& at, std::size_t c) HWY_ATTR {
      const StatisticsWork w(work, c);
      keep(wide_zero(), w.sum);
      keep(wide_zero(), w.squares);
      keep(widen(at.load(x.row(first) + c)), w.shift);
    });
    for (std::size_t r = first; r < last; r += kTileRows) {
      const std::size_t rows = std::min(kTileRows, last - r);
      const float* const tile = x.row(r);
      prefetch.start(tile);
      for (std::size_t c = 0; c < whole; c += kLanes) {
        prefetch.step();
        add_tile(Whole(), tile + c, stride, rows, StatisticsWork(work, c));
      }
      if (whole < x.channels) add_tile(part, tile + whole, stride, rows, StatisticsWork(work, whole));
    }
    for_each_vector(x.channels, [&](const auto& at, std::size_t c) HWY_ATTR {
      const StatisticsWork w(work, c);
      const Wide sum = load(w.sum), squares = load(w.squares), shift = load(w.shift);
      Wide pooled_mean = load(w.mean), pooled_m2 = load(w.m2);
      const auto count = static_cast<double>(last - first), before = static_cast<double>(first);
      pool_block(sum.low, squares.low, shift.low, count, before, pooled_mean.low, pooled_m2.low);
      pool_block(sum.high, squares.high, shift.high, count, before, pooled_mean.high, pooled_m2.high);
      keep(pooled_mean, w.mean);
      keep(pooled_m2, w.m2);
      if (last == x.rows) {
        store_wide(pooled_mean, at.count(), mean + c);
        store_wide(pooled_m2, at.count(), m2 + c);
      }
    });
  }
}

// A store that leaves the caches alone; its address is a multiple of the vector.
struct Streamed {
  HWY_INLINE VF load(const float* p) const { return hn::LoadU(DF(), p); }
  HWY_INLINE void store(VF v, float* p) const { hn::Stream(v, DF(), p); }
};

// Calls visit(access, c, first, last) for all elements of `out`, four rows at a time.
template <class Visit>
HWY_INLINE void for_each_tile_of(View out, const Visit& visit) {
  constexpr std::size_t kRows = 4;
  const std::size_t whole = out.channels / kLanes * kLanes;
  const Part part(out.channels - whole);
  for (std::size_t r = 0; r < out.rows; r += kRows) {
    const std::size_t last = std::min(out.rows, r + kRows);
    for (std::size_t c = 0; c < whole; c += kLanes) visit(Whole(), c, r, last);
    if (whole < out.channels) visit(part, whole, r, last);
  }
}

// The same with streaming stores to the cache lines that are wholly elements of out. Without gaps
// all rows are one: a vector may begin in one row and end in the next, as its coefficients do.
template <class Visit>
HWY_INLINE void stream_output(View out, bool gaps, const Visit& visit) {
  constexpr std::size_t kLine = 64;
  const std::size_t runs = gaps ? out.rows : 1, length = gaps ? out.channels : out.rows * out.channels;
  for (std::size_t run = 0; run < runs; ++run) {
    std::size_t r = run, c = 0, left = length;
    const auto advance = [&](std::size_t count) HWY_ATTR {
      left -= count;
      for (c += count; c >= out.channels && left > 0; c -= out.channels) ++r;
    };
    const std::size_t past_line = reinterpret_cast<std::uintptr_t>(out.row(run)) % kLine;
    for (std::size_t head = std::min(length, (kLine - past_line) % kLine / sizeof(float)); head > 0;) {
      const std::size_t count = std::min(kLanes, head);
      visit(Part(count), c, r, r + 1);
      advance(count);
      head -= count;
    }
    while (left >= kLanes) {
      visit(Streamed(), c, r, r + 1);
      advance(kLanes);
    }
    if (left > 0) visit(Part(left), c, r, r + 1);
  }
  hwy::FlushStream();
}

// Views and coefficients are copies, so that the compiler knows that no store changes them.
template <class G>
struct Normalise {
  ConstView x;
  Affine affine;
  View y;
  template <class At>
  HWY_INLINE void operator()(const At& at, std::size_t c, std::size_t first, std::size_t last) const {
    const VF centre = at.load(affine.centre + c), scale = at.load(affine.scale + c);
    const VF shift = at.load(affine.shift + c);
    for (std::size_t r = first; r < last; ++r) {
      const VF distance = hn::Sub(at.load(x.row(r) + c), centre);
      at.store(G::value(hn::MulAdd(distance, scale, shift)), y.row(r) + c);
    }
  }
};

void NormalisePass(ConstView x, const Affine& affine, ActivationKind kind, bool stream, View y) {
  with_activation(kind, [&](auto g) HWY_ATTR {
    const Normalise<decltype(g)> visit{x, affine, y};
    if (stream) return stream_output(visit.y, has_gaps(visit.x) || has_gaps(visit.y), visit);
    for_each_tile_of(visit.y, visit);
  });
}

struct BackwardWork {
  double *d, *dx, *total_d, *total_dx;
  HWY_INLINE BackwardWork(double* work, std::size_t c)
      : d(work + c / kLanes * 4 * kWide), dx(d + kWide), total_d(d + 2 * kWide), total_dx(d + 3 * kWide) {}
};

template <class G>
struct BackwardTile {
  ConstView x;
  Affine affine;
  ConstView d_y;
  View d_x;
  bool keep_d;
  double* work;
  template <class At>
  HWY_INLINE void operator()(const At& at, std::size_t c, std::size_t first, std::size_t last) const {
    const VF centre = at.load(affine.centre + c), scale = at.load(affine.scale + c);
    const VF shift = at.load(affine.shift + c);
    const BackwardWork w(work, c);
    Wide block_d = load(w.d), block_dx = load(w.dx);
    for (std::size_t r = first; r < last; ++r) {
      const VF distance = hn::Sub(at.load(x.row(r) + c), centre);
      const VF d = G::slope(hn::MulAdd(distance, scale, shift), at.load(d_y.row(r) + c));
      if (keep_d) at.store(d, d_x.row(r) + c);
      const Wide wide_d = widen(d);
      add(wide_d, block_d);
      add_product(wide_d, widen(distance), block_dx);
    }
    keep(block_d, w.d);
    keep(block_dx, w.dx);
  }
};

template <class G>
HWY_INLINE void sum_blocks(const BackwardTile<G>& tile, double* sum_d, double* sum_dx) {
  const std::size_t rows = tile.x.rows, channels = tile.x.channels, whole = channels / kLanes * kLanes;
  const Part part(channels - whole);
  Prefetch prefetch(tile.x), prefetch_d(tile.d_y);
  for (std::size_t c = 0; c < channels; c += kLanes) {
    for (double* p = BackwardWork(tile.work, c).d; p != BackwardWork(tile.work, c + kLanes).d; p += kWide)
      keep(wide_zero(), p);
  }
  for (std::size_t first = 0; first < rows; first += kSumRows) {
    const std::size_t last = std::min(rows, first + kSumRows);
    for (std::size_t r = first; r < last; r += kTileRows) {
      const std::size_t end = std::min(last, r + kTileRows);
      prefetch.start(tile.x.row(r));
      prefetch_d.start(tile.d_y.row(r));
      for (std::size_t c = 0; c < whole; c += kLanes) {
        prefetch.step();
        prefetch_d.step();
        tile(Whole(), c, r, end);
      }
      if (whole < channels) tile(part, whole, r, end);
    }
    for (std::size_t c = 0; c < channels; c += kLanes) {
      const BackwardWork w(tile.work, c);
      Wide total_d = load(w.total_d), total_dx = load(w.total_dx);
      add(load(w.d), total_d);
      add(load(w.dx), total_dx);
      keep(total_d, w.total_d);
      keep(total_dx, w.total_dx);
      keep(wide_zero(), w.d);
      keep(wide_zero(), w.dx);
    }
  }
  for (std::size_t c = 0; c < channels; c += kLanes) {
    const BackwardWork w(tile.work, c);
    store_wide(load(w.total_d), std::min(kLanes, channels - c), sum_d + c);
    store_wide(load(w.total_dx), std::min(kLanes, channels - c), sum_dx + c);
  }
}

void BackwardSumsPass(ConstView x, const Affine& affine, ActivationKind kind, ConstView d_y, bool keep_d,
                      View d_x, double* work, double* sum_d, double* sum_dx) {
  with_activation(kind, [&](auto g) HWY_ATTR {
    const BackwardTile<decltype(g)> tile{x, affine, d_y, d_x, keep_d, work};
    sum_blocks(tile, sum_d, sum_dx);
  });
}

template <class G>
struct InputGradientOf {
  ConstView x;
  Affine affine;
  InputGradient gradient;
  ConstView d_y;
  View d_x;
  template <class At>
  HWY_INLINE void operator()(const At& at, std::size_t c, std::size_t first, std::size_t last) const {
    const VF centre = at.load(affine.centre + c), shift = at.load(affine.shift + c);
    const VF scale = at.load(affine.scale + c);
    const VF slope = at.load(gradient.slope + c), offset = at.load(gradient.offset + c);
    for (std::size_t r = first; r < last; ++r) {
      const VF distance = hn::Sub(at.load(x.row(r) + c), centre);
      const VF d = G::slope(hn::MulAdd(distance, scale, shift), at.load(d_y.row(r) + c));
      const VF rest = hn::MulAdd(distance, slope, offset);
      at.store(hn::Mul(hn::Add(d, rest), scale), d_x.row(r) + c);
    }
  }
};

void InputGradientPass(ConstView x, const Affine& affine, const InputGradient& gradient, ActivationKind kind,
                       ConstView d_y, bool stream, View d_x) {
  with_activation(kind, [&](auto g) HWY_ATTR {
    const InputGradientOf<decltype(g)> visit{x, affine, gradient, d_y, d_x};
    if (stream)
      return stream_output(visit.d_x, has_gaps(visit.x) || has_gaps(visit.d_y) || has_gaps(visit.d_x), visit);
    for_each_tile_of(visit.d_x, visit);
  });
}

}  // namespace ztilde::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ztilde::kernels {

HWY_EXPORT(StatisticsPass);
HWY_EXPORT(NormalisePass);
HWY_EXPORT(BackwardSumsPass);
HWY_EXPORT(InputGradientPass);

void statistics_pass(ConstView x, double* work, double* mean, double* m2) {
  HWY_DYNAMIC_DISPATCH(StatisticsPass)(x, work, mean, m2);
}
void normalise_pass(ConstView x, const Affine& affine, ActivationKind g, bool stream, View y) {
  HWY_DYNAMIC_DISPATCH(NormalisePass)(x, affine, g, stream, y);
}
void backward_sums_pass(ConstView x, const Affine& affine, ActivationKind g, ConstView d_y, bool keep_d,
                        View d_x, double* work, double* sum_d, double* sum_dx) {
  HWY_DYNAMIC_DISPATCH(BackwardSumsPass)(x, affine, g, d_y, keep_d, d_x, work, sum_d, sum_dx);
}
void input_gradient_pass(ConstView x, const Affine& affine, const InputGradient& gradient, ActivationKind g,
                         ConstView d_y, bool stream, View d_x) {
  HWY_DYNAMIC_DISPATCH(InputGradientPass)(x, affine, gradient, g, d_y, stream, d_x);
}

void repeat(float* coefficients, std::size_t channels) {
  if (channels == 0) return;
  for (std::size_t i = 0; i < kRepeat; ++i) coefficients[channels + i] = coefficients[i];
}

bool is_cheap(ActivationKind g) {
  return g == ActivationKind::identity || g == ActivationKind::relu || g == ActivationKind::leaky_relu;
}

}  // namespace ztilde::kernels
#endif
