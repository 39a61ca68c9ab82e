#include "cli/run_recorder.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/files.hpp"
#include "report/run_page.hpp"

namespace ztilde::cli {

using report::Json;

RunRecorder::RunRecorder(const TrainArguments& arguments, const Outputs& outputs)
    : arguments_(arguments), outputs_(outputs) {
  if (!arguments.watch) return;
  server_ = std::make_unique<WatchServer>(arguments.watch_port, [this] {
    const std::lock_guard lock(mutex_);
    return report::run_page(kept_, ended_ ? report::RunState::ended : report::RunState::going_on);
  });
}

// Whatever ended the run, who watches is told that nothing more comes.
RunRecorder::~RunRecorder() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
}

bool RunRecorder::wants_norms() const {
  return !arguments_.log.empty() || !arguments_.report.empty() || arguments_.watch;
}

std::string RunRecorder::address() const { return server_ ? server_->address() : ""; }

void RunRecorder::begin(Json run, std::uint64_t resumed_steps) {
  std::vector<std::string> old;
  if (outputs_.continues_log()) {
    old = log_.continue_after(arguments_.log, resumed_steps);
  } else if (!arguments_.log.empty()) {
    log_.open(arguments_.log);
  }
  if (old.empty()) run_ = run;
  if (arguments_.report.empty() && !server_) return;
  const std::lock_guard lock(mutex_);
  for (const std::string& line : old) kept_.add(Json::parse(line, nullptr, false), arguments_.log);
  // What is run is known before the first line has it.
  if (!kept_.has_run()) kept_.run = std::move(run);
}

void RunRecorder::take(Json line) {
  if (!run_.is_null()) line["run"] = std::exchange(run_, nullptr);
  const std::string text = report::json_line(line);
  log_.write(text);
  if (arguments_.report.empty() && !server_) return;
  {
    // As it will be read from a file, so that both make the same report.
    const Json read = Json::parse(text);
    const std::lock_guard lock(mutex_);
    kept_.add(read, "log");
  }
  if (server_) server_->changed();
}

void RunRecorder::point(const HistoryPoint& point) { take(report::line_of(point)); }

void RunRecorder::end(const Json& line) {
  take(line);
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  if (server_) server_->finish();
  if (!arguments_.report.empty())
    write_file_atomically(arguments_.report, report::html(report::run_page(kept_)));
}

}  // namespace ztilde::cli
