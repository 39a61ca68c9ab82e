// What can be said about a table: how it is written, and what its columns are.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/options.hpp"
#include "ztilde/dataset.hpp"

namespace ztilde::cli {

struct TableArguments {
  char delimiter = 0;
  bool decimal_comma = false, no_header = false;
  bool refuse_unseen = false;
  std::string columns_file;
  std::vector<std::pair<std::string, ColumnRole>> roles;
  MissingUse missing = MissingUse::refuse;
  std::vector<std::string> missing_words;
};

// --delimiter, --decimal-comma, --no-header: for every verb that reads a table.
void add_format_options(OptionTable& table, TableArguments& arguments);
// --unseen: where the categories are known beforehand.
void add_unseen_option(OptionTable& table, TableArguments& arguments);
// --columns, --categorical, --numeric, --ignore, --weight-column, --missing-values.
void add_role_options(OptionTable& table, TableArguments& arguments);
void add_weight_option(OptionTable& table, TableArguments& arguments);
void add_missing_option(OptionTable& table, TableArguments& arguments);
void add_target_option(OptionTable& table, std::string& target);
// auto is no task.
void add_task_option(OptionTable& table, std::optional<Task>& task, std::string help);

// The names of all these, for what reads no table.
extern const std::vector<std::string> kTableOptions;

// Reads the file of --columns.
CsvOptions csv_options(const TableArguments& arguments);

// Names separated by commas, each once.
std::vector<std::string> parse_names(const std::string& label, const std::string& text);

}  // namespace ztilde::cli
