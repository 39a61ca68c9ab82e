// ztilde search show: the trials of a study, while it goes or afterwards.
#include <fmt/format.h>

#include <optional>

#include "base/files.hpp"
#include "base/output_lock.hpp"
#include "cli/input.hpp"
#include "cli/json_text.hpp"
#include "cli/options.hpp"
#include "cli/search_parts.hpp"
#include "cli/search_words.hpp"
#include "report/study_page.hpp"
#include "search/study.hpp"

namespace ztilde::cli {
namespace {

struct ShowOptions {
  std::string study, report;
  bool force = false, json = false;
};

OptionTable show_options(ShowOptions& options) {
  OptionTable table("ztilde search show STUDY [options]",
                    "The trials of a study, best first, the best one with a *. Others may be\n"
                    "working on it.");
  table.positional("STUDY", options.study, "the file of ztilde search --study");
  table.group("Output");
  table.flag("--json", options.json, "one JSON object, with every epoch of every trial");
  table.text("--report", "FILE", options.report, "a page that shows all trials");
  table.flag("--force", options.force, "overwrite the file of --report");
  table.example("ztilde search show search.study");
  table.example("ztilde search show search.study --report search.html");
  return table;
}

}  // namespace

Outcome run_search_show(const Arguments& arguments) {
  ShowOptions options;
  OptionTable table = show_options(options);
  if (!table.parse(arguments)) return {table.help()};
  if (options.report == "-") refuse("--report", "it cannot go to standard output; name a file");
  require_other_file({"--report", options.report}, {{"STUDY", options.study}});
  std::optional<OutputLock> lock;
  if (!options.report.empty()) lock.emplace(options.report, options.force);
  const search::StudyContents study = read_finished_study(options.study);
  if (lock) write_file_atomically(options.report, report::html(report::study_page(study)));
  if (options.json) return {json_line(study_object(study, options.study))};
  const std::size_t width = output_width();
  std::string text = study_words(study, options.study, width) + best_words(study, options.study, width);
  if (!study.trials.empty()) text += "\n" + trial_table(study, width);
  return {text};
}

}  // namespace ztilde::cli
