// Some rows of a data set, as a data set of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ztilde/dataset.hpp"

namespace ztilde {

// `columns` values of each of the rows; nothing where there are no values.
template <class T>
std::vector<T> values_of_rows(const std::vector<T>& values, std::span<const std::uint32_t> rows,
                              std::size_t columns = 1) {
  std::vector<T> result;
  if (values.empty()) return result;
  result.reserve(rows.size() * columns);
  for (const std::uint32_t row : rows) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(row * columns);
    result.insert(result.end(), first, first + static_cast<std::ptrdiff_t>(columns));
  }
  return result;
}

// What a data set says of its rows, columns, target and images, and none of them.
Dataset without_rows(const Dataset& data);

// In the order of `rows`, each below data.rows, any number of times.
Dataset rows_of(const Dataset& data, std::span<const std::uint32_t> rows);

}  // namespace ztilde
