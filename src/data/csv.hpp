// read_csv and survey_csv of ztilde/dataset.hpp for tables from anywhere.
#pragma once

#include "data/csv_blocks.hpp"
#include "ztilde/dataset.hpp"

namespace ztilde {

Dataset read_table(CsvBlocks& blocks, const CsvOptions& options);
TableSurvey survey_table(CsvBlocks& blocks, const CsvOptions& options);

}  // namespace ztilde
