#include "kernels/packed_weights.hpp"

#include <algorithm>

#include "kernels/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/packed_weights.cpp"
#include "hwy/cache_control.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace ztilde::kernels::HWY_NAMESPACE {

constexpr std::size_t kPanelVectors = kPanelOutputs / kLanes;

// `kPanels` panels side by side into y [kPanels · 64], so that enough additions are in flight to hide their
// latency.
template <std::size_t kPanels>
HWY_INLINE void one_row_panels(const float* x, const float* packed, std::size_t panel_size,
                               std::size_t inputs, float* y) {
  // Weights come from L3 or memory; the processor's own prefetcher starts anew on every page.
  constexpr std::size_t kAhead = 512;  // floats
  // oneDNN 2.6 sums this many inputs from 0 and adds that to what the inputs before gave.
  const std::size_t together = inputs <= 1024 ? 512 : 1024;
  for (std::size_t first = 0; first < inputs; first += together) {
    VF sums[kPanels][kPanelVectors];
    for (auto& panel : sums) {
      for (VF& sum : panel) sum = hn::Zero(DF());
    }
    for (std::size_t i = first; i < std::min(inputs, first + together); ++i) {
      const VF value = hn::Set(DF(), x[i]);
      for (std::size_t p = 0; p < kPanels; ++p) {
        const float* weights = packed + p * panel_size + i * kPanelOutputs;
        for (std::size_t line = 0; line < kPanelOutputs; line += 16) hwy::Prefetch(weights + kAhead + line);
        for (std::size_t v = 0; v < kPanelVectors; ++v) {
          sums[p][v] = hn::MulAdd(value, hn::LoadU(DF(), weights + v * kLanes), sums[p][v]);
        }
      }
    }
    for (std::size_t p = 0; p < kPanels; ++p) {
      for (std::size_t v = 0; v < kPanelVectors; ++v) {
        float* at = y + p * kPanelOutputs + v * kLanes;
        hn::StoreU(first == 0 ? sums[p][v] : hn::Add(hn::LoadU(DF(), at), sums[p][v]), DF(), at);
      }
    }
  }
}

void OneRowProduct(const float* x, const float* packed, const float* bias, std::size_t inputs,
                   std::size_t outputs, std::size_t first_panel, std::size_t panels, float* y) {
  const std::size_t panel_size = packed_size(inputs, kPanelOutputs);
  const auto finish = [&](const float* sums, std::size_t first, std::size_t count) {
    count = std::min(count, outputs - first);
    for (std::size_t o = 0; o < count; ++o) y[first + o] = sums[o] + (bias ? bias[first + o] : 0.0f);
  };
  constexpr std::size_t kTogether = 2;
  alignas(64) float sums[kTogether * kPanelOutputs];
  std::size_t panel = first_panel;
  const std::size_t end = first_panel + panels;
  for (; panel + kTogether <= end; panel += kTogether) {
    one_row_panels<kTogether>(x, packed + panel * panel_size, panel_size, inputs, sums);
    finish(sums, panel * kPanelOutputs, kTogether * kPanelOutputs);
  }
  if (panel == end) return;
  one_row_panels<1>(x, packed + panel * panel_size, panel_size, inputs, sums);
  finish(sums, panel * kPanelOutputs, kPanelOutputs);
}

}  // namespace ztilde::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ztilde::kernels {

HWY_EXPORT(OneRowProduct);

std::size_t packed_size(std::size_t inputs, std::size_t outputs) {
  if (!packs_in_panels()) return inputs * outputs;
  return panel_count(outputs) * kPanelOutputs * ((inputs + 15) / 16 * 16);
}

void pack_weights(const float* weight, std::size_t inputs, std::size_t outputs, float* packed) {
  const bool panels = packs_in_panels();
  const std::size_t width = panels ? kPanelOutputs : outputs;
  const std::size_t panel_size = panels ? packed_size(inputs, kPanelOutputs) : 0;
  for (std::size_t o = 0; o < outputs; ++o) {
    const float* row = weight + o * inputs;
    float* column = packed + o / width * panel_size + o % width;
    for (std::size_t i = 0; i < inputs; ++i) column[i * width] = row[i];
  }
}

void one_row_product(const float* x, const float* packed, const float* bias, std::size_t inputs,
                     std::size_t outputs, std::size_t first_panel, std::size_t panels, float* y) {
  HWY_DYNAMIC_DISPATCH(OneRowProduct)(x, packed, bias, inputs, outputs, first_panel, panels, y);
}

}  // namespace ztilde::kernels
#endif
