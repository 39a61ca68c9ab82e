// ztilde inspect-data: what a table holds and what its columns would be, or what images there are.
#include <fmt/format.h>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/image_words.hpp"
#include "cli/input.hpp"
#include "cli/options.hpp"
#include "cli/pack_words.hpp"
#include "cli/streams.hpp"
#include "cli/survey_words.hpp"
#include "cli/verbs.hpp"
#include "ztilde/pack.hpp"

namespace ztilde::cli {
namespace {

struct InspectDataOptions {
  InputFiles input;
  std::string target, write_columns;
  bool json = false, force = false, check = false;
};

OptionTable inspect_data_options(InspectDataOptions& options) {
  OptionTable table("ztilde inspect-data FILE [options]",
                    "What a table holds, column by column, and what train would make of it: roles,\n"
                    "missing values, numbers and categories. Nothing is refused for its values.\n"
                    "Of images their sizes, channels and classes, and those that cannot be read.");
  table.positional(
      "FILE", options.input.data,
      "a table, plain or .gz, an IDX image file, a folder of images, or a packed file; - is standard "
      "input");
  table.group("Images");
  table.text("--labels", "PATH", options.input.labels, "the IDX labels of an IDX image file");
  add_layout_option(table, options.input.images);
  table.group("Packed file");
  table.flag("--check", options.check, "read all of it and verify every checksum");
  table.group("Table");
  add_format_options(table, options.input.table);
  add_role_options(table, options.input.table);
  add_target_option(table, options.target);
  table.group("Output");
  table.text("--write-columns", "FILE", options.write_columns,
             "write the roles as JSON, to be edited and given to train --columns");
  table.flag("--json", options.json, "everything as one JSON object");
  table.flag("--force", options.force, "overwrite the file of --write-columns");
  table.group("Other");
  table.example("ztilde inspect-data houses.csv --target price");
  table.example("ztilde inspect-data photos");
  table.example("ztilde inspect-data houses.pack --check");
  table.example("ztilde inspect-data houses.csv --write-columns columns.json");
  return table;
}

}  // namespace

Outcome run_inspect_data(const Arguments& arguments) {
  InspectDataOptions options;
  OptionTable table = inspect_data_options(options);
  if (!table.parse(arguments)) return {table.help()};
  const std::string& path = options.input.data;
  if (!options.write_columns.empty()) {
    require_other_file({"--write-columns", options.write_columns},
                       {{"FILE", path}, {"--columns", options.input.table.columns_file}});
    require_writable(options.write_columns, options.force);
  }
  const InputKind kind = kind_of(options.input);
  if (kind == InputKind::packed) {
    table.exclude("a packed file", {"--target", "--write-columns"},
                  "columns were decided when the rows were packed; leave it out");
    const PackInfo info = options.check ? check_packed(path) : describe_packed(path);
    return {options.json ? pack_json(info, path, options.check) : pack_words(info, path, options.check)};
  }
  if (options.check) refuse("--check", "given without a packed file, which has checksums; leave it out");
  if (kind != InputKind::table) {
    table.exclude("images", {"--target", "--write-columns"}, "they have no columns; leave it out");
    table.exclude("images", kTableOptions, "they have no columns; leave it out");
    const ImagesFound found = kind == InputKind::image_folder
                                  ? look_at_folder(path)
                                  : look_at_idx(path, options.input.labels, options.input.images.layout);
    return {options.json ? image_json(found, path) : image_words(found, path, output_width())};
  }
  CsvOptions reading = csv_options(options.input.table);
  reading.target = options.target;
  const TableSurvey survey = survey_csv(path, reading);
  if (!options.write_columns.empty()) write_file_atomically(options.write_columns, roles_json(survey));
  return {options.json ? survey_json(survey, path) : survey_words(survey, path, output_width())};
}

}  // namespace ztilde::cli
