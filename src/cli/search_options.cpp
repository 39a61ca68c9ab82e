#include "cli/search_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <functional>
#include <iterator>

#include "base/text.hpp"
#include "cli/network_file.hpp"
#include "search/space.hpp"
#include "ztilde/error.hpp"

namespace ztilde::cli {
namespace {

constexpr const char* kOwnGroups[] = {"Search", "Output", "Other"};
// A study keeps these by itself, or they are for its end alone.
constexpr const char* kKeptApart[] = {"--seed", "--epochs", "--folds"};
constexpr double kMostWorkers = 1024;

double parse_duration(const std::string& label, const std::string& text) {
  double seconds = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    double value = 0;
    const auto [end, failure] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    const char unit = end == rest.data() + rest.size() ? '\0' : *end;
    const double each = unit == 's' ? 1 : unit == 'm' ? 60 : unit == 'h' ? 3600 : unit == 'd' ? 86400 : 0;
    if (failure != std::errc() || each == 0 || !(value >= 0) || value > 1e9) {
      seconds = 0;
      break;
    }
    seconds += value * each;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()) + 1);
  }
  if (seconds > 0) return seconds;
  refuse(label, fmt::format("'{}' is no time; give one such as 90s, 10m or 1h30m", printable(text)));
}

// Values of the dimension that show whether train takes all of them: each of a list, the ends of a range.
std::vector<std::string> values_to_try(const search::Dimension& dimension) {
  using search::DimensionKind;
  if (dimension.kind == DimensionKind::choice) return dimension.choices;
  const auto ends = [&](auto text) {
    return std::vector<std::string>{text(dimension.least), text(dimension.most)};
  };
  if (dimension.kind == DimensionKind::real || dimension.kind == DimensionKind::logarithmic)
    return ends([](double value) { return fmt::format("{}", value); });
  return ends([](double value) { return fmt::format("{}", static_cast<std::uint64_t>(value)); });
}

bool may_be_searched(const std::string& option) {
  return search::dimension_of(option, "a,b") || search::dimension_of(option, "a|b");
}

// Takes a range or a list where an option may have one, and says of others that they may not.
bool take(SearchArguments& arguments, const Option& option, const std::string& label,
          const std::string& text) {
  const std::optional<search::Dimension> dimension = search::dimension_of(option.name, text);
  if (dimension) {
    for (const std::string& value : values_to_try(*dimension)) option.set(label, value);
    arguments.dimensions.push_back(*dimension);
    return true;
  }
  const bool several = text.find("..") != text.npos || text.find(',') != text.npos;
  const bool own = std::ranges::find(kOwnGroups, option.group) != std::end(kOwnGroups);
  try {
    option.set(label, text);
  } catch (const Error&) {
    if (!several || own || may_be_searched(option.name)) throw;
    refuse(label, fmt::format("cannot be searched, and '{}' is no single value; give one (options of the "
                              "network and its training can have ranges)",
                              printable(text)));
  }
  return true;
}

void list_search(OptionTable& table, SearchArguments& arguments) {
  table.group("Search");
  table.text(
      "--study", "FILE", arguments.study,
      "where all trials are kept, for several processes at once; a search goes on with one that is there");
  table
      .whole("--trials", "N", arguments.trials, {.least = 1},
             "how many in all; the first one has the defaults")
      .standard = fmt::format("{}, or any number with --time", kUsualTrials);
  table.custom({"--time", "T", "stop after 90s, 10m or 1h30m, but not before a trial is finished", "no limit",
                "", [&arguments](const std::string& label, const std::string& text) {
                  arguments.seconds = parse_duration(label, text);
                }});
  table.whole("--workers", "N", arguments.workers, {.least = 1, .most = kMostWorkers},
              "processes that run a trial each, on the cores divided by N unless --threads says otherwise");
  table.choice("--stopping", arguments.stops_early, {{"halving", true}, {"off", false}},
               "of three trials that come to some epoch (the third at least, a ninth and a third of all) "
               "only the best goes on");
}

void refuse_what_trials_lack(OptionTable& table) {
  const auto refused = [&table](const char* name, const char* value, const char* reason) -> Option& {
    Option& option =
        table.custom({name, value, "", "", "",
                      [reason](const std::string& label, const std::string&) { refuse(label, reason); }});
    option.hidden = true;
    return option;
  };
  refused("--out", "FILE", "a search makes no model; ztilde search best STUDY --out FILE does afterwards");
  refused("--log", "FILE", "trials have no log; ztilde search show STUDY --json has every epoch of all");
  refused("--watch", "[PORT]", "shows one training; ztilde search show STUDY tells how a search goes").alone =
      "free";
  const char* kept = "the study keeps every trial by itself; the same search again goes on, leave it out";
  refused("--checkpoint", "FILE", kept);
  refused("--checkpoint-every", "STEPS", kept);
  refused("--resume", "", kept);
  refused("--split-seed", "N", "the study's --seed splits the rows, for all trials alike; leave it out");
  refused("--timeout", "S",
          "is for ranks that train one model together; each trial has one process, leave it out");
  refused("--sync-statistics", "on|off",
          "is for ranks that train one model together; each trial has one process, leave it out");
  refused("--memory", "SIZE", "trials have all rows in memory; leave it out");
}

void list_output(OptionTable& table, SearchArguments& arguments) {
  TrainArguments& train = arguments.train;
  table.group("Output");
  table.text("--report", "FILE", train.report, "a page that shows all trials, at the end");
  table.flag("--force", train.force, "overwrite the file of --report");
  table.flag("--json", train.json, "one JSON object instead of words at the end");
  add_progress_option(table, train.progress,
                      "one line drawn again and again on a terminal, else a line now and then; always: as on "
                      "a terminal");
  table.flag("--quiet", train.quiet, "errors only (and --json)");
  table.group("Other");
  add_threads_option(table, train.training.threads);
  table.config("--config", "options from a file with lines like epochs = 40; the command line wins");
  Option& worker =
      table.custom({kWorkerOption, "", "", "", "",
                    [&arguments](const std::string&, const std::string&) { arguments.is_worker = true; }});
  worker.hidden = true;
  worker.configurable = false;
  refuse_what_trials_lack(table);
}

std::string full_path(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::absolute(path, ignored).lexically_normal().string();
}

bool names_a_file(const TrainArguments& train, const std::string& option) {
  constexpr const char* kFiles[] = {"--data", "--labels", "--valid", "--valid-labels", "--columns", "--from"};
  if (std::ranges::find(kFiles, option) != std::end(kFiles)) return true;
  if (option == "--net") return !is_network_name(train.net);
  return option == "--class-weights" && !train.class_weights_file.empty();
}

}  // namespace

OptionTable search_options(SearchArguments& arguments) {
  OptionTable table("ztilde search --data PATH [options]",
                    "Trains many times for the options that come to the least validation loss. Those of\n"
                    "the network and its training take ranges and lists:\n"
                    "  --lr 1e-4..1e-1:log  --dropout 0..0.5  --batch 64,256,1024  --norm batch,none\n"
                    "  --hidden 64..512x1..4 (1 to 4 layers of one width)  --hidden '64,64|128|none'\n"
                    "Without any it searches --lr, --batch, --weight-decay, --hidden and --dropout.\n"
                    "\n"
                    "  ztilde search show STUDY   the trials of a study, best first\n"
                    "  ztilde search best STUDY   trains and saves the best one");
  table.intercept([&arguments](const Option& option, const std::string& label, const std::string& text) {
    return take(arguments, option, label, text);
  });
  list_search(table, arguments);
  list_training_options(
      table, arguments.train,
      "when all trials are done, cross-validate the three best of them on all rows, K times "
      "each, and take the best by that");
  list_output(table, arguments);
  table.example("ztilde search --data iris.csv --trials 30 --workers 2");
  table.example("ztilde search --data iris.csv --lr 1e-4..1e-1:log --norm batch,none --time 10m");
  return table;
}

void check_search_options(const OptionTable& table, const SearchArguments& arguments) {
  const TrainArguments& train = arguments.train;
  require_data(train.input);
  if (train.input.data == "-" || train.valid.data == "-")
    refuse(train.input.data == "-" ? "--data" : "--valid",
           "every worker reads the rows, and standard input can be read once; name a file");
  if (train.valid.data.empty() && train.training.valid_fraction == 0)
    refuse("--valid-fraction", "0 leaves no rows to judge trials by; give more, or --valid");
  if (train.folds > 0)
    table.exclude("--folds", {"--valid", "--valid-labels"}, "each fold is validated with rows of --data");
  if (train.report == "-") refuse("--report", "it cannot go to standard output; name a file");
  const std::vector<NamedPath> others = {{"--data", train.input.data},
                                         {"--labels", train.input.labels},
                                         {"--valid", train.valid.data},
                                         {"--valid-labels", train.valid.labels},
                                         {"--from", train.from},
                                         {"--config", table.config_file()},
                                         {"--columns", train.input.table.columns_file}};
  require_other_file({"--study", arguments.study}, others);
  require_other_file({"--report", train.report}, others);
  require_other_file({"--report", train.report}, {{"--study", arguments.study}});
}

search::OptionTexts fixed_options(const OptionTable& table, const SearchArguments& arguments) {
  search::OptionTexts fixed;
  for (const Option* option : table.given_options()) {
    const std::string& name = option->name;
    const bool own = std::ranges::find(kOwnGroups, option->group) != std::end(kOwnGroups) ||
                     std::ranges::find(kKeptApart, name) != std::end(kKeptApart);
    if (own || std::ranges::find(arguments.dimensions, name, &search::Dimension::option) !=
                   arguments.dimensions.end())
      continue;
    fixed.emplace_back(name, names_a_file(arguments.train, name) ? full_path(option->text) : option->text);
  }
  return fixed;
}

}  // namespace ztilde::cli
