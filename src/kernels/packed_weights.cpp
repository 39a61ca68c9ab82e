#include "kernels/packed_weights.hpp"

#include <algorithm>

#include "base/cut.hpp"
#include "kernels/simd_targets.hpp"
#include "tensor/aligned_buffer.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/packed_weights.cpp"
#include "hwy/cache_control.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace ztilde::kernels::HWY_NAMESPACE {

// Where vector `v` of the outputs lies in packed weights, at input 0.
HWY_INLINE std::size_t offset_of(std::size_t v, std::size_t width, std::size_t panel_size) {
  const std::size_t output = v * kLanes;
  return output / width * panel_size + output % width;
}

// `kVectors` neighbouring vectors of outputs into y: side by side, their additions hide each other's latency.
template <std::size_t kVectors>
HWY_INLINE void one_row_vectors(const float* x, const float* packed, std::size_t inputs, std::size_t width,
                                std::size_t panel_size, std::size_t first_vector, float* y) {
  // Weights come from L3 or memory; the processor's own prefetcher starts anew on every page.
  constexpr std::size_t kAhead = 512;  // floats
  // oneDNN 2.6 sums this many inputs from 0 and adds that to what the inputs before gave.
  const std::size_t together = inputs <= 1024 ? 512 : 1024;
  const float* weights[kVectors];
  for (std::size_t v = 0; v < kVectors; ++v)
    weights[v] = packed + offset_of(first_vector + v, width, panel_size);
  for (std::size_t first = 0; first < inputs; first += together) {
    VF sums[kVectors];
    for (VF& sum : sums) sum = hn::Zero(DF());
    for (std::size_t i = first; i < std::min(inputs, first + together); ++i) {
      const VF value = hn::Set(DF(), x[i]);
      for (std::size_t v = 0; v < kVectors; ++v) {
        const float* at = weights[v] + i * width;
        hwy::Prefetch(at + kAhead);
        sums[v] = hn::MulAdd(value, hn::LoadU(DF(), at), sums[v]);
      }
    }
    for (std::size_t v = 0; v < kVectors; ++v) {
      float* at = y + v * kLanes;
      hn::StoreU(first == 0 ? sums[v] : hn::Add(hn::LoadU(DF(), at), sums[v]), DF(), at);
    }
  }
}

constexpr std::size_t kMostVectors = 8;

template <std::size_t kVectors = kMostVectors, class... Arguments>
HWY_INLINE void one_row_any(std::size_t vectors, const Arguments&... arguments) {
  if constexpr (kVectors > 1) {
    if (vectors < kVectors) return one_row_any<kVectors - 1>(vectors, arguments...);
  }
  one_row_vectors<kVectors>(arguments...);
}

void OneRowProduct(const float* x, const float* packed, const float* bias, std::size_t inputs,
                   std::size_t outputs, std::size_t first, std::size_t count, float* y) {
  const std::size_t width = panel_outputs(outputs), panel_size = packed_size(inputs, width);
  const std::size_t first_vector = first / kLanes, end = std::min(outputs, first + count);
  if (first >= end) return;
  const Cut runs = Cut::at_most((end - first + kLanes - 1) / kLanes, kMostVectors);
  alignas(64) float sums[kMostVectors * kLanes];
  for (std::size_t run = 0; run < runs.parts; ++run) {
    const std::size_t vector = first_vector + runs.first(run);
    one_row_any(runs.size(run), x, packed, inputs, width, panel_size, vector, +sums);
    const std::size_t begin = vector * kLanes;
    for (std::size_t o = begin; o < std::min(end, begin + runs.size(run) * kLanes); ++o)
      y[o] = sums[o - begin] + (bias ? bias[o] : 0.0f);
  }
}

}  // namespace ztilde::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ztilde::kernels {

HWY_EXPORT(OneRowProduct);

std::size_t packed_size(std::size_t inputs, std::size_t outputs) {
  if (!packs_in_panels()) return inputs * outputs;
  return round_up(outputs, panel_outputs(outputs)) * round_up(inputs, 16);
}

void pack_weights(const float* weight, std::size_t inputs, std::size_t outputs, float* packed) {
  const bool panels = packs_in_panels();
  const std::size_t width = panels ? panel_outputs(outputs) : outputs;
  const std::size_t panel_size = panels ? packed_size(inputs, width) : 0;
  for (std::size_t o = 0; o < outputs; ++o) {
    const float* row = weight + o * inputs;
    float* column = packed + o / width * panel_size + o % width;
    for (std::size_t i = 0; i < inputs; ++i) column[i * width] = row[i];
  }
}

void one_row_product(const float* x, const float* packed, const float* bias, std::size_t inputs,
                     std::size_t outputs, std::size_t first, std::size_t count, float* y) {
  HWY_DYNAMIC_DISPATCH(OneRowProduct)(x, packed, bias, inputs, outputs, first, count, y);
}

}  // namespace ztilde::kernels
#endif
