// What a table holds, column by column, before anyone trains on it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "data/categories.hpp"
#include "data/cells.hpp"
#include "data/csv.hpp"
#include "data/table_columns.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

// One column on the way; values are counted as long as they are few.
struct Counter {
  CategoryIndex values;
  std::vector<std::uint64_t> counts;
  bool counting = true;
  double mean = 0;  // by Welford, as sums of large numbers lose the small

  void count(std::string_view text, ColumnSurvey& survey) {
    if (!counting) return;
    const std::size_t found = values.find_or_add(text);
    if (found == counts.size()) counts.push_back(0);
    ++counts[found];
    if (counts.size() <= kMostSurveyed) return;
    survey.all_values = counting = false;
  }
};

void add(ColumnSurvey& survey, Counter& counter, const CsvField& field, const Cells& cells) {
  const auto [kind, value] = cells.number<double>(field.text);
  if (kind == NumberKind::empty) {
    ++survey.missing;
    return;
  }
  counter.count(category_text(field), survey);
  if (kind != NumberKind::number) {
    ++survey.texts;
    if (survey.odd_line == 0) {
      survey.odd = category_text(field);
      survey.odd_line = field.line;
    }
    return;
  }
  if (survey.numbers++ == 0) survey.least = survey.most = value;
  survey.least = std::min(survey.least, value);
  survey.most = std::max(survey.most, value);
  counter.mean += (value - counter.mean) / static_cast<double>(survey.numbers);
}

void finish(ColumnSurvey& survey, const Counter& counter) {
  survey.mean = counter.mean;
  for (std::size_t i = 0; i < counter.counts.size(); ++i) {
    survey.values.emplace_back(counter.values.text(i), counter.counts[i]);
  }
  std::ranges::stable_sort(survey.values, [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  // A text is odd among numbers only.
  if (survey.texts >= survey.numbers) {
    survey.odd = "";
    survey.odd_line = 0;
  }
}

}  // namespace

TableSurvey survey_table(CsvBlocks& blocks, const CsvOptions& options) {
  CsvRecords records(blocks);
  const Cells cells(options);
  const TableColumns columns =
      infer_columns(records, column_names(records, options.header), options, cells, false);
  TableSurvey survey;
  survey.delimiter = blocks.format().delimiter;
  for (std::size_t i = 0; i < columns.names.size(); ++i) {
    ColumnSurvey column;
    column.name = columns.names[i];
    column.role = columns.roles[i];
    column.reason = columns.reasons[i];
    survey.columns.push_back(std::move(column));
  }
  if (options.header && look_like_data(columns.names)) {
    survey.notes.push_back(
        "every name in the header is a number; is the header line missing? Then say --no-header");
  }
  std::vector<Counter> counters(columns.names.size());
  std::vector<CsvField> fields;
  while (records.next(fields)) {
    if (fields.size() != columns.names.size()) {
      throw records.error(
          fields[0].line, 0,
          fmt::format("{} where the first line has {}; add what is missing, or quote a field that "
                      "has delimiters in it",
                      counted(fields.size(), "field"), columns.names.size()));
    }
    for (std::size_t i = 0; i < fields.size(); ++i) add(survey.columns[i], counters[i], fields[i], cells);
    ++survey.rows;
  }
  if (survey.rows == 0) throw records.error(1, 0, "a header and no rows; add rows below it");
  for (std::size_t i = 0; i < counters.size(); ++i) finish(survey.columns[i], counters[i]);
  return survey;
}

TableSurvey survey_csv(const std::string& path, const CsvOptions& options) {
  ByteStream stream(path);
  CsvBlocks blocks(stream, options.delimiter, options.decimal_comma);
  return survey_table(blocks, options);
}

}  // namespace ztilde
