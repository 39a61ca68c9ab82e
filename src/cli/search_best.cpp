// ztilde search best: the model of the best trial, by the ordinary training.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/outputs.hpp"
#include "cli/search_parts.hpp"
#include "cli/search_plan.hpp"
#include "cli/search_words.hpp"
#include "search/study.hpp"
#include "ztilde/error.hpp"

namespace ztilde::cli {
namespace {

struct BestOptions {
  std::string study, data, labels, valid, valid_labels;
  std::string out = "model.ztilde", log, report;
  std::optional<std::uint64_t> trial;
  std::uint64_t threads = 0;
  ProgressStyle progress = ProgressStyle::automatic;
  bool all_rows = false, force = false, json = false, quiet = false;
};

OptionTable best_options(BestOptions& options) {
  OptionTable table("ztilde search best STUDY [options]",
                    "Trains the best trial of a study once more and saves the model: by ztilde train,\n"
                    "with its options and seed, on the same rows.");
  table.positional("STUDY", options.study, "the file of ztilde search --study");
  table.group("Training");
  table.custom(
      {"--trial", "N", "this one instead", "the best", "",
       [&options](const auto& label, const auto& text) { options.trial = parse_whole(label, text, {}); }});
  table.flag("--all-rows", options.all_rows, "learn from the held-out rows too; nothing is left to validate");
  table.text("--data", "PATH", options.data, "where the rows are now");
  table.text("--labels", "PATH", options.labels, "and their labels");
  table.text("--valid", "PATH", options.valid, "and those for validation");
  table.text("--valid-labels", "PATH", options.valid_labels, "and their labels");
  table.group("Output");
  table.text("--out", "FILE", options.out, "the model file");
  table.text("--log", "FILE", options.log, "the history as it goes, one JSON object a line");
  table.text("--report", "FILE", options.report, "a page that shows how the training went");
  table.flag("--force", options.force, "overwrite these files");
  table.flag("--json", options.json, "one JSON object instead of words at the end");
  add_progress_option(table, options.progress, "as in ztilde train");
  table.flag("--quiet", options.quiet, "errors only (and --json)");
  table.group("Other");
  add_threads_option(table, options.threads);
  table.example("ztilde search best search.study --out model.ztilde");
  table.example("ztilde search best search.study --all-rows --out model.ztilde");
  return table;
}

const search::Trial& chosen_trial(const search::StudyContents& study, const BestOptions& options) {
  const std::string name = shown_path(options.study);
  if (options.trial) {
    if (*options.trial < study.trials.size()) return study.trials[*options.trial];
    refuse("--trial", fmt::format("{} is none of the {} of {}; ztilde search show lists them", *options.trial,
                                  counted(study.trials.size(), "trial"), name));
  }
  const std::optional<std::size_t> best = search::best_trial(study);
  if (!best) refuse(name, "no trial is finished yet; go on with the search, or choose one with --trial");
  return study.trials[*best];
}

// The options that name rows, as they lie now.
search::OptionTexts with_paths(search::OptionTexts texts, const OptionTable& table,
                               const BestOptions& options) {
  const std::pair<const char*, const std::string*> paths[] = {{"--data", &options.data},
                                                              {"--labels", &options.labels},
                                                              {"--valid", &options.valid},
                                                              {"--valid-labels", &options.valid_labels}};
  for (const auto& [name, path] : paths) {
    const auto found = std::ranges::find(texts, name, &search::OptionTexts::value_type::first);
    std::error_code ignored;
    if (table.given(name)) {
      if (found == texts.end()) refuse(name, "the study has no such rows; leave it out");
      found->second = *path;
    } else if (found != texts.end() && !std::filesystem::exists(found->second, ignored)) {
      throw Error(ErrorKind::io, fmt::format("{}: is not there any more; say with {} where it is",
                                             shown_path(found->second), name));
    }
  }
  return texts;
}

void set(search::OptionTexts& texts, const std::string& name, const std::string& text) {
  std::erase_if(texts, [&](const auto& option) { return option.first == name; });
  texts.emplace_back(name, text);
}

bool has(const search::OptionTexts& texts, const std::string& name) {
  return std::ranges::find(texts, name, &search::OptionTexts::value_type::first) != texts.end();
}

void add_rows(search::OptionTexts& texts, const search::StudyPlan& plan, const BestOptions& options) {
  const bool apart = has(texts, "--valid");
  if (!options.all_rows) {
    if (!apart) set(texts, "--split-seed", fmt::format("{}", plan.seed));
    return;
  }
  if (apart)
    refuse("--all-rows",
           "the study validates with rows of --valid, and trains on all of --data; leave it out");
  if (has(texts, "--patience"))
    refuse("--all-rows", "the study stops by --patience, which needs rows to validate with; leave it out");
  set(texts, "--valid-fraction", "0");
}

// The command line of train that makes the model.
std::vector<std::string> training_command(const OptionTable& table, const BestOptions& options,
                                          search::OptionTexts texts) {
  for (const char* name : {"--log", "--report", "--progress", "--threads"})
    if (table.given(name)) set(texts, name, table.text_of(name));
  set(texts, "--out", options.out);
  std::vector<std::string> words = command_words(texts);
  if (options.force) words.emplace_back("--force");
  if (options.json) words.emplace_back("--json");
  if (options.quiet) words.emplace_back("--quiet");
  return words;
}

}  // namespace

Outcome run_search_best(const Arguments& arguments) {
  BestOptions options;
  OptionTable table = best_options(options);
  if (!table.parse(arguments)) return {table.help()};
  require_other_file({"--out", options.out}, {{"STUDY", options.study}});
  const search::StudyContents study = read_finished_study(options.study);
  const search::StudyPlan& plan = study.plan;
  const search::Trial& trial = chosen_trial(study, options);
  search::OptionTexts texts = with_paths(plan.fixed, table, options);
  if (read_search_rows(texts, {}, options.threads, Messages(true)).fingerprint != plan.data_fingerprint)
    refuse(shown_path(options.study),
           "the values of the data are not those of the study; give their file with --data, or search anew");
  texts.insert(texts.end(), trial.options.begin(), trial.options.end());
  set(texts, "--epochs", fmt::format("{}", plan.epochs));
  set(texts, "--seed", fmt::format("{}", trial.seed));
  add_rows(texts, plan, options);
  const Messages messages(options.quiet);
  const std::vector<std::string> command = training_command(table, options, texts);
  messages.say(fmt::format("trial {} of {}{}: {}\n", trial.number, shown_path(options.study),
                           trial.loss() ? ", validation loss " + shown(*trial.loss()) : "",
                           option_words(trial.options)));
  return run_train(command);
}

}  // namespace ztilde::cli
