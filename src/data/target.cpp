#include "data/target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/text.hpp"
#include "data/numbers.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kMostIntegerClasses = 20;
constexpr std::size_t kRowsPerClass = 2;
constexpr double kExactIntegers = 0x1p53;  // above, different texts may be the same double

// Spaces around unquoted text do not make another class.
std::string_view class_text(const CsvField& field) { return field.quoted ? field.text : trimmed(field.text); }

// What the target's fields look like.
struct Survey {
  std::size_t numbers = 0;  // finite ones
  std::size_t texts = 0;    // that are no number of any kind
  std::size_t first_text = 0;
  bool integers = true;          // every finite number
  bool exact = true;             // every finite number is told apart by its double
  std::vector<double> distinct;  // values; at most kMostIntegerClasses + 1 of them
};

Survey survey_target(const std::vector<CsvField>& fields) {
  Survey survey;
  for (std::size_t r = 0; r < fields.size(); ++r) {
    const auto [kind, value] = parse_number<double>(fields[r].text);
    if (kind == NumberKind::text) {
      if (survey.texts++ == 0) survey.first_text = r;
      continue;
    }
    if (kind != NumberKind::number) continue;
    ++survey.numbers;
    survey.integers &= value == std::floor(value);
    survey.exact &= std::abs(value) < kExactIntegers;
    if (survey.distinct.size() > kMostIntegerClasses) continue;
    if (std::ranges::find(survey.distinct, value) == survey.distinct.end()) survey.distinct.push_back(value);
  }
  return survey;
}

bool all_numbers(const Survey& survey) { return survey.texts == 0 && survey.numbers > 0; }

// A number in another guise ("1.0", "01") is the same class where all classes are numbers.
class ClassIndex {
 public:
  ClassIndex(bool by_value) : by_value_(by_value) {}

  // The index of the field's class, `fresh` where it had none.
  std::size_t find_or_add(const CsvField& field, std::size_t fresh) {
    if (!by_value_) return texts_.try_emplace(class_text(field), fresh).first->second;
    return values_.try_emplace(parse_number<double>(field.text).value, fresh).first->second;
  }

 private:
  bool by_value_;
  std::unordered_map<std::string_view, std::size_t> texts_;
  std::unordered_map<double, std::size_t> values_;
};

// Finds the classes and sorts them: by number where all are, else by text.
void find_classes(Dataset& data, const std::vector<CsvField>& fields, bool by_value) {
  ClassIndex index(by_value);
  std::vector<const CsvField*> firsts;
  std::vector<std::size_t> of_row;
  of_row.reserve(fields.size());
  for (const CsvField& field : fields) {
    of_row.push_back(index.find_or_add(field, firsts.size()));
    if (of_row.back() == firsts.size()) firsts.push_back(&field);
  }
  std::vector<std::size_t> order(firsts.size()), rank(firsts.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    if (!by_value) return class_text(*firsts[a]) < class_text(*firsts[b]);
    return parse_number<double>(firsts[a]->text).value < parse_number<double>(firsts[b]->text).value;
  });
  for (std::size_t i = 0; i < order.size(); ++i) {
    rank[order[i]] = i;
    data.classes.emplace_back(class_text(*firsts[order[i]]));
  }
  data.targets.reserve(fields.size());
  for (const std::size_t found : of_row) data.targets.push_back(static_cast<float>(rank[found]));
}

// Looks each row's class up among the given ones.
void look_classes_up(Dataset& data, const CsvRecords& records, const std::vector<CsvField>& fields,
                     std::size_t column, const std::vector<std::string>& classes) {
  std::unordered_map<std::string_view, std::size_t> texts;
  std::unordered_map<double, std::size_t> values;
  bool by_value = true;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    texts.emplace(classes[i], i);
    const auto [kind, value] = parse_number<double>(classes[i]);
    by_value &= kind == NumberKind::number && std::abs(value) < kExactIntegers;
    values.emplace(value, i);
  }
  data.classes = classes;
  data.targets.reserve(fields.size());
  for (const CsvField& field : fields) {
    const std::string_view text = class_text(field);
    if (const auto found = texts.find(text); found != texts.end()) {
      data.targets.push_back(static_cast<float>(found->second));
      continue;
    }
    const auto [kind, value] = parse_number<double>(text);
    const auto found = by_value && kind == NumberKind::number ? values.find(value) : values.end();
    if (found == values.end()) {
      throw records.error(field.line, column,
                          fmt::format("'{}' in {} is none of the {}{}", printable(text),
                                      named_column(column, data.target_name),
                                      counted(classes.size(), "known class"), did_you_mean(text, classes)));
    }
    data.targets.push_back(static_cast<float>(found->second));
  }
}

// Decides the task from what the target holds, and says why.
Task decide_task(Dataset& data, const CsvRecords& records, const std::vector<CsvField>& fields,
                 std::size_t column, const Survey& survey) {
  const std::string name = printable(data.target_name);
  const auto note = [&](const char* task, const std::string& because, const char* other) {
    data.notes.push_back(fmt::format("task: {}, because the target '{}' {}{}", task, name, because, other));
  };
  constexpr const char* kElseClassify = "; say --task classify otherwise";
  if (!all_numbers(survey)) {
    if (survey.numbers > fields.size() / 2) {
      const CsvField& field = fields[survey.first_text];
      throw records.error(field.line, column,
                          fmt::format("'{}' in the target, {}, is not a number, as {} of its {} values are; "
                                      "correct it, or say --task classify",
                                      printable(field.text), named_column(column, data.target_name),
                                      with_commas(survey.numbers), with_commas(fields.size())));
    }
    note("classify", "holds text", "");
    return Task::classify;
  }
  if (!survey.integers) {
    note("regress", "holds numbers that are not all integers", kElseClassify);
    return Task::regress;
  }
  if (survey.distinct.size() > kMostIntegerClasses) {
    note("regress", fmt::format("has more than {} distinct values", kMostIntegerClasses), kElseClassify);
    return Task::regress;
  }
  const std::string values = counted(survey.distinct.size(), "distinct value");
  if (survey.distinct.size() > 1 && fields.size() < kRowsPerClass * survey.distinct.size()) {
    note("regress", fmt::format("has {} in {}", values, counted(fields.size(), "row")), kElseClassify);
    return Task::regress;
  }
  note("classify", fmt::format("has {}", values), "; say --task regress otherwise");
  return Task::classify;
}

// Throws for the first field that is no finite number of type T.
template <class T>
void require_numbers(const Dataset& data, const CsvRecords& records, const std::vector<CsvField>& fields,
                     std::size_t column) {
  for (const CsvField& field : fields) {
    if (parse_number<T>(field.text).kind == NumberKind::number) continue;
    throw records.error(field.line, column, number_complaint(field.text, column, data.target_name));
  }
}

}  // namespace

std::string named_column(std::size_t column, std::string_view name) {
  return fmt::format("column {} ('{}')", column, printable(name));
}

std::string number_complaint(std::string_view text, std::size_t column, std::string_view name) {
  const std::string where = named_column(column, name);
  const std::string_view word = trimmed(text);
  const auto kind = parse_number<float>(word).kind;
  if (kind == NumberKind::nan) return fmt::format("NaN in {}; fill the value in or leave the row out", where);
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
  constexpr std::array<std::string_view, 9> kMissing = {"NA",   "N/A",  "na", "n/a", "null",
                                                        "NULL", "None", "?",  "-"};
  if (std::ranges::find(kMissing, word) != kMissing.end()) {
    return fmt::format("'{}' in {} is not a number but a missing value; fill it in or leave the row out",
                       shown, where);
  }
  std::string pointed(word);
  std::ranges::replace(pointed, ',', '.');
  if (pointed != word && parse_number<float>(pointed).kind == NumberKind::number) {
    return fmt::format("'{}' in {} has a comma; write it with a decimal point and without separators", shown,
                       where);
  }
  return fmt::format("'{}' in {} is not a number; turn it into one or leave the column out", shown, where);
}

void add_target(Dataset& data, const CsvRecords& records, const std::vector<CsvField>& fields,
                std::size_t column, const CsvOptions& options) {
  if (!options.classes.empty()) {
    data.task = Task::classify;
    look_classes_up(data, records, fields, column, options.classes);
    return;
  }
  const bool regress = options.task == Task::regress;
  const Survey survey = regress ? Survey{} : survey_target(fields);
  // A NaN among numbers is no class of its own.
  if (all_numbers(survey) && survey.numbers < fields.size()) {
    require_numbers<double>(data, records, fields, column);
  }
  data.task = options.task ? *options.task : decide_task(data, records, fields, column, survey);
  if (data.task == Task::regress) {
    require_numbers<float>(data, records, fields, column);
    data.targets.reserve(fields.size());
    for (const CsvField& field : fields) data.targets.push_back(parse_number<float>(field.text).value);
    return;
  }
  find_classes(data, fields, all_numbers(survey) && survey.exact);
  if (data.classes.size() == 1) {
    throw records.error(
        fields[0].line, column,
        fmt::format("'{}' is the only value of the target, {}; classification needs at least two "
                    "classes",
                    printable(data.classes[0]), named_column(column, data.target_name)));
  }
}

}  // namespace ztilde
