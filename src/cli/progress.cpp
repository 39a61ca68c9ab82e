#include "cli/progress.hpp"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "base/text.hpp"
#include "cli/streams.hpp"
#include "cli/values.hpp"

namespace ztilde::cli {
namespace {

constexpr std::size_t kEpochsShownEach = 30;
constexpr double kSecondsBetweenLines = 5;
constexpr const char* kEraseLine = "\r\x1b[K";

// One point in at most `width` columns. `valid` has the last validation scores, `seconds_left` is
// negative where nobody knows.
std::string progress_line(const HistoryPoint& point, const HistoryPoint& valid, std::size_t epochs,
                          FoldNumber fold, double seconds_left, std::size_t width) {
  std::vector<LinePart> parts;
  if (fold.folds > 1) parts.push_back({fmt::format("fold {}/{}", fold.fold, fold.folds), 0});
  parts.push_back({fmt::format("epoch {}/{}", with_commas(point.epoch), with_commas(epochs)), 0});
  parts.push_back({fmt::format("loss {}", shown(point.train_loss)), 1});
  if (valid.valid_loss) parts.push_back({fmt::format("valid {}", shown(*valid.valid_loss)), 4});
  if (valid.valid_accuracy)
    parts.push_back({fmt::format("accuracy {:.2f} %", 100 * *valid.valid_accuracy), 2});
  if (valid.valid_rmse) parts.push_back({fmt::format("rmse {}", shown(*valid.valid_rmse)), 2});
  parts.push_back(
      {fmt::format("{} rows/s", with_commas(static_cast<std::uint64_t>(std::llround(point.rows_per_second)))),
       5});
  if (seconds_left >= 0) parts.push_back({shown_time(seconds_left) + " left", 3});
  return fitted(parts, width);
}

}  // namespace

std::string fitted(const std::vector<LinePart>& parts, std::size_t width) {
  int most = 0;
  for (const LinePart& part : parts) most = std::max(most, part.rank);
  for (; most >= 0; --most) {
    std::string line;
    for (const LinePart& part : parts) {
      if (part.rank <= most) line += (line.empty() ? "" : "  ") + part.text;
    }
    if (line.size() <= width) return line;
  }
  return parts[0].text.substr(0, width);
}

void add_progress_option(OptionTable& table, ProgressStyle& style, std::string help) {
  table.choice("--progress", style,
               {{"auto", ProgressStyle::automatic},
                {"always", ProgressStyle::always},
                {"never", ProgressStyle::never}},
               std::move(help));
}

Progress::Progress(ProgressStyle style, bool quiet) : form_(Form::none), quiet_(quiet) {
  if (quiet || style == ProgressStyle::never) return;
  form_ = style == ProgressStyle::always || error_is_terminal() ? Form::redrawn : Form::lines;
}

void Progress::start(const TrainPlanSummary& plan, std::size_t epochs, FoldNumber fold) {
  epochs_ = epochs;
  fold_ = fold;
  last_line_ = 0;
  last_end_ = {};
  steps_ = static_cast<std::uint64_t>(plan.steps_per_epoch) * epochs;
}

void Progress::point(const HistoryPoint& point) {
  if (point.epoch_end) last_end_ = point;
  if (form_ == Form::none) return;
  const std::uint64_t steps_left =
      steps_ - std::min(steps_, point.step) + steps_ * (fold_.folds - fold_.fold);
  const double left = point.step == 0
                          ? -1
                          : point.seconds / static_cast<double>(point.step) * static_cast<double>(steps_left);
  if (form_ == Form::redrawn) {
    // The last column stays free: some terminals break the line as soon as it is written to.
    const std::size_t width = terminal_width();
    write_error(kEraseLine +
                progress_line(point, last_end_, epochs_, fold_, left, width > 1 ? width - 1 : 1));
    drawn_ = true;
    return;
  }
  const bool due = point.seconds - last_line_ >= kSecondsBetweenLines;
  const bool end =
      point.epoch_end && fold_.folds == 1 && (epochs_ <= kEpochsShownEach || point.epoch == epochs_);
  if (!due && !end) return;
  last_line_ = point.seconds;
  const HistoryPoint nothing;
  write_error(progress_line(point, point.epoch_end ? point : nothing, epochs_, fold_, left, 200) + "\n");
}

void Progress::note(const std::string& line) {
  finish();
  if (!quiet_) write_error(line + "\n");
}

void Progress::finish() {
  if (drawn_) write_error(kEraseLine);
  drawn_ = false;
}

}  // namespace ztilde::cli
