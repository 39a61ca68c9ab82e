// Which column of a table is what: said by its user, else inferred from the rows ahead.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "data/cells.hpp"
#include "data/csv_records.hpp"
#include "ztilde/dataset.hpp"

namespace ztilde {

// What the cells ahead hold.
struct ColumnGlance {
  std::size_t numbers = 0, texts = 0;
  std::size_t numbers_otherwise = 0;  // texts that would be numbers with the other decimal point
  std::size_t distinct = 0;           // texts and numbers, by their texts; counted where mostly_text()
  std::size_t text_line = 0;          // of the first text
  std::string text;
  bool mostly_text() const { return texts > 0 && texts >= numbers; }
};

// One for each column; looks at the records that lie in memory.
std::vector<ColumnGlance> look_ahead(const CsvRecords& records, std::size_t columns, const Cells& cells);

struct TableColumns {
  std::vector<std::string> names;
  std::vector<ColumnRole> roles;     // one of them at most is the target, one the weight
  std::vector<std::string> reasons;  // why an undeclared column is ignored, "" elsewhere
  std::vector<ColumnGlance> glances;
  std::optional<std::size_t> target() const;
  std::optional<std::size_t> weight() const;
};

// The header's names, or 1, 2, … without one; refuses a name that stands for two columns.
std::vector<std::string> column_names(CsvRecords& records, bool header);
bool look_like_data(const std::vector<std::string>& names);

// The role of every column of a table to train on (options.columns is empty).
// strict: refuses columns of numbers with a text among them.
TableColumns infer_columns(CsvRecords& records, std::vector<std::string> names, const CsvOptions& options,
                           const Cells& cells, bool strict);

// Their places in the file; throws naming those that are missing.
std::vector<std::size_t> find_columns(const CsvRecords& records, const std::vector<std::string>& names,
                                      const std::vector<std::string>& wanted);

// "'a', 'b', 'c' and 7 more".
std::string listed(const std::vector<std::string>& names);

}  // namespace ztilde
