// Drift thresholds as metadata "monitor" of a model file holds them.
#pragma once

#include <optional>
#include <string>

#include "ztilde/model.hpp"

namespace ztilde::model_file {

// visit(double&): every number that is not a count.
template <class Thresholds, class Visit>
void for_each_number(Thresholds& thresholds, const Visit& visit) {
  for (auto* numbers : {&thresholds.mean_limits, &thresholds.deviation_limits, &thresholds.layer_limits,
                        &thresholds.missing, &thresholds.category_offsets}) {
    for (auto& number : *numbers) visit(number);
  }
  for (auto& column : thresholds.columns) {
    for (auto* number : {&column.mean.deviation, &column.mean.tail, &column.variance.deviation,
                         &column.variance.tail, &column.mean_offset, &column.variance_offset})
      visit(*number);
  }
  for (auto& layer : thresholds.layers) {
    for (auto* distance : {&layer.mean, &layer.deviation}) {
      visit(distance->all);
      for (auto& number : distance->mean) visit(number);
      for (auto& number : distance->deviation) visit(number);
    }
  }
}

std::string to_json(const DriftThresholds& thresholds);

// Nothing where this is no such text, or not for this network.
std::optional<DriftThresholds> drift_from_json(const std::string& text, const Network& network);

// Whether as many columns and layers are judged as the network has; it may lack all layers.
bool fits(const DriftThresholds& thresholds, const Network& network);

}  // namespace ztilde::model_file
