#include "plan/population.hpp"

#include <algorithm>

#include "plan/inference_plan.hpp"
#include "plan/memory.hpp"

namespace ztilde {

using kernels::View;

namespace {

// Where the statistics of the batch norm that reads a stage go.
template <class Visit>
void for_each_norm(const Network& network, const std::vector<Stage>& stages, const Visit& visit) {
  const std::vector<StatisticSlot> slots = statistic_slots(network);
  for (std::size_t s = 0; s < stages.size(); ++s) {
    for (std::size_t i = 0; stages[s].sums && i < slots.size(); ++i) {
      if (slots[i].layer == stages[s].norm_layer) visit(s, i, slots[i]);
    }
  }
}

void keep(const NormState& norm, const StatisticSlot& slot, std::span<double> statistics) {
  std::copy_n(norm.mean.data(), slot.channels, statistics.data() + slot.offset);
  std::copy_n(norm.variance.data(), slot.channels, statistics.data() + slot.offset + slot.channels);
}

// All stages once, with two of them in memory.
std::optional<Fault> measure_rows(const Network& network, const float* parameters, const Batch& all_rows,
                                  Team& team, std::span<double> statistics,
                                  std::span<std::uint64_t> batches) {
  BatchForward forward(network, {all_rows.rows}, team.threads(), parameters, nullptr, statistics.data(),
                       false, 0);
  const std::vector<Stage>& stages = forward.stages();
  const std::vector<std::size_t>& groups = forward.groups();
  std::vector<Lifetime> lifetimes;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const std::size_t last =
        std::max({s, stages[s].norm_reader.value_or(0), stages[s].last_direct_reader.value_or(0)});
    lifetimes.push_back({all_rows.rows * row_stride(stages[s].outputs), groups[s], groups[last]});
  }
  const Placement placement = place(lifetimes);
  AlignedBuffer<float> memory(placement.total);
  std::vector<View> z;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    z.emplace_back(memory.data() + placement.offsets[s], all_rows.rows, stages[s].outputs,
                   row_stride(stages[s].outputs));
  }
  forward.set_z(std::move(z));
  forward.begin(0);
  team.run([&](const Worker& worker) { forward.run(worker, all_rows); });
  if (forward.fault()) return forward.fault();
  for_each_norm(network, stages, [&](std::size_t s, std::size_t i, const StatisticSlot& slot) {
    keep(forward.norms[s], slot, statistics);
    batches[i] = 1;
  });
  return std::nullopt;
}

// Statistics of z of stage s over all images, the stages below run anew for every block of them.
class ImageStatistics {
 public:
  ImageStatistics(const Network& network, const float* parameters, const Batch& all_rows, Team& team,
                  const double* statistics)
      : all_rows_(all_rows),
        team_(team),
        plan_(network, std::min(all_rows.rows, kStretch), team.threads(), parameters, statistics) {}

  const std::vector<Stage>& stages() const { return plan_.stages(); }

  NormState measure(std::size_t s) {
    const Stage& stage = stages()[s];
    const std::size_t pixels = stage.output.pixels();
    NormState norm(stage.outputs, 0, nullptr, nullptr);
    double taken = 0;
    for (std::size_t first = 0; first < all_rows_.rows; first += kStretch) {
      const Batch rows = stretch(first);
      const Cut blocks = plan_.blocks(rows.rows);
      BlockSums sums(blocks.parts, stage.outputs, true);
      RowWeights weights(rows.weights ? rows.rows : 0, rows.weights ? blocks.parts : 0);
      weights.used = rows.weights != nullptr;
      plan_.run_up_to(team_, s, rows, [&](const Worker&, std::size_t block, std::size_t first_row, View z) {
        if (stage.inner_activation != ActivationKind::identity)
          kernels::activate(z, stage.inner_activation, z);
        if (!weights.used) {
          kernels::shifted_sums(z, sums.shift_of(block), sums.sum_of(block), sums.squares_of(block));
          return;
        }
        gather_weights(rows, first_row, z.rows / pixels, weights.of_row.data() + first_row);
        weights.sum_block(blocks, block);
        std::vector<float> of_pixels(z.rows);
        for (std::size_t r = 0; r < z.rows; ++r) of_pixels[r] = weights.of_row[first_row + r / pixels];
        kernels::weighted_sums(z, of_pixels.data(), sums.shift_of(block), sums.sum_of(block),
                               sums.squares_of(block));
      });
      norm.take(sums, blocks, weights, pixels, taken);
    }
    broken_ = norm.finish(taken);
    return norm;
  }
  // The first channel of the last measurement that is not finite, or their number.
  std::size_t broken() const { return broken_; }
  void use(std::size_t s) { plan_.refresh_norm(s); }

 private:
  static constexpr std::size_t kStretch = 4096;  // images whose block sums are in memory

  Batch stretch(std::size_t first) const {
    Batch rows = all_rows_;
    rows.rows = std::min(kStretch, all_rows_.rows - first);
    if (rows.row_index) {
      rows.row_index += first;
      return rows;
    }
    if (rows.source.bytes) rows.source.bytes += first * rows.source.stride;
    if (rows.source.floats) rows.source.floats += first * rows.source.stride;
    if (rows.weights) rows.weights += first;
    if (rows.targets) rows.targets += first;
    return rows;
  }

  const Batch& all_rows_;
  Team& team_;
  InferencePlan plan_;
  std::size_t broken_ = 0;
};

// Where z of all images does not fit into memory: one pass over the stages below for each batch norm.
std::optional<Fault> measure_images(const Network& network, const float* parameters, const Batch& all_rows,
                                    Team& team, std::span<double> statistics,
                                    std::span<std::uint64_t> batches) {
  std::vector<double> found(statistics.begin(), statistics.end());
  ImageStatistics images(network, parameters, all_rows, team, found.data());
  std::optional<Fault> fault;
  for_each_norm(network, images.stages(), [&](std::size_t s, std::size_t, const StatisticSlot& slot) {
    if (fault) return;
    keep(images.measure(s), slot, found);
    if (images.broken() < slot.channels) fault = Fault{slot.layer, images.broken()};
    images.use(s);
  });
  if (fault) return fault;
  std::ranges::copy(found, statistics.begin());
  for_each_norm(network, images.stages(),
                [&](std::size_t, std::size_t i, const StatisticSlot&) { batches[i] = 1; });
  return std::nullopt;
}

}  // namespace

std::optional<Fault> measure_population(const Network& network, const float* parameters,
                                        const Batch& all_rows, Team& team, std::span<double> statistics,
                                        std::span<std::uint64_t> batches) {
  const std::vector<Stage> stages = lower(network);
  if (std::ranges::none_of(stages, &Stage::sums)) return std::nullopt;
  return (has_images(stages) ? measure_images : measure_rows)(network, parameters, all_rows, team, statistics,
                                                              batches);
}

std::vector<std::size_t> measure_inputs(const Batch& all_rows, std::size_t columns, Team& team,
                                        std::span<double> mean, std::span<double> variance,
                                        const Encoder& encoder) {
  const Cut blocks = cut_into_blocks(all_rows.rows);
  const std::size_t stride = row_stride(columns);
  BlockSums sums(blocks.parts, columns, true);
  AlignedBuffer<float> memory(team.threads() * blocks.largest() * stride);
  RowWeights weights;
  if (all_rows.weights) {
    weights = RowWeights(all_rows.rows, blocks.parts);
    weights.used = true;
  }
  team.run([&](const Worker& worker) {
    float* mine = memory.data() + worker.index * blocks.largest() * stride;
    worker.share(blocks.parts, [&](std::size_t block) {
      const View x(mine, blocks.size(block), columns, stride);
      encoder.gather(all_rows, blocks.first(block), 0, {}, x);
      if (!weights.used) {
        kernels::shifted_sums(x, sums.shift_of(block), sums.sum_of(block), sums.squares_of(block));
        return;
      }
      float* of_rows = weights.of_row.data() + blocks.first(block);
      gather_weights(all_rows, blocks.first(block), blocks.size(block), of_rows);
      weights.sum_block(blocks, block);
      kernels::weighted_sums(x, of_rows, sums.shift_of(block), sums.sum_of(block), sums.squares_of(block));
    });
  });
  NormState norm(columns, 0, nullptr, nullptr);
  norm.merge(sums, blocks, weights);
  std::vector<std::size_t> constant;
  for (std::size_t c = 0; c < columns; ++c) {
    mean[c] = norm.mean[c];
    variance[c] = norm.variance[c];
    if (variance[c] == 0) {
      constant.push_back(c);
      variance[c] = 1;
    }
  }
  return constant;
}

std::vector<std::size_t> measure_image_inputs(const Batch& all_rows, const Shape& shape, Team& team,
                                              std::span<double> mean, std::span<double> variance) {
  std::vector<double> means(shape.size()), variances(shape.size());
  for (const std::size_t column : measure_inputs(all_rows, shape.size(), team, means, variances))
    variances[column] = 0;
  std::vector<std::size_t> constant;
  // Every pixel has as many rows: their statistics are pooled with equal weight.
  const auto pixels = static_cast<double>(shape.pixels());
  for (std::size_t c = 0; c < shape.channels; ++c) {
    double sum = 0, spread = 0;
    for (std::size_t i = c; i < shape.size(); i += shape.channels) sum += means[i] - means[c];
    mean[c] = means[c] + sum / pixels;
    for (std::size_t i = c; i < shape.size(); i += shape.channels)
      spread += variances[i] + (means[i] - mean[c]) * (means[i] - mean[c]);
    variance[c] = spread / pixels;
    if (variance[c] > 0) continue;
    constant.push_back(c);
    variance[c] = 1;
  }
  return constant;
}

}  // namespace ztilde
