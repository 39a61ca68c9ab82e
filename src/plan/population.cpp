#include "plan/population.hpp"

#include <algorithm>

#include "plan/memory.hpp"

namespace ztilde {

using kernels::View;

std::optional<Fault> measure_population(const Network& network, const float* parameters,
                                        const Batch& all_rows, Team& team, std::span<double> statistics,
                                        std::span<std::uint64_t> batches) {
  const auto normalises = [](const Stage& stage) { return stage.norm == StageNorm::batch; };
  if (std::ranges::none_of(lower(network), normalises)) return std::nullopt;
  BatchForward forward(network, {all_rows.rows}, team.threads(), parameters, nullptr, statistics.data(),
                       false, 0);
  const std::vector<Stage>& stages = forward.stages();

  std::vector<Lifetime> lifetimes;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    lifetimes.push_back({all_rows.rows * row_stride(stages[s].outputs), s, s + 1});
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

  const std::vector<StatisticSlot> slots = statistic_slots(network);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    for (std::size_t s = 0; s < stages.size(); ++s) {
      if (stages[s].norm != StageNorm::batch || stages[s].norm_layer != slots[i].layer) continue;
      const NormState& norm = forward.norms[s];
      std::copy_n(norm.mean.data(), slots[i].channels, statistics.data() + slots[i].offset);
      std::copy_n(norm.variance.data(), slots[i].channels,
                  statistics.data() + slots[i].offset + slots[i].channels);
      batches[i] = 1;
    }
  }
  return std::nullopt;
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

}  // namespace ztilde
