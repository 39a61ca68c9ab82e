// The column to predict, cell after cell: is it classes or numbers, and which.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/categories.hpp"
#include "data/cells.hpp"
#include "data/csv_records.hpp"
#include "ztilde/dataset.hpp"

namespace ztilde {

class TargetReader {
 public:
  // index: the target's place in the file, from 0. mostly_text: what the rows ahead show, where
  // nothing says whether it is classes or numbers.
  TargetReader(std::size_t index, const std::string& name, const CsvOptions& options, const Cells& cells,
               bool mostly_text);

  void add(const CsvRecords& records, const CsvField& field, MissingCounts& missing);
  // Sets task, classes, targets and notes.
  void finish(Dataset& data, const CsvRecords& records);

 private:
  enum class Kind { known_classes, texts, numbers, either };
  void add_known(const CsvRecords& records, const CsvField& field);
  void add_number(const CsvRecords& records, const CsvField& field, double value);
  Error error(const CsvRecords& records, const CsvField& field, const std::string& what) const;
  Task decide(Dataset& data) const;
  void finish_classes(Dataset& data, const CsvRecords& records);

  std::size_t index_;
  std::string name_;
  const CsvOptions& options_;
  const Cells& cells_;
  Kind kind_;
  std::size_t rows_ = 0, first_line_ = 0;
  CategoryIndex classes_;
  std::unordered_map<double, std::size_t> known_values_;  // of known classes, where all are numbers
  std::vector<float> values_;                             // of numbers, and of known classes
  std::vector<std::uint32_t> ids_;                        // of classes_, while the target may be classes
  bool integers_ = true, exact_ = true, numbers_ = true;
  std::vector<double> distinct_;
};

}  // namespace ztilde
