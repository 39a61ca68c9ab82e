#include "doctor/measure.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "plan/inference_plan.hpp"

namespace ztilde::doctor {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Sums of a block of rows for one norm, by channel. Of a row's pixels, as distances d from a shift that all
// rows share: first = mean d, second = mean d².
struct Sums {
  double weight = 0, squares = 0;  // Σ w, Σ w²
  std::vector<double> first, first_squared, second, second_squared, product, least, most;

  void resize(std::size_t channels) {
    for (auto* sums : {&first, &first_squared, &second, &second_squared, &product})
      sums->assign(channels, 0.0);
    least.assign(channels, kInfinity);
    most.assign(channels, -kInfinity);
  }
  void add(const Sums& other) {
    weight += other.weight;
    squares += other.squares;
    for (std::size_t c = 0; c < first.size(); ++c) {
      first[c] += other.first[c];
      first_squared[c] += other.first_squared[c];
      second[c] += other.second[c];
      second_squared[c] += other.second_squared[c];
      product[c] += other.product[c];
      least[c] = std::min(least[c], other.least[c]);
      most[c] = std::max(most[c], other.most[c]);
    }
  }
};

struct Place {
  std::size_t stage = 0;
  NormMoments moments;
  std::vector<double> shift;
  std::vector<Sums> blocks;
};

std::vector<float> tensor_of(const Model& model, std::size_t layer, std::string_view name) {
  for (const ParameterSlot& slot : parameter_slots(model.network)) {
    if (slot.layer != layer || slot.name != name) continue;
    const auto first = model.parameters.begin() + static_cast<std::ptrdiff_t>(slot.offset);
    return {first, first + static_cast<std::ptrdiff_t>(slot.size())};
  }
  return {};
}

std::vector<Place> places_of(const Model& model, const std::vector<Stage>& stages, std::size_t blocks) {
  std::vector<Place> places;
  for (const StatisticSlot& slot : statistic_slots(model.network)) {
    for (std::size_t s = 0; s < stages.size(); ++s) {
      if (!stages[s].sums || stages[s].norm_layer != slot.layer) continue;
      const Stage& reader = stages[*stages[s].norm_reader];
      Place place;
      place.stage = s;
      place.moments.slot = slot;
      place.moments.fields = std::get<BatchNorm>(model.network.layers[slot.layer]);
      place.moments.gamma = tensor_of(model, slot.layer, "weight");
      place.moments.beta = tensor_of(model, slot.layer, "bias");
      place.moments.inner = stages[s].inner_activation;
      place.moments.next = reader.shortcut ? ActivationKind::identity : reader.activation;
      place.moments.pixels = stages[s].output.pixels();
      for (std::size_t c = 0; c < slot.channels; ++c) {
        const double mean = model.statistics[slot.offset + c];
        place.shift.push_back(std::isfinite(mean) ? mean : 0);
      }
      place.blocks.resize(blocks);
      places.push_back(std::move(place));
    }
  }
  return places;
}

void sum_block(const Place& place, const Batch& batch, std::size_t first_row, kernels::ConstView z,
               Sums& sums) {
  const std::size_t pixels = place.moments.pixels, channels = z.channels, rows = z.rows / pixels;
  std::vector<float> weights(rows, 1.0f);
  if (batch.weights) gather_weights(batch, first_row, rows, weights.data());
  std::vector<double> first(channels), second(channels);
  sums.resize(channels);
  for (std::size_t r = 0; r < rows; ++r) {
    std::ranges::fill(first, 0.0);
    std::ranges::fill(second, 0.0);
    for (std::size_t p = 0; p < pixels; ++p) {
      const float* of_pixel = z.row(r * pixels + p);
      for (std::size_t c = 0; c < channels; ++c) {
        const double d = of_pixel[c] - place.shift[c];
        first[c] += d;
        second[c] += d * d;
        sums.least[c] = std::min<double>(sums.least[c], of_pixel[c]);
        sums.most[c] = std::max<double>(sums.most[c], of_pixel[c]);
      }
    }
    const double w = weights[r], share = 1 / static_cast<double>(pixels);
    sums.weight += w;
    sums.squares += w * w;
    for (std::size_t c = 0; c < channels; ++c) {
      const double a = first[c] * share, b = second[c] * share;
      sums.first[c] += w * a;
      sums.first_squared[c] += w * a * a;
      sums.second[c] += w * b;
      sums.second_squared[c] += w * b * b;
      sums.product[c] += w * a * b;
    }
  }
}

// The error of the variance is that of mean(b − 2 ā a), which it is but for terms of second order.
NormMoments finished(Place& place) {
  NormMoments& moments = place.moments;
  Sums all;
  all.resize(moments.channels());
  for (const Sums& block : place.blocks) all.add(block);
  const double rows = all.weight * all.weight / all.squares;
  for (std::size_t c = 0; c < moments.channels(); ++c) {
    const auto mean_of = [&](const std::vector<double>& sums) { return sums[c] / all.weight; };
    const double a = mean_of(all.first), b = mean_of(all.second);
    const double var_a = mean_of(all.first_squared) - a * a, var_b = mean_of(all.second_squared) - b * b;
    const double covariance = mean_of(all.product) - a * b;
    const double var_of_variance = var_b - 4 * a * covariance + 4 * a * a * var_a;
    moments.mean.push_back(place.shift[c] + a);
    moments.variance.push_back(std::max(0.0, b - a * a));
    moments.mean_error.push_back(std::sqrt(std::max(0.0, var_a) / rows));
    moments.variance_error.push_back(std::sqrt(std::max(0.0, var_of_variance) / rows));
  }
  moments.least = std::move(all.least);
  moments.most = std::move(all.most);
  return std::move(moments);
}

double effective_rows(const Batch& batch) {
  if (!batch.weights) return static_cast<double>(batch.rows);
  double sum = 0, squares = 0;
  for (std::size_t r = 0; r < batch.rows; ++r) {
    sum += batch.weights[r];
    squares += double{batch.weights[r]} * batch.weights[r];
  }
  return sum * sum / squares;
}

}  // namespace

Measured measure(const Model& model, const Batch& batch, Team& team) {
  InferencePlan plan(model.network, batch.rows, team.threads(), model.parameters.data(),
                     model.statistics.data());
  const Cut blocks = plan.blocks(batch.rows);
  std::vector<std::size_t> block_at(batch.rows);
  for (std::size_t b = 0; b < blocks.parts; ++b) block_at[blocks.first(b)] = b;
  std::vector<Place> places = places_of(model, plan.stages(), blocks.parts);
  const std::size_t outputs = plan.stages().back().outputs;
  Measured measured;
  measured.outputs.resize(batch.rows * outputs);
  measured.rows = effective_rows(batch);
  const auto look = [&](std::size_t stage, std::size_t first_row, kernels::ConstView z) {
    for (Place& place : places) {
      if (place.stage != stage) continue;
      Sums& sums = place.blocks[block_at[first_row]];
      if (place.moments.inner == ActivationKind::identity) {
        sum_block(place, batch, first_row, z, sums);
        continue;
      }
      std::vector<float> activated(z.rows * z.channels);
      const kernels::View a(activated.data(), z.rows, z.channels);
      kernels::activate(z, place.moments.inner, a);
      sum_block(place, batch, first_row, a, sums);
    }
  };
  plan.run(
      team, batch,
      [&](const Worker&, std::size_t, std::size_t first_row, kernels::View out) {
        copy_rows(out, {measured.outputs.data() + first_row * outputs, out.rows, outputs});
      },
      look);
  for (Place& place : places) measured.norms.push_back(finished(place));
  return measured;
}

}  // namespace ztilde::doctor
