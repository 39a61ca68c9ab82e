#include "data/target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/text.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kMostIntegerClasses = 20;
constexpr std::size_t kRowsPerClass = 2;
constexpr double kExactIntegers = 0x1p53;  // above, different texts may be the same double
// A number may be written in many ways; a target of more texts than this is none of 20 classes.
constexpr std::size_t kMostSpellings = 1000;

// These two are classes of many tables.
bool is_missing_target(const Cells& cells, std::string_view text) {
  return text != "?" && text != "-" && cells.is_missing(text);
}

}  // namespace

TargetReader::TargetReader(std::size_t index, const std::string& name, const CsvOptions& options,
                           const Cells& cells, bool mostly_text)
    : index_(index), name_(name), options_(options), cells_(cells) {
  if (!options.classes.empty()) {
    kind_ = Kind::known_classes;
    bool by_value = true;
    for (std::size_t i = 0; i < options.classes.size(); ++i) {
      classes_.find_or_add(options.classes[i]);
      const auto [kind, value] = parse_number<double>(options.classes[i]);
      by_value &= kind == NumberKind::number && std::abs(value) < kExactIntegers;
      known_values_.emplace(value, i);
    }
    if (!by_value) known_values_.clear();
  } else if (options.task) {
    kind_ = *options.task == Task::regress ? Kind::numbers : Kind::texts;
  } else {
    kind_ = mostly_text ? Kind::texts : Kind::either;
  }
}

Error TargetReader::error(const CsvRecords& records, const CsvField& field, const std::string& what) const {
  return records.error(field.line, index_ + 1, what);
}

void TargetReader::add_known(const CsvRecords& records, const CsvField& field) {
  const std::string_view text = category_text(field);
  std::size_t found = classes_.find(text);
  if (found == classes_.size() && !known_values_.empty()) {
    const auto [kind, value] = cells_.number<double>(text);
    const auto same = kind == NumberKind::number ? known_values_.find(value) : known_values_.end();
    if (same != known_values_.end()) found = same->second;
  }
  if (found == classes_.size()) {
    throw error(
        records, field,
        fmt::format("'{}' in {} is none of the {}{}", printable(text), named_column(index_ + 1, name_),
                    counted(classes_.size(), "known class"), did_you_mean(text, options_.classes)));
  }
  values_.push_back(static_cast<float>(found));
}

// A number of a target that may be numbers or classes, until it can only be numbers.
void TargetReader::add_number(const CsvRecords& records, const CsvField& field, double value) {
  const auto as_float = cells_.number<float>(field.text);
  if (as_float.kind != NumberKind::number) {
    throw error(records, field, number_complaint(field.text, index_ + 1, name_, cells_.point()));
  }
  values_.push_back(as_float.value);
  if (kind_ != Kind::either) return;
  integers_ &= value == std::floor(value);
  exact_ &= std::abs(value) < kExactIntegers;
  if (distinct_.size() <= kMostIntegerClasses && std::ranges::find(distinct_, value) == distinct_.end()) {
    distinct_.push_back(value);
  }
  const std::size_t id = classes_.find_or_add(category_text(field));
  ids_.push_back(static_cast<std::uint32_t>(id));
  if (!integers_ || distinct_.size() > kMostIntegerClasses || classes_.size() > kMostSpellings) {
    kind_ = Kind::numbers;
    ids_ = {};
    classes_ = {};
  }
}

void TargetReader::add(const CsvRecords& records, const CsvField& field, MissingCounts& missing) {
  if (rows_++ == 0) first_line_ = field.line;
  const std::string_view text = category_text(field);
  const bool as_text = kind_ == Kind::known_classes || kind_ == Kind::texts;
  const auto [kind, value] = cells_.number<double>(field.text);
  if (as_text ? is_missing_target(cells_, text) && classes_.find(text) == classes_.size()
              : kind == NumberKind::empty) {
    missing.add(rows_ - 1, field, index_);  // which ends in a refusal: nothing is added
    return;
  }
  if (kind_ == Kind::known_classes) return add_known(records, field);
  if (kind_ == Kind::texts) {
    numbers_ &= kind == NumberKind::number;
    exact_ &= std::abs(value) < kExactIntegers;
    ids_.push_back(static_cast<std::uint32_t>(classes_.find_or_add(text)));
    if (classes_.size() <= kMostCategories) return;
    throw error(records, field,
                fmt::format("the target, {}, has more than {}; say --task regress if it holds numbers, else "
                            "choose another --target",
                            named_column(index_ + 1, name_), counted(kMostCategories, "class")));
  }
  if (kind == NumberKind::number) return add_number(records, field, value);
  if (kind == NumberKind::text && !options_.task) {
    throw error(records, field,
                fmt::format("'{}' in the target, {}, is not a number, as most of its values are; correct it, "
                            "or say --task classify",
                            printable(text), named_column(index_ + 1, name_)));
  }
  throw error(records, field, number_complaint(field.text, index_ + 1, name_, cells_.point()));
}

// Decides the task from what the target holds, and says why.
Task TargetReader::decide(Dataset& data) const {
  const std::string name = printable(name_);
  const auto note = [&](const char* task, const std::string& because, const char* other) {
    data.notes.push_back(fmt::format("task: {}, because the target '{}' {}{}", task, name, because, other));
  };
  constexpr const char* kElseClassify = "; say --task classify otherwise";
  if (kind_ == Kind::texts) {
    note("classify", "holds text", "");
    return Task::classify;
  }
  if (!integers_) {
    note("regress", "holds numbers that are not all integers", kElseClassify);
    return Task::regress;
  }
  if (kind_ == Kind::numbers) {
    note("regress", fmt::format("has more than {} distinct values", kMostIntegerClasses), kElseClassify);
    return Task::regress;
  }
  const std::string values = counted(distinct_.size(), "distinct value");
  if (distinct_.size() > 1 && rows_ < kRowsPerClass * distinct_.size()) {
    note("regress", fmt::format("has {} in {}", values, counted(rows_, "row")), kElseClassify);
    return Task::regress;
  }
  note("classify", fmt::format("has {}", values), "; say --task regress otherwise");
  return Task::classify;
}

void TargetReader::finish_classes(Dataset& data, const CsvRecords& records) {
  // A number in another guise ("1.0", "01") is the same class where all classes are numbers.
  CategoryOrder order = sort_categories(classes_, numbers_ && exact_);
  data.classes = std::move(order.sorted);
  data.targets.reserve(ids_.size());
  for (const std::uint32_t id : ids_) data.targets.push_back(static_cast<float>(order.place[id]));
  if (data.classes.size() > 1) return;
  throw records.error(
      first_line_, index_ + 1,
      fmt::format("'{}' is the only value of the target, {}; classification needs at least two "
                  "classes",
                  printable(data.classes[0]), named_column(index_ + 1, name_)));
}

void TargetReader::finish(Dataset& data, const CsvRecords& records) {
  data.target_name = name_;
  if (kind_ == Kind::known_classes) {
    data.task = Task::classify;
    data.classes = options_.classes;
    data.targets = std::move(values_);
    return;
  }
  data.task = options_.task ? *options_.task : decide(data);
  if (data.task == Task::classify) return finish_classes(data, records);
  data.targets = std::move(values_);
}

}  // namespace ztilde
