#include "training/run_identity.hpp"

#include <fmt/format.h>

#include <set>
#include <span>
#include <string_view>

#include "base/fingerprint.hpp"
#include "base/text.hpp"
#include "training/windows.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kMostNamed = 4;

std::string shown(const Fingerprint& fingerprint) { return fmt::format("#{:016x}", fingerprint.value()); }

void add(Fingerprint& fingerprint, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) fingerprint.add(text);
}

void add_inputs(Fingerprint& fingerprint, const Dataset& data) {
  if (data.store) {
    fingerprint.add(data.store->fingerprint());
    return;
  }
  fingerprint.add(std::span(data.bytes));
  fingerprint.add(std::span(data.floats));
}

std::string text_of(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::sgd:
      return "sgd";
    case OptimizerKind::momentum:
      return "momentum";
    case OptimizerKind::nesterov:
      return "nesterov";
    case OptimizerKind::rmsprop:
      return "rmsprop";
    case OptimizerKind::adam:
      return "adam";
    case OptimizerKind::adamw:
      return "adamw";
  }
  return "";
}
std::string text_of(ScheduleKind kind) {
  switch (kind) {
    case ScheduleKind::constant:
      return "constant";
    case ScheduleKind::cosine:
      return "cosine";
    case ScheduleKind::step:
      return "step";
    case ScheduleKind::onecycle:
      return "onecycle";
  }
  return "";
}
std::string text_of(InitKind kind) {
  return kind == InitKind::he ? "he" : kind == InitKind::xavier ? "xavier" : "normal";
}
std::string text_of(StatisticsSource source) {
  return source == StatisticsSource::population ? "population" : "running";
}
std::string text_of(bool value) { return value ? "on" : "off"; }
// The shortest digits that read back as the same double.
std::string text_of(double value) { return fmt::format("{}", value); }
std::string text_of(const ClassWeights& weights) {
  if (weights.balanced) return "balanced";
  std::string text;
  for (const auto& [name, weight] : weights.given)
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", printable(name), weight);
  return text.empty() ? "none" : text;
}
std::string text_of(const Freeze& freeze) {
  switch (freeze.kind) {
    case FreezeKind::none:
      return "none";
    case FreezeKind::norms:
      return "norm";
    case FreezeKind::all_but_norms:
      return "all-but-norm";
    case FreezeKind::layers:
      break;
  }
  return fmt::format("{}", fmt::join(std::set<std::size_t>(freeze.layers.begin(), freeze.layers.end()), ","));
}
std::string text_of(std::uint64_t value) { return fmt::format("{}", value); }

}  // namespace

RunIdentity identity_of(const Dataset& data, const Dataset* valid, const Network& network,
                        const TrainOptions& options) {
  Fingerprint columns, categories, classes, inputs, targets, weights, layers;
  add(columns, data.column_names);
  columns.add(data.target_name);
  for (const Column& column : data.column_info) add(categories, column.categories);
  add(classes, data.classes);
  add_inputs(inputs, data);
  targets.add(std::span(data.targets));
  weights.add(std::span(data.weights));
  layers.add(to_json(network));
  RunIdentity identity = {{"the number of rows", fmt::format("{}", data.rows)},
                          {"the number of columns", fmt::format("{}", data.columns)},
                          {"the names of the columns", shown(columns)},
                          {"the categories", shown(categories)},
                          {"the task", data.task == Task::classify ? "classify" : "regress"},
                          {"the classes", shown(classes)},
                          {"the inputs", shown(inputs)},
                          {"the targets", shown(targets)},
                          {"the weights", shown(weights)}};
  std::string apart = "none";
  if (valid) {
    Fingerprint rows;
    add_inputs(rows, *valid);
    rows.add(std::span(valid->targets));
    rows.add(std::span(valid->weights));
    apart = shown(rows);
  }
  identity.emplace_back("the validation set", apart);
  const bool on_disk = stays_on_disk(data, options);
  identity.emplace_back("the window of rows that are shuffled",
                        on_disk ? fmt::format("{}", window_rows(data, options)) : "all");
  identity.emplace_back("the network", shown(layers));
  std::string start = "none";
  if (options.from) {
    Fingerprint numbers;
    numbers.add(std::span(options.from->parameters));
    numbers.add(std::span(options.from->statistics));
    start = shown(numbers);
  }
  identity.emplace_back("the starting model", start);
  for_each_option(options, [&](const char* name, const auto& value) {
    // Counts for nothing beside validation rows of their own.
    if (valid && std::string_view(name) == "--valid-fraction") return;
    identity.emplace_back(name, text_of(value));
  });
  return identity;
}

std::string differences(const std::map<std::string, std::string>& then, const RunIdentity& now) {
  std::string text;
  std::size_t count = 0;
  for (const auto& [name, is] : now) {
    const auto found = then.find(name);
    const std::string was = found == then.end() ? "not known" : found->second;
    if (was == is || ++count > kMostNamed) continue;
    const bool fingerprints = was.starts_with('#') && is.starts_with('#');
    text += text.empty() ? "" : ", ";
    if (fingerprints) {
      text += name + " changed";
    } else {
      text += fmt::format("{} was {} and is {}", name, was.starts_with('#') ? "given" : printable(was),
                          is.starts_with('#') ? "given" : is);
    }
  }
  if (count > kMostNamed) text += fmt::format(", and {} more", count - kMostNamed);
  return text;
}

}  // namespace ztilde
