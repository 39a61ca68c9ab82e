#include "training/norm_probe.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "training/percentiles.hpp"

namespace ztilde {

using kernels::ConstView;
using kernels::View;

namespace {

// Least, percentiles and most over the units.
std::array<double, 5> five_numbers(const float* of_units, std::size_t units) {
  std::vector<double> sorted(of_units, of_units + units);
  std::ranges::sort(sorted);
  return {sorted.front(), percentile(sorted, kShares[0]), percentile(sorted, kShares[1]),
          percentile(sorted, kShares[2]), sorted.back()};
}

std::array<double, 2> median_and_most(std::vector<double> of_units) {
  std::ranges::sort(of_units);
  return {percentile(of_units, 0.5), of_units.back()};
}

// 0 / 0: nothing is wrong with a constant unit that is taken for one.
double ratio(double over, double under, double of_none) {
  if (over == 0 && under == 0) return of_none;
  return under == 0 ? std::numeric_limits<double>::infinity() : over / under;
}

RunningError error_of(std::size_t layer, double epsilon, std::span<const double> mean,
                      std::span<const double> variance, std::span<const double> true_mean,
                      std::span<const double> true_variance) {
  std::vector<double> distances, ratios;
  for (std::size_t c = 0; c < mean.size(); ++c) {
    const auto [less, more] = std::minmax(variance[c], true_variance[c]);
    distances.push_back(ratio(std::abs(mean[c] - true_mean[c]), std::sqrt(true_variance[c] + epsilon), 0));
    ratios.push_back(ratio(more + epsilon, less + epsilon, 1));
  }
  return {layer, median_and_most(std::move(distances)), median_and_most(std::move(ratios))};
}

// Units whose relu is 0 in every row, as a share.
double dead_share(ConstView z_tilde) {
  std::vector<char> alive(z_tilde.channels);
  for (std::size_t r = 0; r < z_tilde.rows; ++r) {
    for (std::size_t c = 0; c < z_tilde.channels; ++c) alive[c] |= z_tilde(r, c) > 0;
  }
  return static_cast<double>(std::ranges::count(alive, 0)) / static_cast<double>(z_tilde.channels);
}

double share_beyond(float limit, std::span<const float> z_tilde) {
  const auto beyond = std::ranges::count_if(z_tilde, [&](float z) { return std::abs(z) > limit; });
  return static_cast<double>(beyond) / static_cast<double>(z_tilde.size());
}

}  // namespace

std::vector<std::uint32_t> probe_rows(const Batch& rows, std::size_t most, std::uint64_t seed) {
  const Cut stretches{rows.rows, std::min(most, rows.rows)};
  const RandomStream stream(seed, Purpose::probe, 0, 0);
  std::vector<std::uint32_t> chosen;
  for (std::size_t i = 0; i < stretches.parts; ++i) {
    const auto length = static_cast<std::uint32_t>(stretches.size(i));
    chosen.push_back(rows.row_index[stretches.first(i) + stream.below(length, i)]);
  }
  return chosen;
}

std::vector<RunningError> running_errors(const Network& network, std::span<const double> running,
                                         std::span<const double> measured) {
  std::vector<RunningError> errors;
  for (const StatisticSlot& slot : statistic_slots(network)) {
    const auto* norm = std::get_if<BatchNorm>(&network.layers[slot.layer]);
    if (!norm) continue;
    const std::size_t mean = slot.offset, variance = slot.offset + slot.channels;
    errors.push_back(error_of(slot.layer, norm->epsilon, running.subspan(mean, slot.channels),
                              running.subspan(variance, slot.channels), measured.subspan(mean, slot.channels),
                              measured.subspan(variance, slot.channels)));
  }
  return errors;
}

namespace {

// Images have many numbers each: fewer of them are kept.
std::size_t most_rows(const Network& network, std::size_t most) {
  constexpr std::size_t kMostNumbers = std::size_t{1} << 23, kLeast = 16;
  std::size_t numbers = 0;
  for (const Stage& stage : lower(network)) numbers += stage.sums ? stage.output.size() : 0;
  return numbers == 0 ? most : std::min(most, std::max(kLeast, kMostNumbers / numbers));
}

}  // namespace

NormProbe::NormProbe(const Model& model, const Batch& rows, std::size_t most, std::uint64_t seed, Team& team)
    : model_(model),
      team_(team),
      rows_(probe_rows(rows, most_copied(rows, most_rows(model.network, most)), seed)),
      batch_(in_memory({rows.source, rows_.data(), rows_.size(), nullptr, rows.weights}, copy_)),
      plan_(model.network, rows_.size(), team.threads(), model.parameters.data(), model.statistics.data()) {
  const std::vector<Stage> stages = lower(model.network);
  const auto tensors = stage_tensors(model.network, stages, model.parameters.data(), nullptr);
  for (const StatisticSlot& slot : statistic_slots(model.network)) {
    for (std::size_t s = 0; s < stages.size(); ++s) {
      if (!stages[s].sums || stages[s].norm_layer != slot.layer) continue;
      const Stage& reader = stages[*stages[s].norm_reader];
      const std::size_t numbers = rows_.size() * stages[s].output.size();
      layers_.push_back({s, stages[s].inner_activation,
                         reader.shortcut ? ActivationKind::identity : reader.activation,
                         std::get<BatchNorm>(model.network.layers[slot.layer]), slot, tensors[s].gamma,
                         tensors[s].beta, stages[s].output.pixels(), AlignedBuffer<float>(numbers)});
    }
  }
}

std::vector<NormPoint> NormProbe::measure() {
  if (layers_.empty()) return {};
  plan_.refresh();
  const auto keep = [&](std::size_t stage, std::size_t first_row, ConstView z) {
    for (Layer& layer : layers_) {
      if (layer.stage != stage) continue;
      const View kept(layer.z.data() + first_row * layer.pixels * z.channels, z.rows, z.channels);
      kernels::activate(z, layer.inner, kept);
    }
  };
  plan_.run(
      team_, batch_, [](const Worker&, std::size_t, std::size_t, View) {}, keep);
  std::vector<NormPoint> points;
  for (Layer& layer : layers_) points.push_back(look_at(layer));
  return points;
}

NormPoint NormProbe::look_at(Layer& layer) const {
  const std::size_t rows = batch_.rows * layer.pixels, channels = layer.slot.channels;
  const View z(layer.z.data(), rows, channels);
  NormPoint point;
  point.layer = layer.slot.layer;
  point.z = percentiles(layer.z.span());
  point.gamma = five_numbers(layer.gamma, channels);
  point.beta = five_numbers(layer.beta, channels);

  const Cut whole{rows, 1};
  BlockSums sums(1, channels, true);
  RowWeights weights(rows, 1);
  if (batch_.weights) {
    weights.used = true;
    gather_weights(batch_, 0, batch_.rows, weights.of_row.data());
    for (std::size_t r = rows; r-- > 0;) weights.of_row[r] = weights.of_row[r / layer.pixels];
    weights.sum_block(whole, 0);
    kernels::weighted_sums(z, weights.of_row.data(), sums.shift_of(0), sums.sum_of(0), sums.squares_of(0));
  } else {
    kernels::shifted_sums(z, sums.shift_of(0), sums.sum_of(0), sums.squares_of(0));
  }
  NormState of_rows(channels, 0, nullptr, nullptr),
      running(channels, layer.fields.epsilon, layer.gamma, layer.beta);
  of_rows.merge(sums, whole, weights);
  const double* statistics = model_.statistics.data() + layer.slot.offset;
  std::copy_n(statistics, channels, running.mean.data());
  std::copy_n(statistics + channels, channels, running.variance.data());
  running.refresh();
  const RunningError error = error_of(point.layer, layer.fields.epsilon, running.mean.span(),
                                      running.variance.span(), of_rows.mean.span(), of_rows.variance.span());
  point.mean_distance = error.mean_distance;
  point.variance_ratio = error.variance_ratio;

  kernels::normalise_activate(z, running.affine(), ActivationKind::identity, z);
  point.z_tilde = percentiles(layer.z.span());
  if (layer.next == ActivationKind::relu) point.dead = dead_share(z);
  if (layer.next == ActivationKind::sigmoid) point.saturated = share_beyond(4, layer.z.span());
  if (layer.next == ActivationKind::tanh) point.saturated = share_beyond(2, layer.z.span());
  return point;
}

std::size_t NormProbe::bytes() const {
  std::size_t bytes = plan_.bytes() + rows_.size() * sizeof(std::uint32_t);
  for (const Layer& layer : layers_) bytes += layer.z.size() * sizeof(float);
  return bytes;
}

}  // namespace ztilde
