// Encode: raw table columns to features; which feature is whose is EncodeLayout.
//   x: [rows, columns];  y: [rows, features];  table of a column: [categories + 1, width]
// A missing number (NaN) becomes the column's fill. An unseen category is the last slot; where no
// training row had one, that slot stands for the average row: one-hot features are the frequencies,
// and training leaves the mean of the others in the table's last row.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "layers/fields.hpp"
#include "layers/scalar.hpp"
#include "ztilde/matrix_view.hpp"

namespace ztilde::layers {

// A float holds every whole number up to here, and a category is one.
constexpr std::size_t kMostCategories = std::size_t{1} << 24;

constexpr std::string_view layer_name(const Encode&) { return "encode"; }

template <Is<EncodedColumn> C, class Visit>
void for_each_field(C& column, Visit&& visit) {
  visit("kind", column.kind, Limits{});
  visit("categories", column.categories, Limits{.least = 0, .most = kMostCategories});
  visit("width", column.width, Limits{.least = 0, .most = kMostCategories});
  visit("missing", column.missing, Limits{});
  visit("knots", column.knots, Limits{.least = 0, .most = kMostCategories});
}

template <Is<Encode> L, class Visit>
void for_each_field(L& layer, Visit&& visit) {
  visit("columns", layer.columns, Limits{.required = true});
}

// Where each column's features lie.
struct EncodeLayout {
  struct Place {
    std::size_t first = 0, count = 0;
    std::optional<std::size_t> indicator;
  };
  std::vector<Place> columns;
  std::size_t values = 0;    // features 0 … values − 1 are numbers: what Standardise works on
  std::size_t tables = 0;    // the features from here to the end come from tables
  std::size_t features = 0;  // all of them
};
EncodeLayout layout_of(const Encode& layer);

// Where the fields of a column contradict each other: "column 3: …; …". Empty: nowhere.
std::string contradiction(const Encode& layer);

Shape output_shape(const Encode& layer, const Shape& input);
std::vector<ParameterShape> parameters(const Encode& layer, const Shape& input);
constexpr bool has_statistics(const Encode&) { return false; }  // it has encoding slots

// The slot that a raw number means; whatever is no category is the last, so that nothing is ever read
// outside a table. NaN compares false.
inline std::size_t category_of(double raw, std::size_t categories) {
  return raw >= 0 && raw < static_cast<double>(categories) ? static_cast<std::size_t>(raw) : categories;
}

}  // namespace ztilde::layers

namespace ztilde::reference {

// How many of the ascending knots are at or below x.
template <class T>
std::size_t knots_up_to(std::span<const T> knots, const T& x) {
  const auto above = std::upper_bound(knots.begin(), knots.end(), x,
                                      [](const T& a, const T& b) { return real_part(a) < real_part(b); });
  return static_cast<std::size_t>(above - knots.begin());
}

// The piecewise-linear map through (knots, values), constant outside. Where knots repeat, so do values.
template <class T>
T through_knots(std::span<const T> knots, std::span<const T> values, const T& x) {
  const std::size_t above = knots_up_to(knots, x);
  if (above == 0) return values.front();
  if (above == knots.size()) return values.back();
  const T step = knots[above] - knots[above - 1];
  return values[above - 1] + (values[above] - values[above - 1]) * ((x - knots[above - 1]) / step);
}

// The fixed numbers of one column; empty where it has none.
template <class T>
struct ColumnNumbers {
  std::span<const T> fill, knots, values, frequency;

  ColumnNumbers(std::span<const EncodingSlot> slots, std::span<const T> statistics, std::size_t column) {
    for (const EncodingSlot& slot : slots) {
      if (slot.column != column) continue;
      const std::span<const T> numbers = statistics.subspan(slot.offset, slot.size);
      (slot.name == "fill"     ? fill
       : slot.name == "knots"  ? knots
       : slot.name == "values" ? values
                               : frequency) = numbers;
    }
  }
};

// table(column): the trained table of an embedding.
template <class T, class Table>
void encode_forward(const Encode& layer, std::span<const EncodingSlot> slots, std::span<const T> statistics,
                    const Table& table, MatrixView<const T> x, MatrixView<T> y) {
  const layers::EncodeLayout layout = layers::layout_of(layer);
  for (std::size_t c = 0; c < layer.columns.size(); ++c) {
    const EncodedColumn& column = layer.columns[c];
    const ColumnNumbers<T> numbers(slots, statistics, c);
    const auto& place = layout.columns[c];
    for (std::size_t r = 0; r < x.rows; ++r) {
      const T raw = x(r, c);
      if (column.kind == Encoding::numeric) {
        const bool missing = std::isnan(real_part(raw));
        y(r, place.first) = missing && !numbers.fill.empty() ? numbers.fill[0]
                            : numbers.knots.empty()          ? raw
                                                    : through_knots(numbers.knots, numbers.values, raw);
        if (place.indicator) y(r, *place.indicator) = T(missing ? 1 : 0);
        continue;
      }
      const std::size_t slot = layers::category_of(static_cast<double>(real_part(raw)), column.categories);
      const bool average = column.kind == Encoding::one_hot && slot == column.categories &&
                           real_part(numbers.frequency[slot]) == 0;
      for (std::size_t i = 0; i < place.count; ++i) {
        y(r, place.first + i) = column.kind == Encoding::embedding ? table(c)[slot * column.width + i]
                                : average                          ? numbers.frequency[i]
                                                                   : T(i == slot ? 1 : 0);
      }
    }
  }
}

// Overwrites d_x (a category has no gradient); d_table(column) adds.
template <class T, class Table>
void encode_backward(const Encode& layer, std::span<const EncodingSlot> slots, std::span<const T> statistics,
                     const Table& d_table, MatrixView<const T> x, MatrixView<const T> d_y,
                     MatrixView<T> d_x) {
  const layers::EncodeLayout layout = layers::layout_of(layer);
  for (std::size_t c = 0; c < layer.columns.size(); ++c) {
    const EncodedColumn& column = layer.columns[c];
    const ColumnNumbers<T> numbers(slots, statistics, c);
    const auto& place = layout.columns[c];
    for (std::size_t r = 0; r < x.rows; ++r) {
      const T raw = x(r, c);
      d_x(r, c) = T(0);
      if (column.kind == Encoding::numeric && !std::isnan(real_part(raw))) {
        T slope(1);
        if (!numbers.knots.empty()) {
          const std::size_t above = knots_up_to(numbers.knots, raw);
          const bool inside = above > 0 && above < numbers.knots.size();
          slope = inside ? (numbers.values[above] - numbers.values[above - 1]) /
                               (numbers.knots[above] - numbers.knots[above - 1])
                         : T(0);
        }
        d_x(r, c) = d_y(r, place.first) * slope;
      }
      if (column.kind != Encoding::embedding) continue;
      const std::size_t slot = layers::category_of(static_cast<double>(real_part(raw)), column.categories);
      for (std::size_t i = 0; i < column.width; ++i) {
        d_table(c)[slot * column.width + i] += d_y(r, place.first + i);
      }
    }
  }
}

}  // namespace ztilde::reference
