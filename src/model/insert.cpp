// Batch norm into a trained network, and its certificate.
#include "ztilde/insert.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.hpp"
#include "layers/layer.hpp"
#include "model/certify.hpp"
#include "model/insert_noise.hpp"
#include "model/insert_places.hpp"
#include "model/model_check.hpp"
#include "model/network_parts.hpp"
#include "model/scoring.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

using Numbers = std::vector<double>;

// The network while norms go in.
struct Inserting {
  std::vector<NetworkPart> parts;  // in the new order
  std::vector<std::size_t> place;  // by layer of the old network: its own place
  std::vector<std::size_t> value;  // and where its value is read from now: the norm behind it, or itself
};

Inserting with_norms(const Model& model, const std::vector<NormSpot>& spots, const InsertOptions& options) {
  Inserting inserting;
  std::vector<NetworkPart> old = parts_of(model);
  for (std::size_t i = 0; i < old.size(); ++i) {
    NetworkPart part = std::move(old[i]);
    if (part.source) part.source = inserting.value[*part.source];
    if (part.other) part.other = inserting.value[*part.other];
    inserting.place.push_back(inserting.parts.size());
    inserting.parts.push_back(std::move(part));
    if (std::ranges::find(spots, i, &NormSpot::behind) != spots.end()) {
      NetworkPart norm;
      norm.layer = BatchNorm{options.epsilon, options.keep, VarianceKind::population};
      norm.source = inserting.parts.size() - 1;
      norm.batches = 1;
      inserting.parts.push_back(std::move(norm));
    }
    inserting.value.push_back(inserting.parts.size() - 1);
  }
  return inserting;
}

// Takes the bias out of a Dense or Conv2d; empty where it has none.
Numbers dropped_bias(NetworkPart& contraction) {
  const auto bias = contraction.tensors.find(kBias);
  if (bias == contraction.tensors.end()) return {};
  if (auto* dense = std::get_if<Dense>(&contraction.layer)) dense->bias = false;
  if (auto* conv = std::get_if<Conv2d>(&contraction.layer)) conv->bias = false;
  Numbers numbers = std::move(bias->second);
  contraction.tensors.erase(bias);
  return numbers;
}

// gamma and beta as floats; then the statistics that make the norm the identity with them, which are
// those measured but for that rounding.
void set_numbers(NetworkPart& norm, const ChannelMoments& moments, const Numbers& bias, double epsilon,
                 const std::string& where) {
  const std::size_t channels = moments.mean.size();
  Numbers gamma(channels), beta(channels), statistics(2 * channels);
  for (std::size_t c = 0; c < channels; ++c) {
    const double variance = moments.variance(c), deviation = std::sqrt(variance + epsilon);
    if (deviation == 0) {
      throw Error(ErrorKind::data,
                  fmt::format("{}: channel {} is the same in all rows, which an epsilon of 0 cannot scale; "
                              "give an epsilon above 0",
                              where, c));
    }
    const double most = std::numeric_limits<float>::max();
    if (deviation > most || std::abs(moments.mean[c]) > most) {
      throw Error(ErrorKind::data, fmt::format("{}: gamma or beta of channel {} would be too large for a "
                                               "float; leave the layer out",
                                               where, c));
    }
    gamma[c] = static_cast<float>(deviation);
    beta[c] = static_cast<float>(moments.mean[c]);
    statistics[c] = bias.empty() ? beta[c] : beta[c] - bias[c];
    statistics[channels + c] = variance == 0 ? 0 : std::max(0.0, gamma[c] * gamma[c] - epsilon);
  }
  norm.tensors[kWeight] = std::move(gamma);
  norm.tensors[kBias] = std::move(beta);
  norm.statistics = std::move(statistics);
}

// Rows spread evenly over all; `kept` holds them.
Batch some_rows(const Batch& all, std::size_t most, Dataset& kept) {
  if (most == 0 || all.rows <= most) return all;
  const Cut cut{all.rows, most};
  const std::size_t columns = all.source.stride;
  kept.rows = most;
  kept.columns = columns;
  for (std::size_t i = 0; i < most; ++i) {
    const std::size_t first = cut.first(i) * columns;
    if (all.source.bytes) {
      kept.bytes.insert(kept.bytes.end(), all.source.bytes + first, all.source.bytes + first + columns);
    } else {
      kept.floats.insert(kept.floats.end(), all.source.floats + first, all.source.floats + first + columns);
    }
  }
  return {{kept.is_bytes() ? kept.bytes.data() : nullptr, kept.is_bytes() ? nullptr : kept.floats.data(),
           columns},
          nullptr,
          most};
}

void certify(const Model& model, const Model& made, const std::vector<MatchedContraction>& contractions,
             const Batch& rows, const InsertOptions& options, InsertCertificate& certificate) {
  Dataset kept;
  const Batch compared = some_rows(rows, options.compared_rows, kept);
  const Comparison comparison =
      compare_with_original({model, made, contractions, true}, compared, options.threads);
  certificate.measured_rows = rows.rows;
  certificate.compared_rows = compared.rows;
  certificate.tolerance = options.tolerance;
  certificate.largest_output = comparison.largest_output;
  certificate.double_absolute = comparison.double_absolute;
  certificate.double_relative =
      comparison.double_absolute == 0 ? 0 : comparison.double_absolute / comparison.largest_output;
  certificate.absolute = comparison.absolute;
  certificate.relative = comparison.relative;
  certificate.float_absolute = comparison.float_absolute;
  certificate.argmax_changes = comparison.argmax_changes;
  certificate.layers = comparison.layers;
}

void require_rows(const Model& model, const Dataset& data) {
  require_columns(model, data);
  if (data.rows == 0) throw Error(ErrorKind::data, "the data have no rows; there is nothing to measure");
  if (data.rows == 1)
    throw Error(ErrorKind::data, "the data have 1 row, which has no variance; give 2 rows or more");
}

}  // namespace

Insertion insert(const Model& model, const Dataset& data, const InsertOptions& options) {
  model_file::check_model(model);
  NormSpots found = norm_spots(model.network, options.place, options.layers);
  require_rows(model, data);
  const Batch rows = whole(data, model.network);
  const std::vector<ChannelMoments> moments = moments_at(model, found.spots, rows, options.threads);

  Inserting inserting = with_norms(model, found.spots, options);
  std::vector<MatchedContraction> contractions;
  const std::vector<Shape> shapes = layer_shapes(model.network);
  for (std::size_t i = 0; i < model.network.layers.size(); ++i) {
    const std::size_t channels = shapes[i].channels;
    if (is_contraction(model.network.layers[i]))
      contractions.push_back({i, {Numbers(channels, 1.0), Numbers(channels, 0.0)}});
  }
  Insertion insertion;
  for (std::size_t s = 0; s < found.spots.size(); ++s) {
    const NormSpot& spot = found.spots[s];
    const std::size_t layer = inserting.value[spot.behind];
    NetworkPart& contraction = inserting.parts[inserting.place[spot.contraction]];
    const Numbers bias = spot.before_activation() ? dropped_bias(contraction) : Numbers();
    set_numbers(inserting.parts[layer], moments[s], bias, options.epsilon,
                layers::label(model.network, spot.contraction));
    const auto match = std::ranges::find(contractions, spot.contraction, &MatchedContraction::layer);
    for (std::size_t c = 0; c < bias.size(); ++c) match->output.shift[c] = -bias[c];
    insertion.certificate.inserted.push_back(
        {layer, spot.contraction, spot.behind, moments[s].mean.size(),
         static_cast<std::size_t>(std::ranges::count(moments[s].m2, 0.0)), !bias.empty()});
  }
  insertion.certificate.skipped = std::move(found.skipped);

  Model& made = insertion.model;
  made = with_parts(model, inserting.parts);
  made.fold_certificate.reset();
  if (!has_layer<BatchNorm>(model.network)) {
    made.statistics_source = StatisticsSource::population;
    made.training.recalibrated_rows = data.rows;
  }
  made.test_outputs = outputs(made, made.test_inputs, options.threads);
  certify(model, made, contractions, rows, options, insertion.certificate);
  insertion.noise = batch_noise(made, insertion.certificate.inserted, moments, rows, options);
  return insertion;
}

}  // namespace ztilde
