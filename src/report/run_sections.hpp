// The sections of a training's report, each null where the log has nothing for it.
#pragma once

#include <optional>
#include <string>

#include "report/run_page.hpp"

namespace ztilde::report {

Json learning_section(const RunLog& log, RunState state);
Json quality_section(const RunLog& log);
Json norm_section(const RunLog& log);
Json speed_section(const RunLog& log);
Json description_section(const RunLog& log);
Json command_section(const RunLog& log);

// Members of a log's objects, which anybody may have written: absent where they are of another kind.
std::optional<double> number_at(const Json& object, const char* name);
std::optional<std::uint64_t> count_at(const Json& object, const char* name);
std::string text_at(const Json& object, const char* name);
const Json& list_at(const Json& object, const char* name);
const Json& object_at(const Json& object, const char* name);

// Training's progress as a chart's x: epochs where the log tells how many steps one has, else steps.
class Progress {
 public:
  explicit Progress(const RunLog& log);
  double at(const HistoryPoint& point) const { return static_cast<double>(point.step) / steps_per_unit_; }
  const char* label() const { return steps_per_unit_ == 1 ? "step" : "epoch"; }

 private:
  double steps_per_unit_ = 1;
};

// "88.93 %".
std::string shown_share(double share);

}  // namespace ztilde::report
