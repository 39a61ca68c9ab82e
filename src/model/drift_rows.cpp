#include "model/drift_rows.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <variant>

#include "layers/encode.hpp"
#include "plan/encoder.hpp"
#include "plan/products.hpp"

namespace ztilde {

using kernels::ConstView;
using kernels::View;

namespace {

// What leaves an odd row less than a percent of what 1,000 rows say of a deviation.
constexpr double kMostOfLayers = 5;

DriftChannels channels_of(const Model& model, const StatisticSlot& slot, double epsilon) {
  DriftChannels of;
  of.layer = slot.layer;
  of.count = slot.channels;
  of.epsilon = epsilon;
  for (std::size_t c = 0; c < slot.channels; ++c) {
    const double variance = model.statistics[slot.offset + slot.channels + c] + epsilon;
    of.mean.push_back(model.statistics[slot.offset + c]);
    of.variance.push_back(variance - epsilon);
    of.inv_std.push_back(variance > 0 ? 1 / std::sqrt(variance) : 1);
    of.rest.push_back(variance > 0 ? epsilon / variance : 0);
  }
  return of;
}

// The columns that are the channels of Standardise.
std::vector<std::size_t> input_columns(const Network& network, std::size_t channels) {
  std::vector<std::size_t> columns;
  if (const auto* encode = std::get_if<Encode>(&network.layers.front())) {
    for (std::size_t c = 0; c < encode->columns.size(); ++c)
      if (encode->columns[c].kind == Encoding::numeric) columns.push_back(c);
  } else {
    for (std::size_t c = 0; c < channels; ++c) columns.push_back(c);
  }
  return columns;
}

void add_shares(const Model& model, DriftLayout& layout) {
  const auto* encode = std::get_if<Encode>(&model.network.layers.front());
  if (encode == nullptr) return;
  const auto add = [&](std::size_t column, std::size_t count, std::span<const double> frequency) {
    layout.shares.push_back({column, layout.share_count, count, frequency});
    layout.share_count += count;
  };
  for (std::size_t c = 0; c < encode->columns.size(); ++c)
    if (encode->columns[c].missing != MissingValue::none) add(c, 1, {});
  for (const EncodingSlot& slot : encoding_slots(model.network)) {
    if (slot.name != "frequency") continue;
    add(slot.column, slot.size, std::span(model.statistics).subspan(slot.offset, slot.size));
  }
}

// One row of channels, over its pixels.
void add_pixels(const DriftChannels& channels, const float* z, std::size_t pixels, double* u, double* v) {
  std::fill_n(u, channels.count, 0.0);
  std::fill_n(v, channels.count, 0.0);
  const double *mean = channels.mean.data(), *inv_std = channels.inv_std.data(), most = channels.most;
  for (std::size_t p = 0; p < pixels; ++p, z += channels.count) {
    for (std::size_t c = 0; c < channels.count; ++c) {
      const double d = std::min(std::max((z[c] - mean[c]) * inv_std[c], -most), most);
      u[c] += d;
      v[c] += d * d;
    }
  }
  if (pixels == 1) return;
  for (std::size_t c = 0; c < channels.count; ++c) {
    u[c] /= static_cast<double>(pixels);
    v[c] /= static_cast<double>(pixels);
  }
}

}  // namespace

DriftLayout drift_layout(const Model& model) {
  const Network& network = model.network;
  const std::vector<Shape> shapes = layer_shapes(network);
  DriftLayout layout;
  for (const StatisticSlot& slot : statistic_slots(network)) {
    const auto* norm = std::get_if<BatchNorm>(&network.layers[slot.layer]);
    DriftChannels channels = channels_of(model, slot, norm ? norm->epsilon : 0);
    channels.pixels = shapes[slot.layer].pixels();
    channels.most = norm ? kMostOfLayers : std::numeric_limits<double>::infinity();
    if (norm) {
      layout.layers.push_back(std::move(channels));
      continue;
    }
    layout.columns = input_columns(network, slot.channels);
    // Behind an Encode layer the slot has room for all features, and works on the numbers alone.
    channels.count = std::min(channels.count, layout.columns.size());
    layout.columns.resize(channels.count);
    if (channels.count > 0) layout.inputs.push_back(std::move(channels));
  }
  for (std::vector<DriftChannels>* of : {&layout.inputs, &layout.layers}) {
    for (DriftChannels& channels : *of) {
      channels.first = layout.channels;
      layout.channels += channels.count;
    }
  }
  add_shares(model, layout);
  return layout;
}

DriftRows::DriftRows(const Model& model, const DriftLayout& layout, std::size_t most, Team& team)
    : model_(model), layout_(layout), team_(team) {
  if (layout.layers.empty()) return;
  // A single row would be shared out by its channels, and has no stretches of rows then.
  plan_ = std::make_unique<InferencePlan>(model.network, std::max<std::size_t>(most, 2), team.threads(),
                                          model.parameters.data(), model.statistics.data());
  readers_.resize(plan_->stages().size());
  for (std::size_t s = 0; s < readers_.size(); ++s) {
    const Stage& stage = plan_->stages()[s];
    for (const DriftChannels& channels : layout.layers) {
      if (!stage.sums || stage.norm_layer != channels.layer) continue;
      readers_[s].push_back({&channels, stage.inner_activation});
      last_stage_ = s;
    }
  }
}

void DriftRows::measure(const Batch& rows, double* u, double* v) {
  if (!layout_.inputs.empty()) measure_inputs(rows, u, v);
  if (plan_) measure_layers(rows, u, v);
}

void DriftRows::measure_inputs(const Batch& rows, double* u, double* v) {
  const DriftChannels& inputs = layout_.inputs.front();
  const Encoder encoder(model_.network, model_.parameters.data(), nullptr, model_.statistics.data());
  const std::size_t numbers = inputs.count * inputs.pixels;
  const Cut blocks = cut_into_blocks(rows.rows);
  team_.run([&](const Worker& worker) {
    std::vector<float> memory(blocks.largest() * numbers);
    worker.share(blocks.parts, [&](std::size_t block) {
      const View x(memory.data(), blocks.size(block), numbers);
      encoder.gather(rows, blocks.first(block), 0, {}, x);
      for (std::size_t r = 0; r < x.rows; ++r) {
        const std::size_t at = (blocks.first(block) + r) * layout_.channels + inputs.first;
        add_pixels(inputs, x.row(r), inputs.pixels, u + at, v + at);
      }
    });
  });
}

void DriftRows::measure_layers(const Batch& rows, double* u, double* v) {
  const auto look = [&](std::size_t stage, std::size_t first_row, ConstView z) {
    for (const Reader& reader : readers_[stage]) {
      const DriftChannels& channels = *reader.channels;
      std::vector<float> activated;
      if (reader.inner != ActivationKind::identity) {
        activated.resize(z.rows * z.channels);
        const View to(activated.data(), z.rows, z.channels);
        kernels::activate(z, reader.inner, to);
        z = to;
      }
      for (std::size_t r = 0; r < z.rows / channels.pixels; ++r) {
        const std::size_t at = (first_row + r) * layout_.channels + channels.first;
        add_pixels(channels, z.row(r * channels.pixels), channels.pixels, u + at, v + at);
      }
    }
  };
  plan_->run_up_to(team_, last_stage_, rows, {0, plan_->blocks(rows.rows).parts},
                   [](const Worker&, std::size_t, std::size_t, View) {}, look, {});
}

std::size_t share_of(const DriftShares& shares, const Batch& rows, std::size_t row, std::size_t none) {
  const std::size_t at = (rows.row_index ? rows.row_index[row] : row) * rows.source.stride + shares.column;
  const float raw = rows.source.bytes ? rows.source.bytes[at] : rows.source.floats[at];
  if (shares.of_missing()) return std::isnan(raw) ? shares.first : none;
  return shares.first + layers::category_of(raw, shares.count - 1);
}

std::size_t drift_stretch(const DriftLayout& layout) {
  constexpr std::size_t kNumbers = std::size_t{1} << 19, kLeast = 128, kMost = 4096;
  return std::clamp(kNumbers / std::max<std::size_t>(layout.channels, 1), kLeast, kMost);
}

}  // namespace ztilde
