// read_csv and survey_csv of ztilde/dataset.hpp for records from anywhere.
#pragma once

#include "data/csv_records.hpp"
#include "ztilde/dataset.hpp"

namespace ztilde {

Dataset read_table(CsvRecords& records, const CsvOptions& options);
TableSurvey survey_table(CsvRecords& records, const CsvOptions& options);

}  // namespace ztilde
