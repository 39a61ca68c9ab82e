#include "data/csv_places.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "data/table_columns.hpp"

namespace ztilde {
namespace {

Input input_at(std::size_t field, bool categorical) {
  Input input;
  input.field = field;
  input.categorical = categorical;
  return input;
}

void require_names(const CsvRecords& records, const Places& places) {
  if (places.inputs.empty()) {
    throw records.error(
        1, 0,
        places.names.size() == 1
            ? fmt::format("the only column, '{}', is the target; give columns to predict it from",
                          printable(places.names[0]))
            : "no column is left to predict from; ignore fewer");
  }
  for (const Input& input : places.inputs) {
    const std::size_t i = input.field;
    if (places.names[i].empty()) {
      throw records.error(1, i + 1,
                          fmt::format("column {} has no name; name it, or leave it out where it only "
                                      "numbers the rows",
                                      i + 1));
    }
    if (i == places.target) {
      throw records.error(1, i + 1,
                          fmt::format("{} is both an input and the target; choose one",
                                      named_column(i + 1, places.names[i])));
    }
  }
}

std::optional<std::size_t> find_name(const std::vector<std::string>& names, const std::string& name) {
  const auto found = name.empty() ? names.end() : std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

// The columns of a model, wherever they are in this table.
void find_model_columns(Places& places, const CsvRecords& records, const CsvOptions& options,
                        const Cells& cells) {
  std::vector<std::string> wanted;
  for (const Column& column : options.columns) wanted.push_back(column.name);
  const std::vector<std::size_t> found = find_columns(records, places.names, wanted);
  for (std::size_t i = 0; i < found.size(); ++i) {
    Input input = input_at(found[i], options.columns[i].kind == ColumnKind::categorical);
    input.known = CategoryIndex(options.columns[i].categories);
    places.inputs.push_back(std::move(input));
  }
  if (options.target_use == CsvOptions::Target::ignored) return;
  const bool last = options.target.empty() && options.target_use == CsvOptions::Target::required;
  places.target = last ? places.names.size() - 1 : find_name(places.names, options.target);
  if (places.target && options.classes.empty() && !options.task) {
    places.mostly_text_target = look_ahead(records, places.names.size(), cells)[*places.target].mostly_text();
  }
  if (!places.target && options.target_use == CsvOptions::Target::required) {
    throw records.error(1, 0,
                        fmt::format("no column is called '{}', the target{}", printable(options.target),
                                    did_you_mean(options.target, places.names)));
  }
  places.weight = find_name(places.names, options.rules.weight_name);
}

const char* delimiter_name(char delimiter) {
  switch (delimiter) {
    case '\t':
      return "tab";
    case ';':
      return "semicolon";
    case '|':
      return "pipe";
    default:
      return "comma";
  }
}

}  // namespace

Places find_places(CsvRecords& records, const CsvOptions& options, const Cells& cells, Dataset& data) {
  Places places;
  places.names = column_names(records, options.header);
  places.kept = find_columns(records, places.names, options.keep);
  data.rules = options.rules;
  if (!options.columns.empty()) {
    find_model_columns(places, records, options, cells);
    require_names(records, places);
    return places;
  }
  const TableColumns columns = infer_columns(records, places.names, options, cells, true);
  places.target = columns.target();
  places.weight = columns.weight();
  if (places.target) places.mostly_text_target = columns.glances[*places.target].mostly_text();
  for (std::size_t i = 0; i < columns.roles.size(); ++i) {
    const ColumnRole role = columns.roles[i];
    if (role == ColumnRole::numeric || role == ColumnRole::categorical) {
      places.inputs.push_back(input_at(i, role == ColumnRole::categorical));
    }
    if (role == ColumnRole::ignored) data.rules.ignored.push_back(places.names[i]);
    if (!columns.reasons[i].empty()) {
      data.notes.push_back(fmt::format("ignored: '{}', as it has {}; --categorical {} uses it",
                                       printable(places.names[i]), columns.reasons[i],
                                       printable(places.names[i])));
    }
  }
  require_names(records, places);
  if (places.weight) data.rules.weight_name = places.names[*places.weight];
  if (options.target_use == CsvOptions::Target::ignored) places.target.reset();
  return places;
}

void add_notes(Dataset& data, const CsvRecords& records, const Places& places, const CsvOptions& options) {
  if (records.format().delimiter != ',' && options.delimiter == 0) {
    data.notes.push_back(fmt::format("delimiter: {}, because the first line has it",
                                     delimiter_name(records.format().delimiter)));
  }
  if (options.header && look_like_data(places.names)) {
    data.notes.push_back(
        "header: every name in it is a number; is the header line missing? Then say --no-header");
  }
  if (options.columns.empty()) return;
  std::vector<bool> used(places.names.size(), false);
  for (const Input& input : places.inputs) used[input.field] = true;
  for (const std::size_t i : places.kept) used[i] = true;
  if (places.target) used[*places.target] = true;
  std::vector<std::string> ignored;
  const auto meant = [&](const std::string& name) {
    return name == options.target || name == options.rules.weight_name ||
           std::ranges::find(options.rules.ignored, name) != options.rules.ignored.end();
  };
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (!used[i] && !meant(places.names[i])) ignored.push_back(places.names[i]);
  }
  if (ignored.empty()) return;
  data.notes.push_back(fmt::format("columns: {} {} ignored: {}", counted(ignored.size(), "column"),
                                   ignored.size() == 1 ? "is" : "are", listed(ignored)));
}

}  // namespace ztilde
