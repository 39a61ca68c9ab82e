#include "cli/input.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/byte_stream.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace ztilde::cli {
namespace {

constexpr std::size_t kStart = 4;
constexpr double kMostThreads = 4096;

bool starts_like_idx(std::string_view start) {
  // Of any type of element, so that read_idx says which is not read.
  return start.size() >= kStart && start[0] == 0 && start[1] == 0 && start[2] >= '\x08' &&
         start[2] <= '\x0E' && start[3] > 0 && start[3] < 8;
}

// Labels of a test set may not reach the largest class.
void adopt_classes(Dataset& data, const Model& model, const std::string& labels) {
  if (model.task == Task::regress)
    refuse(shown_path(labels), "holds classes, and the model predicts numbers; give it a table");
  if (data.classes.size() > model.classes.size()) {
    refuse(shown_path(labels),
           fmt::format("holds labels up to {}, and the model knows {}; give it data of the same kind",
                       data.classes.back(), counted(model.classes.size(), "class")));
  }
  if (!std::equal(data.classes.begin(), data.classes.end(), model.classes.begin())) {
    refuse(shown_path(labels),
           "holds numbered classes, and the model's classes have other names; give it a table");
  }
  data.classes = model.classes;
}

std::vector<Column> columns_of(const Model& model) {
  if (!model.column_info.empty()) return model.column_info;
  std::vector<Column> columns;
  for (const std::string& name : model.column_names) columns.push_back({.name = name});
  return columns;
}

}  // namespace

void add_input_options(OptionTable& table, InputFiles& files) {
  table.text(
      "--data", "PATH", files.data,
      "the rows: a table (CSV or TSV with a header) or an IDX image file, plain or .gz; - is standard input");
  table.text("--labels", "PATH", files.labels, "the IDX labels of an image file");
}

void add_threads_option(OptionTable& table, std::uint64_t& threads) {
  table
      .whole("--threads", "N", threads, {.least = 1, .most = kMostThreads},
             "cores to use; the result is the same for any number")
      .standard = "all cores";
}

void require_data(const InputFiles& files) {
  if (files.data.empty()) refuse("--data", "missing; name a table or an IDX image file");
}

bool are_images(const InputFiles& files) {
  if (!files.labels.empty()) return true;
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(files.data, ignored)) return false;
  ByteStream stream(files.data);
  std::string start(kStart, '\0');
  std::size_t filled = 0;
  for (std::size_t count = 1; count > 0 && filled < kStart; filled += count) {
    count = stream.read(start.data() + filled, kStart - filled);
  }
  return starts_like_idx(start.substr(0, filled));
}

Dataset read_labelled_rows(const OptionTable& table, const InputFiles& files, const std::string& target,
                           std::optional<Task> task, std::size_t threads) {
  if (!are_images(files)) {
    CsvOptions options = csv_options(files.table);
    options.target = target;
    options.task = task;
    options.threads = threads;
    return read_csv(files.data, options);
  }
  table.exclude("images", {"--target"}, "their target is the labels; leave it out");
  table.exclude("images", kTableOptions, "they have no columns; leave it out");
  if (task == Task::regress) refuse("--task", "images are classified by their labels; leave regress out");
  if (files.labels.empty()) refuse("--labels", "missing; name the IDX file with the labels of the images");
  return read_idx(files.data, files.labels);
}

CsvOptions csv_options_for(const Model& model, const InputFiles& files, CsvOptions::Target use) {
  CsvOptions options = csv_options(files.table);
  options.target_use = use;
  options.target = model.target_name;
  options.task = model.task;
  options.columns = columns_of(model);
  options.rules = model.rules;
  options.classes = model.classes;
  return options;
}

Dataset read_for_model(const Model& model, const InputFiles& files, CsvOptions::Target use,
                       std::size_t threads, const std::vector<std::string>& keep) {
  if (are_images(files)) {
    if (!keep.empty()) refuse("--with-columns", "images have no columns to keep; leave it out");
    if (use == CsvOptions::Target::required && files.labels.empty()) {
      refuse("--labels", "missing; images are evaluated against the IDX file with their labels");
    }
    Dataset data = read_idx(files.data, files.labels);
    if (!files.labels.empty()) adopt_classes(data, model, files.labels);
    return data;
  }
  CsvOptions options = csv_options_for(model, files, use);
  options.keep = keep;
  options.threads = threads;
  return read_csv(files.data, options);
}

void warn_about_columns(const Dataset& data, const std::string& path, const Messages& messages) {
  for (const std::string& note : data.notes) {
    if (note.starts_with("columns: ") || note.starts_with("header: ") || note.starts_with("categories: ")) {
      messages.warn(fmt::format("{}: {}", shown_path(path), note.substr(note.find(' ') + 1)));
    }
  }
}

namespace {

// Also of files that are not there yet.
bool same_file(const std::string& a, const std::string& b) {
  std::error_code ignored;
  const auto place = [&](const std::string& path) {
    return std::filesystem::weakly_canonical(std::filesystem::absolute(path, ignored), ignored);
  };
  return std::filesystem::equivalent(a, b, ignored) || place(a) == place(b);
}

}  // namespace

void require_other_file(const NamedPath& output, const std::vector<NamedPath>& others) {
  for (const auto& [name, path] : others) {
    if (path.empty() || output.second.empty() || !same_file(path, output.second)) continue;
    std::error_code ignored;
    // Devices may be several things at once, as /dev/null is.
    if (std::filesystem::is_character_file(path, ignored)) continue;
    refuse(output.first,
           fmt::format("{} is also the file of {}; choose another name", shown_path(output.second), name));
  }
}

}  // namespace ztilde::cli
