// ztilde report: the page of a training, from its log.
#include <fmt/format.h>

#include <filesystem>

#include "base/files.hpp"
#include "base/output_lock.hpp"
#include "base/text.hpp"
#include "cli/input.hpp"
#include "cli/options.hpp"
#include "cli/streams.hpp"
#include "cli/verbs.hpp"
#include "report/run_page.hpp"

namespace ztilde::cli {
namespace {

struct ReportOptions {
  std::string log, out;
  bool force = false, quiet = false;
};

OptionTable report_options(ReportOptions& options) {
  OptionTable table("ztilde report LOG.jsonl [options]",
                    "A page that shows how a training went, from the log that it wrote: one file that opens\n"
                    "in any browser, offline. A log that is still being written will do.");
  table.positional("LOG.jsonl", options.log, "the file of ztilde train --log; - is standard input");
  table.group("Output");
  table.text("--out", "FILE", options.out, "the page").standard = "the log's name with .html";
  table.flag("--force", options.force, "overwrite the file of --out");
  table.flag("--quiet", options.quiet, "errors only");
  table.example("ztilde report run.jsonl");
  table.example("ztilde report run.jsonl --out run-report.html --force");
  return table;
}

// run.jsonl: run.html beside it.
std::string page_beside(const std::string& log) {
  if (log == "-") return "report.html";
  return std::filesystem::path(log).replace_extension(".html").string();
}

}  // namespace

Outcome run_report(const Arguments& arguments) {
  ReportOptions options;
  OptionTable table = report_options(options);
  if (!table.parse(arguments)) return {table.help()};
  if (options.out == "-") refuse("--out", "the page cannot go to standard output; name a file");
  const std::string out = options.out.empty() ? page_beside(options.log) : options.out;
  require_other_file({"--out", out}, {{"LOG.jsonl", options.log}});
  const OutputLock lock(out, options.force);
  const report::RunLog log = report::read_run_log(read_file(options.log), shown_path(options.log));
  const std::string page = report::html(report::run_page(log));
  write_file_atomically(out, page);
  Messages(options.quiet)
      .say(fmt::format("the report of {} is in {}, {}", counted(log.points.size(), "point"), shown_path(out),
                       shown_bytes(page.size())));
  return {};
}

}  // namespace ztilde::cli
