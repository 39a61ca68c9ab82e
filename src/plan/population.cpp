#include "plan/population.hpp"

#include <algorithm>

#include "plan/image_statistics.hpp"
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
    const std::size_t last = stages[s].last_reader().value_or(s);
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

// Where z of all rows does not fit into memory: one pass for each batch norm.
std::optional<Fault> measure_in_passes(const Network& network, const float* parameters, const Batch& all_rows,
                                       Team& team, std::span<double> statistics,
                                       std::span<std::uint64_t> batches, Exchange* ranks) {
  std::vector<double> found(statistics.begin(), statistics.end());
  ImageStatistics images(network, parameters, all_rows, team, found.data(),
                         all_rows.source.keeper ? 0 : image_passes_memory(), ranks);
  std::vector<ImagePass>::const_iterator pass = images.passes().begin();
  std::optional<Fault> fault;
  for_each_norm(network, images.stages(), [&](std::size_t s, std::size_t, const StatisticSlot& slot) {
    if (fault) return;
    keep(images.measure(*pass++), slot, found);
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
                                        std::span<std::uint64_t> batches, Exchange* ranks) {
  const std::vector<Stage> stages = lower(network);
  if (std::ranges::none_of(stages, &Stage::sums)) return std::nullopt;
  if (has_images(stages) || all_rows.source.keeper)
    return measure_in_passes(network, parameters, all_rows, team, statistics, batches, ranks);
  return measure_rows(network, parameters, all_rows, team, statistics, batches);
}

namespace {

// Takes the columns of some rows, all of them held, into `norm`.
void take_inputs(const Batch& rows, const Cut& blocks, const Encoder& encoder, Team& team,
                 AlignedBuffer<float>& memory, NormState& norm, double& taken) {
  const std::size_t stride = row_stride(norm.channels);
  BlockSums sums(blocks.parts, norm.channels, true);
  RowWeights weights;
  if (rows.weights) {
    weights = RowWeights(rows.rows, blocks.parts);
    weights.used = true;
  }
  team.run([&](const Worker& worker) {
    float* mine = memory.data() + worker.index * (memory.size() / worker.count);
    worker.share(blocks.parts, [&](std::size_t block) {
      const View x(mine, blocks.size(block), norm.channels, stride);
      encoder.gather(rows, blocks.first(block), 0, {}, x);
      if (!weights.used) {
        kernels::shifted_sums(x, sums.shift_of(block), sums.sum_of(block), sums.squares_of(block));
        return;
      }
      float* of_rows = weights.of_row.data() + blocks.first(block);
      gather_weights(rows, blocks.first(block), blocks.size(block), of_rows);
      weights.sum_block(blocks, block);
      kernels::weighted_sums(x, of_rows, sums.shift_of(block), sums.sum_of(block), sums.squares_of(block));
    });
  });
  norm.take(sums, blocks, weights, 1, taken);
}

}  // namespace

std::vector<std::size_t> measure_inputs(const Batch& all_rows, std::size_t columns, Team& team,
                                        std::span<double> mean, std::span<double> variance,
                                        const Encoder& encoder) {
  const Cut blocks = cut_into_blocks(all_rows.rows);
  AlignedBuffer<float> memory(team.threads() * blocks.largest() * row_stride(columns));
  NormState norm(columns, 0, nullptr, nullptr);
  double taken = 0;
  for_each_held(
      all_rows, blocks.parts, [&](std::size_t block) { return blocks.first(block); },
      [&](std::size_t first, std::size_t end) {
        // Blocks of nearly equal size in a row, the larger ones first, are such a cut again.
        const std::size_t rows = blocks.first(end) - blocks.first(first);
        const Batch part = batch_part(all_rows, blocks.first(first), rows);
        take_inputs(part, {rows, end - first}, encoder, team, memory, norm, taken);
      });
  norm.finish(taken);
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
