#include "cli/input.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/byte_stream.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "data/table_columns.hpp"
#include "ztilde/pack.hpp"

namespace ztilde::cli {
namespace {

constexpr std::size_t kStart = 4;
constexpr double kMostThreads = 4096;
constexpr double kMostImageSide = 4096;  // that the reader resizes to

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

// Whether some of its images are sorted by class.
bool has_folders(const std::string& path) {
  std::error_code failed;
  const std::filesystem::directory_iterator entries(path, failed);
  return !failed && std::ranges::any_of(entries, [](const std::filesystem::directory_entry& entry) {
    std::error_code ignored;
    return entry.is_directory(ignored) && !entry.path().filename().string().starts_with('.');
  });
}

bool starts_like_idx(std::string_view start) {
  // Of any type of element, so that read_idx says which is not read.
  return start.size() >= kStart && start[0] == 0 && start[1] == 0 && start[2] >= '\x08' &&
         start[2] <= '\x0E' && start[3] > 0 && start[3] < 8;
}

bool begins_as_idx(const InputFiles& files) {
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

// The images of a folder as the model's were read.
Dataset read_folder_for(const Model& model, const InputFiles& files, CsvOptions::Target use,
                        std::size_t threads) {
  if (!model.column_names.empty() || model.image_width == 0) {
    refuse(shown_path(files.data),
           fmt::format("is a folder, and the model was trained on {}; name a file",
                       model.column_names.empty() ? "an IDX file of rows, not of images" : "a table"));
  }
  const ImageSize size{model.image_width, model.image_height};
  if (files.images.size.value_or(size) != size) {
    refuse("--image-size", fmt::format("the model takes images of {} × {} pixels; say {}x{}, or leave it out",
                                       size.width, size.height, size.width, size.height));
  }
  const std::size_t channels = model.network.inputs / (size.width * size.height);
  if (channels != 1 && channels != 3) {
    refuse(shown_path(files.data),
           fmt::format("holds images, and the model takes such of {}; name an IDX file",
                       counted(channels, "channel")));
  }
  return read_image_folder(files.data,
                           {.size = size,
                            .resize = model.images_resized || files.images.size.has_value(),
                            .channels = channels,
                            .labelled = use == CsvOptions::Target::required ||
                                        (use == CsvOptions::Target::if_present && has_folders(files.data)),
                            .classes = model.classes,
                            .threads = threads});
}

// The column of --weight-column, "" where it was not given.
std::string given_weight(const InputFiles& files) {
  const auto found =
      std::ranges::find(files.table.roles, ColumnRole::weight, &std::pair<std::string, ColumnRole>::second);
  return found == files.table.roles.end() ? "" : found->first;
}

std::vector<Column> columns_of(const Model& model) {
  if (!model.column_info.empty()) return model.column_info;
  std::vector<Column> columns;
  for (const std::string& name : model.column_names) columns.push_back({.name = name});
  return columns;
}

}  // namespace

const std::vector<std::string> kAugmentOptions = {"--flip", "--shift", "--cutout"};

void add_input_options(OptionTable& table, InputFiles& files) {
  table.text(
      "--data", "PATH", files.data,
      "the rows: a table (CSV or TSV with a header), an IDX image file, both plain or .gz, a folder of PNG "
      "and JPEG images with a folder for each class, or what ztilde pack wrote; - is standard input");
  table.text("--labels", "PATH", files.labels, "the IDX labels of an IDX image file");
  add_image_options(table, files.images);
}

void add_image_options(OptionTable& table, ImageArguments& images) {
  table.custom({"--image-size", "WxH",
                "resize the images of a folder to so many pixels (N: N x N), each axis by itself",
                "as they are", "", [&images](const std::string& label, const std::string& text) {
                  const Range side = {.least = 1, .most = kMostImageSide};
                  const std::size_t x = text.find('x');
                  images.size = ImageSize{parse_whole(label, text.substr(0, x), side),
                                          parse_whole(label, text.substr(x == text.npos ? 0 : x + 1), side)};
                }});
  add_layout_option(table, images);
}

void add_layout_option(OptionTable& table, ImageArguments& images) {
  table.choice("--image-layout", images.layout,
               {{"auto", ImageLayout::automatic},
                {"nhwc", ImageLayout::channels_last},
                {"nchw", ImageLayout::channels_first}},
               "of an IDX file with four dimensions: whether channels come last or second");
}

void add_threads_option(OptionTable& table, std::uint64_t& threads) {
  table
      .whole("--threads", "N", threads, {.least = 1, .most = kMostThreads},
             "cores to use; the result is the same for any number")
      .standard = "all cores";
}

void require_data(const InputFiles& files) {
  if (files.data.empty()) refuse("--data", "missing; name a table, an IDX image file or a folder of images");
}

namespace {

// What was decided when the rows were packed.
void refuse_packed_options(const InputFiles& files) {
  const TableArguments& table = files.table;
  const auto has_role = [&](ColumnRole role) {
    return std::ranges::find(table.roles, role, &std::pair<std::string, ColumnRole>::second) !=
           table.roles.end();
  };
  const std::pair<const char*, bool> given[] = {
      {"--labels", !files.labels.empty()},
      {"--image-size", files.images.size.has_value()},
      {"--image-layout", files.images.layout != ImageLayout::automatic},
      {"--delimiter", table.delimiter != 0},
      {"--decimal-comma", table.decimal_comma},
      {"--no-header", table.no_header},
      {"--columns", !table.columns_file.empty()},
      {"--categorical", has_role(ColumnRole::categorical)},
      {"--numeric", has_role(ColumnRole::numeric)},
      {"--ignore", has_role(ColumnRole::ignored)},
      {"--weight-column", has_role(ColumnRole::weight)},
      {"--missing", table.missing != MissingUse::refuse},
      {"--missing-values", !table.missing_words.empty()}};
  for (const auto& [name, is_given] : given) {
    if (is_given) refuse(name, "was decided when the rows were packed; leave it out, or pack them again");
  }
}

}  // namespace

InputKind kind_of(const InputFiles& files) {
  if (is_packed(files.data)) {
    refuse_packed_options(files);
    return InputKind::packed;
  }
  const InputKind kind = is_folder(files.data)                           ? InputKind::image_folder
                         : !files.labels.empty() || begins_as_idx(files) ? InputKind::idx
                                                                         : InputKind::table;
  if (kind == InputKind::image_folder && !files.labels.empty())
    refuse("--labels", "given with a folder, whose class folders are the labels; leave it out");
  if (kind != InputKind::image_folder && files.images.size)
    refuse("--image-size", "given without a folder of images; leave it out");
  if (kind != InputKind::idx && files.images.layout != ImageLayout::automatic)
    refuse("--image-layout", "given without an IDX image file; leave it out");
  return kind;
}

Dataset read_labelled_rows(const OptionTable& table, const InputFiles& files, const std::string& target,
                           std::optional<Task> task, std::size_t threads) {
  const InputKind kind = kind_of(files);
  if (kind == InputKind::packed) {
    table.exclude("a packed file", {"--target"}, "it was decided when the rows were packed; leave it out");
    if (task) refuse("--task", "was decided when the rows were packed; leave it out, or pack them again");
    Dataset data = files.packed_on_disk ? open_packed(files.data) : read_packed(files.data);
    if (data.image_width == 0) table.exclude("rows without pixels", kAugmentOptions, "leave it out");
    return data;
  }
  if (kind == InputKind::table) {
    table.exclude("a table", kAugmentOptions, "it has no pixels; leave it out");
    CsvOptions options = csv_options(files.table);
    options.target = target;
    options.task = task;
    options.threads = threads;
    return read_csv(files.data, options);
  }
  table.exclude("images", {"--target"}, "their target is the labels; leave it out");
  table.exclude("images", kTableOptions, "they have no columns; leave it out");
  if (task == Task::regress) refuse("--task", "images are classified by their labels; leave regress out");
  if (kind == InputKind::image_folder) {
    return read_image_folder(
        files.data, {.size = files.images.size, .resize = files.images.size.has_value(), .threads = threads});
  }
  if (files.labels.empty()) refuse("--labels", "missing; name the IDX file with the labels of the images");
  return read_idx(files.data, files.labels, files.images.layout);
}

namespace {

std::vector<std::string> header_of(const std::string& path, const CsvOptions& options) {
  ByteStream stream(path);
  CsvBlocks blocks(stream, options.delimiter, options.decimal_comma);
  CsvRecords records(blocks);
  return column_names(records, options.header);
}

// The columns of a table for a model that knows only how many it takes: all but the target and the weight, in
// the table's order. The target is the last one, where the model does not name it and one is needed or left.
void name_counted_columns(const Model& model, const std::string& path, CsvOptions& options) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) {
    refuse(shown_path(path),
           "the columns of the model have no names, and only a file can be counted first; name them with "
           "--columns "
           "when importing it, or give it a file");
  }
  std::vector<std::string> names = header_of(path, options);
  std::erase(names, options.rules.weight_name);
  const std::size_t inputs = model.network.inputs;
  if (options.target.empty()) {
    const bool needed = options.target_use == CsvOptions::Target::required;
    if (needed || names.size() == inputs + 1) options.target = names.empty() ? "" : names.back();
  }
  const std::size_t found = std::erase(names, options.target);
  if (found == 0 && options.target_use == CsvOptions::Target::required) {
    refuse(shown_path(path), fmt::format("no column is called '{}', the target{}", printable(options.target),
                                         did_you_mean(options.target, names)));
  }
  if (names.size() != inputs) {
    refuse(shown_path(path),
           fmt::format("it has {}{}, and the model takes {} without names; leave others out, or name "
                       "them with --columns when importing it",
                       counted(names.size(), "column"), found == 0 ? "" : " beside the target",
                       with_commas(inputs)));
  }
  for (const std::string& name : names) options.columns.push_back({.name = name});
}

}  // namespace

CsvOptions csv_options_for(const Model& model, const InputFiles& files, CsvOptions::Target use) {
  CsvOptions options = csv_options(files.table);
  options.target_use = use;
  options.target = model.target_name;
  options.task = model.task;
  options.columns = columns_of(model);
  options.rules = model.rules;
  if (const std::string weight = given_weight(files); !weight.empty()) options.rules.weight_name = weight;
  options.roles.clear();
  options.classes = model.classes;
  if (options.columns.empty()) name_counted_columns(model, files.data, options);
  return options;
}

Dataset read_for_model(const Model& model, const InputFiles& files, CsvOptions::Target use,
                       std::size_t threads, const std::vector<std::string>& keep) {
  const InputKind kind = kind_of(files);
  if (kind != InputKind::table && !keep.empty())
    refuse("--with-columns", kind == InputKind::packed
                                 ? "a packed file keeps no texts; leave it out, or give a table"
                                 : "images have no columns to keep; leave it out");
  if (kind == InputKind::packed) return read_packed_for(model, files, use);
  if (kind == InputKind::image_folder) return read_folder_for(model, files, use, threads);
  if (kind == InputKind::idx) {
    if (use == CsvOptions::Target::required && files.labels.empty()) {
      refuse("--labels", "missing; images are evaluated against the IDX file with their labels");
    }
    Dataset data = read_idx(files.data, files.labels, files.images.layout);
    if (!files.labels.empty()) adopt_classes(data, model, files.labels);
    return data;
  }
  CsvOptions options = csv_options_for(model, files, use);
  options.keep = keep;
  options.threads = threads;
  return read_csv(files.data, options);
}

void require_given_weights(const Dataset& data, const InputFiles& files) {
  const std::string weight = given_weight(files);
  if (weight.empty() || !data.weights.empty()) return;
  refuse("--weight-column",
         data.column_names.empty()
             ? "images have no columns; leave it out"
             : fmt::format("no column of {} is called '{}'; name the one that has the weights",
                           shown_path(files.data), printable(weight)));
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

void require_model_out(const std::string& out, const std::string& kind, const std::string& model,
                       const InputFiles& input) {
  if (out.empty()) refuse("--out", fmt::format("missing; name the file of the {} model", kind));
  if (out == "-") refuse("--out", "a model cannot go to standard output; name a file");
  require_other_file({"--out", out}, {{"MODEL", model}, {"--data", input.data}, {"--labels", input.labels}});
}

}  // namespace ztilde::cli
