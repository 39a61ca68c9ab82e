#include "plan/rows_copy.hpp"

#include <algorithm>

namespace ztilde {
namespace {

template <class Number>
void append(const Number* rows, std::size_t columns, std::uint32_t row, std::vector<Number>& to) {
  if (rows) to.insert(to.end(), rows + row * columns, rows + (row + std::size_t{1}) * columns);
}

}  // namespace

std::size_t most_copied(const Batch& rows, std::size_t most) {
  constexpr std::size_t kSome = 64;
  if (!rows.source.keeper) return most;
  const std::size_t row_bytes = rows.source.stride * (rows.source.bytes ? 1 : sizeof(float));
  return std::min(most, std::max(kSome, kMostCopiedBytes / row_bytes));
}

Batch in_memory(const Batch& some, RowsCopy& copy) {
  if (!some.source.keeper) return some;
  copy = {};
  (some.source.bytes ? copy.bytes.reserve(some.rows * some.source.stride)
                     : copy.floats.reserve(some.rows * some.source.stride));
  for_each_held(
      some, some.rows, [](std::size_t row) { return row; },
      [&](std::size_t first, std::size_t end) {
        for (std::size_t r = first; r < end; ++r) {
          const std::uint32_t row = some.row_index[r];
          append(some.source.bytes, some.source.stride, row, copy.bytes);
          append(some.source.floats, some.source.stride, row, copy.floats);
          append(some.targets, 1, row, copy.targets);
          append(some.weights, 1, row, copy.weights);
        }
      });
  some.source.keeper->hold({});  // what is done with the sample needs the memory
  Batch batch = some;
  batch.source = {some.source.bytes ? copy.bytes.data() : nullptr,
                  some.source.floats ? copy.floats.data() : nullptr, some.source.stride};
  batch.row_index = nullptr;
  if (some.targets) batch.targets = copy.targets.data();
  if (some.weights) batch.weights = copy.weights.data();
  return batch;
}

}  // namespace ztilde
