// The rows of one step: an index list into the data set's memory, gathered by the first stage.
// A data set larger than memory has the addresses of all its rows and, behind them, the memory of some.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/block_kernels.hpp"

namespace ztilde {

// Brings rows into memory before they are read. Called by one thread at a time, and by no worker of a team.
class RowKeeper {
 public:
  virtual ~RowKeeper() = default;
  // How many of these rows, from the first on, can be held at a time; at least one.
  virtual std::size_t fit(std::span<const std::uint32_t> rows) const = 0;
  // From now on these rows can be read, and no others. `next` are read in the background, for the hold that
  // comes after. Throws what their store throws. Returns a number that is this hold's own.
  virtual std::uint64_t hold(std::span<const std::uint32_t> rows,
                             std::span<const std::uint32_t> next = {}) = 0;
  // The number of the last hold, 0 before the first.
  virtual std::uint64_t last_hold() const = 0;
};

// Input rows, bytes or floats (one of the two is not null), row-major.
struct RowSource {
  const std::uint8_t* bytes = nullptr;
  const float* floats = nullptr;
  std::size_t stride = 0;
  RowKeeper* keeper = nullptr;  // where not all are in memory; such batches have a row_index
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

// Rows of a batch from `first` on.
inline Batch batch_part(const Batch& all, std::size_t first, std::size_t rows) {
  Batch part = all;
  part.rows = rows;
  if (part.row_index) {
    part.row_index += first;
    return part;
  }
  if (part.source.bytes) part.source.bytes += first * part.source.stride;
  if (part.source.floats) part.source.floats += first * part.source.stride;
  if (part.weights) part.weights += first;
  if (part.targets) part.targets += first;
  return part;
}

// Calls visit(first, end) for one run of parts of a batch after another, each while its rows are held: all at
// once where they are in memory. first_row(part): where a part begins; of `parts`, where the last one ends.
template <class FirstRow, class Visit>
void for_each_held(const Batch& batch, std::size_t parts, const FirstRow& first_row, Visit&& visit) {
  RowKeeper* const keeper = batch.source.keeper;
  if (!keeper) {
    visit(std::size_t{0}, parts);
    return;
  }
  const auto rows = [&](std::size_t first, std::size_t end) {
    return std::span(batch.row_index + first_row(first), first_row(end) - first_row(first));
  };
  const auto end_of = [&](std::size_t first) {
    std::size_t end = first;
    if (first == parts) return end;
    const std::size_t fit = first_row(first) + keeper->fit(rows(first, parts));
    do ++end;
    while (end < parts && first_row(end + 1) <= fit);
    return end;
  };
  for (std::size_t first = 0, end = end_of(0); first < parts;) {
    const std::size_t next = end_of(end);
    keeper->hold(rows(first, end), rows(end, next));
    visit(first, end);
    first = end;
    end = next;
  }
}

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
