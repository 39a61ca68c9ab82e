// The column to predict: is it classes or numbers, and which.
#pragma once

#include <cstddef>
#include <vector>

#include "data/csv_records.hpp"
#include "ztilde/dataset.hpp"

namespace ztilde {

// Sets task, classes, targets and notes of `data` from the target's fields, one a row.
// data.target_name is set already; column: the target's number in the file, from 1.
void add_target(Dataset& data, const CsvRecords& records, const std::vector<CsvField>& fields,
                std::size_t column, const CsvOptions& options);

// "column 3 ('age')".
std::string named_column(std::size_t column, std::string_view name);

// What is wrong with a field that should be a finite number, and what to do: the words of a message.
std::string number_complaint(std::string_view text, std::size_t column, std::string_view name);

}  // namespace ztilde
