#include <cmath>

#include "kernels/block_kernels.hpp"
#include "kernels/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dropout_kernel.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace ztilde::kernels::HWY_NAMESPACE {

using DQ = hn::ScalableTag<std::uint64_t>;
using VQ = hn::Vec<DQ>;
using DU = hn::ScalableTag<std::uint32_t>;
constexpr std::size_t kQuads = hn::MaxLanes(DQ());
constexpr std::size_t kChunk = 4 * kQuads;  // random numbers made at a time

// The 32-bit numbers of kQuads counters from `quad` on. Each word of a counter is the lower half of
// a 64-bit lane, which is what the multiplication reads; the upper halves hold what is left over.
HWY_INLINE void random_chunk(const RandomStream& stream, std::uint64_t quad, std::uint32_t* bits) {
  const DQ d;
  const DU d32;
  const auto multiply = [&](VQ words, std::uint32_t factor)
                            HWY_ATTR { return hn::MulEven(hn::BitCast(d32, words), hn::Set(d32, factor)); };
  const PhiloxBlock counter = stream.counter(quad);
  PhiloxKey key = stream.key();
  VQ word0 = hn::Iota(d, quad), word1 = hn::ShiftRight<32>(word0);
  VQ word2 = hn::Set(d, counter[2]), word3 = hn::Set(d, counter[3]);
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const VQ product0 = multiply(word0, kPhiloxMultiplier0);
    const VQ product1 = multiply(word2, kPhiloxMultiplier1);
    word0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(product1), word1), hn::Set(d, key[0]));
    word1 = product1;
    word2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(product0), word3), hn::Set(d, key[1]));
    word3 = product0;
    key[0] += kPhiloxWeyl0;
    key[1] += kPhiloxWeyl1;
  }
  const VQ lower = hn::Set(d, 0xFFFFFFFFu);
  alignas(64) std::uint64_t pairs[2 * kQuads];
  hn::StoreInterleaved2(hn::Or(hn::And(word0, lower), hn::ShiftLeft<32>(word1)),
                        hn::Or(hn::And(word2, lower), hn::ShiftLeft<32>(word3)), d, pairs);
  for (std::size_t i = 0; i < 2 * kQuads; ++i) {
    bits[2 * i] = static_cast<std::uint32_t>(pairs[i]);
    bits[2 * i + 1] = static_cast<std::uint32_t>(pairs[i] >> 32);
  }
}

HWY_INLINE void drop(float* x, const std::uint32_t* bits, std::size_t count, std::uint32_t last_dropped,
                     float factor) {
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const auto kept = hn::Gt(hn::LoadU(DU(), bits + i), hn::Set(DU(), last_dropped));
    const VF scaled = hn::Mul(hn::LoadU(DF(), x + i), hn::Set(DF(), factor));
    hn::StoreU(hn::IfThenElseZero(hn::RebindMask(DF(), kept), scaled), DF(), x + i);
  }
  for (; i < count; ++i) x[i] = bits[i] > last_dropped ? x[i] * factor : 0.0f;
}

// The elements of a whole row follow those of the row before, so that random numbers made for the
// end of one serve the start of the next; a slice of the channels starts anew in each row.
void Dropout(View x, std::uint32_t last_dropped, float factor, const RandomStream& stream,
             std::uint64_t first_element, std::size_t stream_channels) {
  alignas(64) std::uint32_t bits[kChunk];
  std::uint64_t quad = 0;
  std::size_t next = 0;
  for (std::size_t r = 0; r < x.rows; ++r) {
    if (r == 0 || x.channels != stream_channels) {
      const std::uint64_t element = first_element + r * stream_channels;
      quad = element / 4;
      next = element % 4;
      random_chunk(stream, quad, bits);
    }
    for (std::size_t c = 0; c < x.channels;) {
      if (next == kChunk) {
        quad += kQuads;
        next = 0;
        random_chunk(stream, quad, bits);
      }
      const std::size_t count = std::min(x.channels - c, kChunk - next);
      drop(x.row(r) + c, bits + next, count, last_dropped, factor);
      c += count;
      next += count;
    }
  }
}

}  // namespace ztilde::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ztilde::kernels {

HWY_EXPORT(Dropout);

void dropout(View x, double probability, const RandomStream& stream, std::uint64_t first_row,
             std::size_t first_channel, std::size_t stream_channels) {
  const double dropped = std::ceil(probability * 0x1p32);
  if (!(dropped > 0)) return;
  // At probability 1 everything goes, and 1/(1 - 1) is not to be met.
  const float factor = probability < 1 ? static_cast<float>(1 / (1 - probability)) : 0.0f;
  const auto last_dropped = static_cast<std::uint32_t>(std::fmin(dropped - 1, 0xFFFFFFFFp0));
  const std::size_t channels = stream_channels == 0 ? x.channels : stream_channels;
  HWY_DYNAMIC_DISPATCH(Dropout)
  (x, last_dropped, factor, stream, first_row * channels + first_channel, channels);
}

}  // namespace ztilde::kernels
#endif
