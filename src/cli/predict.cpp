// ztilde predict: raw rows in, answers out as CSV, in the order the rows came in.
#include <fmt/format.h>

#include <algorithm>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/input.hpp"
#include "cli/options.hpp"
#include "cli/verbs.hpp"
#include "ztilde/model.hpp"

namespace ztilde::cli {
namespace {

constexpr const char* kAnswer = "prediction";

struct PredictOptions {
  std::string model, out = "-";
  InputFiles input;
  std::vector<std::string> keep;
  bool probabilities = false, quiet = false, force = false;
  std::uint64_t threads = 0;
};

OptionTable predict_options(PredictOptions& options) {
  OptionTable table("ztilde predict MODEL --data PATH [options]",
                    "The answers of a model for raw rows, as CSV with a header: 'prediction'. A table\n"
                    "may have its columns in any order; the target is not needed. Images of\n"
                    "a folder, with or without class folders, have their files' names in front.");
  table.positional("MODEL", options.model, "a model file, as ztilde train writes it");
  table.group("Data");
  add_input_options(table, options.input);
  add_format_options(table, options.input.table);
  add_unseen_option(table, options.input.table);
  table.group("Output");
  table.text("--out", "FILE", options.out, "the CSV file to write").standard = "-, standard output";
  table.flag("--probabilities", options.probabilities, "also one column a class, named as the class is");
  table
      .custom({"--with-columns", "NAME,…", "columns of the data to keep, in front of the prediction", "none",
               "",
               [&options](const std::string& label, const std::string& text) {
                 options.keep = parse_names(label, text);
               }})
      .is_list = true;
  table.flag("--force", options.force, "overwrite the file of --out");
  table.flag("--quiet", options.quiet, "no warnings");
  table.group("Other");
  add_threads_option(table, options.threads);
  table.example("ztilde predict model.ztilde --data new.csv > answers.csv");
  table.example("ztilde predict model.ztilde --data new.csv --with-columns id --probabilities");
  return table;
}

// A field of a CSV file as RFC 4180 wants it. Spaces at the ends are quoted too: many readers drop them.
void append_field(std::string& csv, std::string_view text) {
  const bool plain =
      text.find_first_of("\",\r\n") == text.npos && !text.starts_with(' ') && !text.ends_with(' ');
  if (plain) {
    csv += text;
    return;
  }
  csv += '"';
  for (const char c : text) {
    if (c == '"') csv += '"';
    csv += c;
  }
  csv += '"';
}

// The header: a class that is called like another column gets a name that says what it is.
void append_header(std::string& csv, const Model& model, const Dataset& data, bool probabilities) {
  std::vector<std::string> names = data.kept_names;
  if (std::ranges::find(names, kAnswer) != names.end()) {
    refuse("--with-columns", "'prediction' is the name of the answer's own column; rename it in the data");
  }
  names.emplace_back(kAnswer);
  if (probabilities) {
    for (std::string name : model.classes) {
      while (std::ranges::find(names, name) != names.end()) name.insert(0, "probability of ");
      names.push_back(std::move(name));
    }
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) csv += ',';
    append_field(csv, names[i]);
  }
  csv += '\n';
}

std::string to_csv(const Model& model, const Dataset& data, const Predictions& predictions,
                   bool probabilities) {
  std::string csv;
  append_header(csv, model, data, probabilities);
  const std::size_t classes = model.classes.size();
  const auto append_number = [&](float value) { fmt::format_to(std::back_inserter(csv), "{}", value); };
  for (std::size_t r = 0; r < data.rows; ++r) {
    for (const std::vector<std::string>& column : data.kept) {
      append_field(csv, column[r]);
      csv += ',';
    }
    if (model.task == Task::regress) {
      append_number(predictions.values[r]);
    } else {
      append_field(csv, model.classes[static_cast<std::size_t>(predictions.values[r])]);
    }
    for (std::size_t c = 0; probabilities && c < classes; ++c) {
      csv += ',';
      append_number(predictions.probabilities[r * classes + c]);
    }
    csv += '\n';
  }
  return csv;
}

}  // namespace

Outcome run_predict(const Arguments& arguments) {
  PredictOptions options;
  OptionTable table = predict_options(options);
  if (!table.parse(arguments)) return {table.help()};
  require_data(options.input);
  const bool to_file = options.out != "-";
  if (to_file) {
    require_other_file({"--out", options.out}, {{"MODEL", options.model}, {"--data", options.input.data}});
    require_writable(options.out, options.force);
  }
  const Messages messages(options.quiet);

  const Model model = load(options.model);
  if (options.probabilities && model.task == Task::regress) {
    refuse("--probabilities", "the model predicts numbers, not classes; leave it out");
  }
  const Dataset data =
      read_for_model(model, options.input, CsvOptions::Target::ignored, options.threads, options.keep);
  warn_about_columns(data, options.input.data, messages);
  const Predictions predictions = predict(model, data, options.threads);
  std::string csv = to_csv(model, data, predictions, options.probabilities);
  if (!to_file) return {std::move(csv)};
  write_file_atomically(options.out, csv);
  messages.say(fmt::format("{} written to {}", counted(data.rows, "prediction"), shown_path(options.out)));
  return {};
}

}  // namespace ztilde::cli
