#include "plan/inference_plan.hpp"

#include <algorithm>

#include "kernels/packed_weights.hpp"
#include "plan/memory.hpp"
#include "plan/shared_sums.hpp"
#include "ztilde/error.hpp"

namespace ztilde {

using kernels::ConstView;
using kernels::View;

namespace {

constexpr std::size_t kBlockRows = 128;
// The last block of a run is computed as one of these sizes: few products to prepare, little waste.
constexpr std::size_t kBlockSizes[] = {4, 16, 64, kBlockRows};
constexpr std::size_t kImageBlockSizes[] = {1, 2, 4, 8, 16, 32};

// Whether a single row is shared by its outputs among the workers.
bool runs_one_row(const std::vector<Stage>& stages) {
  return kernels::packs_in_panels() && is_chain_of_rows(stages);
}

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

Cut InferencePlan::blocks_of(const std::vector<Stage>& stages, std::size_t rows) {
  return has_images(stages) ? cut_into_blocks(stages, rows) : Cut::at_most(rows, kBlockRows);
}

std::size_t InferencePlan::workers_for(const Network& network, std::size_t rows, std::size_t threads) {
  const std::size_t most = threads == 0 ? available_cores() : threads;
  const std::vector<Stage> stages = lower(network);
  if (rows > 1 || !runs_one_row(stages)) return std::min(most, blocks_of(stages, rows).parts);
  // One row reads every weight once. One core is best as long as they stay in its cache.
  constexpr std::size_t kWeightsForAWorker = 1 << 18;
  return std::clamp<std::size_t>((parameter_count(network) - tables_size(network)) / kWeightsForAWorker, 1,
                                 most);
}

InferencePlan::InferencePlan(const Network& network, std::size_t largest_batch, std::size_t workers,
                             const float* parameters, const double* statistics, Exchange* ranks)
    : ranks_(ranks),
      stages_(lower(network)),
      tensors_(stage_tensors(network, stages_, parameters, nullptr)),
      parameters_(parameters),
      statistics_(statistics),
      tables_(tables_size(network)),
      encoding_(encoding_size(network)),
      encoder_(network, tables_.data(), nullptr, encoding_.data()),
      statistic_offsets_(stages_.size()),
      cache_(workers) {
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    const Stage& stage = stages_[s];
    packed_.push_back(stage.dense_layer
                          ? Packed{AlignedBuffer<float>(kernels::packed_size(stage.inputs, stage.outputs)),
                                   AlignedBuffer<float>(stage.bias ? stage.outputs : 0)}
                          : Packed{});
    norms_.emplace_back();
    if (stage.sums) {
      const double epsilon = std::get<BatchNorm>(network.layers[stage.norm_layer]).epsilon;
      norms_.back() = NormState(stage.outputs, epsilon, tensors_[s].gamma, tensors_[s].beta);
    }
    for (const StatisticSlot& slot : statistic_slots(network)) {
      if (stage.sums && slot.layer == stage.norm_layer) statistic_offsets_[s] = slot.offset;
      if (s == 0 && stage.x.norm == StageNorm::standardise && slot.layer == stage.x.norm_layer)
        input_statistics_ = slot.offset;
    }
  }
  prepare_contractions(largest_batch);
  place_scratch(workers);
  refresh();
}

void InferencePlan::prepare_contractions(std::size_t largest_batch) {
  const std::size_t largest_block = blocks(largest_batch).largest();
  const bool panels = kernels::packs_in_panels(), images = has_images(stages_);
  for (const std::size_t size :
       images ? std::span<const std::size_t>(kImageBlockSizes) : std::span<const std::size_t>(kBlockSizes)) {
    if (largest_batch == 1 && runs_one_row(stages_)) break;  // a single row has a product of its own
    // A row's bits depend on the rows beside it: always as many.
    if (!panels && size < (images ? largest_block : kBlockRows)) continue;
    block_sizes_.push_back(size);
    auto& of_size = contractions_.emplace_back();
    for (const Stage& stage : stages_) {
      Contraction& contraction = of_size.emplace_back();
      if (stage.pool) contraction.pooling.emplace(pooling_of(stage, size));
      if (stage.dense_layer) {
        contraction.product = cache_.get(
            kernels::ProductShape{kernels::ProductKind::forward_packed, size, stage.inputs, stage.outputs,
                                  row_stride(stage.inputs), row_stride(stage.outputs), 0, stage.bias});
      }
      if (stage.conv_layer) {
        contraction.convolution = cache_.get(convolution_of(stage, kernels::ConvolutionKind::forward, size));
      }
    }
    if (size >= largest_block) break;
  }
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    const Stage& stage = stages_[s];
    if (!stage.conv_layer) continue;
    packed_[s] = {AlignedBuffer<float>(contractions_.front()[s].convolution->packed_floats()),
                  AlignedBuffer<float>(stage.bias ? stage.outputs : 0)};
  }
}

void InferencePlan::place_scratch(std::size_t workers) {
  const std::size_t rows = block_sizes_.empty() ? 1 : block_sizes_.back();
  std::size_t source = 0, pooled = 0, outputs = 0;
  std::vector<Lifetime> lifetimes;
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    const Stage& stage = stages_[s];
    source = std::max(source, rows * stage.source.size());
    outputs = std::max(outputs, row_stride(stage.outputs));
    if (stage.pool) pooled = std::max(pooled, rows * stage.input.size());
    // Read by prologues, at even times; contractions write at odd ones.
    const std::size_t last = stage.last_reader().value_or(s);
    lifetimes.push_back({rows * stage.output.size(), 2 * s + 1, std::max(2 * s + 1, 2 * last)});
  }
  const Placement placement = place(lifetimes);
  z_offsets_ = placement.offsets;
  for (std::size_t w = 0; w < workers; ++w) {
    scratch_.push_back({AlignedBuffer<float>(source), AlignedBuffer<float>(pooled),
                        AlignedBuffer<float>(placement.total),
                        AlignedBuffer<std::byte>(cache_.largest_scratch())});
  }
  for (AlignedBuffer<float>& z : row_z_) z = AlignedBuffer<float>(outputs);
}

void InferencePlan::refresh() {
  std::copy_n(parameters_, tables_.size(), tables_.data());
  std::copy_n(statistics_, encoding_.size(), encoding_.data());
  if (stages_[0].x.norm == StageNorm::standardise)
    input_norm_ = InputNorm(stages_[0].source, statistics_ + input_statistics_);
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    const Stage& stage = stages_[s];
    if (stage.dense_layer) {
      kernels::pack_weights(tensors_[s].weight, stage.inputs, stage.outputs, packed_[s].weight.data());
    }
    if (stage.conv_layer) {
      contractions_.front()[s].convolution->pack_weight(0, tensors_[s].weight, packed_[s].weight.data());
    }
    if (stage.bias) std::copy_n(tensors_[s].bias, stage.outputs, packed_[s].bias.data());
    if (stage.sums) refresh_norm(s);
  }
}

void InferencePlan::refresh_norm(std::size_t s) {
  NormState& norm = norms_[s];
  std::copy_n(statistics_ + statistic_offsets_[s], norm.channels, norm.mean.data());
  std::copy_n(statistics_ + statistic_offsets_[s] + norm.channels, norm.channels, norm.variance.data());
  norm.refresh();
}

std::size_t InferencePlan::bytes() const {
  std::size_t bytes = tables_.size() * sizeof(float) + encoding_.size() * sizeof(double);
  for (const Scratch& s : scratch_) {
    bytes += (s.source.size() + s.pooled.size() + s.z.size()) * sizeof(float) + s.product.size();
  }
  for (const Packed& p : packed_) bytes += (p.weight.size() + p.bias.size()) * sizeof(float);
  return bytes;
}

template <class Z>
void InferencePlan::prologue(std::size_t s, const Batch& batch, std::size_t first_row, const Z& z,
                             View out) const {
  const Stage& stage = stages_[s];
  if (!stage.x.stage) {
    const std::size_t pixels = stage.source.pixels();
    const View as_rows = pixels == 1 ? out : View(out.data, out.rows / pixels, pixels * out.channels);
    encoder_.gather(batch, first_row, 0, input_norm_.affine(), as_rows);
    if (stage.activation != ActivationKind::identity) kernels::activate(out, stage.activation, out);
    return;
  }
  ConstView x = z(*stage.x.stage);
  const ActivationKind inner_activation = stages_[*stage.x.stage].inner_activation;
  if (inner_activation != ActivationKind::identity) {
    kernels::activate(x, inner_activation, out);
    x = out;
  }
  const auto affine = [&](const Operand& from) {
    return from.norm == StageNorm::batch ? norms_[*from.stage].affine() : kernels::Affine{};
  };
  if (stage.shortcut) {
    View second = z(*stage.shortcut->stage);
    // Its only reader: it may be overwritten.
    const ActivationKind inner_of_second = stages_[*stage.shortcut->stage].inner_activation;
    if (inner_of_second != ActivationKind::identity) kernels::activate(second, inner_of_second, second);
    kernels::add_activate(x, affine(stage.x), second, affine(*stage.shortcut), stage.activation, out);
  } else if (stage.x.norm != StageNorm::none) {
    kernels::normalise_activate(x, affine(stage.x), stage.activation, out);
  } else {
    kernels::activate(x, stage.activation, out);
  }
}

void InferencePlan::run(Team& team, const Batch& batch, const Consume& consume, const Look& look) {
  if (batch.rows == 0) return;
  const bool one_row = batch.rows == 1 && runs_one_row(stages_);
  const Cut cut = blocks(batch.rows);
  for_each_held(
      batch, cut.parts, [&](std::size_t block) { return cut.first(block); },
      [&](std::size_t first, std::size_t end) {
        if (ranks_ && ranks_->count() > 1 && !one_row)
          return run_by_ranks(team, batch, {first, end}, consume);
        team.run([&](const Worker& worker) {
          if (one_row) {
            run_one_row(worker, batch, consume, look);
          } else {
            run_blocks(worker, {first, end}, {}, stages_.size(), batch, consume, look);
          }
        });
      });
}

void InferencePlan::run_by_ranks(Team& team, const Batch& batch, PartRange range, const Consume& consume) {
  const Cut cut = blocks(batch.rows);
  // Few enough rows at a time that nobody waits long for a slower rank.
  constexpr std::size_t kRows = 4096;
  const std::size_t most = std::max(ranks_->count(), kRows / cut.largest());
  for (std::size_t first = range.first; first < range.end; first += most) {
    const std::size_t end = std::min(range.end, first + most), first_row = cut.first(first);
    const std::size_t channels = stages_.back().outputs;
    const auto rows_before = [&](std::size_t block) { return cut.first(block) - first_row; };
    AlignedBuffer<float> outputs(rows_before(end) * channels);
    const auto out = [&](std::size_t block) {
      return View(outputs.data() + rows_before(block) * channels, cut.size(block), channels);
    };
    const BlockEnds ends = deal_blocks(end - first, ranks_->count());
    PartRange own = blocks_of_rank(ends, ranks_->rank());
    own = {first + own.first, first + own.end};
    team.run([&](const Worker& worker) {
      run_blocks(worker, own, {}, stages_.size(), batch,
                 [&](const Worker&, std::size_t block, std::size_t, View z) { copy_rows(z, out(block)); },
                 {});
    });
    SharedBytes shared{reinterpret_cast<std::byte*>(outputs.data()), {}};
    for (const std::size_t each : ends)
      shared.ends.push_back(rows_before(first + each) * channels * sizeof(float));
    if (!ranks_->gather({shared})) throw Error(ErrorKind::io, ranks_->problem());
    team.run([&](const Worker& worker) {
      worker.share(end - first,
                   [&](std::size_t i) { consume(worker, first + i, cut.first(first + i), out(first + i)); });
    });
  }
}

void InferencePlan::run_up_to(Team& team, std::size_t s, const Batch& batch, PartRange blocks,
                              const Consume& consume, const Look& look, const Start& start) {
  team.run([&](const Worker& worker) { run_blocks(worker, blocks, start, s + 1, batch, consume, look); });
}

View InferencePlan::z_of(const Worker& worker, std::size_t s, std::size_t rows) {
  const Stage& stage = stages_[s];
  return {scratch_[worker.index].z.data() + z_offsets_[s], rows * stage.output.pixels(), stage.outputs,
          row_stride(stage.outputs)};
}

void InferencePlan::run_stage(const Worker& worker, std::size_t s, const Batch& batch, std::size_t first_row,
                              std::size_t rows, std::size_t size_index) {
  const Stage& stage = stages_[s];
  const Contraction& contraction = contractions_[size_index][s];
  Scratch& mine = scratch_[worker.index];
  const View source(mine.source.data(), rows * stage.source.pixels(), stage.source.channels,
                    row_stride(stage.source.channels));
  prologue(
      s, batch, first_row, [&](std::size_t stage_read) { return z_of(worker, stage_read, rows); }, source);
  const float* input = source.data;
  if (contraction.pooling) {
    contraction.pooling->forward(source.data, mine.pooled.data(), nullptr);
    input = mine.pooled.data();
  }
  // A block with fewer rows than it was prepared for leaves old rows in the rest: finite or not, they
  // reach nobody.
  const View z = z_of(worker, s, rows);
  if (contraction.product) {
    contraction.product->run(worker.index, input, packed_[s].weight.data(), packed_[s].bias.data(), z.data,
                             mine.product.data());
  } else if (contraction.convolution) {
    contraction.convolution->run(worker.index, input, packed_[s].weight.data(),
                                 stage.bias ? packed_[s].bias.data() : nullptr, z.data, mine.product.data());
  } else {
    std::copy_n(input, z.rows * z.channels, z.data);
  }
}

void InferencePlan::run_blocks(const Worker& worker, const PartRange& range, const Start& start,
                               std::size_t stages, const Batch& batch, const Consume& consume,
                               const Look& look) {
  const Cut cut = blocks(batch.rows);
  const std::size_t size_index =
      std::lower_bound(block_sizes_.begin(), block_sizes_.end(), cut.largest()) - block_sizes_.begin();
  worker.share(range.end - range.first, [&](std::size_t i) {
    const std::size_t block = range.first + i, first = cut.first(block), rows = cut.size(block);
    if (start.z) {
      const View z = z_of(worker, start.stage, rows);
      std::copy_n(start.z + first * stages_[start.stage].output.size(), z.rows * z.channels, z.data);
    }
    for (std::size_t s = start.z ? start.stage + 1 : 0; s < stages; ++s) {
      run_stage(worker, s, batch, first, rows, size_index);
      if (look) look(s, first, z_of(worker, s, rows));
    }
    consume(worker, block, first, z_of(worker, stages - 1, rows));
  });
}

void InferencePlan::run_one_row(const Worker& worker, const Batch& batch, const Consume& consume,
                                const Look& look) {
  constexpr std::size_t kLine = kFloatsPerLine;  // what workers share lies on cache lines of one of them
  View z;
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    const Stage& stage = stages_[s];
    const View source(scratch_[worker.index].source.data(), 1, stage.inputs);
    prologue(
        s, batch, 0, [&](std::size_t) { return z; }, source);
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
