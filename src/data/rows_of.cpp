#include "data/rows_of.hpp"

#include <vector>

namespace ztilde {
namespace {

template <class T>
std::vector<T> taken(const std::vector<T>& values, std::span<const std::uint32_t> rows, std::size_t columns) {
  std::vector<T> result;
  if (values.empty()) return result;
  result.reserve(rows.size() * columns);
  for (const std::uint32_t row : rows) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(row * columns);
    result.insert(result.end(), first, first + static_cast<std::ptrdiff_t>(columns));
  }
  return result;
}

}  // namespace

Dataset rows_of(const Dataset& data, std::span<const std::uint32_t> rows) {
  Dataset result;
  result.rows = rows.size();
  result.columns = data.columns;
  result.bytes = taken(data.bytes, rows, data.columns);
  result.floats = taken(data.floats, rows, data.columns);
  result.column_names = data.column_names;
  result.column_info = data.column_info;
  result.rules = data.rules;
  result.weights = taken(data.weights, rows, 1);
  result.targets = taken(data.targets, rows, 1);
  result.task = data.task;
  result.target_name = data.target_name;
  result.classes = data.classes;
  result.image_width = data.image_width;
  result.image_height = data.image_height;
  return result;
}

}  // namespace ztilde
