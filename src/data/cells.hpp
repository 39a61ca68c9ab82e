// What a cell of a table stands for: a number, a missing value, or text.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "data/csv_records.hpp"
#include "data/numbers.hpp"
#include "data/plain_number.hpp"
#include "ztilde/dataset.hpp"

namespace ztilde {

// What a missing value is written as, spaces aside; a model's TableRules may have more.
inline constexpr std::array<std::string_view, 12> kMissingWords = {"",    "NA",  "N/A",  "na",   "n/a", "NaN",
                                                                   "nan", "NAN", "NULL", "null", "?",   "-"};

class Cells {
 public:
  explicit Cells(const CsvOptions& options);

  // As parse_number, with NumberKind::empty for every missing value. NaN is one, whatever its spelling.
  // The text is a field's, which has margins around it.
  template <class T>
  ParsedNumber<T> number(std::string_view text) const {
    T value = 0;
    if (!text.empty() && plain_numbers_are_numbers() && parse_plain(text, point_, value)) {
      return {NumberKind::number, value};
    }
    return any_number<T>(text);
  }
  // Whether none of them stands for a missing value.
  bool plain_numbers_are_numbers() const { return further_numbers_.empty(); }
  // Whether a text (without spaces around it) is a spelling of a missing value.
  bool is_missing(std::string_view text) const;
  char point() const { return point_; }

 private:
  template <class T>
  ParsedNumber<T> any_number(std::string_view text) const;

  std::vector<std::string> further_;
  std::vector<double> further_numbers_;
  char point_;
};

// The text that a category or class is known by: spaces around unquoted text make no other one.
inline std::string_view category_text(const CsvField& field) {
  return field.quoted ? field.text : trimmed(field.text);
}

// "column 3 ('age')".
std::string named_column(std::size_t column, std::string_view name);

// What is wrong with a cell that should be a finite number, and what to do: the words of a message.
std::string number_complaint(std::string_view text, std::size_t column, std::string_view name, char point);

// Missing values are counted to the end, so that one message says how bad it is.
class MissingCounts {
 public:
  explicit MissingCounts(std::size_t columns = 0) : by_column_(columns) {}
  void add(std::size_t row, const CsvField& field, std::size_t index) {
    if (total_++ == 0) first_ = {row, field.line, index + 1};
    ++by_column_[index];
  }
  // fillable: some are in input columns, where --missing helps.
  void add_fillable(std::size_t row, const CsvField& field, std::size_t index) {
    fillable_ = true;
    add(row, field, index);
  }
  // Of a part of the table: its rows begin at `row`, and in each the part's cells come first.
  void add(const MissingCounts& part, std::size_t row);
  void require_none(const CsvRecords& records, const std::vector<std::string>& names) const;

 private:
  struct Place {
    std::size_t row = 0, line = 0, column = 0;
  };
  std::vector<std::size_t> by_column_;
  std::size_t total_ = 0;
  Place first_;
  bool fillable_ = false;
};

}  // namespace ztilde
