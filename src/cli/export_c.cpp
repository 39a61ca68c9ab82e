// ztilde export --c: a source file and its header.
#include "ztilde/export_c.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "base/files.hpp"
#include "base/output_lock.hpp"
#include "base/text.hpp"
#include "cli/export_formats.hpp"
#include "cli/input.hpp"
#include "cli/json_text.hpp"
#include "exchange/c_text.hpp"

namespace ztilde::cli {
namespace {

std::string header_path_of(const std::string& source) {
  std::filesystem::path path(source);
  if (path.extension() != ".c" || path.stem().empty()) {
    refuse("--c",
           fmt::format("'{}' does not end in .c, as C sources do; its header ends in .h and is written "
                       "beside it",
                       printable(source)));
  }
  return path.replace_extension(".h").string();
}

// As a shell takes it for one word.
std::string word(const std::string& text) {
  const bool plain = text.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./") == text.npos;
  if (plain) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

}  // namespace

void add_c_export_options(OptionTable& table, ExportArguments& arguments) {
  table.group("C");
  table.text("--c", "FILE.c", arguments.c, "the C99 source to write; its header FILE.h is written beside it")
      .standard = "none";
  table.text("--name", "PREFIX", arguments.of_c.name, "what all names in the source begin with").standard =
      "the name of the file";
}

void require_c_sense(const OptionTable& table, const ExportArguments& arguments) {
  if (arguments.c.empty()) {
    if (table.given("--name")) refuse("--name", "is for --c; add that, or leave it out");
    return;
  }
  require_other_file({"--c", header_path_of(arguments.c)}, {{"MODEL", arguments.model}});
  if (table.given("--name")) c_text::require_name("--name", arguments.of_c.name);
}

std::string export_c(const Model& model, const ExportArguments& arguments, const Messages&) {
  const std::string header = header_path_of(arguments.c);
  const OutputLock lock(header, arguments.force);

  const std::string& given = arguments.of_c.name;
  const std::string name = given.empty() ? c_name_for(arguments.c) : given;
  const CSource source = c_source(model, {name, std::filesystem::path(header).filename().string()});
  const FileContent files[] = {{arguments.c, source.source}, {header, source.header}};
  write_files_atomically(files);

  const std::size_t scratch_bytes = source.scratch * sizeof(float);
  if (arguments.json) {
    return json_line({{"source", arguments.c},
                      {"header", header},
                      {"name", name},
                      {"bytes", source.source.size() + source.header.size()},
                      {"parameters", parameter_count(model.network)},
                      {"inputs", model.network.inputs},
                      {"outputs", layer_outputs(model.network).back()},
                      {"scratch_bytes", scratch_bytes}});
  }
  const std::string file = word(arguments.c);
  return fmt::format(
      "written    {}, {}, and {}, {}\n"
      "functions  {}_predict and more, which {} tells of\n"
      "memory     {} for the numbers of a row on their way, from the caller\n"
      "compile    cc -std=c99 -O3 -c {}\n"
      "test       cc -std=c99 -O3 -D{}_SELF_TEST {} -lm -o self-test && ./self-test\n",
      shown_path(arguments.c), shown_bytes(source.source.size()), shown_path(header),
      shown_bytes(source.header.size()), name, shown_path(header), shown_bytes(scratch_bytes), file,
      c_text::upper(name), file);
}

}  // namespace ztilde::cli
