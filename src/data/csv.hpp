// read_csv and survey_csv of ztilde/dataset.hpp for tables from anywhere.
#pragma once

#include <span>
#include <vector>

#include "data/csv_blocks.hpp"
#include "ztilde/dataset.hpp"

namespace ztilde {

// Takes the inputs of rows as they are read, so that they need not fit in memory.
class InputSink {
 public:
  virtual ~InputSink() = default;
  // Of whole rows, behind those before.
  virtual void add(std::span<const float> inputs, std::size_t columns) = 0;
  // At the end: the cells of this column are to be replaced by place[cell].
  virtual void sort_categories(std::size_t column, std::vector<float> place) = 0;
};

// With a sink, Dataset::floats stays empty.
Dataset read_table(CsvBlocks& blocks, const CsvOptions& options, InputSink* sink = nullptr);
TableSurvey survey_table(CsvBlocks& blocks, const CsvOptions& options);

}  // namespace ztilde
