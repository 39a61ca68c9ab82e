#include "cli/survey_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/json_text.hpp"
#include "cli/layout.hpp"
#include "cli/values.hpp"

namespace ztilde::cli {
namespace {

constexpr std::size_t kMostValues = 6;
constexpr std::size_t kNarrowest = 20;
constexpr std::size_t kFewNumbers = 20;  // so few distinct whole numbers may be categories

bool holds_numbers(const ColumnSurvey& column) { return column.numbers > column.texts; }

std::string delimiter_words(char delimiter) {
  switch (delimiter) {
    case ',':
      return "commas";
    case '\t':
      return "tabs";
    case ';':
      return "semicolons";
    case '|':
      return "pipes";
    case ' ':
      return "spaces";
    default:
      return fmt::format("'{}'", delimiter);
  }
}

// Four digits, and none where they say nothing: 22, 8.458, 1,234,567.
std::string brief(double number) {
  return std::abs(number) < 1000 ? fmt::format("{:.4g}", number) : shown(number);
}

std::string values_words(const ColumnSurvey& column) {
  std::string text = column.all_values ? counted(column.values.size(), "distinct value")
                                       : fmt::format("over {} distinct values", with_commas(kMostSurveyed));
  // Names that come once each say nothing by their frequency.
  if (column.values.empty() || column.values[0].second == 1) return text;
  text += ": ";
  for (std::size_t i = 0; i < std::min(column.values.size(), kMostValues); ++i) {
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", printable(column.values[i].first),
                        with_commas(column.values[i].second));
  }
  return column.values.size() > kMostValues ? text + ", …" : text;
}

std::string column_words(const ColumnSurvey& column, std::uint64_t rows) {
  std::string text(to_string(column.role));
  if (!column.reason.empty()) text += fmt::format(" ({})", column.reason);
  if (column.missing > 0) {
    text += fmt::format("; {} missing ({:.1f} %)", with_commas(column.missing),
                        100.0 * static_cast<double>(column.missing) / static_cast<double>(rows));
  }
  if (column.numbers + column.texts == 0) return text + "; no values";
  if (holds_numbers(column)) {
    text +=
        fmt::format("; mean {}, from {} to {}", brief(column.mean), brief(column.least), brief(column.most));
    if (column.texts > 0) {
      text += fmt::format("; {} not numbers, the first is '{}' in line {}", with_commas(column.texts),
                          printable(column.odd), column.odd_line);
    }
    if (!column.all_values || column.values.size() > kFewNumbers || column.values[0].second == 1) return text;
  }
  return text + "; " + values_words(column);
}

}  // namespace

std::string survey_words(const TableSurvey& survey, const std::string& path, std::size_t width) {
  width = std::max(width, kNarrowest);
  std::size_t widest = 0;
  for (const ColumnSurvey& column : survey.columns)
    widest = std::max(widest, columns_of(printable(column.name)));
  const std::size_t indent = std::min(widest, width / 4) + 2;
  std::string text =
      wrapped("", 0,
              fmt::format("{}: {}, {}, separated by {}", shown_path(path), counted(survey.rows, "row"),
                          counted(survey.columns.size(), "column"), delimiter_words(survey.delimiter)),
              width);
  for (const std::string& note : survey.notes) text += wrapped("", 0, note, width);
  text += '\n';
  for (const ColumnSurvey& column : survey.columns) {
    text += wrapped(column.name.empty() ? "''" : printable(column.name), indent,
                    column_words(column, survey.rows), width);
  }
  return text;
}

std::string survey_json(const TableSurvey& survey, const std::string& path) {
  using nlohmann::ordered_json;
  ordered_json object = {{"data", path},
                         {"rows", survey.rows},
                         {"delimiter", std::string(1, survey.delimiter)},
                         {"columns", ordered_json::array()}};
  for (const ColumnSurvey& column : survey.columns) {
    ordered_json entry = {{"name", column.name},
                          {"role", to_string(column.role)},
                          {"missing", column.missing},
                          {"numbers", column.numbers},
                          {"texts", column.texts}};
    if (!column.reason.empty()) entry["reason"] = column.reason;
    if (column.numbers > 0) {
      entry["mean"] = column.mean;
      entry["min"] = column.least;
      entry["max"] = column.most;
    }
    if (column.odd_line > 0) entry["first_text"] = {{"text", column.odd}, {"line", column.odd_line}};
    if (column.all_values) {
      entry["distinct"] = column.values.size();
      entry["values"] = ordered_json::array();
      for (const auto& [value, count] : column.values)
        entry["values"].push_back({{"value", value}, {"count", count}});
    }
    object["columns"].push_back(std::move(entry));
  }
  return json_line(object);
}

std::string roles_json(const TableSurvey& survey) {
  std::string text = "{";
  const char* separator = "\n  ";
  for (const ColumnSurvey& column : survey.columns) {
    if (column.name.empty()) continue;
    text +=
        fmt::format("{}{}: \"{}\"", separator, nlohmann::json(column.name).dump(), to_string(column.role));
    separator = ",\n  ";
  }
  return text + "\n}\n";
}

}  // namespace ztilde::cli
