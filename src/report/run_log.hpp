// The history of a training as its log has it: JSON lines, written and read here. All that a report knows.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/page.hpp"
#include "ztilde/train.hpp"

namespace ztilde::report {

// A line of the log. What was not measured is left out.
Json line_of(const HistoryPoint& point);

struct RunLog {
  Json run = Json::object();         // of the first line: what was run, on what
  std::vector<HistoryPoint> points;  // epoch_end: as far as the lines show it
  Json result = Json::object();      // of the last line: the finished model's figures
  std::string diverged;              // why there is no model, "" elsewhere

  bool has_run() const { return !run.empty(); }
  bool has_result() const { return !result.empty(); }
  // Takes the next line. Throws Error(data) that begins with `where`.
  void add(const Json& line, const std::string& where);
};

// All lines of a log. A last line that its writer was killed at is left out. Throws Error(data) that
// names the line.
RunLog read_run_log(std::string_view content, const std::string& file_name);

}  // namespace ztilde::report
