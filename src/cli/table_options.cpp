#include "cli/table_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/text.hpp"

namespace ztilde::cli {
namespace {

const std::vector<std::pair<std::string, char>> kDelimiters = {
    {"comma", ','}, {"tab", '\t'}, {"semicolon", ';'}, {"pipe", '|'}, {"space", ' '}, {"\\t", '\t'}};

char parse_delimiter(const std::string& label, const std::string& text) {
  for (const auto& [name, delimiter] : kDelimiters) {
    if (text == name) return delimiter;
  }
  const auto c = static_cast<unsigned char>(text.empty() ? 0 : text[0]);
  const bool in_numbers = std::isalnum(c) || c == '.' || c == '-' || c == '+';
  if (text.size() == 1 && c < 0x7F && (c >= ' ' || c == '\t') && c != '"' && !in_numbers) return text[0];
  refuse(label,
         fmt::format("'{}' is no delimiter; give one character that is no part of a number, or comma, tab, "
                     "semicolon, pipe or space",
                     printable(text)));
}

void add_role_option(OptionTable& table, TableArguments& arguments, std::string name, std::string value,
                     ColumnRole role, std::string help) {
  const bool list = value != "NAME";
  table
      .custom({std::move(name), std::move(value), std::move(help), "none", "",
               [&arguments, role, list](const std::string& label, const std::string& text) {
                 if (text.empty()) refuse(label, "an empty column name; name a column");
                 const std::vector<std::string> names = list ? parse_names(label, text) : std::vector{text};
                 for (const std::string& each : names) arguments.roles.emplace_back(each, role);
               }})
      .is_list = list;
}

}  // namespace

void add_target_option(OptionTable& table, std::string& target) {
  table.text("--target", "NAME", target, "the column to predict, a name or a 1-based number").standard =
      "last column";
}

void add_task_option(OptionTable& table, std::optional<Task>& task, std::string help) {
  table.choice("--task", task,
               {{"auto", std::nullopt}, {"classify", Task::classify}, {"regress", Task::regress}},
               std::move(help));
}

const std::vector<std::string> kTableOptions = {
    "--delimiter", "--decimal-comma", "--no-header",     "--unseen",  "--columns",       "--categorical",
    "--numeric",   "--ignore",        "--weight-column", "--missing", "--missing-values"};

std::vector<std::string> parse_names(const std::string& label, const std::string& text) {
  std::vector<std::string> names = split_list(text);
  for (const std::string& name : names) {
    if (name.empty()) refuse(label, "an empty column name; separate names with single commas");
    if (std::ranges::count(names, name) > 1) {
      refuse(label, fmt::format("'{}' is named twice; name it once", printable(name)));
    }
  }
  return names;
}

void add_format_options(OptionTable& table, TableArguments& arguments) {
  table.custom({"--delimiter", "C", "what separates the fields: a character, or tab, space, …",
                "comma, tab, semicolon or pipe, by the first line", "",
                [&arguments](const std::string& label, const std::string& text) {
                  arguments.delimiter = parse_delimiter(label, text);
                }});
  table.flag("--decimal-comma", arguments.decimal_comma, "1,5 is one and a half");
  table.flag("--no-header", arguments.no_header, "the first line has data; the columns are called 1, 2, …");
}

void add_unseen_option(OptionTable& table, TableArguments& arguments) {
  table.choice("--unseen", arguments.refuse_unseen, {{"slot", false}, {"error", true}},
               "a category that was not there in training: its own slot in the model, or an error");
}

void add_weight_option(OptionTable& table, TableArguments& arguments) {
  add_role_option(table, arguments, "--weight-column", "NAME", ColumnRole::weight,
                  "the column that says how much each row counts");
}

void add_role_options(OptionTable& table, TableArguments& arguments) {
  table.text("--columns", "FILE", arguments.columns_file,
             "roles of columns as JSON; ztilde inspect-data --write-columns starts one");
  add_role_option(table, arguments, "--categorical", "NAME,…", ColumnRole::categorical,
                  "columns whose texts or numbers are categories");
  add_role_option(table, arguments, "--numeric", "NAME,…", ColumnRole::numeric, "columns that hold numbers");
  add_role_option(table, arguments, "--ignore", "NAME,…", ColumnRole::ignored, "columns to leave out");
  add_weight_option(table, arguments);
  table
      .custom({"--missing-values", "WORD,…",
               "spellings of a missing value besides the usual (empty, NA, ?, …)", "none", "",
               [&arguments](const std::string& label, const std::string& text) {
                 arguments.missing_words = parse_names(label, text);
               }})
      .is_list = true;
}

void add_missing_option(OptionTable& table, TableArguments& arguments) {
  table.choice(
      "--missing", arguments.missing,
      {{"error", MissingUse::refuse}, {"mean", MissingUse::mean}, {"indicator", MissingUse::indicator}},
      "missing numbers: refused, the column's mean, or that and an input that says so");
}

CsvOptions csv_options(const TableArguments& arguments) {
  CsvOptions options;
  options.delimiter = arguments.delimiter;
  options.decimal_comma = arguments.decimal_comma;
  options.header = !arguments.no_header;
  options.refuse_unseen = arguments.refuse_unseen;
  options.rules.missing = arguments.missing;
  options.rules.missing_words = arguments.missing_words;
  if (!arguments.columns_file.empty()) read_roles(arguments.columns_file, options);
  options.roles.insert(options.roles.end(), arguments.roles.begin(), arguments.roles.end());
  return options;
}

}  // namespace ztilde::cli
