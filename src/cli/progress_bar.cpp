#include "cli/progress_bar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "cli/streams.hpp"

namespace ztilde::cli {
namespace {

constexpr double kSecondsBetweenDrawings = 0.1, kSecondsBetweenLines = 10;
// Before that much is done nobody knows how long it takes.
constexpr double kKnown = 0.01;
constexpr std::size_t kBarWidth = 24;
constexpr const char* kEraseLine = "\r\x1b[K";

}  // namespace

ProgressBar::ProgressBar(ProgressStyle style, bool quiet) : form_(Form::none), quiet_(quiet) {
  if (quiet || style == ProgressStyle::never) return;
  form_ = style == ProgressStyle::always || error_is_terminal() ? Form::redrawn : Form::lines;
}

void ProgressBar::show(double done, const std::string& what) {
  if (form_ == Form::none) return;
  const Clock::time_point now = Clock::now();
  const auto seconds = [&](Clock::time_point since) {
    return std::chrono::duration<double>(now - since).count();
  };
  if (seconds(last_) < (form_ == Form::redrawn ? kSecondsBetweenDrawings : kSecondsBetweenLines)) return;
  last_ = now;
  std::string line = fmt::format("{:3.0f} %  {}", 100 * std::floor(100 * done) / 100, what);
  if (done >= kKnown) line += fmt::format("  {} left", shown_time(seconds(start_) * (1 - done) / done));
  if (form_ == Form::lines) {
    write_error(line + "\n");
    return;
  }
  const std::size_t width = terminal_width();
  const auto filled = static_cast<std::size_t>(std::clamp(done, 0.0, 1.0) * kBarWidth);
  if (line.size() + kBarWidth + 3 < width)
    line = std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "  " + line;
  // The last column stays free: some terminals break the line as soon as it is written to.
  write_error(kEraseLine + line.substr(0, width > 1 ? width - 1 : 1));
  drawn_ = true;
}

void ProgressBar::note(const std::string& line) {
  finish();
  if (!quiet_) write_error(line + "\n");
}

void ProgressBar::finish() {
  if (drawn_) write_error(kEraseLine);
  drawn_ = false;
}

}  // namespace ztilde::cli
