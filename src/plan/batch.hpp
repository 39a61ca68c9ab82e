// The rows of one step: an index list into the data set's memory, gathered by the first stage.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/block_kernels.hpp"

namespace ztilde {

// Input rows in memory, bytes or floats (one of the two is not null), row-major.
struct RowSource {
  const std::uint8_t* bytes = nullptr;
  const float* floats = nullptr;
  std::size_t stride = 0;
};

struct AugmentedRows;  // plan/augment.hpp

struct Batch {
  RowSource source;
  const std::uint32_t* row_index = nullptr;  // [rows]; null: rows 0 … rows - 1 of the source
  std::size_t rows = 0;
  const float* targets = nullptr;            // by row of the source; null where there are none
  const float* weights = nullptr;            // by row of the source; null: all 1
  const AugmentedRows* augmented = nullptr;  // what is done to its images; null: nothing
};

// The weights of some rows of a weighted batch.
inline void gather_weights(const Batch& batch, std::size_t first_row, std::size_t rows, float* weights) {
  for (std::size_t r = 0; r < rows; ++r) {
    weights[r] = batch.weights[batch.row_index ? batch.row_index[first_row + r] : first_row + r];
  }
}

inline void copy_rows(kernels::ConstView from, kernels::View to) {
  for (std::size_t r = 0; r < from.rows; ++r) std::copy_n(from.row(r), from.channels, to.row(r));
}

// out [block rows, block channels] = affine(input), for batch rows from first_row and input columns
// from first_channel. affine is that of the first column asked for.
inline void gather(const Batch& batch, std::size_t first_row, std::size_t first_channel,
                   const kernels::Affine& affine, kernels::View out) {
  const std::uint32_t* index = batch.row_index ? batch.row_index + first_row : nullptr;
  const std::size_t skip = first_channel + (batch.row_index ? 0 : first_row * batch.source.stride);
  if (batch.source.bytes) {
    kernels::gather(batch.source.bytes + skip, batch.source.stride, index, affine, out);
  } else {
    kernels::gather(batch.source.floats + skip, batch.source.stride, index, affine, out);
  }
}

}  // namespace ztilde
