#include "model/drift_json.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <variant>

namespace ztilde::model_file {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

ordered_json to_json(const SampledDistance& distance) {
  return {{"all", distance.all}, {"mean", distance.mean}, {"deviation", distance.deviation}};
}

// Finite numbers from 0 on; throws json::exception for what is none.
double number_of(const json& value) {
  const double number = value.get<double>();
  if (!value.is_number() || !(number >= 0)) throw json::other_error::create(501, "no such number", &value);
  return number;
}

std::vector<double> numbers_of(const json& value) {
  std::vector<double> numbers;
  for (const json& number : value) numbers.push_back(number_of(number));
  return numbers;
}

SampledDistance distance_of(const json& value) {
  return {number_of(value.at("all")), numbers_of(value.at("mean")), numbers_of(value.at("deviation"))};
}

DriftThresholds thresholds_of(const json& value) {
  DriftThresholds thresholds;
  thresholds.rows = value.at("rows").get<std::uint64_t>();
  thresholds.sizes = value.at("sizes").get<std::vector<std::uint64_t>>();
  thresholds.mean_limits = numbers_of(value.at("mean_limits"));
  thresholds.deviation_limits = numbers_of(value.at("deviation_limits"));
  thresholds.layer_limits = numbers_of(value.at("layer_limits"));
  for (const json& column : value.at("columns")) {
    const std::vector<double> n = numbers_of(column);
    if (n.size() != 6) throw json::other_error::create(501, "no column", &column);
    thresholds.columns.push_back({{n[0], n[1]}, {n[2], n[3]}, n[4], n[5]});
  }
  thresholds.missing = numbers_of(value.at("missing"));
  thresholds.category_offsets = numbers_of(value.at("category_offsets"));
  for (const json& layer : value.at("layers")) {
    thresholds.layers.push_back({layer.at("layer").get<std::size_t>(), distance_of(layer.at("means")),
                                 distance_of(layer.at("deviations"))});
  }
  return thresholds;
}

}  // namespace

std::string to_json(const DriftThresholds& thresholds) {
  ordered_json columns = ordered_json::array(), layers = columns;
  for (const ColumnDrift& column : thresholds.columns) {
    columns.push_back({column.mean.deviation, column.mean.tail, column.variance.deviation,
                       column.variance.tail, column.mean_offset, column.variance_offset});
  }
  for (const LayerDrift& layer : thresholds.layers) {
    layers.push_back(
        {{"layer", layer.layer}, {"means", to_json(layer.mean)}, {"deviations", to_json(layer.deviation)}});
  }
  return ordered_json({{"rows", thresholds.rows},
                       {"sizes", thresholds.sizes},
                       {"mean_limits", thresholds.mean_limits},
                       {"deviation_limits", thresholds.deviation_limits},
                       {"layer_limits", thresholds.layer_limits},
                       {"columns", columns},
                       {"missing", thresholds.missing},
                       {"category_offsets", thresholds.category_offsets},
                       {"layers", layers}})
      .dump();
}

bool fits(const DriftThresholds& thresholds, const Network& network) {
  const std::size_t sizes = thresholds.sizes.size();
  bool fit = thresholds.rows > 0 && sizes > 0 && thresholds.sizes.front() > 0 &&
             std::ranges::is_sorted(thresholds.sizes, std::ranges::less_equal()) &&
             thresholds.mean_limits.size() == sizes && thresholds.deviation_limits.size() == sizes &&
             thresholds.layer_limits.size() == sizes;
  for (const LayerDrift& layer : thresholds.layers) {
    fit = fit && layer.layer < network.layers.size() &&
          std::holds_alternative<BatchNorm>(network.layers[layer.layer]);
    for (const SampledDistance* distance : {&layer.mean, &layer.deviation})
      fit = fit && distance->mean.size() == sizes && distance->deviation.size() == sizes;
  }
  if (network.layers.empty()) return false;
  const auto* encode = std::get_if<Encode>(&network.layers.front());
  std::size_t numbers = 0, missing = 0, categories = 0, norms = 0;
  for (std::size_t c = 0; encode && c < encode->columns.size(); ++c) {
    const EncodedColumn& column = encode->columns[c];
    numbers += column.kind == Encoding::numeric;
    missing += column.missing != MissingValue::none;
    categories += column.kind != Encoding::numeric;
  }
  for (const StatisticSlot& slot : statistic_slots(network)) {
    const bool norm = std::holds_alternative<BatchNorm>(network.layers[slot.layer]);
    norms += norm;
    if (!norm && !encode) numbers = slot.channels;
  }
  if (!has_layer<Standardise>(network)) numbers = 0;
  return fit && thresholds.columns.size() == numbers && thresholds.missing.size() == missing &&
         thresholds.category_offsets.size() == categories &&
         (thresholds.layers.empty() || thresholds.layers.size() == norms);
}

std::optional<DriftThresholds> drift_from_json(const std::string& text, const Network& network) {
  try {
    DriftThresholds thresholds = thresholds_of(json::parse(text));
    if (fits(thresholds, network)) return thresholds;
  } catch (const json::exception&) {
  }
  return std::nullopt;
}

}  // namespace ztilde::model_file
