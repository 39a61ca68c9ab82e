#include "data/table_part.hpp"

#include <fmt/format.h>

#include <limits>
#include <string_view>

#include "base/text.hpp"

namespace ztilde {

PartReader::PartReader(const Places& places, const CsvOptions& options, const Cells& cells)
    : places_(places), options_(options), cells_(cells) {
  if (places.target) others_.push_back(*places.target);
  if (places.weight) others_.push_back(*places.weight);
  others_.insert(others_.end(), places.kept.begin(), places.kept.end());
  for (std::size_t i = 0; i < places.inputs.size(); ++i) {
    if (places.inputs[i].categorical) {
      categorical_.push_back(i);
    } else {
      numbers_.push_back({static_cast<std::uint32_t>(places.inputs[i].field), static_cast<std::uint32_t>(i)});
    }
  }
}

void PartReader::read(CsvRecords& records, TablePart& part) const {
  part.rows = 0;
  part.floats.clear();
  part.lines.clear();
  part.others.clear();
  part.categories.assign(options_.columns.empty() ? places_.inputs.size() : 0, {});
  part.unseen.assign(options_.columns.empty() ? 0 : places_.inputs.size(), {});
  part.missing = MissingCounts(places_.names.size());
  part.problem.reset();
  try {
    read_rows(records, part);
  } catch (const Error& error) {
    part.problem = error;
  }
}

void PartReader::read_rows(CsvRecords& records, TablePart& part) const {
  const std::size_t width = places_.names.size();
  std::vector<CsvField> fields;
  for (;;) {
    const std::size_t line = records.line();
    if (const std::uint32_t* const ends = records.next_plain(width)) {
      const PlainRecord record{records.text(), ends - 1};
      const auto field = [&](std::size_t i) { return CsvField{record.field(i), line, false, false}; };
      add(records, part, field, &record);
    } else {
      if (!records.next(fields)) return;
      if (fields.size() != width) refuse_ragged(records, fields);
      add(
          records, part, [&](std::size_t i) { return fields[i]; }, nullptr);
    }
  }
}

template <class FieldAt>
void PartReader::add(const CsvRecords& records, TablePart& part, const FieldAt& field,
                     const PlainRecord* plain) const {
  part.lines.push_back(field(0).line);
  const std::size_t inputs = places_.inputs.size();
  part.floats.resize(part.floats.size() + inputs);
  float* const out = part.floats.data() + part.floats.size() - inputs;
  if (plain != nullptr && plain_numbers(*plain, out)) {
    for (const std::size_t i : categorical_)
      out[i] = category(records, part, i, field(places_.inputs[i].field));
  } else {
    // In their order, so that the first complaint is that about the first of them.
    for (std::size_t i = 0; i < inputs; ++i) {
      const CsvField cell = field(places_.inputs[i].field);
      out[i] =
          places_.inputs[i].categorical ? category(records, part, i, cell) : number(records, part, i, cell);
    }
  }
  for (const std::size_t i : others_) part.others.push_back(field(i));
  ++part.rows;
}

// All inputs that are numbers; false where one of them is more than a plain number.
bool PartReader::plain_numbers(const PlainRecord& record, float* out) const {
  const char point = cells_.point();  // not to be loaded again for each
  if (!cells_.plain_numbers_are_numbers()) return false;
  for (const auto& [field, place] : numbers_) {
    const std::string_view text = record.field(field);
    float value = 0;
    if (text.empty() || !parse_plain(text, point, value)) return false;
    out[place] = value;
  }
  return true;
}

void PartReader::refuse_ragged(const CsvRecords& records, const std::vector<CsvField>& fields) const {
  const bool blank = fields.size() == 1 && trimmed(fields[0].text).empty();
  const std::string found = blank ? "a blank line" : counted(fields.size(), "field");
  throw records.error(
      fields[0].line, 0,
      fmt::format("{} where the {} has {}; {}", found, options_.header ? "header" : "first line",
                  places_.names.size(),
                  blank ? "remove it" : "add what is missing, or quote a field that has delimiters in it"));
}

float PartReader::number(const CsvRecords& records, TablePart& part, std::size_t input,
                         const CsvField& field) const {
  const auto [kind, value] = cells_.number<float>(field.text);
  if (kind == NumberKind::number) return value;
  const std::size_t i = places_.inputs[input].field;
  if (kind != NumberKind::empty) {
    throw records.error(field.line, i + 1,
                        number_complaint(field.text, i + 1, places_.names[i], cells_.point()));
  }
  if (options_.rules.missing == MissingUse::refuse) part.missing.add_fillable(part.rows, field, i);
  return std::numeric_limits<float>::quiet_NaN();
}

float PartReader::category(const CsvRecords& records, TablePart& part, std::size_t input,
                           const CsvField& field) const {
  std::string_view text = category_text(field);
  if (cells_.is_missing(text)) text = {};
  if (options_.columns.empty()) {
    TablePart::Categories& categories = part.categories[input];
    const std::size_t found = categories.index.find_or_add(text);
    if (found == categories.first.size()) categories.first.push_back({part.rows, field.line});
    return static_cast<float>(found);
  }
  const CategoryIndex& known = places_.inputs[input].known;
  const std::size_t found = known.find(text);
  if (found == known.size()) {
    if (options_.refuse_unseen) refuse_unseen(records, input, field, text);
    if (part.unseen[input].count++ == 0) part.unseen[input].first = text;
  }
  return static_cast<float>(found);
}

void PartReader::refuse_unseen(const CsvRecords& records, std::size_t input, const CsvField& field,
                               std::string_view text) const {
  const std::size_t i = places_.inputs[input].field;
  const std::string where = named_column(i + 1, places_.names[i]);
  throw records.error(field.line, i + 1,
                      text.empty()
                          ? fmt::format("a missing value in {}, which had none in training; fill it "
                                        "in, or say --unseen slot",
                                        where)
                          : fmt::format("'{}' in {} was not there in training{}", printable(text), where,
                                        did_you_mean(text, options_.columns[input].categories)));
}

}  // namespace ztilde
