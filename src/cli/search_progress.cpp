#include "cli/search_progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/text.hpp"
#include "cli/search_words.hpp"
#include "cli/streams.hpp"

namespace ztilde::cli {
namespace {

constexpr double kSecondsBetweenLines = 10;
constexpr std::size_t kPipedWidth = 200;
constexpr const char* kEraseLine = "\r\x1b[K";

}  // namespace

double epochs_done(const search::StudyContents& study) {
  double done = 0;
  for (const search::Trial& trial : study.trials)
    if (!trial.curve.empty()) done += static_cast<double>(trial.curve.back().epoch);
  return done;
}

std::optional<double> epochs_left(const search::StudyContents& study) {
  if (study.trials_asked == 0) return std::nullopt;
  const search::StudyPlan& plan = study.plan;
  double done = 0, trials = static_cast<double>(study.trials_asked);
  for (const search::Trial& trial : study.trials) {
    if (trial.state == search::TrialState::diverged) {
      --trials;
    } else if (!trial.curve.empty()) {
      done += static_cast<double>(trial.curve.back().epoch);
    }
  }
  double all = 0;
  std::size_t from = 0;
  std::vector<std::size_t> stops = plan.rungs;
  stops.push_back(plan.epochs);
  for (const std::size_t stop : stops) {
    all += std::ceil(trials) * static_cast<double>(stop - from);
    trials = std::floor(trials / static_cast<double>(plan.reduction));
    from = stop;
  }
  return std::max(all - done, 0.0);
}

SearchProgress::SearchProgress(ProgressStyle style, bool quiet, double seconds)
    : form_(Form::none), quiet_(quiet), end_(seconds) {
  if (quiet || style == ProgressStyle::never) return;
  form_ = style == ProgressStyle::always || error_is_terminal() ? Form::redrawn : Form::lines;
}

double SearchProgress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - begin_).count();
}

double SearchProgress::seconds_left(const search::StudyContents& study) const {
  double left = -1;
  const double gained = epochs_done(study) - epochs_before_.value_or(0);
  const std::optional<double> epochs = epochs_left(study);
  if (epochs && gained > 0) left = *epochs * seconds() / gained;
  if (end_ == 0) return left;
  const double until_end = std::max(end_ - seconds(), 0.0);
  return left < 0 ? until_end : std::min(left, until_end);
}

std::string SearchProgress::line_of(const search::StudyContents& study, std::size_t width) const {
  const TrialCounts counts = count_trials(study);
  std::string trials = fmt::format("trials {}", with_commas(counts.ended()));
  if (study.trials_asked > 0) trials += "/" + with_commas(study.trials_asked);
  std::vector<LinePart> parts = {{trials, 0}};
  if (counts.running > 0) parts.push_back({fmt::format("{} running", counts.running), 4});
  if (counts.paused > 0) parts.push_back({fmt::format("{} stopped early", counts.paused), 3});
  if (counts.diverged > 0) parts.push_back({fmt::format("{} diverged", counts.diverged), 4});
  if (const std::optional<std::size_t> best = search::best_trial(study)) {
    parts.push_back({"best " + shown(*study.trials[*best].loss()), 1});
    parts.push_back({fmt::format("(trial {})", *best), 3});
  }
  if (const double left = seconds_left(study); left >= 0) parts.push_back({shown_time(left) + " left", 2});
  return fitted(parts, width);
}

void SearchProgress::draw(const std::string& line) {
  write_error(kEraseLine + line);
  drawn_ = true;
}

void SearchProgress::show(const search::StudyContents& study) {
  if (!epochs_before_) epochs_before_ = epochs_done(study);
  if (form_ == Form::none) return;
  if (form_ == Form::redrawn) {
    // The last column stays free: some terminals break the line as soon as it is written to.
    const std::size_t width = terminal_width();
    return draw(line_of(study, width > 1 ? width - 1 : 1));
  }
  const std::optional<std::size_t> best = search::best_trial(study);
  const bool is_new = best && best != told_best_;
  if (!is_new && seconds() - last_line_ < kSecondsBetweenLines) return;
  last_line_ = seconds();
  told_best_ = best;
  std::string line = line_of(study, kPipedWidth);
  if (is_new) line += "  " + option_words(study.trials[*best].options);
  write_error(line + "\n");
}

void SearchProgress::show(const std::string& words) {
  if (form_ == Form::lines) write_error(words + "\n");
  if (form_ == Form::redrawn) draw(words.substr(0, std::max<std::size_t>(terminal_width(), 2) - 1));
}

void SearchProgress::note(const std::string& line) {
  finish();
  if (!quiet_) write_error(line + "\n");
}

void SearchProgress::finish() {
  if (drawn_) write_error(kEraseLine);
  drawn_ = false;
}

}  // namespace ztilde::cli
