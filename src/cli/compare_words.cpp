#include "cli/compare_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/layout.hpp"

namespace ztilde::cli {
namespace {

constexpr std::size_t kIndent = 12;
constexpr std::size_t kMostLines = 20;  // of a table
constexpr std::size_t kMostConventions = 12;

std::string field(const std::string& name, const std::string& text) { return wrapped(name, kIndent, text); }

std::string short_number(double number) { return fmt::format("{:.3g}", number); }

std::string more_words(std::size_t shown_lines, std::size_t all) {
  return all > shown_lines ? fmt::format("{:>{}}… and {} more (--json lists all)\n", "", kIndent,
                                         with_commas(all - shown_lines))
                           : "";
}

// Conventions, or with `record` what is told of the training.
std::string convention_words(const std::vector<ConventionDifference>& conventions, bool record) {
  std::string text;
  std::size_t count = 0;
  for (const ConventionDifference& one : conventions) {
    if (one.in_record != record || ++count > kMostConventions) continue;
    const auto value = [](const std::string& of) { return of.empty() ? std::string("nothing") : of; };
    std::string line =
        fmt::format("{}{}: {} in A, {} in B", one.layer ? fmt::format("layer {}, ", *one.layer) : "",
                    one.what, value(one.a), value(one.b));
    if (!one.meaning.empty()) line += "; " + one.meaning;
    text += field(count == 1 ? (record ? "record" : "conventions") : "", line);
  }
  return text + more_words(kMostConventions, count);
}

std::string counts_words(std::size_t differing, std::size_t equal, std::string_view what) {
  if (differing == 0)
    return fmt::format("{} equal, bit for bit", counted(equal, what) + (equal == 1 ? " is" : " are"));
  return fmt::format("{} differ, worst first; {} equal, bit for bit", differing,
                     fmt::format("{} {}", equal, equal == 1 ? "is" : "are"));
}

std::string tensor_table(const ModelComparison& comparison) {
  const std::vector<TensorDifference>& tensors = comparison.tensors;
  if (tensors.empty() && comparison.equal_tensors == 0) return "";
  std::string text = field("parameters", counts_words(tensors.size(), comparison.equal_tensors, "tensor"));
  if (tensors.empty()) return text;
  const auto name_of = [](const TensorDifference& one) {
    return one.layer == "batch_norm" ? fmt::format("{} ({})", one.name, one.tensor) : one.name;
  };
  std::size_t width = 6;
  for (const TensorDifference& one : tensors) width = std::max(width, name_of(one).size());
  text += fmt::format("\n  {:<{}}  {:>9}  {:>9}  {:>8}  {}\n", "tensor", width, "largest", "of rms", "equal",
                      "where: A, B");
  for (std::size_t i = 0; i < std::min(tensors.size(), kMostLines); ++i) {
    const TensorDifference& one = tensors[i];
    text +=
        fmt::format("  {:<{}}  {:>9}  {:>9}  {:>6.1f} %  [{}, {}]: {}, {}\n", name_of(one), width,
                    short_number(one.largest), short_number(one.relative),
                    std::floor(1000 * one.equal_share) / 10, one.row, one.column, shown(one.a), shown(one.b));
  }
  return text + more_words(kMostLines, tensors.size()) + "\n";
}

std::string statistics_table(const ModelComparison& comparison) {
  const std::vector<StatisticsDifference>& statistics = comparison.statistics;
  if (statistics.empty() && comparison.equal_statistics == 0) return "";
  std::string text =
      field("statistics", counts_words(statistics.size(), comparison.equal_statistics, "layer"));
  if (statistics.empty()) return text;
  text += fmt::format(
      "\n  means in A's standard deviations, standard deviations by what factor; of the\n"
      "  median channel, and the worst (its number)\n\n"
      "  {:>4}  {:<12}  {:>9}  {:<16}  {:>10}  {}\n",
      "#", "layer", "mean", "worst", "deviation", "worst");
  for (std::size_t i = 0; i < std::min(statistics.size(), kMostLines); ++i) {
    const StatisticsDifference& one = statistics[i];
    const auto worst = [](const ChannelRange& range, bool factor) {
      return fmt::format("{} ({})", factor ? fmt::format("{:.6g}", range.most) : short_number(range.most),
                         range.channel);
    };
    text += fmt::format("  {:>4}  {:<12}  {:>9}  {:<16}  {:>10}  {}\n", one.move.layer, one.layer,
                        short_number(one.move.mean.median), worst(one.move.mean, false),
                        fmt::format("{:.6g}", one.move.deviation.median), worst(one.move.deviation, true));
  }
  return text + more_words(kMostLines, statistics.size()) + "\n";
}

std::string paired_words(const PairedScore& score, double unit, const std::string& unit_name) {
  return fmt::format("{}{} for A, {}{} for B: {:+.4g} ± {:.2g}{}", shown(unit * score.a), unit_name,
                     shown(unit * score.b), unit_name, unit * score.difference, unit * score.standard_error,
                     unit_name.empty() ? "" : " points");
}

std::string layer_place(const Model& a, const LayerOutputDifference& difference) {
  std::string text =
      fmt::format("layer {} ({})", difference.layer_a, layer_words(a.network.layers[difference.layer_a]));
  if (difference.layer_b != difference.layer_a) text += fmt::format(", B's layer {},", difference.layer_b);
  return text;
}

std::string output_words(const Model& a, const ModelComparison& comparison) {
  if (!comparison.outputs) return field("outputs", "not compared: " + comparison.no_outputs);
  const OutputDifference& outputs = *comparison.outputs;
  const std::string rows = counted(outputs.rows, outputs.given ? "given row" : "test row");
  std::string text;
  if (outputs.equal_share == 1) {
    text = field("outputs", fmt::format("equal, bit for bit, on {}", rows));
  } else {
    text =
        field("outputs",
              fmt::format("on {}: differ by {} at most, {} of the largest; by {} in the mean; {:.1f} % are "
                          "equal, bit for bit",
                          rows, short_number(outputs.largest), short_number(outputs.relative),
                          short_number(outputs.mean), 100 * outputs.equal_share));
  }
  for (const std::string& note : outputs.notes) text += field("", note);
  if (a.task == Task::classify) {
    std::string line =
        fmt::format("{} of {} changed", with_commas(outputs.argmax_changes), counted(outputs.rows, "row"));
    if (outputs.argmax_changes > 0) {
      line += fmt::format(": {}{} (counted from 0)", fmt::join(outputs.changed_rows, ", "),
                          outputs.changed_rows.size() < outputs.argmax_changes ? ", …" : "");
    }
    text += field("argmax", line);
  }
  if (outputs.loss)
    text += field(a.task == Task::classify ? "loss" : "mse", paired_words(*outputs.loss, 1, ""));
  if (outputs.accuracy) text += field("accuracy", paired_words(*outputs.accuracy, 100, " %"));
  if (outputs.loss) text += field("", "B less A, row by row, ± the standard error of that");
  if (outputs.first_layer) {
    text +=
        field("first layer",
              fmt::format("{} differs first, by {} of its largest number{} (in double, {})",
                          layer_place(a, *outputs.first_layer), short_number(outputs.first_layer->relative),
                          outputs.worst_layer && outputs.worst_layer->layer_a != outputs.first_layer->layer_a
                              ? fmt::format("; {} most, by {}", layer_place(a, *outputs.worst_layer),
                                            short_number(outputs.worst_layer->relative))
                              : "",
                          counted(outputs.layer_rows, "row")));
  } else if (outputs.worst_layer) {
    text += field("layers", fmt::format("{} differs most, by {} of its largest number (in double, {})",
                                        layer_place(a, *outputs.worst_layer),
                                        short_number(outputs.worst_layer->relative),
                                        counted(outputs.layer_rows, "row")));
  }
  return text;
}

using nlohmann::ordered_json;

ordered_json range_object(const ChannelRange& range) {
  return {{"median", range.median}, {"worst", range.most}, {"worst_channel", range.channel}};
}

ordered_json paired_object(const PairedScore& score) {
  return {{"a", score.a},
          {"b", score.b},
          {"difference", score.difference},
          {"standard_error", score.standard_error}};
}

ordered_json layer_object(const LayerOutputDifference& difference) {
  return {{"layer_a", difference.layer_a},
          {"layer_b", difference.layer_b},
          {"largest", difference.largest},
          {"relative", difference.relative}};
}

ordered_json output_object(const OutputDifference& outputs) {
  ordered_json object = {{"rows", outputs.rows},
                         {"given", outputs.given},
                         {"largest", outputs.largest},
                         {"mean", outputs.mean},
                         {"largest_output", outputs.largest_output},
                         {"relative", outputs.relative},
                         {"equal_share", outputs.equal_share},
                         {"argmax_changes", outputs.argmax_changes},
                         {"changed_rows", outputs.changed_rows},
                         {"notes", outputs.notes}};
  if (outputs.loss) object["loss"] = paired_object(*outputs.loss);
  if (outputs.accuracy) object["accuracy"] = paired_object(*outputs.accuracy);
  if (outputs.first_layer) object["first_layer"] = layer_object(*outputs.first_layer);
  if (outputs.worst_layer) object["worst_layer"] = layer_object(*outputs.worst_layer);
  return object;
}

const char* alignment_name(Alignment alignment) {
  switch (alignment) {
    case Alignment::same:
      return "same";
    case Alignment::b_is_folded:
      return "b_is_folded";
    case Alignment::a_is_folded:
      return "a_is_folded";
    case Alignment::front:
      return "front";
  }
  return "";
}

}  // namespace

std::string compare_words(const ModelPaths& paths, const Model& a, const ModelComparison& comparison) {
  std::string text = field("A", shown_path(paths.a)) + field("B", shown_path(paths.b));
  text += field(comparison.identical ? "models" : "difference", comparison.headline);
  if (!comparison.identical) {
    text += "\n";
    text += convention_words(comparison.conventions, false);
    text += tensor_table(comparison);
    text += statistics_table(comparison);
  }
  text += output_words(a, comparison);
  return text + convention_words(comparison.conventions, true);
}

ordered_json compare_object(const ModelPaths& paths, const ModelComparison& comparison) {
  ordered_json conventions = ordered_json::array(), tensors = conventions, statistics = conventions;
  for (const ConventionDifference& one : comparison.conventions) {
    ordered_json object = {{"what", one.what}};
    if (one.layer) object["layer"] = *one.layer;
    object["a"] = one.a;
    object["b"] = one.b;
    if (!one.meaning.empty()) object["meaning"] = one.meaning;
    object["record"] = one.in_record;
    conventions.push_back(std::move(object));
  }
  for (const TensorDifference& one : comparison.tensors) {
    tensors.push_back({{"name", one.name},
                       {"layer", one.layer},
                       {"tensor", one.tensor},
                       {"layer_b", one.layer_b},
                       {"size", one.size},
                       {"largest", one.largest},
                       {"rms", one.rms},
                       {"relative", one.relative},
                       {"equal_share", one.equal_share},
                       {"at", {one.row, one.column}},
                       {"a", one.a},
                       {"b", one.b}});
  }
  for (const StatisticsDifference& one : comparison.statistics) {
    statistics.push_back({{"layer", one.move.layer},
                          {"kind", one.layer},
                          {"layer_b", one.layer_b},
                          {"channels", one.move.channels},
                          {"mean_moved", range_object(one.move.mean)},
                          {"deviation_factor", range_object(one.move.deviation)},
                          {"equal_share", one.equal_share}});
  }
  ordered_json object = {{"a", paths.a},
                         {"b", paths.b},
                         {"identical", comparison.identical},
                         {"same_model", comparison.same_model},
                         {"headline", comparison.headline},
                         {"alignment", alignment_name(comparison.alignment)},
                         {"aligned_layers", comparison.aligned_layers},
                         {"conventions", conventions},
                         {"tensors", tensors},
                         {"equal_tensors", comparison.equal_tensors},
                         {"statistics", statistics},
                         {"equal_statistics", comparison.equal_statistics}};
  if (comparison.outputs) {
    object["outputs"] = output_object(*comparison.outputs);
  } else {
    object["no_outputs"] = comparison.no_outputs;
  }
  return object;
}

}  // namespace ztilde::cli
