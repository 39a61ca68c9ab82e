// ztilde pack: rows as a binary file that is read block by block.
#include "ztilde/pack.hpp"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "base/files.hpp"
#include "base/output_lock.hpp"
#include "base/text.hpp"
#include "cli/input.hpp"
#include "cli/options.hpp"
#include "cli/pack_words.hpp"
#include "cli/verbs.hpp"

namespace ztilde::cli {
namespace {

struct PackArguments {
  InputFiles input;
  std::string out, target;
  std::optional<Task> task;
  PackOptions pack;
  std::uint64_t threads = 0;
  bool force = false, quiet = false, json = false;
};

OptionTable pack_options(PackArguments& options) {
  OptionTable table("ztilde pack --data PATH --out FILE [options]",
                    "The rows as a binary file with checksums, to be given to --data of any verb and to\n"
                    "be read block by block. A table may be larger than memory.");
  table.group("Data");
  add_input_options(table, options.input);
  table.group("Table");
  add_format_options(table, options.input.table);
  add_role_options(table, options.input.table);
  add_missing_option(table, options.input.table);
  add_target_option(table, options.target);
  add_task_option(table, options.task, "classes or numbers; auto decides by what the target holds");
  table.group("Output");
  table.text("--out", "FILE", options.out, "the packed file").standard = "none, it must be given";
  table.choice("--order", options.pack.order, {{"shuffled", PackOrder::shuffled}, {"kept", PackOrder::kept}},
               "the order of the rows in the file");
  table.whole("--seed", "N", options.pack.seed, {.most = 0x1p64}, "of the shuffled order");
  table.custom({"--memory", "SIZE", "what a table may take of memory while it is packed", "1G", "from 128M",
                [&options](const std::string& label, const std::string& text) {
                  options.pack.memory = parse_size(label, text, kLeastPackMemory);
                }});
  table.flag("--force", options.force, "overwrite the file of --out");
  table.flag("--json", options.json, "one JSON object instead of words");
  table.flag("--quiet", options.quiet, "no warnings");
  table.group("Other");
  add_threads_option(table, options.threads);
  table.example("ztilde pack --data houses.csv --target price --out houses.pack");
  table.example("ztilde train --data houses.pack");
  return table;
}

void require_sense(const OptionTable& table, const PackArguments& options) {
  require_data(options.input);
  if (options.out.empty()) refuse("--out", "missing; name the packed file");
  if (options.out == "-") refuse("--out", "a packed file cannot go to standard output; name a file");
  require_other_file({"--out", options.out}, {{"--data", options.input.data},
                                              {"--labels", options.input.labels},
                                              {"--columns", options.input.table.columns_file}});
  std::error_code ignored;
  if (std::filesystem::exists(options.out, ignored) &&
      !std::filesystem::is_regular_file(options.out, ignored))
    refuse("--out", fmt::format("{} is no file; name one", shown_path(options.out)));
  if (options.pack.order == PackOrder::kept)
    table.exclude("--order kept", {"--seed"}, "nothing is shuffled; leave it out");
}

PackInfo pack(const OptionTable& table, const PackArguments& options) {
  const InputKind kind = kind_of(options.input);
  if (kind == InputKind::packed)
    refuse(shown_path(options.input.data), "is packed already; give what it was made of");
  if (kind != InputKind::table) {
    table.exclude("images", {"--memory"}, "they are packed in memory; leave it out");
    return pack_rows(read_labelled_rows(table, options.input, options.target, options.task, options.threads),
                     options.out, options.pack);
  }
  CsvOptions reading = csv_options(options.input.table);
  reading.target = options.target;
  reading.task = options.task;
  reading.threads = options.threads;
  return pack_csv(options.input.data, reading, options.out, options.pack);
}

}  // namespace

Outcome run_pack(const Arguments& arguments) {
  PackArguments options;
  OptionTable table = pack_options(options);
  if (!table.parse(arguments)) return {table.help()};
  require_sense(table, options);
  const OutputLock lock(options.out, options.force);
  const Messages messages(options.quiet);
  const auto begin = std::chrono::steady_clock::now();
  const PackInfo info = pack(table, options);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  warn_about_columns(info.frame, options.input.data, messages);
  if (options.json) return {pack_json(info, options.out, false, seconds)};
  return {pack_words(info, options.out, false) + fmt::format("{:<12}{}\n", "time", shown_duration(seconds))};
}

}  // namespace ztilde::cli
