// Are these rows like those of training? Column by column: against what the inputs are standardised with, or
// where they are not, against the few training rows that the model keeps.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "doctor/examination.hpp"
#include "layers/encode.hpp"
#include "plan/population.hpp"

namespace ztilde::doctor {
namespace {

// Less than a tenth of a standard deviation, or of a tenth more or less, no training is thrown off by: the
// statistics of its own batches, of 100 rows, move as far.
constexpr double kLeastDistance = 0.1;
// Where another standardisation does not help, so many of the inputs must be far for them to be the reason:
// single pixels at the edge of images, nearly always 0, are far by the chance of a few rows.
constexpr double kLeastShare = 0.05;

struct Statistics {
  std::vector<double> mean, variance;
};

const StatisticSlot* standardise_slot(const Network& network, const std::vector<StatisticSlot>& slots) {
  const auto found = std::ranges::find_if(slots, [&](const StatisticSlot& slot) {
    return std::holds_alternative<Standardise>(network.layers[slot.layer]);
  });
  return found == slots.end() ? nullptr : &*found;
}

// Of the features that Standardise works on, or would.
Statistics statistics_of(const Model& model, const Batch& batch, Team& team, std::size_t features) {
  const Network& network = model.network;
  Statistics found{std::vector<double>(features), std::vector<double>(features)};
  if (network.input_shape().pixels() > 1) {
    measure_image_inputs(batch, network.input_shape(), team, found.mean, found.variance);
  } else {
    measure_inputs(batch, features, team, found.mean, found.variance,
                   has_layer<Encode>(network)
                       ? Encoder(network, model.parameters.data(), nullptr, model.statistics.data())
                       : Encoder());
  }
  return found;
}

std::size_t features_of(const Network& network, const StatisticSlot* slot) {
  if (slot) return slot->channels;
  if (const auto* encode = std::get_if<Encode>(&network.layers[0])) return layers::layout_of(*encode).values;
  return network.input_shape().channels;
}

InputDistance named(const Model& model, std::size_t feature) {
  const Network& network = model.network;
  InputDistance distance;
  distance.column = feature;
  std::string missing;
  if (const auto* encode = std::get_if<Encode>(&network.layers[0])) {
    const layers::EncodeLayout layout = layers::layout_of(*encode);
    for (std::size_t i = 0; i < layout.columns.size(); ++i) {
      const layers::EncodeLayout::Place& place = layout.columns[i];
      if (encode->columns[i].kind == Encoding::numeric && place.first == feature) distance.column = i;
      if (place.indicator == feature) {
        distance.column = i;
        missing = ", whether missing";
      }
    }
  }
  if (distance.column < model.column_names.size() && network.input_shape().pixels() == 1) {
    distance.name = model.column_names[distance.column] + missing;
  } else if (network.input_shape().pixels() > 1) {
    distance.name = fmt::format("image channel {}", feature);
  } else if (model.image_width > 0) {
    const std::size_t channels = network.inputs / (model.image_width * model.image_height);
    const std::size_t pixel = feature / channels;
    distance.name = fmt::format("pixel ({}, {})", pixel % model.image_width, pixel / model.image_width);
  } else {
    distance.name = fmt::format("column {}", distance.column);
  }
  return distance;
}

// rows_then: that the statistics of training are of.
std::vector<InputDistance> distances(const Model& model, const Statistics& now, const Statistics& then,
                                     double rows_now, double rows_then) {
  std::vector<InputDistance> far;
  const double limit = errors_beyond_chance(2 * now.mean.size());
  for (std::size_t f = 0; f < now.mean.size(); ++f) {
    InputDistance distance = named(model, f);
    const double mean = std::abs(now.mean[f] - then.mean[f]);
    distance.mean = mean / std::sqrt(then.variance[f]);
    const double error = std::sqrt(now.variance[f] / rows_now + then.variance[f] / rows_then);
    const double ratio = std::sqrt(now.variance[f] / then.variance[f]);
    distance.deviation = std::max(ratio, 1 / ratio);
    // The logarithm of a standard deviation of n normal numbers has an error of sqrt(1 / 2n); other numbers
    // have more, which the least distance takes care of.
    const double deviation_error = std::sqrt(0.5 / rows_now + 0.5 / rows_then);
    const bool mean_far = mean > limit * error && distance.mean > kLeastDistance;
    const bool deviation_far = std::log(distance.deviation) > limit * deviation_error + kLeastDistance;
    if (mean_far || deviation_far) far.push_back(std::move(distance));
  }
  std::ranges::stable_sort(far, std::greater<>(),
                           [](const InputDistance& d) { return std::max(d.mean, std::log(d.deviation)); });
  return far;
}

// Against the test rows, which are of training: their variances are not known from so few.
std::vector<InputDistance> from_test_rows(const Examination& e, std::size_t features) {
  const std::size_t columns = e.model.network.inputs, rows = e.model.test_inputs.size() / columns;
  if (rows < 2) return {};
  const Batch batch{{nullptr, e.model.test_inputs.data(), columns}, nullptr, rows, nullptr};
  const Statistics now = statistics_of(e.model, e.batch, e.team, features);
  Statistics then = statistics_of(e.model, batch, e.team, features);
  then.variance = now.variance;
  return distances(e.model, now, then, e.work.measured.rows, static_cast<double>(rows));
}

}  // namespace

void examine_inputs(Examination& e) {
  const std::vector<StatisticSlot> slots = statistic_slots(e.model.network);
  const StatisticSlot* slot = standardise_slot(e.model.network, slots);
  const std::size_t features = features_of(e.model.network, slot);
  if (features == 0) return;
  if (!slot) {
    e.inputs = from_test_rows(e, features);
    return;
  }
  const Statistics now = statistics_of(e.model, e.batch, e.team, features);
  const auto stored = e.model.statistics.begin() + static_cast<std::ptrdiff_t>(slot->offset);
  const auto middle = stored + static_cast<std::ptrdiff_t>(features);
  const Statistics then{{stored, middle}, {middle, middle + static_cast<std::ptrdiff_t>(features)}};
  e.inputs = distances(e.model, now, then, e.work.measured.rows,
                       e.record.rows > 0 ? e.record.rows : e.work.measured.rows);
  if (e.inputs.empty()) return;

  Model changed = e.work.model;
  std::ranges::copy(now.mean, changed.statistics.begin() + static_cast<std::ptrdiff_t>(slot->offset));
  std::ranges::copy(now.variance,
                    changed.statistics.begin() + static_cast<std::ptrdiff_t>(slot->offset + features));
  Trial trial = e.tried(std::move(changed));
  const LossStep step = e.gain(trial);
  if (!e.matters(step, trial)) {
    if (static_cast<double>(e.inputs.size()) < kLeastShare * static_cast<double>(features)) e.inputs.clear();
    return;
  }
  Finding& finding = e.add(Cause::other_data, {slot->layer});
  finding.loss_step = step;
  finding.inputs = e.inputs;
  e.work = std::move(trial);
}

}  // namespace ztilde::doctor
