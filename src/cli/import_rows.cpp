// What ztilde import asks for whatever the format: the rows that the module saw, and what it answers.
#include "base/text.hpp"
#include "cli/import_formats.hpp"
#include "cli/table_options.hpp"

namespace ztilde::cli {
namespace {

std::vector<double> parse_reals(const std::string& label, const std::string& text, const Range& range) {
  std::vector<double> numbers;
  for (const std::string& part : split_list(text)) numbers.push_back(parse_real(label, part, range));
  if (numbers.empty()) refuse(label, "no number; give one, or one for each column or channel");
  return numbers;
}

void add_list(OptionTable& table, const char* name, std::vector<double>& target, const Range& range,
              const char* help, const char* standard) {
  table
      .custom({name, "X,…", help, standard, range.words(),
               [&target, range](const std::string& label, const std::string& text) {
                 target = parse_reals(label, text, range);
               }})
      .is_list = true;
}

void add_names(OptionTable& table, const char* name, std::vector<std::string>& target, const char* help,
               const char* standard) {
  table
      .custom({name, "NAME,…", help, standard, "",
               [&target](const std::string& label, const std::string& text) {
                 target = parse_names(label, text);
               }})
      .is_list = true;
}

}  // namespace

std::optional<InputScaling> RowsAndAnswers::input_scaling() const {
  if (!scale && mean.empty() && deviation.empty()) return std::nullopt;
  InputScaling scaling;
  scaling.scale = scale.value_or(1);
  if (!mean.empty()) scaling.mean = mean;
  if (!deviation.empty()) scaling.deviation = deviation;
  return scaling;
}

void add_rows_and_answers_options(OptionTable& table, RowsAndAnswers& given) {
  table.group("Inputs and answers of the module");
  table.real("--input-scale", "S", given.scale, {.least_excluded = true},
             "the module saw rows divided by this: 255 for images through ToTensor", "1");
  add_list(table, "--input-mean", given.mean, {.least = -std::numeric_limits<double>::max()},
           "and then less this, one for all columns or channels or one for each", "0");
  add_list(table, "--input-std", given.deviation, {.least_excluded = true}, "and then divided by this", "1");
  add_task_option(
      table, given.task,
      "what the outputs are; auto: as the file says, else regress where there is one and no --classes");
  add_names(table, "--classes", given.classes, "what the classes are called, in the outputs' order", "0,1,…");
  add_names(table, "--columns", given.columns, "what the columns of its tables are called", "none, counted");
  table.text("--target", "NAME", given.target, "what the column to predict is called").standard =
      "the last column";
}

}  // namespace ztilde::cli
