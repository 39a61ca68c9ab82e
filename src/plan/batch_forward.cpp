#include "plan/batch_forward.hpp"

#include <algorithm>
#include <string_view>

namespace ztilde {

using kernels::ConstView;
using kernels::View;

std::vector<StageTensors> stage_tensors(const Network& network, const std::vector<Stage>& stages,
                                        const float* parameters, float* gradients) {
  const std::vector<ParameterSlot> slots = parameter_slots(network);
  std::vector<StageTensors> tensors(stages.size());
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const auto point = [&](std::size_t layer, std::string_view name, const float*& value, float*& gradient) {
      for (const ParameterSlot& slot : slots) {
        if (slot.layer != layer || slot.name != name) continue;
        value = parameters + slot.offset;
        gradient = gradients ? gradients + slot.offset : nullptr;
      }
    };
    StageTensors& t = tensors[s];
    if (stages[s].dense_layer) {
      point(*stages[s].dense_layer, "weight", t.weight, t.d_weight);
      point(*stages[s].dense_layer, "bias", t.bias, t.d_bias);
    }
    if (stages[s].norm == StageNorm::batch) {
      point(stages[s].norm_layer, "weight", t.gamma, t.d_gamma);
      point(stages[s].norm_layer, "bias", t.beta, t.d_beta);
    }
  }
  return tensors;
}

BatchForward::BatchForward(const Network& network, std::vector<std::size_t> batch_sizes, std::size_t workers,
                           const float* parameters, float* gradients, const double* fixed_statistics,
                           bool dropout, std::uint64_t seed)
    : tensors(stage_tensors(network, lower(network), parameters, gradients)),
      stages_(lower(network)),
      encoder_(network, parameters, gradients, fixed_statistics),
      largest_batch_(*std::max_element(batch_sizes.begin(), batch_sizes.end())),
      order_(backward_order(stages_, largest_batch_)),
      dropout_(dropout),
      seed_(seed),
      cache_(workers) {
  std::size_t tile_rows = 0, blocks = 0, inputs = 0, outputs = 0, slice = 0;
  for (const std::size_t rows : batch_sizes) {
    const BatchProducts& products =
        products_.emplace_back(prepare_products(cache_, stages_, rows, gradients ? &order_ : nullptr));
    tile_rows = std::max(tile_rows, products.largest_tile());
    slice = std::max(slice, row_stride(products.largest_slice()));
    blocks = std::max(blocks, products.blocks.parts);
  }
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    const Stage& stage = stages_[s];
    inputs = std::max(inputs, row_stride(stage.inputs));
    if (stage.inner_activation != ActivationKind::identity)
      outputs = std::max(outputs, row_stride(stage.outputs));
    const auto epsilon =
        stage.norm == StageNorm::batch ? std::get<BatchNorm>(network.layers[stage.norm_layer]).epsilon : 0.0;
    norms.push_back(stage.norm == StageNorm::none
                        ? NormState()
                        : NormState(stage.inputs, epsilon, tensors[s].gamma, tensors[s].beta));
    sums.push_back(stage.sums ? BlockSums(blocks, stage.outputs, true) : BlockSums());
  }
  for (const StatisticSlot& slot : statistic_slots(network)) {
    for (std::size_t s = 0; s < stages_.size(); ++s) {
      if (stages_[s].norm != StageNorm::standardise || stages_[s].norm_layer != slot.layer) continue;
      std::copy_n(fixed_statistics + slot.offset, slot.channels, norms[s].mean.data());
      std::copy_n(fixed_statistics + slot.offset + slot.channels, slot.channels, norms[s].variance.data());
      norms[s].refresh();
    }
  }
  if (std::ranges::any_of(stages_, &Stage::sums)) weights_ = RowWeights(largest_batch_, blocks);
  for (std::size_t w = 0; w < workers; ++w) {
    scratch.push_back({AlignedBuffer<float>(tile_rows * inputs), AlignedBuffer<float>(tile_rows * outputs),
                       AlignedBuffer<float>(largest_batch_ * slice),
                       AlignedBuffer<std::byte>(cache_.largest_scratch())});
  }
}

const BatchProducts& BatchForward::products(std::size_t rows) const {
  for (const BatchProducts& products : products_) {
    if (products.rows == rows) return products;
  }
  return products_.front();  // unreachable: the batch planner and the plan share their sizes
}

std::size_t BatchForward::scratch_bytes() const {
  std::size_t bytes = 0;
  for (const WorkerScratch& worker : scratch) {
    bytes += (worker.source.size() + worker.inner.size() + worker.slice.size()) * sizeof(float) +
             worker.product.size();
  }
  for (const BlockSums& block_sums : sums) bytes += block_sums.bytes();
  return bytes + weights_.bytes();
}

void BatchForward::drop_out(const Stage& stage, std::size_t first_row, std::size_t first_channel, View x,
                            Stopwatch& watch) const {
  if (!dropout_ || stage.dropout.probability == 0) return;
  const RandomStream stream(seed_, Purpose::dropout, static_cast<std::uint32_t>(stage.dropout.layer), step_);
  kernels::dropout(x, stage.dropout.probability, stream, first_row, first_channel, stage.inputs);
  watch.lap(Work::other);
}

ConstView BatchForward::inner(std::size_t s, std::size_t first_row, std::size_t rows, float* out) const {
  const ConstView z_block = z(s, first_row, rows);
  if (stages_[s].inner_activation == ActivationKind::identity) return z_block;
  const View result(out, rows, z_block.channels, row_stride(z_block.channels));
  kernels::activate(z_block, stages_[s].inner_activation, result);
  return result;
}

ConstView BatchForward::source(std::size_t s, const Batch& batch, std::size_t first_row, std::size_t rows,
                               std::size_t first_channel, std::size_t channels, std::size_t stride,
                               float* out, Stopwatch& watch) const {
  const Stage& stage = stages_[s];
  const NormState& norm = norms[s];
  const View result(out, rows, channels, stride);
  ConstView x;
  if (s == 0) {
    inputs(batch, first_row, first_channel, result);
    x = result;
    watch.lap(Work::data);
    if (stage.activation != ActivationKind::identity) {
      kernels::activate(x, stage.activation, result);
      watch.lap(Work::normalisation);
    }
  } else {
    x = z_[s - 1].block(first_row, rows);
    x.data += first_channel;
    x.channels = channels;
    const ActivationKind inner_activation = stages_[s - 1].inner_activation;
    if (inner_activation != ActivationKind::identity) {
      kernels::activate(x, inner_activation, result);
      x = result;
    }
    if (stage.norm != StageNorm::none) {
      kernels::normalise_activate(x, norm.affine(first_channel), stage.activation, result);
      x = result;
    } else if (stage.activation != ActivationKind::identity) {
      kernels::activate(x, stage.activation, result);
      x = result;
    }
    watch.lap(Work::normalisation);
  }
  if (dropout_ && stage.dropout.probability > 0) {
    if (x.data != out) {  // nothing before it: drop out of a copy
      copy_rows(x, result);
      x = result;
    }
    drop_out(stage, first_row, first_channel, result, watch);
  }
  return x;
}

void BatchForward::begin(std::uint64_t step) {
  step_ = step;
  fault_.reset();
}

void BatchForward::run(const Worker& worker, const Batch& batch) {
  const BatchProducts& batch_products = products(batch.rows);
  const Cut& blocks = batch_products.blocks;
  WorkerScratch& mine = scratch[worker.index];
  const bool weighted = batch.weights != nullptr && weights_.of_row.size() > 0;
  if (weighted) {
    for (const Tile& tile : batch_products.tiles[worker.index]) {
      gather_weights(batch, tile.first_row, tile.rows, weights_.of_row.data() + tile.first_row);
      for (std::size_t block = tile.first_block; block < tile.end_block; ++block)
        weights_.sum_block(blocks, block);
    }
    mine.watch.lap(Work::data);
  }
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    const Stage& stage = stages_[s];
    for (const Tile& tile : batch_products.tiles[worker.index]) {
      const std::size_t first = tile.first_row, rows = tile.rows;
      const View result = z(s, first, rows);
      if (stage.dense_layer) {
        // The product reads rows at the stride it was prepared for; z of the stage before has it too.
        const ConstView x = source(s, batch, first, rows, 0, stage.inputs, row_stride(stage.inputs),
                                   mine.source.data(), mine.watch);
        batch_products.stages[s].forward[tile.product]->run(
            worker.index, x.data, tensors[s].weight, tensors[s].bias, result.data, mine.product.data());
        mine.watch.lap(Work::products);
      } else {
        const ConstView x =
            source(s, batch, first, rows, 0, stage.inputs, result.row_stride, result.data, mine.watch);
        if (x.data != result.data) {
          copy_rows(x, result);
        }
      }
      if (!stage.sums) continue;
      const ConstView x = inner(s, first, rows, mine.inner.data());
      for (std::size_t block = tile.first_block; block < tile.end_block; ++block) {
        const ConstView of_block = x.block(blocks.first(block) - first, blocks.size(block));
        if (weighted) {
          kernels::weighted_sums(of_block, weights_.of_row.data() + blocks.first(block),
                                 sums[s].shift_of(block), sums[s].sum_of(block), sums[s].squares_of(block));
        } else {
          kernels::shifted_sums(of_block, sums[s].shift_of(block), sums[s].sum_of(block),
                                sums[s].squares_of(block));
        }
      }
      mine.watch.lap(Work::normalisation);
    }
    if (!stage.sums) continue;
    worker.sync([&] {
      mine.watch.lap(Work::other);
      weights_.used = weighted;
      if (weighted) weights_.sum_all(blocks);
      const std::size_t broken = norms[s + 1].merge(sums[s], blocks, weights_);
      if (broken != stage.outputs && !fault_) fault_ = Fault{stages_[s + 1].norm_layer, broken};
      mine.watch.lap(Work::normalisation);
    });
    mine.watch.lap(Work::other);
  }
}

}  // namespace ztilde
