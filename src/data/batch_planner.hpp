// How an epoch's rows are cut into batches of nearly the same size, none of them too small.
#pragma once

#include <cstddef>
#include <string>

namespace ztilde {

// `batches` batches in row order; the first `larger_count` have smaller + 1 rows, the others `smaller`.
struct BatchPlan {
  std::size_t rows = 0;
  std::size_t batches = 0;
  std::size_t smaller = 0;
  std::size_t larger_count = 0;

  std::size_t size(std::size_t batch) const { return smaller + (batch < larger_count ? 1 : 0); }
  std::size_t first_row(std::size_t batch) const {
    return batch * smaller + (batch < larger_count ? batch : larger_count);
  }
  std::size_t largest() const { return size(0); }
  // "1,001 rows = 4 batches of 250 or 251".
  std::string describe() const;
};

// ceil(rows / batch) batches, fewer where otherwise one would have less than min_rows_per_batch
// rows (2 for a network with batch norm), so that a batch may be larger than `batch`. Throws
// Error(data) for 0 rows, batch 0, and rows or a batch below min_rows_per_batch.
BatchPlan plan_batches(std::size_t rows, std::size_t batch, std::size_t min_rows_per_batch);

}  // namespace ztilde
