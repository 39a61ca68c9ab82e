#include "data/rows_of.hpp"

namespace ztilde {

Dataset without_rows(const Dataset& data) {
  Dataset frame;
  frame.columns = data.columns;
  frame.column_names = data.column_names;
  frame.column_info = data.column_info;
  frame.rules = data.rules;
  frame.task = data.task;
  frame.target_name = data.target_name;
  frame.classes = data.classes;
  frame.image_width = data.image_width;
  frame.image_height = data.image_height;
  return frame;
}

Dataset rows_of(const Dataset& data, std::span<const std::uint32_t> rows) {
  Dataset result = without_rows(data);
  result.rows = rows.size();
  result.bytes = values_of_rows(data.bytes, rows, data.columns);
  result.floats = values_of_rows(data.floats, rows, data.columns);
  result.weights = values_of_rows(data.weights, rows);
  result.targets = values_of_rows(data.targets, rows);
  return result;
}

}  // namespace ztilde
