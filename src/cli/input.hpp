// The rows that a verb reads: a table or images, whichever --data names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/options.hpp"
#include "cli/streams.hpp"
#include "cli/table_options.hpp"
#include "ztilde/dataset.hpp"
#include "ztilde/model.hpp"

namespace ztilde::cli {

struct InputFiles {
  std::string data, labels;
  TableArguments table;  // of a table
};

// --data and --labels.
void add_input_options(OptionTable& table, InputFiles& files);
// --threads; 0 stands for all cores.
void add_threads_option(OptionTable& table, std::uint64_t& threads);
void require_data(const InputFiles& files);

// Whether these are images: they come with labels, or the file begins as IDX files do. A pipe is
// not looked into.
bool are_images(const InputFiles& files);

// Rows to learn from: a table with its target (empty: the last column), or images with labels. `table`
// has the options that images refuse.
Dataset read_labelled_rows(const OptionTable& table, const InputFiles& files, const std::string& target,
                           std::optional<Task> task, std::size_t threads);

// What the reader must know of a model to read its tables.
CsvOptions csv_options_for(const Model& model, const InputFiles& files, CsvOptions::Target use);
// The rows with their target where use says so, in the model's columns, order and classes.
Dataset read_for_model(const Model& model, const InputFiles& files, CsvOptions::Target use,
                       std::size_t threads, const std::vector<std::string>& keep = {});

// Says what the reader decided about the columns, once each.
void warn_about_columns(const Dataset& data, const std::string& path, const Messages& messages);

using NamedPath = std::pair<std::string, std::string>;  // "--data", "rows.csv"
// Refuses an output that is one of the other files, whatever --force says.
void require_other_file(const NamedPath& output, const std::vector<NamedPath>& others);

}  // namespace ztilde::cli
