// A dense layer's weights as inference reads them, and the product that reads them for one row. The
// product of many rows is ProductKind::forward_packed of onednn_product.hpp.
#pragma once

#include <cstddef>

namespace ztilde::kernels {

// Outputs in panels: all inputs of 64 outputs lie together, [panel][input][64], the inputs padded with
// zeros to a multiple of 16, the last panel to 64 outputs. oneDNN calls it BA16a64b.
constexpr std::size_t kPanelOutputs = 64;

// Whether oneDNN has products for panels on this machine (it needs AVX-512). Where it has not,
// packed weights are plain Wᵀ [inputs, outputs].
bool packs_in_panels();
// Floats of packed weights.
std::size_t packed_size(std::size_t inputs, std::size_t outputs);
constexpr std::size_t panel_count(std::size_t outputs) {
  return (outputs + kPanelOutputs - 1) / kPanelOutputs;
}

// weight: [outputs, inputs]. packed: packed_size floats, zero at first.
void pack_weights(const float* weight, std::size_t inputs, std::size_t outputs, float* packed);

// y[o] = Σ_i x[i] · W[o, i] + bias[o] for the outputs of `panels` panels from first_panel. x: [inputs]; y,
// bias: [outputs], bias may be null. Adds in the order of oneDNN's product for panels: the same bits.
// Only where packs_in_panels().
void one_row_product(const float* x, const float* packed, const float* bias, std::size_t inputs,
                     std::size_t outputs, std::size_t first_panel, std::size_t panels, float* y);

}  // namespace ztilde::kernels
