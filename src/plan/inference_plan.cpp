#include "plan/inference_plan.hpp"

#include <algorithm>

#include "kernels/packed_weights.hpp"

namespace ztilde {

using kernels::ConstView;
using kernels::View;

namespace {

constexpr std::size_t kBlockRows = 128;
// The last block of a run is computed as one of these sizes: few products to prepare, little waste.
constexpr std::size_t kBlockSizes[] = {4, 16, 64, kBlockRows};

std::size_t tables_size(const Network& network) {
  std::size_t size = 0;
  for (const ParameterSlot& slot : parameter_slots(network)) {
    if (slot.column) size = slot.offset + slot.size();
  }
  return size;
}

std::size_t encoding_size(const Network& network) {
  const std::vector<EncodingSlot> slots = encoding_slots(network);
  return slots.empty() ? 0 : slots.back().offset + slots.back().size;
}

}  // namespace

Cut InferencePlan::blocks(std::size_t rows) { return Cut::at_most(rows, kBlockRows); }

std::size_t InferencePlan::workers_for(const Network& network, std::size_t rows, std::size_t threads) {
  const std::size_t most = threads == 0 ? available_cores() : threads;
  if (rows > 1 || !kernels::packs_in_panels()) return std::min(most, blocks(rows).parts);
  // One row reads every weight once. One core is best as long as they stay in its cache.
  constexpr std::size_t kWeightsForAWorker = 1 << 18;
  return std::clamp<std::size_t>((parameter_count(network) - tables_size(network)) / kWeightsForAWorker, 1,
                                 most);
}

InferencePlan::InferencePlan(const Network& network, std::size_t largest_batch, std::size_t workers,
                             const float* parameters, const double* statistics)
    : stages_(lower(network)),
      tensors_(stage_tensors(network, stages_, parameters, nullptr)),
      parameters_(parameters),
      statistics_(statistics),
      tables_(tables_size(network)),
      encoding_(encoding_size(network)),
      encoder_(network, tables_.data(), nullptr, encoding_.data()),
      statistic_offsets_(stages_.size()),
      cache_(workers) {
  std::size_t inputs = 0, outputs = 0;
  const std::vector<StatisticSlot> slots = statistic_slots(network);
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    const Stage& stage = stages_[s];
    inputs = std::max(inputs, row_stride(stage.inputs));
    outputs = std::max(outputs, row_stride(stage.outputs));
    packed_.push_back(stage.dense_layer
                          ? Packed{AlignedBuffer<float>(kernels::packed_size(stage.inputs, stage.outputs)),
                                   AlignedBuffer<float>(stage.bias ? stage.outputs : 0)}
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
  const bool panels = kernels::packs_in_panels();
  for (const std::size_t size : kBlockSizes) {
    if (panels && largest_batch == 1) break;     // a single row has a product of its own
    if (!panels && size < kBlockRows) continue;  // a row's bits depend on the rows beside it: always as many
    block_sizes_.push_back(size);
    auto& of_size = products_.emplace_back();
    for (const Stage& stage : stages_) {
      of_size.push_back(stage.dense_layer ? cache_.get({kernels::ProductKind::forward_packed, size,
                                                        stage.inputs, stage.outputs, row_stride(stage.inputs),
                                                        row_stride(stage.outputs), 0, stage.bias})
                                          : nullptr);
    }
    if (size >= largest_block) break;
  }
  const std::size_t rows = block_sizes_.empty() ? 1 : block_sizes_.back();
  for (std::size_t w = 0; w < workers; ++w) {
    scratch_.push_back({AlignedBuffer<float>(rows * inputs), AlignedBuffer<float>(rows * outputs),
                        AlignedBuffer<std::byte>(cache_.largest_scratch())});
  }
  for (AlignedBuffer<float>& z : row_z_) z = AlignedBuffer<float>(outputs);
}

void InferencePlan::refresh() {
  std::copy_n(parameters_, tables_.size(), tables_.data());
  std::copy_n(statistics_, encoding_.size(), encoding_.data());
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    const Stage& stage = stages_[s];
    if (stage.dense_layer) {
      kernels::pack_weights(tensors_[s].weight, stage.inputs, stage.outputs, packed_[s].weight.data());
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
  std::size_t bytes = tables_.size() * sizeof(float) + encoding_.size() * sizeof(double);
  for (const Scratch& s : scratch_)
    bytes += (s.source.size() + s.z.size()) * sizeof(float) + s.product.size();
  for (const Packed& p : packed_) bytes += (p.weight.size() + p.bias.size()) * sizeof(float);
  return bytes;
}

void InferencePlan::prologue(std::size_t s, const Batch& batch, std::size_t first_row, ConstView z,
                             View out) const {
  const Stage& stage = stages_[s];
  if (s == 0) {
    encoder_.gather(batch, first_row, 0, norms_[s].affine(), out);
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

void InferencePlan::run(Team& team, const Batch& batch, const Consume& consume, const Look& look) {
  if (batch.rows == 0) return;
  const bool one_row = batch.rows == 1 && kernels::packs_in_panels();
  team.run([&](const Worker& worker) {
    if (one_row) {
      run_one_row(worker, batch, consume, look);
    } else {
      run_blocks(worker, batch, consume, look);
    }
  });
}

void InferencePlan::run_blocks(const Worker& worker, const Batch& batch, const Consume& consume,
                               const Look& look) {
  const Cut cut = blocks(batch.rows);
  const std::size_t size_index =
      std::lower_bound(block_sizes_.begin(), block_sizes_.end(), cut.largest()) - block_sizes_.begin();
  const std::vector<const kernels::Product*>& products = products_[size_index];
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
        products[s]->run(worker.index, source.data, packed_[s].weight.data(), packed_[s].bias.data(), z.data,
                         mine.product.data());
      } else {
        copy_rows(source, z);
      }
      if (look) look(s, first, z);
    }
    consume(worker, block, first, z);
  });
}

void InferencePlan::run_one_row(const Worker& worker, const Batch& batch, const Consume& consume,
                                const Look& look) {
  constexpr std::size_t kLine = kFloatsPerLine;  // what workers share lies on cache lines of one of them
  View z;
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    const Stage& stage = stages_[s];
    const View source(scratch_[worker.index].source.data(), 1, stage.inputs);
    prologue(s, batch, 0, z, source);
    z = View(row_z_[s % 2].data(), 1, stage.outputs);
    if (stage.dense_layer) {
      const Cut lines{(stage.outputs + kLine - 1) / kLine, worker.count};
      kernels::one_row_product(source.data, packed_[s].weight.data(),
                               stage.bias ? packed_[s].bias.data() : nullptr, stage.inputs, stage.outputs,
                               kLine * lines.first(worker.index), kLine * lines.size(worker.index), z.data);
    } else if (worker.index == 0) {
      copy_rows(source, z);
    }
    if (worker.count > 1) worker.sync();
    if (look && worker.index == 0) look(s, 0, z);
  }
  if (worker.index == 0) consume(worker, 0, 0, z);
}

}  // namespace ztilde
