#include "cli/monitor_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/json_text.hpp"
#include "cli/layout.hpp"

namespace ztilde::cli {
namespace {

constexpr std::size_t kIndent = 12, kMostName = 24;

std::string field(const std::string& name, const std::string& text) { return wrapped(name, kIndent, text); }

bool is_of_layer(DriftKind kind) {
  return kind == DriftKind::layer_means || kind == DriftKind::layer_deviations;
}
bool is_share(DriftKind kind) { return kind == DriftKind::missing || kind == DriftKind::category; }

std::string source_words(const DriftReport& report) {
  switch (report.source) {
    case ThresholdSource::model:
      return "learned from " + counted(report.threshold_rows, "held-out row") + " of training";
    case ThresholdSource::reference:
      return "learned from " + counted(report.threshold_rows, "reference row");
    case ThresholdSource::assumed:
      return "assumed, none were learned";
  }
  return "";
}

// How many different columns or layers are beyond.
std::size_t places_beyond(const DriftReport& report, bool of_layers) {
  std::set<std::size_t> places;
  for (const DriftFinding& of : report.findings) {
    if (of.beyond() && is_of_layer(of.kind) == of_layers) places.insert(of.place);
  }
  return places.size();
}

std::string verdict_words(const DriftReport& report) {
  if (!report.drifted()) return "no drift: every statistic is within its threshold";
  const std::size_t columns = places_beyond(report, false), layers = places_beyond(report, true);
  const std::string both = columns > 0 && layers > 0 ? " and " : "";
  return fmt::format("drift: {}{}{} beyond {} threshold{}", columns > 0 ? counted(columns, "column") : "",
                     both, layers > 0 ? counted(layers, "layer") : "",
                     columns + layers == 1 ? "its" : "their", columns + layers == 1 ? "" : "s");
}

std::string number_words(double number) {
  const double size = std::abs(number);
  if (number == 0) return "0";
  return size >= 1e5 || size < 1e-3 ? fmt::format("{:.2e}", number) : fmt::format("{:.4g}", number);
}

std::string share_words(double share) { return fmt::format("{:.3g} %", 100 * share); }

std::string statistic_words(const DriftFinding& of) {
  if (is_of_layer(of.kind)) return std::string(to_string(of.kind));
  if (of.kind != DriftKind::category) return std::string(to_string(of.kind));
  if (of.unseen) return "unseen";
  return of.category.empty() ? fmt::format("category {}", of.channel)
                             : fmt::format("'{}'", printable(of.category, kMostName / 2));
}

std::string change_words(const DriftFinding& of) {
  const auto arrow = [](const std::string& from, const std::string& to) { return from + " → " + to; };
  if (is_share(of.kind)) return arrow(share_words(of.stored), share_words(of.now));
  if (is_of_layer(of.kind))
    return fmt::format("most: channel {}, {}", of.channel, number_words(of.channel_distance));
  return arrow(number_words(of.stored), number_words(of.now));
}

// Cells of unequal length, a table in columns; the first two and the last left-aligned.
using Row = std::vector<std::string>;
std::string table_of(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns_of(row[i]));
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - columns_of(row[i]), ' ');
      const bool left = i < 3 || i + 1 == row.size();
      line += i > 1 ? "  " : i == 1 ? " " : "";
      line += left ? row[i] + space : space + row[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

// A command on a line of its own, whole: it is there to be copied.
std::string command(const std::string& why, const std::string& line) {
  return field("", why + ":") + std::string(kIndent + 2, ' ') + line + "\n";
}

std::string next_words(const DriftReport& report, const std::string& model, const std::string& data,
                       bool has_norms) {
  const std::string rows = data == "-" ? "ROWS" : shown_path(data), name = shown_path(model);
  if (!report.drifted()) {
    return field("next", "nothing that these statistics tell; how good the answers are:") +
           std::string(kIndent + 2, ' ') + fmt::format("ztilde evaluate {} --data LABELLED\n", name);
  }
  std::string text =
      field("next", places_beyond(report, false) > 0
                        ? "look where these columns come from: a unit, a category's spelling, a sensor"
                        : "no column tells by itself: its rows are mixed otherwise, or its columns go "
                          "together otherwise");
  if (has_norms) {
    text += command("where the rows are right and only measured otherwise",
                    fmt::format("ztilde recalibrate {} --data {} --out NEW", name, rows));
  }
  return text +
         command("whether the model itself is sound", fmt::format("ztilde doctor {} --data {}", name, rows));
}

const char* source_name(ThresholdSource source) {
  switch (source) {
    case ThresholdSource::model:
      return "model";
    case ThresholdSource::reference:
      return "reference";
    case ThresholdSource::assumed:
      return "assumed";
  }
  return "";
}

// JSON has no infinity: null.
nlohmann::ordered_json number(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

}  // namespace

std::string monitor_words(const DriftReport& report, std::size_t top, const std::string& model,
                          const std::string& data, bool has_norms) {
  std::string rows = with_commas(report.rows);
  if (report.effective_rows < 0.995 * static_cast<double>(report.rows))
    rows += fmt::format(", whose weights tell as much as {:.0f} equal ones", report.effective_rows);
  std::string text = field("verdict", verdict_words(report));
  text += field("rows", rows + "; thresholds " + source_words(report));
  for (const std::string& note : report.notes) text += field("note", note);
  const std::size_t shown = std::min(top, report.findings.size());
  if (shown > 0) {
    std::vector<Row> table = {{"", "", "statistic", "distance", "threshold", "ratio", "stored → now"}};
    for (std::size_t i = 0; i < shown; ++i) {
      const DriftFinding& of = report.findings[i];
      table.push_back({of.beyond() ? "!" : " ", printable(of.name, kMostName), statistic_words(of),
                       number_words(of.distance), number_words(of.threshold),
                       fmt::format("{:.3g}", of.ratio()), change_words(of)});
    }
    text += "\n" + table_of(table);
    if (shown < report.findings.size())
      text += fmt::format("  … and {} more; --top shows them, --json has all\n",
                          with_commas(report.findings.size() - shown));
    text += "\n";
  }
  return text + next_words(report, model, data, has_norms);
}

std::string monitor_json(const DriftReport& report, const std::string& model) {
  nlohmann::ordered_json object = {{"model", model},
                                   {"rows", report.rows},
                                   {"effective_rows", report.effective_rows},
                                   {"drift", report.drifted()},
                                   {"columns_beyond", places_beyond(report, false)},
                                   {"layers_beyond", places_beyond(report, true)},
                                   {"thresholds", source_name(report.source)},
                                   {"threshold_rows", report.threshold_rows},
                                   {"notes", report.notes},
                                   {"findings", nlohmann::ordered_json::array()}};
  for (const DriftFinding& of : report.findings) {
    const bool layer = is_of_layer(of.kind);
    nlohmann::ordered_json finding = {{"kind", layer ? "layer" : "column"},
                                      {layer ? "layer" : "column", of.place},
                                      {"name", of.name},
                                      {"statistic", to_string(of.kind)},
                                      {"distance", number(of.distance)},
                                      {"threshold", number(of.threshold)},
                                      {"ratio", number(of.ratio())},
                                      {"beyond", of.beyond()}};
    if (!layer) {
      finding["stored"] = number(of.stored);
      finding["now"] = number(of.now);
    } else {
      finding["channel"] = of.channel;
      finding["channel_distance"] = number(of.channel_distance);
    }
    if (of.kind == DriftKind::category) {
      finding["category"] = of.unseen ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(of.category);
      finding["unseen"] = of.unseen;
    }
    object["findings"].push_back(std::move(finding));
  }
  return json_line(object);
}

std::string thresholds_words(const DriftThresholds& thresholds) {
  return fmt::format(
      "drift thresholds for {}{}, learned from {}",
      counted(thresholds.columns.size() + thresholds.missing.size() + thresholds.category_offsets.size(),
              "statistic"),
      thresholds.layers.empty() ? "" : " and " + counted(thresholds.layers.size(), "layer"),
      counted(thresholds.rows, "held-out row"));
}

}  // namespace ztilde::cli
