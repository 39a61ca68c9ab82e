// ztilde lab: the claims about batch norm, measured.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/input.hpp"
#include "cli/interrupt.hpp"
#include "cli/json_text.hpp"
#include "cli/lab_folder.hpp"
#include "cli/layout.hpp"
#include "cli/options.hpp"
#include "cli/outputs.hpp"
#include "cli/progress_bar.hpp"
#include "cli/streams.hpp"
#include "cli/verbs.hpp"
#include "lab/document.hpp"
#include "ztilde/error.hpp"

namespace ztilde::cli {
namespace {

struct LabOptions {
  std::vector<std::string> names;
  InputFiles input;
  std::string target;
  std::optional<Task> task;
  std::string out = "lab";
  std::uint64_t threads = 0, seed = 0;
  ProgressStyle progress = ProgressStyle::automatic;
  bool quick = false, quiet = false, json = false, force = false;
};

OptionTable lab_options(LabOptions& options) {
  OptionTable table(
      "ztilde lab [EXPERIMENT…|all] [options]",
      "Puts claims about batch norm to the test: each experiment has its thresholds fixed before\n"
      "it runs, and says whether the claim is reproduced. Without a name, lists them.");
  table.rest("EXPERIMENT", options.names, "which to run, or all; they are listed without this");
  table.group("Run");
  table.flag("--quick", options.quick, "a smaller version of each, under 20 s; its verdicts weigh less");
  table.whole("--seed", "N", options.seed, {}, "of the data's split and of every random number");
  add_threads_option(table, options.threads);
  table.group("Rows of your own, for the experiments that take them");
  add_input_options(table, options.input);
  add_target_option(table, options.target);
  add_task_option(table, options.task, "classes or numbers; auto decides by the target and says why");
  add_format_options(table, options.input.table);
  add_role_options(table, options.input.table);
  add_missing_option(table, options.input.table);
  table.group("Output");
  table.text("--out", "FOLDER", options.out,
             "for NAME.json of each experiment, and lab.html with a section for each that is in the folder");
  table.flag("--force", options.force, "overwrite experiments that are there already");
  add_progress_option(table, options.progress, "auto: a bar on a terminal, lines elsewhere");
  table.flag("--json", options.json, "the list or the verdicts as one JSON object");
  table.flag("--quiet", options.quiet, "say nothing on standard error");
  table.group("Other");
  table.example("ztilde lab bowls identity --quick");
  table.example("ztilde lab placement optimisers --data houses.csv --target price");
  return table;
}

std::string about_seconds(double seconds) {
  return seconds < 60 ? fmt::format("{:.0f} s", std::max(1.0, seconds))
                      : fmt::format("{:.1f} min", seconds / 60);
}

std::string list(bool json) {
  if (json) {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const lab::Experiment& each : lab::experiments()) {
      all.push_back({{"experiment", each.name},
                     {"claim", each.claim},
                     {"source", each.source},
                     {"takes_data", each.takes_data},
                     {"seconds", each.seconds},
                     {"quick_seconds", each.quick_seconds}});
    }
    return json_line({{"experiments", all}});
  }
  std::string text = "The claims about batch norm, and how long they take on 2 cores (whole, --quick):\n\n";
  double whole = 0, quick = 0;
  for (const lab::Experiment& each : lab::experiments()) {
    whole += each.seconds;
    quick += each.quick_seconds;
    const std::string left = fmt::format("  {:<11} {:>8}  {:>5}", each.name, about_seconds(each.seconds),
                                         about_seconds(each.quick_seconds));
    text += wrapped(left, 32, each.claim, output_width());
  }
  text += fmt::format("  {:<11} {:>8}  {:>5}\n\n", "all", about_seconds(whole), about_seconds(quick));
  std::string takers;
  for (const lab::Experiment& each : lab::experiments()) {
    if (each.takes_data) takers += (takers.empty() ? "" : ", ") + each.name;
  }
  return text +
         wrapped("", 0, "'ztilde lab NAME' runs one. With --data FILE on your own rows: " + takers + ".");
}

// Those named, in the order of the list; without a wrong name.
std::vector<const lab::Experiment*> chosen(const LabOptions& options) {
  std::vector<std::string> known = {"all"};
  for (const lab::Experiment& each : lab::experiments()) known.push_back(each.name);
  for (const std::string& name : options.names) {
    if (std::ranges::find(known, name) == known.end())
      refuse(printable(name), "unknown experiment" + did_you_mean(name, known));
  }
  const auto is_named = [&](const std::string& name) {
    return std::ranges::find(options.names, name) != options.names.end();
  };
  const bool own = !options.input.data.empty();
  std::vector<const lab::Experiment*> result;
  for (const lab::Experiment& each : lab::experiments()) {
    if (own && is_named(each.name) && !each.takes_data)
      refuse(each.name, "runs on rows of the lab's own only; leave it out, or leave --data out");
    if (is_named(each.name) || (is_named("all") && (!own || each.takes_data))) result.push_back(&each);
  }
  return result;
}

// Those that say which rows and how they are read, each after a blank, as a shell takes them.
std::string options_of_rows(const OptionTable& table) {
  std::vector<std::string> names = {"--data", "--labels", "--target", "--task"}, words;
  names.insert(names.end(), kTableOptions.begin(), kTableOptions.end());
  for (const std::string& name : names) {
    if (!table.given(name)) continue;
    words.push_back(name);
    if (!table.is_flag(name)) words.push_back(table.text_of(name));
  }
  const std::string verb = "lab";
  return shell_command(verb, words).substr(shell_command(verb, {}).size());
}

lab::Data read_data(const OptionTable& table, const LabOptions& options, const Messages& messages) {
  if (options.input.data.empty()) return lab::fashion_mnist(options.seed);
  const Dataset rows =
      read_labelled_rows(table, options.input, options.target, options.task, options.threads);
  for (const std::string& note : rows.notes) messages.say(note);
  const std::string name = std::filesystem::path(options.input.data).filename();
  lab::Data data = lab::own_data(rows, shown_path(name), options.seed);
  data.options = options_of_rows(table);
  return data;
}

std::string words(const std::vector<lab::Json>& documents, const LabFolder& folder) {
  std::string text;
  for (const lab::Json& document : documents) {
    const std::string name = document.at("experiment"), verdict = document.at("verdict");
    text += wrapped(fmt::format("{:<11} {:<14} {:>8}", name, verdict, about_seconds(document.at("seconds"))),
                    37, document.at("sentence").get<std::string>(), output_width());
  }
  if (documents.empty()) return text;
  return text + fmt::format("\npage        {}\n", shown_path(folder.page()));
}

std::string json(const std::vector<lab::Json>& documents, const LabFolder& folder) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const lab::Json& document : documents) {
    nlohmann::ordered_json one;
    for (const char* key : {"experiment", "verdict", "sentence", "numbers", "quick", "seconds"})
      one[key] = document.at(key);
    one["file"] = folder.file(document.at("experiment"));
    all.push_back(std::move(one));
  }
  return json_line({{"experiments", all}, {"page", folder.page()}});
}

}  // namespace

Outcome run_lab(const Arguments& arguments) {
  LabOptions options;
  OptionTable table = lab_options(options);
  if (!table.parse(arguments)) return {table.help()};
  if (options.names.empty()) return {list(options.json)};
  const std::vector<const lab::Experiment*> wanted = chosen(options);
  if (options.input.data.empty()) {
    for (const char* name : {"--labels", "--target", "--task"})
      table.exclude("the lab's own rows", {name}, "add --data");
    table.exclude("the lab's own rows", kTableOptions, "add --data");
  }
  const Messages messages(options.quiet);
  std::vector<std::string> names;
  double work = 0;
  const auto seconds_of = [&](const lab::Experiment& each) {
    return std::max(0.1, options.quick ? each.quick_seconds : each.seconds);
  };
  for (const lab::Experiment* each : wanted) {
    names.push_back(each->name);
    work += seconds_of(*each);
  }
  LabFolder folder(options.out, names, options.force);
  const lab::Data data = read_data(table, options, messages);

  const Interrupt interrupt;
  ProgressBar bar(options.progress, options.quiet);
  std::vector<lab::Json> documents;
  double done = 0;
  for (const lab::Experiment* each : wanted) {
    const double share = seconds_of(*each) / work;
    lab::Context context(data, {.quick = options.quick,
                                .seed = options.seed,
                                .threads = options.threads,
                                .on_done = [&](double part) { bar.show(done + part * share, each->name); },
                                .should_stop = [&] { return interrupt.signal() != 0; }});
    try {
      documents.push_back(lab::run(*each, context));
    } catch (const lab::Stopped&) {
      break;
    }
    folder.add(documents.back());
    done += share;
    bar.note(fmt::format("{}: {} ({})", each->name, documents.back().at("verdict").get<std::string>(),
                         shown_duration(documents.back().at("seconds"))));
  }
  bar.finish();
  const int signal = documents.size() < wanted.size() ? interrupt.signal() : 0;
  if (signal != 0) {
    std::string rest;
    for (std::size_t i = documents.size(); i < wanted.size(); ++i) rest += " " + wanted[i]->name;
    messages.say(fmt::format("interrupted; {} kept, not run:{}",
                             documents.empty() ? "nothing is" : counted(documents.size(), "experiment"),
                             rest));
  }
  return {options.json ? json(documents, folder) : words(documents, folder), signal == 0 ? 0 : 128 + signal};
}

}  // namespace ztilde::cli
