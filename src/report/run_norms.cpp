// What did the normalisation do? Per BatchNorm layer what went in and came out, γ and β, units that
// are dead or saturated, and how far running statistics are from those of the rows.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "report/blocks.hpp"
#include "report/run_sections.hpp"
#include "report/series.hpp"

namespace ztilde::report {
namespace {

constexpr std::size_t kMostPoints = 90;
// Deeper networks show so many layers, evenly spread; the table has them all.
constexpr std::size_t kMostLayers = 6;

struct LayerHistory {
  std::size_t layer = 0;
  std::vector<std::pair<double, const NormPoint*>> points;
  const NormPoint& first() const { return *points.front().second; }
  const NormPoint& last() const { return *points.back().second; }

  template <class Value>
  Series series(Value value) const {
    Series result;
    for (const auto& [x, norm] : points) result.emplace_back(x, value(*norm));
    return result;
  }
};

std::vector<LayerHistory> histories_of(const RunLog& log) {
  const Progress progress(log);
  std::map<std::size_t, LayerHistory> by_layer;
  for (const HistoryPoint& point : log.points) {
    for (const NormPoint& norm : point.norms) {
      by_layer[norm.layer].layer = norm.layer;
      by_layer[norm.layer].points.emplace_back(progress.at(point), &norm);
    }
  }
  std::vector<LayerHistory> all;
  for (auto& [layer, history] : by_layer) all.push_back(std::move(history));
  return all;
}

std::vector<const LayerHistory*> shown_layers(const std::vector<LayerHistory>& all) {
  std::vector<const LayerHistory*> shown;
  const std::size_t count = std::min(all.size(), kMostLayers);
  for (std::size_t i = 0; i < count; ++i)
    shown.push_back(&all[count == 1 ? 0 : i * (all.size() - 1) / (count - 1)]);
  return shown;
}

// Three datasets: the edges of a band and the line in it.
template <class Value>
void add_band(Json& datasets, const LayerHistory& history, const std::string& name, const Json& role,
              Value percentile) {
  const char* words[] = {"15 %", "85 %", "median"};
  const std::size_t places[] = {0, 2, 1};
  for (std::size_t i = 0; i < 3; ++i) {
    const auto series = history.series([&](const NormPoint& norm) { return percentile(norm, places[i]); });
    Json line =
        line_dataset(i == 2 ? name : fmt::format("{}, {}", name, words[i]), role, series, kMostPoints);
    if (i < 2) line["band"] = i == 0 ? "low" : "high";
    if (i == 2) line["pointRadius"] = 0;
    datasets.push_back(std::move(line));
  }
}

Json activations_chart(const LayerHistory& history, const Progress& progress) {
  Json datasets = Json::array();
  // What is first lies on top.
  add_band(datasets, history, "z̃", "with",
           [](const NormPoint& norm, std::size_t i) { return norm.z_tilde[i]; });
  add_band(datasets, history, "z", "without", [](const NormPoint& norm, std::size_t i) { return norm.z[i]; });
  const auto width = [](const std::array<double, 3>& p) { return shown(p[2] - p[0]); };
  const std::string words =
      fmt::format("z went from {} to {} wide, z̃ from {} to {}", width(history.first().z),
                  width(history.last().z), width(history.first().z_tilde), width(history.last().z_tilde));
  return chart("lines",
               {{"title", fmt::format("Layer {}: {}", history.layer, words)},
                {"note", "bands: the 15th to 85th percentile of all units and rows; lines: the median"},
                {"alt", fmt::format("Between the 15th and the 85th percentile, {}. The median of z is {} and "
                                    "that of z̃ {} in the end.",
                                    words, shown(history.last().z[1]), shown(history.last().z_tilde[1]))},
                {"x", progress.label()},
                {"y", "before (z) and after (z̃)"},
                {"datasets", datasets}});
}

Json scale_chart(const LayerHistory& history, const Progress& progress) {
  Json datasets = Json::array();
  add_band(datasets, history, "γ", 0, [](const NormPoint& norm, std::size_t i) { return norm.gamma[1 + i]; });
  add_band(datasets, history, "β", 1, [](const NormPoint& norm, std::size_t i) { return norm.beta[1 + i]; });
  const NormPoint& last = history.last();
  const std::string words = fmt::format("γ is {} to {}, β {} to {} in the end", shown(last.gamma[0]),
                                        shown(last.gamma[4]), shown(last.beta[0]), shown(last.beta[4]));
  return chart("lines", {{"title", fmt::format("Layer {}: {}", history.layer, words)},
                         {"note", "learned for every unit; they begin at 1 and 0"},
                         {"alt", fmt::format("{}. The medians are {} and {}.", words, shown(last.gamma[2]),
                                             shown(last.beta[2]))},
                         {"x", progress.label()},
                         {"y", "γ and β"},
                         {"datasets", datasets}});
}

// A line for each layer that has the value.
template <class Value>
Json lines_by_layer(const std::vector<const LayerHistory*>& layers, Json data, Value value) {
  Json datasets = Json::array();
  std::string words;
  for (const LayerHistory* history : layers) {
    if (!value(history->last())) continue;
    const Series series = history->series([&](const NormPoint& norm) { return value(norm).value_or(0); });
    words +=
        fmt::format("{}layer {}: {}", words.empty() ? "" : ", ", history->layer, shown(series.back().second));
    datasets.push_back(
        line_dataset(fmt::format("layer {}", history->layer), datasets.size(), series, kMostPoints));
  }
  if (datasets.empty()) return {};
  data["alt"] = "In the end, " + words + ".";
  data["datasets"] = datasets;
  return chart("lines", data);
}

Json layer_table(const std::vector<LayerHistory>& all) {
  Json rows = Json::array();
  for (const LayerHistory& history : all) {
    const NormPoint& norm = history.last();
    const auto share = [](const std::optional<double>& value) { return value ? shown_share(*value) : ""; };
    rows.push_back(
        {fmt::format("{}", norm.layer), fmt::format("{} … {}", shown(norm.z[0]), shown(norm.z[2])),
         fmt::format("{} … {}", shown(norm.z_tilde[0]), shown(norm.z_tilde[2])),
         fmt::format("{} ({} … {})", shown(norm.gamma[2]), shown(norm.gamma[0]), shown(norm.gamma[4])),
         fmt::format("{} ({} … {})", shown(norm.beta[2]), shown(norm.beta[0]), shown(norm.beta[4])),
         share(norm.dead), share(norm.saturated), shown(norm.mean_distance[0]),
         shown(norm.variance_ratio[0])});
  }
  return table(
      "Every batch norm layer at the end: 15th … 85th percentile of z and z̃, median (least … most) of γ and "
      "β",
      {"layer", "z", "z̃", "γ", "β", "dead units", "saturated", "means apart", "variances apart"}, rows);
}

// Over the units of the finished model: how many have which value.
Json histogram(const Json& norm, const char* name, const char* letter, const Json& role) {
  const Json& histogram = object_at(norm, name);
  const Json& counts = list_at(histogram, "counts");
  const auto least = number_at(histogram, "least"), most = number_at(histogram, "most");
  if (counts.empty() || !least || !most) return {};
  Json labels = Json::array();
  const double width = (*most - *least) / static_cast<double>(counts.size());
  for (std::size_t i = 0; i < counts.size(); ++i)
    labels.push_back(fmt::format("{:.3g}", *least + width * (static_cast<double>(i) + 0.5)));
  const double layer = number_at(norm, "layer").value_or(0);
  return chart("bars",
               {{"title", fmt::format("Layer {}: {} of the finished model, from {} to {}", layer, letter,
                                      shown(*least), shown(*most))},
                {"alt", fmt::format("{} lies between {} and {}.", letter, shown(*least), shown(*most))},
                {"labels", labels},
                {"x", letter},
                {"y", "units"},
                {"datasets", Json::array({{{"label", "units"},
                                           {"role", role},
                                           {"data", counts},
                                           {"barPercentage", 1},
                                           {"categoryPercentage", 0.96}}})}});
}

Json exact_distances(const RunLog& log) {
  Json rows = Json::array();
  for (const Json& norm : list_at(log.result, "norms")) {
    const Json &means = list_at(norm, "mean_distance"), &variances = list_at(norm, "variance_ratio");
    if (means.size() != 2 || variances.size() != 2) continue;
    rows.push_back({fmt::format("{}", number_at(norm, "layer").value_or(0)), means[0], means[1], variances[0],
                    variances[1]});
  }
  if (rows.empty()) return {};
  return table(
      "Running statistics at the end against those of all training rows: means apart, in standard "
      "deviations, and ratio of the variances, over the units",
      {"layer", "means, median", "means, most", "variances, median", "variances, most"}, rows);
}

}  // namespace

Json norm_section(const RunLog& log) {
  const std::vector<LayerHistory> all = histories_of(log);
  const std::vector<const LayerHistory*> layers = shown_layers(all);
  const Progress progress(log);
  Json blocks = Json::array();
  const auto add = [&](Json block) {
    if (!block.is_null()) blocks.push_back(std::move(block));
  };
  for (const LayerHistory* history : layers) {
    add(activations_chart(*history, progress));
    add(scale_chart(*history, progress));
  }
  const Json over_training = {{"x", progress.label()}};
  const auto with = [&](Json more) {
    more.update(over_training);
    return more;
  };
  add(lines_by_layer(layers,
                     with({{"title", "Dead units, 0 for every row: they no longer learn"},
                           {"y", "share of units"},
                           {"y_format", "percent"},
                           {"y_min", 0}}),
                     [](const NormPoint& norm) { return norm.dead; }));
  add(lines_by_layer(layers,
                     with({{"title", "Saturated values, where the slope is nearly 0: they hardly learn"},
                           {"y", "share of values"},
                           {"y_format", "percent"},
                           {"y_min", 0}}),
                     [](const NormPoint& norm) { return norm.saturated; }));
  add(lines_by_layer(
      layers,
      with({{"title", "Running means against those of the rows: near 0, use agrees with training"},
            {"y", "standard deviations, median unit"},
            {"y_min", 0}}),
      [](const NormPoint& norm) { return std::optional(norm.mean_distance[0]); }));
  add(lines_by_layer(layers,
                     with({{"title", "Running variances against those of the rows: 1 is agreement"},
                           {"y", "larger over smaller, median unit"}}),
                     [](const NormPoint& norm) { return std::optional(norm.variance_ratio[0]); }));
  if (!all.empty()) add(layer_table(all));
  const Json& finished = list_at(log.result, "norms");
  for (std::size_t i = 0; i < std::min(finished.size(), kMostLayers); ++i) {
    add(histogram(finished[i], "gamma", "γ", 0));
    add(histogram(finished[i], "beta", "β", 1));
  }
  add(exact_distances(log));
  if (blocks.empty()) return {};
  std::string lead = "z is what a batch norm layer is given, z̃ = γ · (z − μ) / √(σ² + ε) + β what it gives.";
  if (!all.empty())
    lead += " Measured on some training rows that stay the same, with the running statistics of the moment.";
  if (all.size() > layers.size())
    lead += fmt::format(" The pictures show {} of {} layers, the table below all of them.", layers.size(),
                        all.size());
  return section("normalisation", "What did the normalisation do?", lead, blocks);
}

}  // namespace ztilde::report
