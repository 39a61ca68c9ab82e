#include "model/insert_places.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <variant>

#include "layers/layer.hpp"
#include "model/certify.hpp"
#include "model/network_parts.hpp"
#include "plan/inference_plan.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kChunkRows = 2048;  // whose blocks' moments are kept until they are pooled

[[noreturn]] void refuse(const std::string& what) { throw Error(ErrorKind::data, what); }

std::vector<std::size_t> readers(const Network& network, std::size_t layer) {
  std::vector<std::size_t> all;
  for (std::size_t i = layer + 1; i < network.layers.size(); ++i) {
    const auto* add = std::get_if<Add>(&network.layers[i]);
    if (layer_source(network, i) == layer || (add && i - add->back == layer)) all.push_back(i);
  }
  return all;
}

bool is_norm(const Network& network, std::size_t layer) {
  return std::holds_alternative<BatchNorm>(network.layers[layer]);
}

std::optional<std::size_t> norm_that_reads(const Network& network, std::size_t layer) {
  for (const std::size_t reader : readers(network, layer)) {
    if (is_norm(network, reader)) return reader;
  }
  return std::nullopt;
}

// A BatchNorm between a layer and the next Dense or Conv2d, on any way there: the values are normalised
// before they are used again.
std::optional<std::size_t> norm_on_the_way(const Network& network, std::size_t layer) {
  for (const std::size_t reader : readers(network, layer)) {
    if (is_norm(network, reader)) return reader;
    if (is_contraction(network.layers[reader])) continue;
    if (const auto norm = norm_on_the_way(network, reader)) return norm;
  }
  return std::nullopt;
}

// The activation that directly follows a layer.
std::optional<std::size_t> own_activation(const Network& network, std::size_t layer) {
  if (layer + 1 < network.layers.size() && std::holds_alternative<Activation>(network.layers[layer + 1]))
    return layer + 1;
  return std::nullopt;
}

const char* const kNoActivation = "no activation follows it directly";

std::string normalised_words(std::size_t norm) { return fmt::format("layer {} normalises it", norm); }

NormSpot asked_spot(const Network& network, NormPlace place, std::size_t layer,
                    const std::vector<std::size_t>& contractions) {
  if (layer >= network.layers.size() || !is_contraction(network.layers[layer])) {
    refuse(fmt::format("{}; batch norm goes behind a dense or a conv2d, layers {}",
                       layer >= network.layers.size() ? fmt::format("there is no layer {}", layer)
                                                      : layers::label(network, layer) + " has no weights",
                       fmt::join(contractions, ", ")));
  }
  const std::optional<std::size_t> activation = own_activation(network, layer);
  if (place == NormPlace::after && !activation) {
    refuse(fmt::format("{}: {}; insert before the activation, or leave it out", layers::label(network, layer),
                       kNoActivation));
  }
  const NormSpot spot{layer, place == NormPlace::after ? *activation : layer};
  if (const auto norm = norm_that_reads(network, spot.behind)) {
    refuse(
        fmt::format("{}: {} already; leave it out", layers::label(network, layer), normalised_words(*norm)));
  }
  return spot;
}

// What one run of the plan found, by spot and first row; workers come with their blocks in any order.
struct Found {
  std::mutex mutex;
  std::map<std::pair<std::size_t, std::size_t>, ChannelMoments> moments;
  std::exception_ptr failure;
};

}  // namespace

NormSpots norm_spots(const Network& network, NormPlace place, const std::vector<std::size_t>& layers) {
  std::vector<std::size_t> contractions;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    if (is_contraction(network.layers[i])) contractions.push_back(i);
  }
  NormSpots found;
  for (const std::size_t layer : layers) {
    const NormSpot spot = asked_spot(network, place, layer, contractions);
    if (std::ranges::find(found.spots, layer, &NormSpot::contraction) == found.spots.end())
      found.spots.push_back(spot);
  }
  std::ranges::sort(found.spots, {}, &NormSpot::contraction);
  for (const std::size_t layer : contractions) {
    if (!layers.empty()) {
      if (std::ranges::find(layers, layer) == layers.end())
        found.skipped.push_back({layer, "it was not asked for"});
      continue;
    }
    const std::optional<std::size_t> activation = own_activation(network, layer);
    if (layer == contractions.back()) {
      found.skipped.push_back({layer, "it is the last"});
    } else if (const auto norm = norm_on_the_way(network, layer)) {
      found.skipped.push_back({layer, normalised_words(*norm)});
    } else if (place == NormPlace::after && !activation) {
      found.skipped.push_back({layer, kNoActivation});
    } else {
      found.spots.push_back({layer, place == NormPlace::after ? *activation : layer});
    }
  }
  if (found.spots.empty()) {
    std::string why;
    for (const SkippedLayer& skipped : found.skipped)
      why += fmt::format("{}{}: {}", why.empty() ? "" : ", ", layers::label(network, skipped.layer),
                         skipped.reason);
    refuse(fmt::format("there is nothing to insert ({}); use the model as it is, or name layers", why));
  }
  return found;
}

std::vector<ChannelMoments> moments_at(const Model& model, const std::vector<NormSpot>& spots,
                                       const Batch& rows, std::size_t threads) {
  const Network& network = model.network;
  const std::vector<Shape> shapes = layer_shapes(network);
  const Cut chunks = Cut::at_most(rows.rows, kChunkRows);
  Team team(InferencePlan::workers_for(network, chunks.largest(), threads));
  InferencePlan plan(network, chunks.largest(), team.threads(), model.parameters.data(),
                     model.statistics.data());
  std::vector<std::optional<std::size_t>> spot_of_stage;
  for (const Stage& stage : plan.stages()) {
    const auto spot = std::ranges::find_if(
        spots, [&](const NormSpot& one) { return stage.weight_layer() == one.contraction; });
    spot_of_stage.push_back(spot == spots.end() ? std::nullopt
                                                : std::optional<std::size_t>(spot - spots.begin()));
  }
  std::vector<ChannelMoments> all(spots.size());
  for (std::size_t chunk = 0; chunk < chunks.parts; ++chunk) {
    const std::size_t start = chunks.first(chunk);
    Found found;
    const auto measure = [&](std::size_t s, std::size_t first_row, kernels::ConstView z) {
      const NormSpot& spot = spots[s];
      const auto* activation = std::get_if<Activation>(&network.layers[spot.behind]);
      std::vector<float> weights;
      for (std::size_t r = 0; rows.weights && r < z.rows; ++r)
        weights.push_back(rows.weights[start + first_row + r / shapes[spot.contraction].pixels()]);
      ChannelMoments moments =
          moments_of(z, activation ? activation->kind : ActivationKind::identity, weights);
      const std::lock_guard<std::mutex> lock(found.mutex);
      found.moments.emplace(std::pair(s, first_row), std::move(moments));
    };
    plan.run(
        team, block_of(rows, start, chunks.size(chunk)),
        [](const Worker&, std::size_t, std::size_t, kernels::View) {},
        [&](std::size_t stage, std::size_t first_row, kernels::ConstView z) {
          if (!spot_of_stage[stage]) return;
          try {
            measure(*spot_of_stage[stage], first_row, z);
          } catch (...) {  // a team's work must not throw
            const std::lock_guard<std::mutex> lock(found.mutex);
            found.failure = std::current_exception();
          }
        });
    if (found.failure) std::rethrow_exception(found.failure);
    for (const auto& [place, moments] : found.moments) all[place.first].add(moments);
  }
  for (std::size_t s = 0; s < spots.size(); ++s) {
    for (std::size_t c = 0; c < all[s].mean.size(); ++c) {
      if (std::isfinite(all[s].mean[c]) && std::isfinite(all[s].m2[c])) continue;
      throw Error(ErrorKind::diverged,
                  fmt::format("NaN or infinity behind {}, channel {}; there are no statistics to insert",
                              layers::label(network, spots[s].behind), c));
    }
  }
  return all;
}

}  // namespace ztilde
