// ztilde doctor: why a batch-normalised model is worse in use than in training.
#include "ztilde/doctor.hpp"

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/output_lock.hpp"
#include "base/text.hpp"
#include "cli/doctor_page.hpp"
#include "cli/doctor_words.hpp"
#include "cli/input.hpp"
#include "cli/layout.hpp"
#include "cli/options.hpp"
#include "cli/verbs.hpp"

namespace ztilde::cli {
namespace {

constexpr int kFoundSomething = 4;

struct DoctorArguments {
  std::string model, out, report;
  InputFiles input;
  DoctorOptions doctor;
  bool check = false, force = false, json = false, quiet = false;
  std::uint64_t batch = 0, rows = DoctorOptions{}.rows, threads = 0;
};

// That say how the data are read, and so belong into the commands of advice.
const std::vector<std::string> kDataOptions = {"--data",      "--labels",        "--image-size",
                                               "--delimiter", "--image-layout",  "--decimal-comma",
                                               "--no-header", "--weight-column", "--unseen"};

OptionTable doctor_options(DoctorArguments& options) {
  OptionTable table("ztilde doctor MODEL --data PATH [options]",
                    "Says why a batch-normalised model is worse in use than in training. The same\n"
                    "rows go through it with the statistics it holds, with statistics measured anew\n"
                    "and with each batch's own, one layer at a time; each layer that costs something\n"
                    "gets its cause, the evidence, and a command that mends it. Rows it was trained\n"
                    "on tell most. Reads models that other commands refuse for their numbers.");
  table.positional("MODEL", options.model, "a model file, as ztilde train writes it");
  table.group("Data");
  add_input_options(table, options.input);
  add_format_options(table, options.input.table);
  add_unseen_option(table, options.input.table);
  add_weight_option(table, options.input.table);
  table.whole("--rows", "N", options.rows, {}, "the most rows to look at, drawn evenly; 0: all of them");
  table.whole("--seed", "N", options.doctor.seed, {.most = 0x1p64}, "of the drawing and of the batches");
  table.group("Batch norm");
  table.whole("--batch", "N", options.batch, {}, "rows of a batch with its own statistics; 0: as in training")
      .standard = "0";
  table.group("Output");
  table.text("--out", "FILE", options.out,
             "the model with all that can be repaired without training: statistics and epsilon of the layers "
             "found, and the inputs' standardisation");
  table.text("--report", "FILE", options.report,
             "the diagnosis as a page; one file that opens anywhere, offline");
  table.flag("--check", options.check,
             fmt::format("exit code {} where a cause is found, else 0", kFoundSomething));
  table.flag("--force", options.force, "overwrite the files of --out and --report");
  table.flag("--json", options.json, "one JSON object instead of words");
  table.flag("--quiet", options.quiet, "no warnings");
  table.group("Other");
  add_threads_option(table, options.threads);
  table.example("ztilde doctor model.ztilde --data train.csv");
  table.example("ztilde doctor model.ztilde --data today.csv --report today.html --check");
  return table;
}

void require_sense(const DoctorArguments& options) {
  require_data(options.input);
  if (options.batch == 1) refuse("--batch", "1 row has no variance; give 2 or more, or 0");
  if (!options.out.empty()) require_model_out(options.out, "repaired", options.model, options.input);
  if (options.report.empty()) return;
  if (options.report == "-") refuse("--report", "it cannot go to standard output; name a file");
  require_other_file({"--report", options.report}, {{"MODEL", options.model},
                                                    {"--data", options.input.data},
                                                    {"--labels", options.input.labels},
                                                    {"--out", options.out}});
}

std::vector<std::string> data_arguments(const OptionTable& table) {
  std::vector<std::string> arguments;
  for (const std::string& name : kDataOptions) {
    if (!table.given(name)) continue;
    arguments.push_back(name);
    if (!table.is_flag(name)) arguments.push_back(table.text_of(name));
  }
  return arguments;
}

}  // namespace

Outcome run_doctor(const Arguments& arguments) {
  DoctorArguments options;
  OptionTable table = doctor_options(options);
  if (!table.parse(arguments)) return {table.help()};
  require_sense(options);
  std::optional<OutputLock> out_lock, report_lock;
  if (!options.out.empty()) out_lock.emplace(options.out, options.force);
  if (!options.report.empty()) report_lock.emplace(options.report, options.force);
  const Messages messages(options.quiet);
  options.doctor.threads = options.threads;
  options.doctor.batch = options.batch;
  options.doctor.rows = options.rows;

  const UncheckedModel read = load_unchecked(options.model);
  if (!has_layer<BatchNorm>(read.model.network))
    refuse(shown_path(options.model), "has no batch norm, so there are no statistics to look at");
  const Dataset data =
      read_for_model(read.model, options.input, CsvOptions::Target::if_present, options.threads);
  require_given_weights(data, options.input);
  warn_about_columns(data, options.input.data, messages);

  const Diagnosis diagnosis = diagnose(read.model, data, options.doctor);
  const DoctorContext context = {options.model, data_arguments(table), read.refusal, data.rows};
  const bool writes = !options.out.empty() && diagnosis.repairs;
  if (writes) save(diagnosis.repaired, options.out);
  if (!options.out.empty() && !writes)
    messages.warn(fmt::format("{} is not written: nothing was found that can be repaired without training",
                              shown_path(options.out)));
  if (!options.report.empty())
    write_file_atomically(options.report, report::html(doctor_page(read.model, diagnosis, context)));

  Outcome outcome;
  if (options.json) {
    outcome.output = doctor_json(read.model, diagnosis, context, writes ? options.out : "");
  } else {
    outcome.output = doctor_words(read.model, diagnosis, context);
    if (writes) outcome.output += "\n" + wrapped("saved", 11, shown_path(options.out));
  }
  if (options.check && (!diagnosis.findings.empty() || !read.refusal.empty()))
    outcome.exit_code = kFoundSomething;
  return outcome;
}

}  // namespace ztilde::cli
