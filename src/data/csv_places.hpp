// Where in a table file everything is that is read.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "data/categories.hpp"
#include "data/cells.hpp"
#include "data/csv_records.hpp"
#include "ztilde/dataset.hpp"

namespace ztilde {

// An input column.
struct Input {
  std::size_t field = 0;
  bool categorical = false;
  CategoryIndex known;  // of a model's column
};

struct Places {
  std::vector<std::string> names;
  std::vector<Input> inputs;
  std::optional<std::size_t> target, weight;
  std::vector<std::size_t> kept;
  bool mostly_text_target = false;
};

// Reads the header and looks at the rows ahead. Sets data.rules, and in data.notes which columns are ignored.
Places find_places(CsvRecords& records, const CsvOptions& options, const Cells& cells, Dataset& data);

// Notes what else the header made the reader decide.
void add_notes(Dataset& data, const CsvRecords& records, const Places& places, const CsvOptions& options);

}  // namespace ztilde
