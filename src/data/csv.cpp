// Tables: which columns are what, then row after row.
#include "data/csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/memory.hpp"
#include "base/text.hpp"
#include "data/categories.hpp"
#include "data/cells.hpp"
#include "data/csv_records.hpp"
#include "data/table_columns.hpp"
#include "data/target.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

// An input column: where it is in the file, and its categories as far as they are known.
struct Input {
  std::size_t field = 0;
  bool categorical = false;
  CategoryIndex categories;
  std::size_t known = 0;  // of a model's column; those behind are unseen
  std::size_t unseen = 0;
  std::string first_unseen;
};

// Where in the file everything is.
struct Places {
  std::vector<std::string> names;
  std::vector<Input> inputs;
  std::optional<std::size_t> target, weight;
  std::vector<std::size_t> kept;
  bool mostly_text_target = false;
};

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
    input.categories = CategoryIndex(options.columns[i].categories);
    input.known = input.categories.size();
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

// What the header made the reader decide.
void add_notes(Dataset& data, const CsvRecords& records, const Places& places, const CsvOptions& options) {
  if (records.delimiter() != ',' && options.delimiter == 0) {
    data.notes.push_back(
        fmt::format("delimiter: {}, because the first line has it", delimiter_name(records.delimiter())));
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

// One table on its way into a data set.
class TableReader {
 public:
  TableReader(CsvRecords& records, const CsvOptions& options)
      : records_(records),
        options_(options),
        cells_(options),
        places_(find_places(records, options, cells_, data_)),
        missing_(places_.names.size()),
        most_floats_(memory_limit().bytes / sizeof(float)) {
    for (const Input& input : places_.inputs) data_.column_names.push_back(places_.names[input.field]);
    for (const std::size_t i : places_.kept) data_.kept_names.push_back(places_.names[i]);
    data_.kept.resize(places_.kept.size());
    data_.columns = places_.inputs.size();
    if (places_.target) {
      target_.emplace(*places_.target, places_.names[*places_.target], options, cells_,
                      places_.mostly_text_target);
    }
    add_notes(data_, records, places_, options);
  }

  Dataset read() {
    std::vector<CsvField> fields;
    const std::size_t start = records_.bytes_done();
    while (records_.next(fields)) {
      if (fields.size() != places_.names.size()) refuse_ragged(fields);
      add(fields);
      if (++data_.rows == kRowsToGuessFrom) reserve(records_.bytes_done() - start);
    }
    if (data_.rows == 0) throw records_.error(1, 0, "a header and no rows; add rows below it");
    finish();
    return std::move(data_);
  }

 private:
  static constexpr std::size_t kRowsToGuessFrom = 1000;

  [[noreturn]] void refuse_ragged(const std::vector<CsvField>& fields) const {
    const bool blank = fields.size() == 1 && trimmed(fields[0].text).empty();
    const std::string found = blank ? "a blank line" : counted(fields.size(), "field");
    throw records_.error(
        fields[0].line, 0,
        fmt::format("{} where the {} has {}; {}", found, options_.header ? "header" : "first line",
                    places_.names.size(),
                    blank ? "remove it" : "add what is missing, or quote a field that has delimiters in it"));
  }

  // Room for all rows there will be, if they are as long as the first ones.
  void reserve(std::size_t bytes) {
    const double rows = 1.02 * static_cast<double>(records_.expected_bytes()) *
                        static_cast<double>(data_.rows) / static_cast<double>(bytes);
    const double floats = rows * static_cast<double>(data_.columns);
    if (floats < static_cast<double>(most_floats_)) data_.floats.reserve(static_cast<std::size_t>(floats));
  }

  void add(const std::vector<CsvField>& fields) {
    const std::size_t start = data_.floats.size();
    if (start + data_.columns > most_floats_) {
      throw records_.error(
          fields[0].line, 0,
          fmt::format("the rows up to here need more memory than {} ({} bytes); use a part of the table",
                      memory_limit().words, with_commas(memory_limit().bytes)));
    }
    data_.floats.resize(start + data_.columns);
    float* out = data_.floats.data() + start;
    for (Input& input : places_.inputs) {
      const CsvField& field = fields[input.field];
      *out++ = input.categorical ? category(input, field) : number(input, field);
    }
    if (target_) target_->add(records_, fields[*places_.target], missing_);
    if (places_.weight) add_weight(fields[*places_.weight]);
    for (std::size_t i = 0; i < places_.kept.size(); ++i) {
      data_.kept[i].emplace_back(fields[places_.kept[i]].text);
    }
  }

  float number(const Input& input, const CsvField& field) {
    const auto [kind, value] = cells_.number<float>(field.text);
    if (kind == NumberKind::number) return value;
    if (kind != NumberKind::empty) {
      throw records_.error(
          field.line, input.field + 1,
          number_complaint(field.text, input.field + 1, places_.names[input.field], cells_.point()));
    }
    if (options_.rules.missing == MissingUse::refuse) missing_.add_fillable(field, input.field);
    return std::numeric_limits<float>::quiet_NaN();
  }

  float category(Input& input, const CsvField& field) {
    std::string_view text = category_text(field);
    if (cells_.is_missing(text)) text = {};
    if (options_.columns.empty()) {
      const std::size_t found = input.categories.find_or_add(text);
      if (found == kMostCategories) {
        throw records_.error(field.line, input.field + 1,
                             fmt::format("{} has more than {}; leave it out with --ignore",
                                         named_column(input.field + 1, places_.names[input.field]),
                                         counted(kMostCategories, "category")));
      }
      return static_cast<float>(found);
    }
    const std::size_t found = input.categories.find(text);
    if (found == input.known) unseen(input, field, text);
    return static_cast<float>(found);
  }

  void unseen(Input& input, const CsvField& field, std::string_view text) {
    const std::string where = named_column(input.field + 1, places_.names[input.field]);
    if (options_.refuse_unseen) {
      std::vector<std::string> known;
      for (std::size_t i = 0; i < input.known; ++i) known.push_back(input.categories.text(i));
      throw records_.error(field.line, input.field + 1,
                           text.empty()
                               ? fmt::format("a missing value in {}, which had none in training; fill it "
                                             "in, or say --unseen slot",
                                             where)
                               : fmt::format("'{}' in {} was not there in training{}", printable(text), where,
                                             did_you_mean(text, known)));
    }
    if (input.unseen++ == 0) input.first_unseen = text;
  }

  void add_weight(const CsvField& field) {
    const std::size_t i = *places_.weight;
    const auto [kind, value] = cells_.number<float>(field.text);
    if (kind == NumberKind::empty) {
      missing_.add(field, i);
    } else if (kind != NumberKind::number) {
      throw records_.error(field.line, i + 1,
                           number_complaint(field.text, i + 1, places_.names[i], cells_.point()));
    } else if (value < 0) {
      throw records_.error(
          field.line, i + 1,
          fmt::format("the weight in {} is {}; weights are at least 0", named_column(i + 1, places_.names[i]),
                      printable(trimmed(field.text))));
    }
    weighty_ |= value > 0;
    data_.weights.push_back(value);
  }

  void finish() {
    missing_.require_none(records_, places_.names);
    if (places_.weight && !weighty_) {
      throw records_.error(1, *places_.weight + 1,
                           fmt::format("every weight in {} is 0; give some rows a weight above 0",
                                       named_column(*places_.weight + 1, places_.names[*places_.weight])));
    }
    if (target_) target_->finish(data_, records_);
    if (options_.columns.empty()) {
      sort_inputs();
    } else {
      tell_unseen();
      if (std::ranges::any_of(options_.columns,
                              [](const Column& c) { return c.kind != ColumnKind::numeric; })) {
        data_.column_info = options_.columns;
      }
    }
  }

  // Categories in an order that the rows' order does not change.
  void sort_inputs() {
    if (std::ranges::none_of(places_.inputs, &Input::categorical)) return;
    for (std::size_t c = 0; c < data_.columns; ++c) {
      Column column{data_.column_names[c], ColumnKind::numeric, {}};
      if (places_.inputs[c].categorical) {
        const CategoryOrder order = sort_categories(places_.inputs[c].categories, false);
        column.kind = ColumnKind::categorical;
        column.categories = order.sorted;
        for (std::size_t r = 0; r < data_.rows; ++r) {
          float& cell = data_.floats[r * data_.columns + c];
          cell = static_cast<float>(order.place[static_cast<std::size_t>(cell)]);
        }
      }
      data_.column_info.push_back(std::move(column));
    }
  }

  void tell_unseen() {
    for (const Input& input : places_.inputs) {
      if (input.unseen == 0) continue;
      data_.notes.push_back(fmt::format(
          "categories: {} of '{}' {} not there in training, the first is {}", counted(input.unseen, "value"),
          printable(places_.names[input.field]), input.unseen == 1 ? "was" : "were",
          input.first_unseen.empty() ? "missing" : fmt::format("'{}'", printable(input.first_unseen))));
    }
  }

  CsvRecords& records_;
  const CsvOptions& options_;
  Cells cells_;
  Dataset data_;
  Places places_;
  MissingCounts missing_;
  std::size_t most_floats_;
  std::optional<TargetReader> target_;
  bool weighty_ = false;
};

}  // namespace

Dataset read_table(CsvRecords& records, const CsvOptions& options) {
  return TableReader(records, options).read();
}

Dataset read_csv(const std::string& path, const CsvOptions& options) {
  ByteStream stream(path);
  CsvRecords records(stream, options.delimiter, options.decimal_comma);
  return read_table(records, options);
}

}  // namespace ztilde
