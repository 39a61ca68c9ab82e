#include "data/table_columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/text.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kMostListed = 3;
// More rows than this, and over half of the texts different: names or notes rather than categories.
constexpr std::size_t kFewRows = 20;

using NameIndex = std::unordered_map<std::string_view, std::size_t>;

NameIndex index_of(const std::vector<std::string>& names) {
  NameIndex index;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!names[i].empty()) index.emplace(names[i], i);
  }
  return index;
}

// As what a column is: "numeric", "the target".
std::string role_words(ColumnRole role) {
  const bool only_one = role == ColumnRole::weight || role == ColumnRole::target;
  return fmt::format("{}{}", only_one ? "the " : "", to_string(role));
}

// The target by number, where no column is called so.
std::size_t numbered_target(const CsvRecords& records, const std::vector<std::string>& names,
                            const std::string& target) {
  if (target.find_first_not_of("0123456789") != target.npos) {
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

std::optional<std::size_t> find_target(const CsvRecords& records, const TableColumns& columns,
                                       const NameIndex& index, const std::vector<bool>& said,
                                       const CsvOptions& options) {
  const bool needed = options.target_use == CsvOptions::Target::required;
  if (!options.target.empty()) {
    const auto found = index.find(options.target);
    if (found != index.end()) return found->second;
    return needed ? std::optional(numbered_target(records, columns.names, options.target)) : std::nullopt;
  }
  if (columns.target()) return columns.target();
  if (!needed) return std::nullopt;
  for (std::size_t i = columns.names.size(); i-- > 0;) {
    if (!said[i]) return i;
  }
  throw records.error(1, 0, "every column has another role; name the one to predict with --target");
}

// Calls see(column, field) for all cells ahead, up to a record that reading will refuse by its form.
template <class See>
void for_records_ahead(const CsvRecords& records, std::size_t columns, const See& see) {
  std::vector<CsvField> fields;
  CsvRecords ahead = records.ahead();
  try {
    while (ahead.next(fields) && fields.size() == columns) {
      for (std::size_t i = 0; i < columns; ++i) see(i, fields[i]);
    }
  } catch (const Error&) {  // what it is is told when reading comes to it
  }
}

}  // namespace

std::vector<ColumnGlance> look_ahead(const CsvRecords& records, std::size_t columns, const Cells& cells) {
  std::vector<ColumnGlance> glances(columns);
  for_records_ahead(records, columns, [&](std::size_t i, const CsvField& field) {
    const NumberKind kind = cells.number<float>(field.text).kind;
    if (kind == NumberKind::empty) return;
    ColumnGlance& seen = glances[i];
    if (kind != NumberKind::text) {
      ++seen.numbers;
      return;
    }
    if (seen.texts++ == 0) {
      seen.text = field.text;
      seen.text_line = field.line;
    }
    const char other_point = cells.point() == '.' ? ',' : '.';
    seen.numbers_otherwise += parse_number<float>(field.text, other_point).kind == NumberKind::number;
  });
  if (std::ranges::none_of(glances, &ColumnGlance::mostly_text)) return glances;
  std::vector<std::unordered_set<std::string>> distinct(columns);
  for_records_ahead(records, columns, [&](std::size_t i, const CsvField& field) {
    if (!glances[i].mostly_text() || cells.number<float>(field.text).kind == NumberKind::empty) return;
    distinct[i].emplace(category_text(field));
  });
  for (std::size_t i = 0; i < columns; ++i) glances[i].distinct = distinct[i].size();
  return glances;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMostListed); ++i) {
    text += fmt::format("{}'{}'", i == 0 ? "" : ", ", printable(names[i]));
  }
  if (names.size() > kMostListed) text += fmt::format(" and {} more", names.size() - kMostListed);
  return text;
}

bool look_like_data(const std::vector<std::string>& names) {
  return std::ranges::all_of(
      names, [](const std::string& name) { return parse_number<double>(name).kind == NumberKind::number; });
}

std::optional<std::size_t> TableColumns::target() const {
  const auto found = std::ranges::find(roles, ColumnRole::target);
  if (found == roles.end()) return std::nullopt;
  return static_cast<std::size_t>(found - roles.begin());
}

std::optional<std::size_t> TableColumns::weight() const {
  const auto found = std::ranges::find(roles, ColumnRole::weight);
  if (found == roles.end()) return std::nullopt;
  return static_cast<std::size_t>(found - roles.begin());
}

std::vector<std::string> column_names(CsvRecords& records, bool header) {
  std::vector<CsvField> fields;
  std::vector<std::string> names;
  if (!header) {
    CsvRecords ahead = records.ahead();
    if (!ahead.next(fields)) throw records.error(1, 0, "the first line is too long; is this a table?");
    for (std::size_t i = 0; i < fields.size(); ++i) names.push_back(std::to_string(i + 1));
    return names;
  }
  records.next(fields);
  for (const CsvField& field : fields) names.emplace_back(category_text(field));
  if (names.size() == 1 && names[0].empty()) {
    throw records.error(fields[0].line, 0,
                        "a blank line where the header should be; put the columns' names there");
  }
  NameIndex seen;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) continue;
    const auto [first, fresh] = seen.try_emplace(names[i], i);
    if (fresh) continue;
    throw records.error(
        fields[i].line, i + 1,
        fmt::format(
            "columns {} and {} are both called '{}'; {}", first->second + 1, i + 1, printable(names[i]),
            look_like_data(names) ? "is the header line missing? Then say --no-header" : "rename one"));
  }
  return names;
}

std::vector<std::size_t> find_columns(const CsvRecords& records, const std::vector<std::string>& names,
                                      const std::vector<std::string>& wanted) {
  const NameIndex index = index_of(names);
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

TableColumns infer_columns(CsvRecords& records, std::vector<std::string> names, const CsvOptions& options,
                           const Cells& cells, bool strict) {
  TableColumns columns;
  columns.names = std::move(names);
  const std::size_t count = columns.names.size();
  columns.roles.resize(count, ColumnRole::numeric);
  columns.reasons.resize(count);
  columns.glances = look_ahead(records, count, cells);

  std::vector<bool> said(count, false);
  const NameIndex index = index_of(columns.names);
  const auto declare = [&](std::size_t i, ColumnRole role) {
    if (said[i] && columns.roles[i] != role) {
      throw records.error(
          1, i + 1,
          fmt::format("{} is to be both {} and {}; choose one", named_column(i + 1, columns.names[i]),
                      role_words(columns.roles[i]), role_words(role)));
    }
    const bool once = role == ColumnRole::target || role == ColumnRole::weight;
    const auto other = std::ranges::find(columns.roles, role);
    if (once && other != columns.roles.end() &&
        other - columns.roles.begin() != static_cast<std::ptrdiff_t>(i)) {
      const auto o = static_cast<std::size_t>(other - columns.roles.begin());
      throw records.error(
          1, i + 1,
          fmt::format("{} and {} are both to be {}; choose one", named_column(o + 1, columns.names[o]),
                      named_column(i + 1, columns.names[i]), role_words(role)));
    }
    said[i] = true;
    columns.roles[i] = role;
  };
  for (const auto& [name, role] : options.roles) {
    declare(find_columns(records, columns.names, {name})[0], role);
  }
  if (const auto target = find_target(records, columns, index, said, options)) {
    declare(*target, ColumnRole::target);
  }

  for (std::size_t i = 0; i < count; ++i) {
    if (said[i]) continue;
    const ColumnGlance& seen = columns.glances[i];
    const std::string& name = columns.names[i];
    if (strict && seen.texts > 0 && seen.numbers_otherwise == seen.texts) {
      throw records.error(seen.text_line, i + 1, number_complaint(seen.text, i + 1, name, cells.point()));
    }
    if (!seen.mostly_text()) {
      if (strict && seen.texts > 0) {
        throw records.error(seen.text_line, i + 1, number_complaint(seen.text, i + 1, name, cells.point()));
      }
      continue;
    }
    const std::size_t values = seen.numbers + seen.texts;
    columns.roles[i] = ColumnRole::categorical;
    if (values > kFewRows && 2 * seen.distinct > values) {
      columns.roles[i] = ColumnRole::ignored;
      columns.reasons[i] =
          fmt::format("{} different texts in {}", with_commas(seen.distinct), counted(values, "row"));
    }
  }
  return columns;
}

}  // namespace ztilde
