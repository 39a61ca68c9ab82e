#include "model/insert_noise.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>

#include "base/random.hpp"
#include "model/batch_scoring.hpp"

namespace ztilde {
namespace {

// Fisher & Yates.
std::vector<std::uint32_t> shuffled(std::size_t rows, std::uint64_t seed) {
  const RandomStream stream(seed, Purpose::shuffle, 1, 0);
  std::vector<std::uint32_t> order(rows);
  std::iota(order.begin(), order.end(), 0u);
  for (std::size_t i = rows; i > 1; --i)
    std::swap(order[i - 1], order[stream.below(static_cast<std::uint32_t>(i), i)]);
  return order;
}

// How many rows that count alike a row is worth: (Σ w)² / (n Σ w²), 1 without weights.
double worth_of_a_row(const Batch& rows) {
  if (rows.weights == nullptr) return 1;
  double sum = 0, squares = 0;
  for (std::size_t r = 0; r < rows.rows; ++r) {
    const double weight = rows.weights[r];
    sum += weight;
    squares += weight * weight;
  }
  return sum * sum / (static_cast<double>(rows.rows) * squares);
}

// Of one norm, over channels and batches.
struct Spread {
  std::span<const double> mean, variance;  // of all rows
  double mean_squares = 0, variance_squares = 0, count = 0;

  void add(std::span<const double> batch_mean, std::span<const double> batch_variance) {
    for (std::size_t c = 0; c < mean.size(); ++c) {
      if (variance[c] == 0) continue;
      const double off = batch_mean[c] - mean[c], share = batch_variance[c] / variance[c] - 1;
      mean_squares += off * off / variance[c];
      variance_squares += share * share;
      ++count;
    }
  }
};

double root_mean_square(double squares, double count) { return count == 0 ? 0 : std::sqrt(squares / count); }

// The root mean square over channels of sqrt((kurtosis − 1) / m).
double expected_spread(const ChannelMoments& moments, double m) {
  double sum = 0, count = 0;
  for (std::size_t c = 0; c < moments.mean.size(); ++c) {
    if (moments.m2[c] == 0) continue;
    sum += (moments.kurtosis(c) - 1) / m;
    ++count;
  }
  return root_mean_square(sum, count);
}

void add_outputs(const Model& model, const Batch& rows, const std::vector<float>& in_batches, Team& team,
                 BatchNoise& noise) {
  const std::size_t width = layer_outputs(model.network).back();
  std::vector<float> in_use(in_batches.size());
  InferencePlan plan(model.network, rows.rows, team.threads(), model.parameters.data(),
                     model.statistics.data());
  plan.run(team, rows, [&](const Worker&, std::size_t, std::size_t first_row, kernels::View out) {
    copy_rows(out, {in_use.data() + first_row * width, out.rows, width});
  });
  double squares = 0;
  for (std::size_t i = 0; i < in_use.size(); ++i) {
    const double off = double{in_batches[i]} - double{in_use[i]};
    squares += off * off;
    noise.output_largest = std::max(noise.output_largest, std::abs(off));
  }
  noise.output_rms = root_mean_square(squares, static_cast<double>(in_use.size()));
  if (rows.targets == nullptr) return;
  noise.loss = scores_of_outputs(model, rows, std::move(in_use), team).loss;
  noise.loss_in_batches = scores_of_outputs(model, rows, in_batches, team).loss;
}

}  // namespace

BatchNoise batch_noise(const Model& model, const std::vector<InsertedNorm>& norms,
                       const std::vector<ChannelMoments>& moments, const Batch& rows,
                       const InsertOptions& options) {
  const Cut batches = nearly_equal_batches(rows.rows, options.batch);
  BatchNoise noise;
  noise.batch = batches.largest();
  noise.batches = batches.parts;

  const std::vector<StatisticSlot> slots = statistic_slots(model.network);
  const std::vector<Shape> shapes = layer_shapes(model.network);
  std::vector<std::vector<double>> variances(norms.size());
  std::vector<Spread> spreads(norms.size());
  for (std::size_t i = 0; i < norms.size(); ++i) {
    const auto slot = std::ranges::find(slots, norms[i].layer, &StatisticSlot::layer);
    for (std::size_t c = 0; c < norms[i].channels; ++c) variances[i].push_back(moments[i].variance(c));
    spreads[i] = {{model.statistics.data() + slot->offset, slot->channels}, variances[i]};
    const double m =
        static_cast<double>(noise.batch * shapes[norms[i].layer].pixels()) * worth_of_a_row(rows);
    noise.norms.push_back({norms[i].layer, m, 1 / std::sqrt(m), 0, expected_spread(moments[i], m), 0});
  }
  Team team(InferencePlan::workers_for(model.network, rows.rows, options.threads));
  const std::vector<float> in_batches =
      outputs_in_batches(model, rows, batches, team,
                         {.order = shuffled(rows.rows, options.seed),
                          .look = [&](std::size_t, std::size_t layer, std::span<const double> mean,
                                      std::span<const double> variance) {
                            const auto norm = std::ranges::find(norms, layer, &InsertedNorm::layer);
                            if (norm != norms.end())
                              spreads[static_cast<std::size_t>(norm - norms.begin())].add(mean, variance);
                          }});
  for (std::size_t i = 0; i < norms.size(); ++i) {
    noise.norms[i].mean_measured = root_mean_square(spreads[i].mean_squares, spreads[i].count);
    noise.norms[i].variance_measured = root_mean_square(spreads[i].variance_squares, spreads[i].count);
  }
  add_outputs(model, rows, in_batches, team, noise);
  return noise;
}

}  // namespace ztilde
