#include "model/inputs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <variant>
#include <vector>

#include "base/text.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

// names: empty where the columns have none.
using Names = std::vector<std::string>;

std::string place(std::size_t column, const Names& names) {
  return names.empty() ? fmt::format("input {}", column)
                       : fmt::format("input {} ({})", column, printable(names[column]));
}

[[noreturn]] void refuse_number(std::size_t column, std::size_t row, float number, const Names& names) {
  throw Error(ErrorKind::data, fmt::format("{} is {} in row {}; fill it in or leave the row out",
                                           place(column, names), number, row));
}

void require_category(std::size_t column, std::size_t row, float number, std::size_t categories,
                      const Names& names) {
  const bool sound = number >= 0 && number <= static_cast<float>(categories) && number == std::floor(number);
  if (sound) return;
  throw Error(ErrorKind::data,
              fmt::format("{} is {} in row {}; it must be the index of one of {}, or {} for none of them",
                          place(column, names), number, row, counted(categories, "category"), categories));
}

template <class Number>
void require_encodable(std::span<const Number> rows, const Encode& encode, const Names& names) {
  const std::size_t columns = encode.columns.size();
  for (std::size_t row = 0; row < rows.size() / columns; ++row) {
    for (std::size_t c = 0; c < columns; ++c) {
      const EncodedColumn& column = encode.columns[c];
      const auto number = static_cast<float>(rows[row * columns + c]);
      if (column.kind != Encoding::numeric) {
        require_category(c, row, number, column.categories, names);
      } else if (!std::isfinite(number) && !(std::isnan(number) && column.missing != MissingValue::none)) {
        refuse_number(c, row, number, names);
      }
    }
  }
}

}  // namespace

void require_inputs(const Dataset& data, const Network& network) {
  const Names names = data.column_names.size() == data.columns ? data.column_names : Names();
  const auto* encode = network.layers.empty() ? nullptr : std::get_if<Encode>(&network.layers.front());
  if (encode == nullptr) {
    for (std::size_t i = 0; i < data.floats.size(); ++i) {
      if (!std::isfinite(data.floats[i]))
        refuse_number(i % data.columns, i / data.columns, data.floats[i], names);
    }
    return;
  }
  if (encode->columns.size() != data.columns) return;  // whoever compares the columns says so
  if (data.is_bytes()) {
    require_encodable(std::span<const std::uint8_t>(data.bytes), *encode, names);
  } else {
    require_encodable(std::span<const float>(data.floats), *encode, names);
  }
}

void require_inputs(std::span<const float> rows, const Encode& encode) {
  require_encodable(rows, encode, {});
}

std::vector<std::size_t> missing_numbers(const Dataset& data) {
  std::vector<std::size_t> missing(data.columns);
  const auto count = [&](std::span<const float> rows) {
    for (std::size_t i = 0; i < rows.size(); ++i) missing[i % data.columns] += std::isnan(rows[i]);
  };
  if (!data.store) {
    count(data.floats);
  } else if (!data.is_bytes() && data.rules.missing != MissingUse::refuse) {
    const std::size_t block_rows = data.store->block_rows();
    std::vector<float> block(block_rows * data.columns);
    for (std::size_t first = 0; first < data.rows; first += block_rows) {
      data.store->read_blocks(first / block_rows, 1, block.data());
      count(std::span(block).first(std::min(block_rows, data.rows - first) * data.columns));
    }
  }
  return missing;
}

void require_stored_inputs(const Dataset& data, const Network& network) {
  const Names names = data.column_names.size() == data.columns ? data.column_names : Names();
  const auto* encode = network.layers.empty() ? nullptr : std::get_if<Encode>(&network.layers.front());
  if (encode && data.is_bytes()) {
    throw Error(ErrorKind::data,
                "images on disk cannot be encoded as a table; leave out the encode layer, or read them into "
                "memory");
  }
  const std::vector<std::size_t> missing = missing_numbers(data);
  for (std::size_t c = 0; c < missing.size(); ++c) {
    const bool numeric = c >= data.column_info.size() || data.column_info[c].kind == ColumnKind::numeric;
    if (missing[c] == 0 || !numeric || (encode && encode->columns[c].missing != MissingValue::none)) continue;
    throw Error(ErrorKind::data, fmt::format("{} is missing in {}; fill it in or leave the rows out",
                                             place(c, names), counted(missing[c], "row")));
  }
}

}  // namespace ztilde
