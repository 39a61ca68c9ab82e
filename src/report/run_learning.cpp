// Did it learn? The losses and the first metric through training, the best epoch marked.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/text.hpp"
#include "report/blocks.hpp"
#include "report/run_sections.hpp"
#include "report/series.hpp"

namespace ztilde::report {
namespace {

constexpr std::size_t kMostPoints = 400;
// A loss that falls further than this is drawn on a logarithmic axis.
constexpr double kWideRange = 30;
// A last loss so many times the lowest is more than the noise of the last epochs.
constexpr double kClearRise = 1.05;

using Member = std::optional<double> HistoryPoint::*;

// Of numbers the loss is a mean square, which nobody can picture: they are shown its root, the rmse, which
// has the target's unit.
struct Measure {
  bool of_numbers;
  const char* name;
  double of(double loss) const { return of_numbers ? std::sqrt(loss) : loss; }
};

Measure measure_of(const RunLog& log) {
  const bool numbers =
      text_at(object_at(log.run, "data"), "task") == "regress" ||
      std::ranges::any_of(log.points, [](const HistoryPoint& p) { return p.valid_rmse.has_value(); });
  return {numbers, numbers ? "rmse" : "loss"};
}

Series series_of(const RunLog& log, const Progress& progress, Member member) {
  Series series;
  for (const HistoryPoint& point : log.points) {
    if (point.*member) series.emplace_back(progress.at(point), *(point.*member));
  }
  return series;
}

// The training loss of whole epochs or, while they are few, of the points within them: an epoch's mean
// lies above what its last steps reached, so that one line cannot have both.
Series train_losses(const RunLog& log, const Progress& progress, const Measure& measure) {
  constexpr std::size_t kFewEpochs = 5;
  Series ends, within;
  for (const HistoryPoint& point : log.points)
    (point.epoch_end ? ends : within).emplace_back(progress.at(point), measure.of(point.train_loss));
  return ends.size() < kFewEpochs && within.size() > ends.size() ? within : ends;
}

const HistoryPoint* best_point(const RunLog& log) {
  const HistoryPoint* best = nullptr;
  for (const HistoryPoint& point : log.points) {
    if (point.valid_loss && !std::isnan(*point.valid_loss) &&
        (!best || *point.valid_loss < *best->valid_loss))
      best = &point;
  }
  return best;
}

bool is_wide(const std::vector<const Series*>& all) {
  double least = INFINITY, most = 0;
  for (const Series* series : all) {
    for (const auto& [x, y] : *series) {
      least = std::min(least, y);
      most = std::max(most, y);
    }
  }
  return least > 0 && most > kWideRange * least;
}

// "The validation loss fell from 0.52 to 0.31 …": the text alternative too.
std::string loss_words(const Series& valid, const Series& train, const HistoryPoint* best,
                       const Measure& measure) {
  const auto fell = [&](const char* which, const Series& series) {
    const double first = series.front().second, last = series.back().second;
    if (series.size() == 1) return fmt::format("The {} {} is {}", which, measure.name, shown(last));
    return fmt::format("The {} {} {} from {} to {}", which, measure.name, last < first ? "fell" : "went",
                       shown(first), shown(last));
  };
  if (train.empty()) return "";
  if (valid.empty() || !best) return fell("training", train) + ".";
  std::string words = fell("validation", valid);
  if (valid.size() == 1) return words + ".";
  const double least = measure.of(*best->valid_loss);
  words += fmt::format("; it was lowest, {}, after epoch {}", shown(least), best->epoch);
  if (valid.back().second > kClearRise * least && train.back().second < train.front().second)
    words += fmt::format(", and rose after that while the training {} fell: what overfitting looks like",
                         measure.name);
  return words + ".";
}

struct Losses {
  Measure measure;
  Series train, valid;
  const HistoryPoint* best;
  std::string words;
  std::string smoothing;  // of labels in the training loss, as the run was asked for it; "0" or "": none
  bool smoothed() const { return std::strtod(smoothing.c_str(), nullptr) > 0; }
};

Losses losses_of(const RunLog& log, const Progress& progress) {
  Losses losses = {measure_of(log), {}, {},
                   best_point(log), "", text_at(object_at(log.run, "options"), "label-smoothing")};
  losses.train = train_losses(log, progress, losses.measure);
  losses.valid = series_of(log, progress, &HistoryPoint::valid_loss);
  for (auto& [x, y] : losses.valid) y = losses.measure.of(y);
  losses.words = loss_words(losses.valid, losses.train, losses.best, losses.measure);
  return losses;
}

Json loss_chart(const Losses& losses, const Progress& progress) {
  const auto& [measure, train, valid, best, words, smoothing] = losses;
  if (train.empty()) return {};
  Json datasets = Json::array({line_dataset("training", "train", train, kMostPoints)});
  Json marks = Json::array();
  if (!valid.empty()) datasets.push_back(line_dataset("validation", "valid", valid, kMostPoints));
  if (best && valid.size() > 1)
    marks.push_back(
        {{"value", rounded(progress.at(*best))}, {"label", fmt::format("best: epoch {}", best->epoch)}});
  Json data = {
      {"title", valid.empty() ? fmt::format("The training {}: it should fall and flatten", measure.name)
                              : fmt::format("The {}: both lines should fall{}", measure.name,
                                            losses.smoothed() ? "" : ", and stay together")},
      {"alt", words},
      {"x", progress.label()},
      {"y", measure.of_numbers ? "rmse, in the target's unit" : "loss"},
      {"marks", marks},
      {"datasets", datasets}};
  if (is_wide({&train, &valid})) data["y_type"] = "logarithmic";
  if (losses.smoothed())
    data["note"] = fmt::format(
        "The training loss is of smoothed labels (--label-smoothing {}) and cannot reach 0; the "
        "validation loss is of the labels as they are.",
        smoothing);
  return chart("lines", data);
}

Json accuracy_chart(const RunLog& log, const Progress& progress) {
  const Series series = series_of(log, progress, &HistoryPoint::valid_accuracy);
  if (series.size() < 2) return {};
  const double best = std::ranges::max(series, {}, &std::pair<double, double>::second).second;
  Json data = {{"title", "The accuracy on validation rows: higher is better"},
               {"alt", fmt::format("The accuracy went from {} to {}; the highest was {}.",
                                   shown_share(series.front().second), shown_share(series.back().second),
                                   shown_share(best))},
               {"x", progress.label()},
               {"y", "accuracy"},
               {"y_format", "percent"},
               {"datasets", Json::array({line_dataset("accuracy", "valid", series, kMostPoints)})}};
  if (best > 0.99) data["y_max"] = 1;
  return chart("lines", data);
}

// What there is to compare with: the answer that needs no model.
std::string accuracy_note(const RunLog& log) {
  double all = 0, most = 0;
  for (const Json& row : list_at(log.result, "confusion")) {
    double rows = 0;
    for (const Json& cell : row) rows += cell.is_number() ? cell.get<double>() : 0;
    all += rows;
    most = std::max(most, rows);
  }
  return all > 0 ? fmt::format("always the most frequent class: {}", shown_share(most / all)) : "";
}

std::string rmse_note(const Json& scores) {
  const auto rmse = number_at(scores, "rmse"), r2 = number_at(scores, "r2");
  return rmse && r2 && *r2 < 1 ? fmt::format("always the mean: {}", shown(*rmse / std::sqrt(1 - *r2))) : "";
}

Json glance(const RunLog& log) {
  std::vector<Figure> items;
  const Json& scores = object_at(log.result, "scores");
  const HistoryPoint* last = nullptr;
  for (const HistoryPoint& point : log.points) {
    if (point.valid_loss) last = &point;
  }
  const auto either = [&](const char* name, Member member) -> std::optional<double> {
    if (const auto found = number_at(log.result, name)) return found;
    return last ? last->*member : std::nullopt;
  };
  if (const auto accuracy = either("valid_accuracy", &HistoryPoint::valid_accuracy))
    items.push_back({"validation accuracy", shown_share(*accuracy), accuracy_note(log)});
  if (const auto rmse = either("valid_rmse", &HistoryPoint::valid_rmse))
    items.push_back({"validation rmse", shown(*rmse), rmse_note(scores)});
  if (const auto r2 = number_at(scores, "r2"))
    items.push_back({"r²", fmt::format("{:.4f}", *r2), "1 is perfect, 0 the mean"});
  const Measure measure = measure_of(log);
  if (const auto loss = either("valid_loss", &HistoryPoint::valid_loss); loss && !measure.of_numbers)
    items.push_back({"validation loss", shown(*loss), ""});
  const auto train_loss = number_at(log.result, "train_loss");
  if (train_loss || !log.points.empty())
    items.push_back({fmt::format("training {}", measure.name),
                     shown(measure.of(train_loss ? *train_loss : log.points.back().train_loss)), ""});
  if (const HistoryPoint* best = best_point(log)) {
    const auto used = number_at(log.result, "best_epoch");
    items.push_back({"lowest validation loss", fmt::format("epoch {}", best->epoch),
                     used ? fmt::format("the model is of epoch {}", *used) : ""});
  }
  if (!log.points.empty()) {
    const HistoryPoint& end = log.points.back();
    const auto epochs = number_at(log.run, "epochs");
    items.push_back(
        {"trained", counted(end.step, "step"),
         epochs ? fmt::format("epoch {} of {}", end.epoch, *epochs) : fmt::format("epoch {}", end.epoch)});
  }
  return figures(items);
}

// How the run ended, where not as planned.
std::string ending_words(const RunLog& log, RunState state) {
  if (!log.diverged.empty())
    return fmt::format("Training diverged, and there is no model: {}. ", log.diverged);
  if (state == RunState::going_on) return "Training is going on. ";
  if (log.has_result()) {
    const Json& result = log.result;
    if (result.contains("interrupted") && result["interrupted"] == true)
      return "Training was interrupted; the model is the best so far. ";
    if (result.contains("stopped_early") && result["stopped_early"] == true)
      return "Training stopped early, as more epochs brought no better validation loss. ";
    return "";
  }
  return log.points.empty() ? ""
                            : fmt::format("The log ends after {} without a finished model. ",
                                          counted(log.points.back().step, "step"));
}

}  // namespace

Json learning_section(const RunLog& log, RunState state) {
  const Progress progress(log);
  const Losses losses = losses_of(log, progress);
  Json blocks = Json::array({glance(log)});
  for (Json block : {loss_chart(losses, progress), accuracy_chart(log, progress)}) {
    if (!block.is_null()) blocks.push_back(std::move(block));
  }
  return section("learning", "Did it learn?", ending_words(log, state) + losses.words, blocks);
}

}  // namespace ztilde::report
