// Did it learn? The losses and the first metric through training, the best epoch marked.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "report/blocks.hpp"
#include "report/run_sections.hpp"
#include "report/series.hpp"

namespace ztilde::report {
namespace {

constexpr std::size_t kMostPoints = 400;
// A loss that falls further than this is drawn on a logarithmic axis.
constexpr double kWideRange = 30;

using Member = std::optional<double> HistoryPoint::*;

Series series_of(const RunLog& log, const Progress& progress, Member member) {
  Series series;
  for (const HistoryPoint& point : log.points) {
    if (point.*member) series.emplace_back(progress.at(point), *(point.*member));
  }
  return series;
}

// The training loss of whole epochs or, while they are few, of the points within them: an epoch's mean
// lies above what its last steps reached, so that one line cannot have both.
Series train_losses(const RunLog& log, const Progress& progress) {
  constexpr std::size_t kFewEpochs = 5;
  Series ends, within;
  for (const HistoryPoint& point : log.points)
    (point.epoch_end ? ends : within).emplace_back(progress.at(point), point.train_loss);
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
std::string loss_words(const Series& valid, const Series& train, const HistoryPoint* best) {
  const auto fell = [](const char* which, const Series& series) {
    const double first = series.front().second, last = series.back().second;
    if (series.size() == 1) return fmt::format("The {} loss is {}", which, shown(last));
    return fmt::format("The {} loss {} from {} to {}", which, last < first ? "fell" : "went", shown(first),
                       shown(last));
  };
  if (train.empty()) return "";
  if (valid.empty() || !best) return fell("training", train) + ".";
  std::string words = fell("validation", valid);
  if (valid.size() == 1) return words + ".";
  words += fmt::format("; it was lowest, {}, after epoch {}", shown(*best->valid_loss), best->epoch);
  const bool rose = valid.back().second > 1.02 * *best->valid_loss;
  if (rose && train.back().second < train.front().second)
    words += ", and rose after that while the training loss went on falling: the model began to overfit";
  return words + ".";
}

Json loss_chart(const RunLog& log, const Progress& progress) {
  const Series train = train_losses(log, progress),
               valid = series_of(log, progress, &HistoryPoint::valid_loss);
  if (train.empty()) return {};
  const HistoryPoint* best = best_point(log);
  Json datasets = Json::array({line_dataset("training", "train", train, kMostPoints)});
  Json marks = Json::array();
  if (!valid.empty()) datasets.push_back(line_dataset("validation", "valid", valid, kMostPoints));
  if (best && valid.size() > 1)
    marks.push_back(
        {{"value", rounded(progress.at(*best))}, {"label", fmt::format("best: epoch {}", best->epoch)}});
  const std::string words = loss_words(valid, train, best);
  Json data = {{"title", valid.empty() ? "The training loss: it should fall and flatten"
                                       : "The loss: both lines should fall, and stay together"},
               {"alt", words},
               {"x", progress.label()},
               {"y", "loss"},
               {"marks", marks},
               {"datasets", datasets}};
  if (is_wide({&train, &valid})) data["y_type"] = "logarithmic";
  return chart("lines", data);
}

Json metric_chart(const RunLog& log, const Progress& progress, Member member, const char* name,
                  bool is_share) {
  const Series series = series_of(log, progress, member);
  if (series.size() < 2) return {};
  const bool higher = is_share;
  const auto best = higher ? std::ranges::max(series, {}, &std::pair<double, double>::second)
                           : std::ranges::min(series, {}, &std::pair<double, double>::second);
  const auto words = [&](double value) { return is_share ? shown_share(value) : shown(value); };
  Json data = {
      {"title", fmt::format("The {} on validation rows: {} is better", name, higher ? "higher" : "lower")},
      {"alt", fmt::format("The {} went from {} to {}; the {} was {}.", name, words(series.front().second),
                          words(series.back().second), higher ? "highest" : "lowest", words(best.second))},
      {"x", progress.label()},
      {"y", name},
      {"datasets", Json::array({line_dataset(name, "valid", series, kMostPoints)})}};
  if (is_share) data["y_format"] = "percent";
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
  if (const auto loss = either("valid_loss", &HistoryPoint::valid_loss))
    items.push_back({"validation loss", shown(*loss), ""});
  const auto train_loss = number_at(log.result, "train_loss");
  if (train_loss || !log.points.empty())
    items.push_back({"training loss", shown(train_loss ? *train_loss : log.points.back().train_loss), ""});
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
  Json blocks = Json::array({glance(log)});
  for (Json block : {loss_chart(log, progress),
                     metric_chart(log, progress, &HistoryPoint::valid_accuracy, "accuracy", true),
                     metric_chart(log, progress, &HistoryPoint::valid_rmse, "rmse", false)}) {
    if (!block.is_null()) blocks.push_back(std::move(block));
  }
  const std::string words = loss_words(series_of(log, progress, &HistoryPoint::valid_loss),
                                       train_losses(log, progress), best_point(log));
  return section("learning", "Did it learn?", ending_words(log, state) + words, blocks);
}

}  // namespace ztilde::report
