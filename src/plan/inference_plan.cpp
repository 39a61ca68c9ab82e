#include "plan/inference_plan.hpp"

#include <algorithm>
#include <cstring>

namespace ztilde {

using kernels::ConstView;
using kernels::View;

namespace {

constexpr std::size_t kBlockRows = 128;
// The last block of a run is computed as one of these sizes: few products to prepare, little waste.
constexpr std::size_t kBlockSizes[] = {1, 4, 16, 64, kBlockRows};

}  // namespace

Cut InferencePlan::blocks(std::size_t rows) { return Cut::at_most(rows, kBlockRows); }

std::size_t InferencePlan::workers_for(std::size_t rows, std::size_t threads) {
  return std::min(threads == 0 ? available_cores() : threads, blocks(rows).parts);
}

InferencePlan::InferencePlan(const Network& network, std::size_t largest_batch, std::size_t workers,
                             const float* parameters, const double* statistics)
    : stages_(lower(network)),
      tensors_(stage_tensors(network, stages_, parameters, nullptr)),
      statistics_(statistics),
      statistic_offsets_(stages_.size()),
      cache_(workers) {
  std::size_t inputs = 0, outputs = 0;
  const std::vector<StatisticSlot> slots = statistic_slots(network);
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    const Stage& stage = stages_[s];
    inputs = std::max(inputs, row_stride(stage.inputs));
    outputs = std::max(outputs, row_stride(stage.outputs));
    packed_.push_back(stage.dense_layer
                          ? Packed{AlignedBuffer<float>(stage.inputs * row_stride(stage.outputs)),
                                   AlignedBuffer<float>(row_stride(stage.outputs))}
                          : Packed{});
    if (stage.norm == StageNorm::none) {
      norms_.emplace_back();
      continue;
    }
    const double epsilon =
        stage.norm == StageNorm::batch ? std::get<BatchNorm>(network.layers[stage.norm_layer]).epsilon : 0.0;
    norms_.emplace_back(stage.inputs, epsilon, tensors_[s].gamma, tensors_[s].beta);
    for (const StatisticSlot& slot : slots) {
      if (slot.layer == stage.norm_layer) statistic_offsets_[s] = slot.offset;
    }
  }
  refresh();

  const std::size_t largest_block = blocks(largest_batch).largest();
  for (const std::size_t size : kBlockSizes) {
    block_sizes_.push_back(size);
    auto& of_size = products_.emplace_back();
    for (const Stage& stage : stages_) {
      const std::size_t width = row_stride(stage.outputs);
      of_size.push_back(stage.dense_layer
                            ? cache_.get({kernels::ProductKind::forward_packed, size, stage.inputs, width,
                                          row_stride(stage.inputs), width, width, stage.bias})
                            : nullptr);
    }
    if (size >= largest_block) break;
  }
  const std::size_t rows = block_sizes_.back();
  for (std::size_t w = 0; w < workers; ++w) {
    scratch_.push_back({AlignedBuffer<float>(rows * inputs), AlignedBuffer<float>(rows * outputs),
                        AlignedBuffer<std::byte>(cache_.largest_scratch())});
  }
}

void InferencePlan::refresh() {
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    const Stage& stage = stages_[s];
    if (stage.dense_layer) {
      const std::size_t width = row_stride(stage.outputs);
      for (std::size_t o = 0; o < stage.outputs; ++o) {
        const float* row = tensors_[s].weight + o * stage.inputs;
        for (std::size_t i = 0; i < stage.inputs; ++i) packed_[s].weight[i * width + o] = row[i];
      }
      if (stage.bias) std::copy_n(tensors_[s].bias, stage.outputs, packed_[s].bias.data());
    }
    NormState& norm = norms_[s];
    if (norm.channels == 0) continue;
    std::copy_n(statistics_ + statistic_offsets_[s], norm.channels, norm.mean.data());
    std::copy_n(statistics_ + statistic_offsets_[s] + norm.channels, norm.channels, norm.variance.data());
    norm.refresh();
  }
}

std::size_t InferencePlan::bytes() const {
  std::size_t bytes = 0;
  for (const Scratch& s : scratch_)
    bytes += (s.source.size() + s.z.size()) * sizeof(float) + s.product.size();
  return bytes;
}

void InferencePlan::prologue(std::size_t s, const Batch& batch, std::size_t first_row, ConstView z,
                             View out) const {
  const Stage& stage = stages_[s];
  if (s == 0) {
    gather(batch, first_row, 0, norms_[s].affine(), out);
    if (stage.activation != ActivationKind::identity) kernels::activate(out, stage.activation, out);
    return;
  }
  const ActivationKind inner_activation = stages_[s - 1].inner_activation;
  if (inner_activation != ActivationKind::identity) {
    kernels::activate(z, inner_activation, out);
    z = out;
  }
  if (stage.norm != StageNorm::none) {
    kernels::normalise_activate(z, norms_[s].affine(), stage.activation, out);
  } else {
    kernels::activate(z, stage.activation, out);
  }
}

void InferencePlan::run(Team& team, const Batch& batch, const Consume& consume) {
  const Cut cut = blocks(batch.rows);
  if (batch.rows == 0) return;
  const std::size_t size_index =
      std::lower_bound(block_sizes_.begin(), block_sizes_.end(), cut.largest()) - block_sizes_.begin();
  const std::vector<const kernels::Product*>& products = products_[size_index];
  team.run([&](const Worker& worker) {
    Scratch& mine = scratch_[worker.index];
    worker.share(cut.parts, [&](std::size_t block) {
      const std::size_t first = cut.first(block), rows = cut.size(block);
      View z;
      for (std::size_t s = 0; s < stages_.size(); ++s) {
        const View source(mine.source.data(), rows, stages_[s].inputs, row_stride(stages_[s].inputs));
        prologue(s, batch, first, z, source);
        z = View(mine.z.data(), rows, stages_[s].outputs, row_stride(stages_[s].outputs));
        if (stages_[s].dense_layer) {
          // A block with fewer rows than the product computes leaves old rows in the rest: finite
          // or not, they reach nobody.
          products[s]->run(worker.index, source.data, packed_[s].weight.data(), packed_[s].bias.data(),
                           z.data, mine.product.data());
        } else {
          for (std::size_t r = 0; r < rows; ++r) {
            std::memcpy(z.row(r), source.row(r), source.channels * sizeof(float));
          }
        }
      }
      consume(worker, block, first, z);
    });
  });
}

}  // namespace ztilde
