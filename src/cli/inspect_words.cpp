#include "cli/inspect_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/fold_words.hpp"
#include "cli/json_text.hpp"
#include "cli/layout.hpp"
#include "cli/monitor_words.hpp"
#include "cli/values.hpp"
#include "layers/encode.hpp"
#include "model/drift_json.hpp"
#include "model/model_metadata.hpp"
#include "plan/stages.hpp"

namespace ztilde::cli {
namespace {

constexpr std::size_t kIndent = 12;
constexpr std::size_t kMostColumns = 12;
constexpr std::size_t kMostClasses = 20;
constexpr std::size_t kNameBytes = 28;

std::string field(const std::string& name, const std::string& text) { return wrapped(name, kIndent, text); }

// Twelve digits, so that keep 0.9 reads 0.1 and not 0.09999999999999998.
double pytorch_momentum(const BatchNorm& norm) { return std::round((1 - norm.keep) * 1e12) / 1e12; }

const char* variance_name(VarianceKind kind) {
  return kind == VarianceKind::population ? "population" : "unbiased";
}

std::vector<std::size_t> parameters_by_layer(const Network& network) {
  std::vector<std::size_t> counts(network.layers.size());
  for (const ParameterSlot& slot : parameter_slots(network)) counts[slot.layer] += slot.size();
  return counts;
}

bool before_batch_norm(const Network& network, std::size_t layer) {
  return layer + 1 < network.layers.size() && std::holds_alternative<BatchNorm>(network.layers[layer + 1]);
}

// Of a layer with weights: how many outputs, and whether they have a bias each.
struct Weights {
  std::size_t outputs = 0;
  bool bias = false;
};

std::optional<Weights> weights_of(const Layer& layer) {
  if (const auto* dense = std::get_if<Dense>(&layer)) return Weights{dense->outputs, dense->bias};
  if (const auto* conv = std::get_if<Conv2d>(&layer)) return Weights{conv->outputs, conv->bias};
  return std::nullopt;
}

// Biases of layers that a batch norm directly follows: left out, and there for nothing.
struct Biases {
  std::size_t saved = 0, wasted = 0;
};

Biases biases_before_batch_norm(const Network& network) {
  Biases biases;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const std::optional<Weights> weights = weights_of(network.layers[i]);
    if (weights && before_batch_norm(network, i))
      (weights->bias ? biases.wasted : biases.saved) += weights->outputs;
  }
  return biases;
}

std::string layer_remark(const Network& network, std::size_t layer) {
  if (const std::optional<Weights> weights = weights_of(network.layers[layer])) {
    if (!weights->bias) return "no bias";
    return before_batch_norm(network, layer) ? "its bias does nothing before batch norm" : "";
  }
  if (const auto* norm = std::get_if<BatchNorm>(&network.layers[layer])) {
    return fmt::format("epsilon {}, keep {}", norm->epsilon, norm->keep);
  }
  if (const auto* encode = std::get_if<Encode>(&network.layers[layer])) {
    const layers::EncodeLayout layout = layers::layout_of(*encode);
    const std::size_t tables = layout.features - layout.tables;
    return fmt::format("{}{}", counted(layout.values, "number"),
                       tables > 0 ? fmt::format(", {} from tables", tables) : "");
  }
  return "";
}

std::string layer_table(const Network& network) {
  const std::vector<Shape> shapes_of = layer_shapes(network);
  const std::vector<std::size_t> parameters = parameters_by_layer(network);
  std::size_t names = 5, shapes = 6;
  std::vector<std::string> shown_outputs;
  for (std::size_t i = 0; i < shapes_of.size(); ++i) {
    const Shape& shape = shapes_of[i];
    shown_outputs.push_back(
        shape.pixels() == 1 ? fmt::format("[rows, {}]", shape.channels)
                            : fmt::format("[rows, {}, {}, {}]", shape.height, shape.width, shape.channels));
    names = std::max(names, layer_words(network.layers[i]).size());
    shapes = std::max(shapes, shown_outputs.back().size());
  }
  std::string text =
      fmt::format("   #  {:<{}}  {:<{}}  {:>12}\n", "layer", names, "output", shapes, "parameters");
  for (std::size_t i = 0; i < shapes_of.size(); ++i) {
    std::string line = fmt::format(
        "{:>4}  {:<{}}  {:<{}}  {:>12}  {}", i, layer_words(network.layers[i]), names, shown_outputs[i],
        shapes, parameters[i] == 0 ? "" : with_commas(parameters[i]), layer_remark(network, i));
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string parameter_words(const Network& network) {
  std::string text = with_commas(parameter_count(network));
  const Biases biases = biases_before_batch_norm(network);
  if (biases.saved > 0)
    text += fmt::format("; {} fewer, as layers before batch norm have no bias", with_commas(biases.saved));
  if (biases.wasted > 0)
    text +=
        fmt::format("; {} of them are biases that batch norm takes away again: \"bias\": false saves them",
                    with_commas(biases.wasted));
  return text;
}

// The conventions of the batch norm layers, those that agree together.
std::string convention_words(const Network& network) {
  std::map<std::string, std::vector<std::size_t>> layers_by_words;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const auto* norm = std::get_if<BatchNorm>(&network.layers[i]);
    if (norm == nullptr) continue;
    const bool population = norm->running_variance == VarianceKind::population;
    layers_by_words[fmt::format("epsilon {}, keep {} (PyTorch: eps={}, momentum={}); running variance: {}",
                                norm->epsilon, norm->keep, norm->epsilon, pytorch_momentum(*norm),
                                population ? "population, divides by rows"
                                           : "unbiased, divides by rows - 1, as PyTorch's")]
        .push_back(i);
  }
  std::string text;
  for (const auto& [words, layers] : layers_by_words) {
    text += field("batch norm", fmt::format("{} {}: {}", layers.size() == 1 ? "layer" : "layers",
                                            fmt::join(layers, ", "), words));
  }
  return text;
}

std::string statistics_words(const Model& model) {
  if (model.training.recalibrated_rows > 0) {
    return fmt::format("population: mean and variance of {}, measured anew after training",
                       counted(model.training.recalibrated_rows, "row"));
  }
  return model.statistics_source == StatisticsSource::population
             ? "population: mean and variance of all training rows, with the final weights"
             : "running: averages over the batches of training";
}

std::string class_words(const Model& model) {
  std::string text;
  for (std::size_t i = 0; i < std::min(model.classes.size(), kMostClasses); ++i) {
    text += (i == 0 ? "" : ", ") + printable(model.classes[i]);
  }
  return model.classes.size() > kMostClasses ? text + ", … (--json lists all)" : text;
}

// What the model makes of an input column: where its mean and variance lie in the statistics, if it is a
// number that is standardised, and how an Encode layer takes it.
struct ColumnFacts {
  std::optional<std::size_t> mean, variance;
  std::string encoding;
};

std::string encoding_words(const EncodedColumn& column) {
  switch (column.kind) {
    case Encoding::numeric:
      break;
    case Encoding::one_hot:
      return fmt::format("one-hot, {}", counted(column.categories, "category"));
    case Encoding::embedding:
      return fmt::format("table [{}, {}]", column.categories + 1, column.width);
  }
  std::string words = column.knots > 0 ? fmt::format("quantiles, {} knots", column.knots) : "number";
  if (column.missing == MissingValue::mean) words += "; missing: mean";
  if (column.missing == MissingValue::indicator) words += "; missing: mean, indicator";
  return words;
}

std::vector<ColumnFacts> column_facts(const Network& network) {
  std::vector<ColumnFacts> facts(network.inputs);
  const auto* encode = std::get_if<Encode>(&network.layers.front());
  const layers::EncodeLayout layout = encode ? layers::layout_of(*encode) : layers::EncodeLayout{};
  const std::vector<StatisticSlot> slots = statistic_slots(network);
  const bool standardises =
      !slots.empty() && std::holds_alternative<Standardise>(network.layers[slots.front().layer]);
  for (std::size_t c = 0; c < facts.size(); ++c) {
    if (encode) facts[c].encoding = encoding_words(encode->columns[c]);
    if (!standardises || (encode && encode->columns[c].kind != Encoding::numeric)) continue;
    facts[c].mean = slots.front().offset + (encode ? layout.columns[c].first : c);
    facts[c].variance = *facts[c].mean + slots.front().channels;
  }
  return facts;
}

// What is known of the table beside its columns.
std::string rules_words(const TableRules& rules) {
  std::string text;
  if (!rules.weight_name.empty()) text += fmt::format("rows count by '{}'; ", printable(rules.weight_name));
  if (!rules.ignored.empty()) {
    text += counted(rules.ignored.size(), "column") + " left out: ";
    for (std::size_t i = 0; i < std::min(rules.ignored.size(), kMostColumns); ++i) {
      text += (i == 0 ? "" : ", ") + printable(rules.ignored[i], kNameBytes);
    }
    text += rules.ignored.size() > kMostColumns ? ", …; " : "; ";
  }
  return text.empty() ? "" : text.substr(0, text.size() - 2);
}

std::string column_table(const Model& model) {
  const std::vector<ColumnFacts> facts = column_facts(model.network);
  const bool encodes = std::holds_alternative<Encode>(model.network.layers.front());
  const bool standardises =
      std::ranges::any_of(facts, [](const ColumnFacts& column) { return column.mean.has_value(); });
  const std::size_t count = std::min(model.column_names.size(), kMostColumns);
  std::size_t width = 6;
  for (std::size_t i = 0; i < count; ++i)
    width = std::max(width, columns_of(printable(model.column_names[i], kNameBytes)));
  std::string text = fmt::format("\n  {:<{}}{}{}\n", "column", width,
                                 standardises ? fmt::format("  {:>12}  {:>12}", "mean", "deviation") : "",
                                 encodes ? "  taken as" : "");
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = printable(model.column_names[i], kNameBytes);
    std::string line = "  " + name + std::string(width - columns_of(name), ' ');
    if (facts[i].mean) {
      line += fmt::format("  {:>12}  {:>12}", shown(model.statistics[*facts[i].mean]),
                          shown(std::sqrt(model.statistics[*facts[i].variance])));
    } else if (standardises) {
      line += std::string(28, ' ');
    }
    if (encodes) line += "  " + facts[i].encoding;
    text += line + '\n';
  }
  if (model.column_names.size() > count) {
    text +=
        fmt::format("  … and {} more (--json lists all)\n", with_commas(model.column_names.size() - count));
  }
  return text;
}

std::string target_words(const Model& model) {
  return model.target_name.empty() ? "" : fmt::format(" '{}'", printable(model.target_name));
}

const char* input_word(const Model& model) {
  if (!model.column_names.empty()) return "column";
  return model.image_width > 0 ? "pixel" : "input";
}

std::string training_words(const TrainingRecord& training) {
  if (training.rows == 0 && training.steps == 0) return "what another program had; imported";
  std::string text = fmt::format("{}, {}, {}, seed {}; training loss {}", counted(training.rows, "row"),
                                 counted(training.epochs, "epoch"), counted(training.steps, "step"),
                                 training.seed, shown(training.train_loss));
  if (std::isfinite(training.valid_loss))
    text += fmt::format(", validation loss {}", shown(training.valid_loss));
  return text;
}

std::string option_words(const TrainingRecord& training) {
  std::string text;
  for (const auto& [name, value] : training.options) {
    if (value != "false" && name != "seed")
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", printable(name), printable(value));
  }
  return text;
}

}  // namespace

std::string inspect_words(const Model& model, const std::string& path) {
  const Network& network = model.network;
  const bool classify = model.task == Task::classify;
  std::string text =
      field("model",
            fmt::format("{}: {}{} from {}", shown_path(path), classify ? "classifies" : "predicts the number",
                        target_words(model), counted(network.inputs, input_word(model))));
  if (classify)
    text += field("classes", fmt::format("{}: {}", with_commas(model.classes.size()), class_words(model)));
  text += field("parameters", parameter_words(network));
  text += "\n" + layer_table(network) + "\n";
  text += convention_words(network);
  text += field("statistics", statistics_words(model));
  text += field("trained on", training_words(model.training));
  if (const std::string options = option_words(model.training); !options.empty())
    text += field("options", options);
  if (const std::string rules = rules_words(model.rules); !rules.empty()) text += field("table", rules);
  if (model.fold_certificate) text += fold_words(*model.fold_certificate);
  if (model.drift) text += field("monitor", thresholds_words(*model.drift));
  if (!model.column_names.empty()) text += column_table(model);
  return text;
}

std::string inspect_json(const Model& model, const std::string& path) {
  using nlohmann::ordered_json;
  const Network& network = model.network;
  const Biases biases = biases_before_batch_norm(network);
  ordered_json object = {{"model", path},
                         {"task", model.task == Task::classify ? "classify" : "regress"},
                         {"target", model.target_name},
                         {"inputs", network.inputs},
                         {"outputs", layer_outputs(network).back()},
                         {"parameters", parameter_count(network)},
                         {"biases_saved_by_batch_norm", biases.saved},
                         {"biases_wasted_before_batch_norm", biases.wasted}};
  if (model.task == Task::classify) object["classes"] = model.classes;

  const std::vector<std::size_t> outputs = layer_outputs(network), parameters = parameters_by_layer(network);
  object["layers"] = ordered_json::array();
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    ordered_json layer = {{"index", i},
                          {"layer", layer_words(network.layers[i])},
                          {"outputs", outputs[i]},
                          {"parameters", parameters[i]}};
    if (const auto* norm = std::get_if<BatchNorm>(&network.layers[i])) {
      layer["epsilon"] = norm->epsilon;
      layer["keep"] = norm->keep;
      layer["pytorch_momentum"] = pytorch_momentum(*norm);
      layer["running_variance"] = variance_name(norm->running_variance);
    }
    object["layers"].push_back(std::move(layer));
  }
  object["statistics"] = model.statistics_source == StatisticsSource::population ? "population" : "running";
  if (!model.column_names.empty()) {
    const std::vector<ColumnFacts> facts = column_facts(network);
    object["columns"] = ordered_json::array();
    for (std::size_t i = 0; i < model.column_names.size(); ++i) {
      ordered_json column = {{"name", model.column_names[i]}};
      if (!model.column_info.empty() && model.column_info[i].kind == ColumnKind::categorical) {
        column["categories"] = model.column_info[i].categories;
      }
      if (facts[i].mean) {
        column["mean"] = model.statistics[*facts[i].mean];
        column["variance"] = model.statistics[*facts[i].variance];
      }
      if (!facts[i].encoding.empty()) column["taken_as"] = facts[i].encoding;
      object["columns"].push_back(std::move(column));
    }
  }
  const TrainingRecord& training = model.training;
  ordered_json options = ordered_json::object();
  for (const auto& [name, value] : training.options) options[name] = value;
  object["training"] = {
      {"rows", training.rows}, {"epochs", training.epochs},         {"steps", training.steps},
      {"seed", training.seed}, {"train_loss", training.train_loss}, {"valid_loss", training.valid_loss},
      {"options", options}};
  if (training.recalibrated_rows > 0) object["training"]["recalibrated_rows"] = training.recalibrated_rows;
  if (model.fold_certificate)
    object["fold"] = ordered_json::parse(model_file::to_json(*model.fold_certificate));
  if (model.drift) object["monitor"] = ordered_json::parse(model_file::to_json(*model.drift));
  object["network"] = ordered_json::parse(to_json(network));
  object["plan"] = ordered_json::array();
  const std::string plan = describe(lower(network));
  for (std::size_t start = 0; start < plan.size();) {
    const std::size_t end = std::min(plan.find('\n', start), plan.size());
    object["plan"].push_back(plan.substr(start, end - start));
    start = end + 1;
  }
  return json_line(object);
}

}  // namespace ztilde::cli
