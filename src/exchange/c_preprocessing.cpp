#include "exchange/c_preprocessing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <string_view>
#include <vector>

#include "data/cells.hpp"
#include "exchange/c_text.hpp"
#include "layers/encode.hpp"

namespace ztilde::c_export {
namespace {

std::vector<float> as_floats(std::span<const double> values) {
  std::vector<float> floats;
  for (const double value : values) floats.push_back(static_cast<float>(value));
  return floats;
}

constexpr std::string_view kNumberColumn = R"(
/* A number of a row, and its feature. */
struct $_number {
  size_t column, feature, indicator; /* indicator 0: none */
  float fill;                        /* what a missing one becomes */
  size_t knots;                      /* of the map to a normal distribution; 0: none */
  const double *knot;                /* ascending */
  const float *value;                /* what they become */
};
)";

constexpr std::string_view kThroughKnots = R"(
/* Linear between the knots, constant outside. */
static float $_through_knots(const struct $_number *number, float x) {
  const double *const knot = number->knot;
  size_t low = 0, high = number->knots;
  while (low < high) { /* how many knots are at or below x */
    const size_t middle = low + (high - low) / 2;
    if ((double)x < knot[middle]) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  if (low == 0) return number->value[0];
  if (low == number->knots) return number->value[low - 1];
  return (float)((double)number->value[low - 1] +
                 ((double)number->value[low] - (double)number->value[low - 1]) *
                     (((double)x - knot[low - 1]) / (knot[low] - knot[low - 1])));
}
)";

constexpr std::string_view kEncodeNumbers = R"(
static void $_encode_numbers(const float *row, float *y) {
  size_t i;
  for (i = 0; i < sizeof $_numbers / sizeof $_numbers[0]; ++i) {
    const struct $_number *const number = &$_numbers[i];
    const float x = row[number->column];
    const int missing = isnan(x);
    y[number->feature] = missing ? number->fill : %;
    if (number->indicator > 0) y[number->indicator] = missing ? 1.0f : 0.0f;
  }
}
)";

constexpr std::string_view kSlotColumn = R"(
/* A category of a row, and its features. */
struct $_slots {
  size_t column, feature;
  size_t categories;   /* the last slot, for none of them, has this index */
  size_t width;        /* of a table's row; 0: one feature a slot, 1 where the row's category is */
  const float *table;  /* width 0: all slots' features for none of the categories, or NULL */
};
)";

constexpr std::string_view kEncodeCategories = R"(
static void $_encode_categories(const float *row, float *y) {
  size_t i, k;
  for (i = 0; i < sizeof $_categories / sizeof $_categories[0]; ++i) {
    const struct $_slots *const slots = &$_categories[i];
    const size_t count = slots->categories;
    const float x = row[slots->column];
    const size_t slot = x >= 0.0f && x < (float)count ? (size_t)x : count;
    float *const to = y + slots->feature;
    if (slots->width > 0) {
      for (k = 0; k < slots->width; ++k) to[k] = slots->table[slot * slots->width + k];
    } else if (slot == count && slots->table != NULL) {
      for (k = 0; k <= count; ++k) to[k] = slots->table[k];
    } else {
      for (k = 0; k <= count; ++k) to[k] = k == slot ? 1.0f : 0.0f;
    }
  }
}
)";

constexpr std::string_view kCategory = R"(
int $_category(int column, const char *text) {
  size_t i;
  for (i = 0; i < sizeof $_missing / sizeof $_missing[0]; ++i) {
    if (strcmp(text, $_missing[i]) == 0) text = "";
  }
  for (i = 0; i < sizeof $_texts / sizeof $_texts[0]; ++i) {
    const struct $_texts_of_column *const of = &$_texts[i];
    int low = 0, high = of->count;
    if (of->column != column) continue;
    while (low < high) {
      const int middle = low + (high - low) / 2;
      const int order = strcmp(text, of->sorted[middle]);
      if (order == 0) return of->index != NULL ? of->index[middle] : middle;
      if (order < 0) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return of->count;
  }
  return -1;
}
)";

class EncodeWriter {
 public:
  explicit EncodeWriter(const Model& model) : model_(model) {}

  std::string run(const Encode& encode) {
    const layers::EncodeLayout layout = layers::layout_of(encode);
    const std::vector<EncodingSlot> slots = encoding_slots(model_.network);
    for (std::size_t c = 0; c < encode.columns.size(); ++c) {
      const reference::ColumnNumbers<double> numbers(slots, model_.statistics, c);
      if (encode.columns[c].kind == Encoding::numeric) {
        add_number(c, encode.columns[c], layout.columns[c], numbers);
      } else {
        add_slots(c, encode.columns[c], layout.columns[c], numbers);
      }
    }
    std::string text, calls;
    if (!numbers_.empty()) {
      text += kNumberColumn;
      if (any_knots_) text += kThroughKnots;
      text += knots_ + c_text::array("static const struct $_number $_numbers[]", numbers_);
      std::string code(kEncodeNumbers);
      code.replace(code.find('%'), 1,
                   any_knots_ ? "number->knots > 0 ? $_through_knots(number, x) : x" : "x");
      text += code;
      calls += "  $_encode_numbers(row, y);\n";
    }
    if (!categories_.empty()) {
      text += kSlotColumn;
      text += '\n' + tables_ + c_text::array("static const struct $_slots $_categories[]", categories_);
      text += kEncodeCategories;
      calls += "  $_encode_categories(row, y);\n";
    }
    return text + "\nstatic void $_encode(const float *row, float *y) {\n" + calls + "}\n";
  }

 private:
  using Place = layers::EncodeLayout::Place;

  void add_number(std::size_t c, const EncodedColumn& column, const Place& place,
                  const reference::ColumnNumbers<double>& numbers) {
    const float fill =
        numbers.fill.empty() ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(numbers.fill[0]);
    std::string knot = "NULL", value = "NULL";
    if (column.knots > 0) {
      any_knots_ = true;
      knot = fmt::format("$_knots_{}", c);
      value = fmt::format("$_values_{}", c);
      knots_ += '\n' + c_text::array(knot, numbers.knots) + c_text::array(value, as_floats(numbers.values));
    }
    numbers_.push_back(fmt::format("{{{}, {}, {}, {}, {}, {}, {}}}", c, place.first,
                                   place.indicator.value_or(0), c_text::number(fill), column.knots, knot,
                                   value));
  }

  void add_slots(std::size_t c, const EncodedColumn& column, const Place& place,
                 const reference::ColumnNumbers<double>& numbers) {
    std::string table = "NULL";
    if (column.kind == Encoding::embedding) {
      for (const ParameterSlot& slot : parameter_slots(model_.network)) {
        if (slot.column != c) continue;
        table = fmt::format("$_table_{}", c);
        tables_ += c_text::array(table, std::span(model_.parameters).subspan(slot.offset, slot.size()));
      }
    } else if (numbers.frequency[column.categories] == 0) {
      table = fmt::format("$_shares_{}", c);
      tables_ += c_text::array(table, as_floats(numbers.frequency));
    }
    categories_.push_back(
        fmt::format("{{{}, {}, {}, {}, {}}}", c, place.first, column.categories, column.width, table));
  }

  const Model& model_;
  bool any_knots_ = false;
  std::string knots_, tables_;
  std::vector<std::string> numbers_, categories_;
};

// The categories of a column by the bytes of their texts, as strcmp orders them.
std::vector<std::size_t> sorted_order(const std::vector<std::string>& texts) {
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return texts[a] < texts[b]; });
  return order;
}

}  // namespace

std::string encode_source(const Model& model) {
  const auto* encode = std::get_if<Encode>(&model.network.layers.front());
  return encode ? EncodeWriter(model).run(*encode) : "";
}

bool has_categories(const Model& model) {
  return std::ranges::any_of(model.column_info,
                             [](const Column& column) { return column.kind == ColumnKind::categorical; });
}

std::string category_source(const Model& model) {
  std::vector<std::string> missing, columns;
  const auto add_missing = [&](std::string_view word) {
    std::string text = c_text::literal(word);
    if (!word.empty() && std::ranges::find(missing, text) == missing.end())
      missing.push_back(std::move(text));
  };
  for (const std::string_view word : kMissingWords) add_missing(word);
  for (const std::string& word : model.rules.missing_words) add_missing(word);

  std::string text = R"(
/* The categories of a column, in the order of strcmp; index NULL: in the order of their indices too. */
struct $_texts_of_column {
  int column, count;
  const char *const *sorted;
  const int *index;
};
)";
  text += '\n' + c_text::array("static const char *const $_missing[]", missing);
  for (std::size_t c = 0; c < model.column_info.size(); ++c) {
    const Column& column = model.column_info[c];
    if (column.kind != ColumnKind::categorical) continue;
    const std::vector<std::size_t> order = sorted_order(column.categories);
    std::vector<std::string> sorted, index;
    for (const std::size_t k : order) {
      sorted.push_back(c_text::literal(column.categories[k]));
      index.push_back(std::to_string(k));
    }
    const bool in_order = std::ranges::is_sorted(order);
    text += c_text::array(fmt::format("static const char *const $_texts_{}[]", c), sorted);
    if (!in_order) text += c_text::array(fmt::format("static const int $_index_{}[]", c), index);
    columns.push_back(fmt::format("{{{0}, {1}, $_texts_{0}, {2}}}", c, order.size(),
                                  in_order ? "NULL" : fmt::format("$_index_{}", c)));
  }
  text += c_text::array("static const struct $_texts_of_column $_texts[]", columns);
  return text + std::string(kCategory);
}

}  // namespace ztilde::c_export
