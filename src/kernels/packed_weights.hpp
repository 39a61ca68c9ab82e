// A dense layer's weights as inference reads them, and the product that reads them for one row. The
// product of many rows is ProductKind::forward_packed of onednn_product.hpp.
#pragma once

#include <cstddef>

namespace ztilde::kernels {

// Outputs in panels: all inputs of 48 or 64 outputs lie together, [panel][input][48 or 64], the inputs padded
// with zeros to a multiple of 16, the last panel to whole ones. oneDNN calls it BA16a48b or BA16a64b. Panels
// of 48 are up to 6 % faster where outputs are no multiple of 64 (docs/performance.md).
constexpr std::size_t panel_outputs(std::size_t outputs) { return outputs % 64 == 0 ? 64 : 48; }

// Whether oneDNN has products for panels on this machine (it needs AVX-512). Where it has not,
// packed weights are plain Wᵀ [inputs, outputs].
bool packs_in_panels();
// Floats of packed weights.
std::size_t packed_size(std::size_t inputs, std::size_t outputs);

// weight: [outputs, inputs]. packed: packed_size floats, zero at first.
void pack_weights(const float* weight, std::size_t inputs, std::size_t outputs, float* packed);

// y[o] = Σ_i x[i] · W[o, i] + bias[o] for `count` outputs from `first`, a multiple of 16. x: [inputs]; y,
// bias: [outputs], bias may be null. Adds in the order of oneDNN's product for panels: the same bits. Only
// where packs_in_panels().
void one_row_product(const float* x, const float* packed, const float* bias, std::size_t inputs,
                     std::size_t outputs, std::size_t first, std::size_t count, float* y);

}  // namespace ztilde::kernels
