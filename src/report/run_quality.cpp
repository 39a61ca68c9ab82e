// How good is the finished model, on rows it was not trained on?
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "report/blocks.hpp"
#include "report/run_sections.hpp"
#include "report/series.hpp"

namespace ztilde::report {
namespace {

// Eight digits: enough to compare with any other program's.
std::string exact(double number) { return fmt::format("{:.8g}", number); }

std::string metric_words(const std::string& name) {
  if (name == "r2") return "r²";
  if (name == "auc") return "AUC";
  if (name == "log_loss") return "log loss";
  if (name == "balanced_accuracy") return "balanced accuracy";
  return name;
}

Json score_table(const Json& scores) {
  Json rows = Json::array();
  for (const auto& [name, value] : scores.items()) {
    if (value.is_number() && name != "rows") rows.push_back({metric_words(name), exact(value.get<double>())});
  }
  return rows.empty() ? Json() : table("The scores, to be compared with others", {"metric", "value"}, rows);
}

std::string class_name(const RunLog& log, std::optional<std::uint64_t> index) {
  const Json& classes = list_at(object_at(log.run, "data"), "classes");
  if (!index) return "?";
  return *index < classes.size() && classes[*index].is_string() ? classes[*index].get<std::string>()
                                                                : fmt::format("class {}", *index);
}

constexpr double kMostCount = 1e12;
constexpr std::uint64_t kMostPixels = 1024;  // along a side

using Counts = std::vector<std::vector<double>>;

// Square, or empty.
Counts confusion_of(const RunLog& log) {
  const Json& matrix = list_at(log.result, "confusion");
  Counts counts;
  for (const Json& row : matrix) {
    if (!row.is_array() || row.size() != matrix.size()) return {};
    counts.emplace_back();
    for (const Json& cell : row)
      counts.back().push_back(cell.is_number_unsigned() ? std::min(cell.get<double>(), kMostCount) : 0);
  }
  return counts;
}

Json confusion_map(const RunLog& log, const Counts& counts) {
  Heatmap map;
  double right = 0, all = 0, most_wrong = 0;
  std::size_t truth = 0, answer = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    map.x.ticks.push_back(class_name(log, i));
    map.cells.emplace_back();
    double rows = 0;
    for (const double count : counts[i]) rows += count;
    all += rows;
    right += counts[i][i];
    for (std::size_t j = 0; j < counts.size(); ++j) {
      if (i != j && counts[i][j] > most_wrong) {
        most_wrong = counts[i][j];
        truth = i;
        answer = j;
      }
      map.cells.back().push_back(counts[i][j]);
    }
    map.scale.most = std::max(map.scale.most, rows);
  }
  map.y.ticks = map.x.ticks;
  map.x.label = "predicted";
  map.y.label = "true class";
  map.scale.label = "rows";
  map.scale.least = 0;
  map.values = counts.size() <= 14;
  const std::string worst =
      most_wrong > 0
          ? fmt::format("{} is taken for {} most often, {}", class_name(log, truth), class_name(log, answer),
                        counted(static_cast<std::uint64_t>(most_wrong), "time"))
          : "no row is taken for another class";
  map.title = fmt::format("Confusion: right answers lie on the diagonal; {}", worst);
  map.alt = fmt::format("Of {} rows, {} are right; {}.", with_commas(static_cast<std::uint64_t>(all)),
                        with_commas(static_cast<std::uint64_t>(right)), worst);
  return heatmap(map);
}

Json pair_table(const RunLog& log) {
  Json rows = Json::array();
  for (const Json& pair : list_at(log.result, "pairs")) {
    rows.push_back({class_name(log, count_at(pair, "true")), class_name(log, count_at(pair, "predicted")),
                    number_at(pair, "count").value_or(0)});
  }
  return rows.empty() ? Json() : table("What is confused most", {"true class", "taken for", "rows"}, rows);
}

// The images of the worst pairs, as the log has them: base64 already.
Json pair_images(const RunLog& log) {
  const Json& size = object_at(log.result, "image");
  const std::uint64_t width = count_at(size, "width").value_or(0),
                      height = count_at(size, "height").value_or(0);
  if (width < 1 || height < 1 || width > kMostPixels || height > kMostPixels) return {};
  Json block = images("What is confused most: would you tell these apart?", width, height, {});
  for (const Json& pair : list_at(log.result, "pairs")) {
    const std::string words = fmt::format("{} taken for {}", class_name(log, count_at(pair, "true")),
                                          class_name(log, count_at(pair, "predicted")));
    for (const Json& example : list_at(pair, "examples")) {
      const std::string pixels = text_at(example, "pixels");
      if (pixels.empty()) continue;
      const auto probability = number_at(example, "probability");
      block["items"].push_back(
          {{"pixels", pixels},
           {"caption", probability ? fmt::format("{}, {:.0f} % sure", words, 100 * *probability) : words}});
    }
  }
  return block["items"].empty() ? Json() : block;
}

std::vector<double> numbers(const Json& list) {
  std::vector<double> values;
  for (const Json& value : list) values.push_back(value.is_number() ? value.get<double>() : NAN);
  return values;
}

// A dot a row: the prediction, and what it is off by, against the target.
void add_residuals(const RunLog& log, Json& blocks) {
  const Json& sample = object_at(log.result, "sample");
  const std::vector<double> targets = numbers(list_at(sample, "target")),
                            answers = numbers(list_at(sample, "prediction"));
  if (targets.empty() || targets.size() != answers.size()) return;
  Series predicted, residual;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    predicted.emplace_back(targets[i], answers[i]);
    residual.emplace_back(answers[i], answers[i] - targets[i]);
  }
  const auto [least, most] = std::ranges::minmax(targets);
  const Series diagonal = {{least, least}, {most, most}};
  const auto line = [](Json dataset) {
    dataset.update(Json{{"type", "line"}, {"pointRadius", 0}, {"borderDash", {5, 5}}, {"fill", false}});
    return dataset;
  };
  const std::string target = text_at(object_at(log.run, "data"), "target");
  const std::string name = target.empty() ? "target" : target;
  const std::string rows = counted(targets.size(), "validation row");
  std::vector<double> sizes;
  for (const auto& [x, y] : residual) sizes.push_back(std::abs(y));
  std::ranges::sort(sizes);
  const std::string middle =
      fmt::format("half of the predictions are off by less than {}", shown(sizes[sizes.size() / 2]));
  blocks.push_back(
      chart("scatter", {{"title", "Predictions against targets: on the dashed line they are right"},
                        {"note", rows},
                        {"alt", fmt::format("{}: {}.", rows, middle)},
                        {"x", name},
                        {"y", "predicted"},
                        {"datasets", Json::array({line_dataset("rows", "valid", predicted, predicted.size()),
                                                  line(line_dataset("right", "theory", diagonal, 4))})}}));
  const auto [low, high] = std::ranges::minmax(answers);
  blocks.push_back(
      chart("scatter",
            {{"title", fmt::format("Residuals: a cloud around 0 without a shape; {}", middle)},
             {"note", "predicted less target"},
             {"alt", fmt::format("{}: {}.", rows, middle)},
             {"x", "predicted"},
             {"y", "residual"},
             {"datasets", Json::array({line_dataset("rows", "valid", residual, residual.size()),
                                       line(line_dataset("right", "theory", {{low, 0}, {high, 0}}, 4))})}}));
}

}  // namespace

Json quality_section(const RunLog& log) {
  Json blocks = Json::array();
  const auto add = [&](Json block) {
    if (!block.is_null()) blocks.push_back(std::move(block));
  };
  const Json& scores = object_at(log.result, "scores");
  const Counts counts = confusion_of(log);
  if (!counts.empty()) add(confusion_map(log, counts));
  add(pair_images(log));
  add_residuals(log, blocks);
  add(pair_table(log));
  add(score_table(scores));
  if (blocks.empty()) return {};
  const auto rows = count_at(scores, "rows");
  const std::string lead = rows ? fmt::format("The finished model on {}, which it was not trained on.",
                                              counted(*rows, "validation row"))
                                : "";
  return section("quality", "How good is it?", lead, blocks);
}

}  // namespace ztilde::report
