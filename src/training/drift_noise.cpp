#include "training/drift_noise.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "model/drift_statistics.hpp"
#include "training/norm_probe.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kMostRows = 16'384;
// How far out a row may lie that was not seen, in the furthest that was.
constexpr double kFurther = 2;

// Of numbers around a pivot near their mean.
struct Powers {
  double first = 0, second = 0, fourth = 0, furthest = 0;
  void add(double distance, double weight) {
    const double square = distance * distance;
    first += weight * distance;
    second += weight * square;
    fourth += weight * square * square;
    furthest = weight > 0 ? std::max(furthest, std::abs(distance)) : furthest;
  }
  // rare: what one row in `rows` may have.
  DriftNoise noise(double weight, double rows, double rare) const {
    const double square = rare * rare;
    const double variance = std::max(0.0, second / weight - std::pow(first / weight, 2)) + square / rows;
    const double kurtosis = (fourth / weight + square * square / rows) / (variance * variance);
    return variance > 0 ? DriftNoise{std::sqrt(variance), std::sqrt(kurtosis)} : DriftNoise{};
  }
};

ColumnNoise noise_of(const Powers& u, const Powers& v, double mean_square, double weight, double rows) {
  // Stored variance that these rows lack comes from rows too rare to be among them.
  const double scatter = std::sqrt(v.second / weight / rows);
  const double lack = std::max(0.0, 1 - mean_square - 3 * scatter) * rows;  // the square in such a row
  ColumnNoise noise;
  noise.mean = u.noise(weight, rows, std::max(std::sqrt(lack), kFurther * u.furthest));
  noise.variance = v.noise(weight, rows, std::max(lack, kFurther * kFurther * v.furthest));
  return noise;
}

}  // namespace

void draw_rows(const Batch& rows, std::size_t most, std::uint64_t seed, SomeRows& some) {
  Batch all = rows;
  if (!all.row_index) {
    some.index.resize(rows.rows);
    std::iota(some.index.begin(), some.index.end(), 0u);
    all.row_index = some.index.data();
  }
  some.index = probe_rows(all, most_copied(rows, most), seed);
  all.row_index = some.index.data();
  all.rows = some.index.size();
  some.batch = in_memory(all, some.copy);
}

std::vector<ColumnNoise> column_noise(const Model& model, const DriftLayout& layout, const Batch& rows,
                                      std::uint64_t seed, Team& team) {
  if (layout.inputs.empty()) return {};
  DriftLayout inputs = layout;
  inputs.layers.clear();
  inputs.channels = inputs.input_channels();
  SomeRows drawn;
  draw_rows(rows, kMostRows, seed, drawn);
  const Batch& some = drawn.batch;
  const std::size_t channels = inputs.channels, stretch = std::min(drift_stretch(inputs), some.rows);
  std::vector<double> u(stretch * channels), v(u);
  std::vector<Powers> of_u(channels), of_v(channels);
  std::vector<double> squares(channels);
  double weight = 0;
  DriftRows measured(model, inputs, stretch, team);
  for (std::size_t first = 0; first < some.rows; first += stretch) {
    const Batch part = batch_part(some, first, std::min(stretch, some.rows - first));
    measured.measure(part, u.data(), v.data());
    std::vector<float> weights(part.rows, 1.0f);
    if (part.weights) gather_weights(part, 0, part.rows, weights.data());
    for (const double w : weights) weight += w;
    team.run([&](const Worker& worker) {
      const Cut mine{channels, worker.count};
      const std::size_t begin = mine.first(worker.index), end = begin + mine.size(worker.index);
      for (std::size_t r = 0; r < part.rows; ++r) {
        const double w = weights[r];
        for (std::size_t c = begin; c < end; ++c) {
          of_u[c].add(u[r * channels + c], w);
          of_v[c].add(v[r * channels + c] - 1, w);
          squares[c] += w * v[r * channels + c];
        }
      }
    });
  }
  std::vector<ColumnNoise> noises;
  for (std::size_t c = 0; c < channels; ++c) {
    const bool constant =
        inputs.inputs[0].variance[c] == 1 && of_u[c].furthest <= drift_rounding(inputs.inputs[0], c);
    noises.push_back(constant || weight == 0 ? ColumnNoise{{}, {}, true}
                                             : noise_of(of_u[c], of_v[c], squares[c] / weight, weight,
                                                        static_cast<double>(some.rows)));
  }
  return noises;
}

}  // namespace ztilde
