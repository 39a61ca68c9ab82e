// Tables: which columns are the inputs, the target and those to keep; then row after row.
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "base/text.hpp"
#include "data/csv_records.hpp"
#include "data/numbers.hpp"
#include "data/target.hpp"
#include "ztilde/dataset.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kMostListed = 3;

// Where in the file the columns are (indices from 0) and what the header calls them.
struct Columns {
  std::vector<std::string> names;
  std::vector<std::size_t> inputs, kept;
  std::optional<std::size_t> target;
};

using NameIndex = std::unordered_map<std::string_view, std::size_t>;

// "'a', 'b', 'c' and 7 more".
std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMostListed); ++i) {
    text += fmt::format("{}'{}'", i == 0 ? "" : ", ", printable(names[i]));
  }
  if (names.size() > kMostListed) text += fmt::format(" and {} more", names.size() - kMostListed);
  return text;
}

bool looks_like_data(const std::vector<std::string>& names) {
  return std::ranges::all_of(
      names, [](const std::string& name) { return parse_number<double>(name).kind == NumberKind::number; });
}

// The header's names; refuses a name that stands for two columns.
std::vector<std::string> header_names(CsvRecords& records) {
  std::vector<CsvField> fields;
  records.next(fields);
  std::vector<std::string> names;
  for (const CsvField& field : fields) names.emplace_back(field.quoted ? field.text : trimmed(field.text));
  NameIndex seen;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) continue;
    const auto [first, fresh] = seen.try_emplace(names[i], i);
    if (fresh) continue;
    throw records.error(fields[i].line, i + 1,
                        fmt::format("columns {} and {} are both called '{}'; {}", first->second + 1, i + 1,
                                    printable(names[i]),
                                    looks_like_data(names) ? "is the header line missing?" : "rename one"));
  }
  return names;
}

std::vector<std::size_t> find_all(const CsvRecords& records, const std::vector<std::string>& names,
                                  const NameIndex& index, const std::vector<std::string>& wanted) {
  std::vector<std::size_t> found;
  std::vector<std::string> missing;
  for (const std::string& name : wanted) {
    const auto at = index.find(name);
    if (at == index.end())
      missing.push_back(name);
    else
      found.push_back(at->second);
  }
  if (!missing.empty()) {
    throw records.error(1, 0,
                        fmt::format("the header lacks {} {}{}", missing.size() == 1 ? "column" : "columns",
                                    listed(missing), did_you_mean(missing[0], names)));
  }
  return found;
}

// The target: by name, by number, or the last column.
std::optional<std::size_t> find_target(const CsvRecords& records, const std::vector<std::string>& names,
                                       const NameIndex& index, const CsvOptions& options) {
  const std::string& target = options.target;
  const auto found = index.find(target);
  if (!target.empty() && found != index.end()) return found->second;
  if (options.target_use != CsvOptions::Target::required) return std::nullopt;
  if (target.empty()) return names.size() - 1;
  const bool number = target.find_first_not_of("0123456789") == target.npos;
  if (!number) {
    throw records.error(1, 0,
                        fmt::format("no column is called '{}', the target{}", printable(target),
                                    did_you_mean(target, names)));
  }
  const auto [kind, value] = parse_number<double>(target);
  if (kind != NumberKind::number || value < 1 || value > static_cast<double>(names.size())) {
    throw records.error(1, 0,
                        fmt::format("the target is to be column {}, and the header has {}; give a name, or a "
                                    "number from 1 to {}",
                                    printable(target), counted(names.size(), "column"), names.size()));
  }
  return static_cast<std::size_t>(value) - 1;
}

Columns choose_columns(CsvRecords& records, const CsvOptions& options) {
  Columns columns;
  columns.names = header_names(records);
  NameIndex index;
  for (std::size_t i = 0; i < columns.names.size(); ++i) {
    if (!columns.names[i].empty()) index.emplace(columns.names[i], i);
  }
  const auto target = find_target(records, columns.names, index, options);
  columns.kept = find_all(records, columns.names, index, options.keep);
  columns.inputs = find_all(records, columns.names, index, options.columns);
  if (options.columns.empty()) {
    for (std::size_t i = 0; i < columns.names.size(); ++i) {
      if (i != target) columns.inputs.push_back(i);
    }
  }
  if (columns.inputs.empty()) {
    throw records.error(1, 0,
                        fmt::format("the only column, '{}', is the target; give columns to predict it from",
                                    printable(columns.names[0])));
  }
  for (const std::size_t i : columns.inputs) {
    if (columns.names[i].empty()) {
      throw records.error(1, i + 1,
                          fmt::format("column {} has no name; name it, or leave it out where it only "
                                      "numbers the rows",
                                      i + 1));
    }
    if (i == target) {
      throw records.error(1, i + 1,
                          fmt::format("{} is both an input and the target; choose one",
                                      named_column(i + 1, columns.names[i])));
    }
  }
  if (options.target_use != CsvOptions::Target::ignored) columns.target = target;
  return columns;
}

// What the header made the reader decide.
void add_notes(Dataset& data, const CsvRecords& records, const Columns& columns, const CsvOptions& options) {
  if (records.delimiter() != ',') {
    data.notes.push_back(fmt::format("delimiter: {}, because the header has it",
                                     records.delimiter() == '\t' ? "tab" : "semicolon"));
  }
  if (looks_like_data(columns.names)) {
    data.notes.push_back("header: every name in it is a number; is the header line missing?");
  }
  if (options.columns.empty()) return;
  std::vector<bool> used(columns.names.size(), false);
  for (const std::size_t i : columns.inputs) used[i] = true;
  for (const std::size_t i : columns.kept) used[i] = true;
  if (columns.target) used[*columns.target] = true;
  std::vector<std::string> ignored;
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (!used[i] && columns.names[i] != options.target) ignored.push_back(columns.names[i]);
  }
  if (ignored.empty()) return;
  data.notes.push_back(fmt::format("columns: {} {} ignored: {}", counted(ignored.size(), "column"),
                                   ignored.size() == 1 ? "is" : "are", listed(ignored)));
}

// Missing values are counted to the end, so that one message says how bad it is.
struct Missing {
  std::vector<std::size_t> by_column;
  std::size_t total = 0, line = 0, column = 0;  // of the first

  void add(const CsvField& field, std::size_t index) {
    if (total++ == 0) line = field.line, column = index + 1;
    ++by_column[index];
  }
  void require_none(const CsvRecords& records, const std::vector<std::string>& names) const {
    if (total == 0) return;
    std::string list;
    std::size_t columns = 0;
    for (std::size_t i = 0; i < by_column.size(); ++i) {
      if (by_column[i] == 0 || ++columns > kMostListed) continue;
      list += fmt::format("{}{} in {}", list.empty() ? "" : ", ", with_commas(by_column[i]),
                          named_column(i + 1, names[i]));
    }
    if (columns > kMostListed)
      list += fmt::format(" and more in {}", counted(columns - kMostListed, "other column"));
    throw records.error(
        line, column,
        fmt::format("{} ({}); fill them in or leave the rows out", counted(total, "missing value"), list));
  }
};

// Room for every value there can be: a row takes a line, a value two bytes.
void reserve(Dataset& data, const CsvRecords& records) {
  const std::size_t rows = records.lines_left();
  const std::size_t most = records.bytes_left() / 2 + 1;
  data.floats.reserve(rows > most / data.columns ? most : rows * data.columns);
}

void read_inputs(Dataset& data, const CsvRecords& records, const Columns& columns,
                 const std::vector<CsvField>& fields, Missing& missing) {
  data.floats.resize(data.floats.size() + data.columns);
  float* out = data.floats.data() + data.floats.size() - data.columns;
  for (const std::size_t i : columns.inputs) {
    const auto [kind, value] = parse_number<float>(fields[i].text);
    *out++ = value;
    if (kind == NumberKind::number) continue;
    if (kind != NumberKind::empty) {
      throw records.error(fields[i].line, i + 1, number_complaint(fields[i].text, i + 1, columns.names[i]));
    }
    missing.add(fields[i], i);
  }
}

}  // namespace

Dataset read_csv(const std::string& path, const CsvOptions& options) {
  CsvRecords records(path, read_file(path));
  const Columns columns = choose_columns(records, options);

  Dataset data;
  data.columns = columns.inputs.size();
  for (const std::size_t i : columns.inputs) data.column_names.push_back(columns.names[i]);
  for (const std::size_t i : columns.kept) data.kept_names.push_back(columns.names[i]);
  data.kept.resize(columns.kept.size());
  add_notes(data, records, columns, options);
  reserve(data, records);

  Missing missing{std::vector<std::size_t>(columns.names.size()), 0, 0, 0};
  std::vector<CsvField> fields, targets;
  while (records.next(fields)) {
    if (fields.size() != columns.names.size()) {
      const bool blank = fields.size() == 1 && trimmed(fields[0].text).empty();
      const std::string found = blank ? "a blank line" : counted(fields.size(), "field");
      throw records.error(fields[0].line, 0,
                          fmt::format("{} where the header has {}; {}", found, columns.names.size(),
                                      blank ? "remove it"
                                            : "add what is missing, or quote a field that has "
                                              "delimiters in it"));
    }
    read_inputs(data, records, columns, fields, missing);
    if (columns.target) {
      const CsvField& field = fields[*columns.target];
      if (trimmed(field.text).empty()) missing.add(field, *columns.target);
      targets.push_back(field);
    }
    for (std::size_t i = 0; i < columns.kept.size(); ++i)
      data.kept[i].emplace_back(fields[columns.kept[i]].text);
    ++data.rows;
  }
  if (data.rows == 0) throw records.error(1, 0, "a header and no rows; add rows below it");
  missing.require_none(records, columns.names);
  if (columns.target) {
    data.target_name = columns.names[*columns.target];
    add_target(data, records, targets, *columns.target + 1, options);
  }
  return data;
}

}  // namespace ztilde
