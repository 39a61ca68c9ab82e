#include "data/cells.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kMostListed = 3;

}  // namespace

Cells::Cells(const CsvOptions& options)
    : further_(options.rules.missing_words), point_(options.decimal_comma ? ',' : '.') {
  for (const std::string& word : further_) {
    const auto [kind, value] = parse_number<double>(word, point_);
    if (kind == NumberKind::number) further_numbers_.push_back(value);
  }
}

bool Cells::is_missing(std::string_view text) const {
  return std::ranges::find(kMissingWords, text) != kMissingWords.end() ||
         std::ranges::find(further_, text) != further_.end();
}

template <class T>
ParsedNumber<T> Cells::any_number(std::string_view text) const {
  ParsedNumber<T> parsed = parse_number<T>(text, point_);
  if (parsed.kind == NumberKind::number) {
    if (further_numbers_.empty()) return parsed;
    for (const double missing : further_numbers_) {
      if (static_cast<T>(missing) == parsed.value) return {NumberKind::empty, 0};
    }
  } else if (parsed.kind == NumberKind::nan || is_missing(trimmed(text))) {
    parsed.kind = NumberKind::empty;
  }
  return parsed;
}

template ParsedNumber<float> Cells::any_number<float>(std::string_view text) const;
template ParsedNumber<double> Cells::any_number<double>(std::string_view text) const;

std::string named_column(std::size_t column, std::string_view name) {
  return fmt::format("column {} ('{}')", column, printable(name));
}

std::string number_complaint(std::string_view text, std::size_t column, std::string_view name, char point) {
  const std::string where = named_column(column, name);
  const std::string_view word = trimmed(text);
  const auto kind = parse_number<float>(word, point).kind;
  if (kind == NumberKind::infinite) {
    return fmt::format("infinity in {}; put a number in its place or leave the row out", where);
  }
  const std::string shown = printable(word);
  if (kind == NumberKind::too_large) {
    return fmt::format("'{}' in {} is beyond the largest float, 3.4e38; scale the column down", shown, where);
  }
  const std::size_t sign = !word.empty() && (word[0] == '-' || word[0] == '+') ? 1 : 0;
  if (word.substr(sign).starts_with("0x") || word.substr(sign).starts_with("0X")) {
    return fmt::format("'{}' in {} is hexadecimal; write it as a decimal number", shown, where);
  }
  if (point == '.' && parse_number<float>(word, ',').kind == NumberKind::number) {
    return fmt::format(
        "'{}' in {} has a comma; say --decimal-comma if it stands before the decimals, else "
        "write the number without it",
        shown, where);
  }
  if (point == ',' && parse_number<float>(word).kind == NumberKind::number) {
    return fmt::format("'{}' in {} has a decimal point; leave --decimal-comma out, or write it with a comma",
                       shown, where);
  }
  return fmt::format("'{}' in {} is not a number; correct it, or leave the column out with --ignore", shown,
                     where);
}

void MissingCounts::add(const MissingCounts& part, std::size_t row) {
  if (part.total_ == 0) return;
  if (total_ == 0 || row + part.first_.row <= first_.row) {
    first_ = {row + part.first_.row, part.first_.line, part.first_.column};
  }
  total_ += part.total_;
  fillable_ |= part.fillable_;
  for (std::size_t i = 0; i < by_column_.size(); ++i) by_column_[i] += part.by_column_[i];
}

void MissingCounts::require_none(const CsvRecords& records, const std::vector<std::string>& names) const {
  if (total_ == 0) return;
  std::string list;
  std::size_t columns = 0;
  for (std::size_t i = 0; i < by_column_.size(); ++i) {
    if (by_column_[i] == 0 || ++columns > kMostListed) continue;
    list += fmt::format("{}{} in {}", list.empty() ? "" : ", ", with_commas(by_column_[i]),
                        named_column(i + 1, names[i]));
  }
  if (columns > kMostListed)
    list += fmt::format(" and more in {}", counted(columns - kMostListed, "other column"));
  throw records.error(
      first_.line, first_.column,
      fmt::format("{} ({}); fill them in or leave the rows out{}", counted(total_, "missing value"), list,
                  fillable_ ? ", or train with --missing mean" : ""));
}

}  // namespace ztilde
