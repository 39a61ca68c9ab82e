#include "plan/batch_forward.hpp"

#include <algorithm>
#include <string_view>

#include "plan/shared_sums.hpp"

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
    if (const auto layer = stages[s].weight_layer()) {
      point(*layer, "weight", t.weight, t.d_weight);
      point(*layer, "bias", t.bias, t.d_bias);
    }
    if (stages[s].sums) {
      point(stages[s].norm_layer, "weight", t.gamma, t.d_gamma);
      point(stages[s].norm_layer, "bias", t.beta, t.d_beta);
    }
  }
  return tensors;
}

InputNorm::InputNorm(const Shape& input, const double* statistics)
    : centre(input.size()), scale(input.size()), shift(input.size()) {
  NormState of_channels(input.channels, 0, nullptr, nullptr);
  std::copy_n(statistics, input.channels, of_channels.mean.data());
  std::copy_n(statistics + input.channels, input.channels, of_channels.variance.data());
  of_channels.refresh();
  for (std::size_t i = 0; i < input.size(); ++i) {
    centre[i] = of_channels.centre[i % input.channels];
    scale[i] = of_channels.scale[i % input.channels];
    shift[i] = of_channels.shift[i % input.channels];
  }
}

InputNorm input_norm(const Network& network, const std::vector<Stage>& stages, const double* statistics) {
  if (stages[0].x.norm != StageNorm::standardise) return {};
  for (const StatisticSlot& slot : statistic_slots(network)) {
    if (slot.layer == stages[0].x.norm_layer) return {stages[0].source, statistics + slot.offset};
  }
  return {};
}

std::vector<std::size_t> forward_groups(const std::vector<Stage>& stages) {
  std::vector<std::size_t> groups;
  std::size_t group = 0;
  for (const Stage& stage : stages) {
    groups.push_back(group);
    if (stage.sums) ++group;
  }
  return groups;
}

BatchForward::BatchForward(const Network& network, std::vector<std::size_t> batch_sizes, std::size_t workers,
                           const float* parameters, float* gradients, const double* fixed_statistics,
                           bool dropout, std::uint64_t seed, PlanRanks ranks)
    : tensors(stage_tensors(network, lower(network), parameters, gradients)),
      stages_(lower(network)),
      groups_(forward_groups(stages_)),
      encoder_(network, parameters, gradients, fixed_statistics),
      input_norm_(ztilde::input_norm(network, stages_, fixed_statistics)),
      largest_batch_(*std::max_element(batch_sizes.begin(), batch_sizes.end())),
      order_(backward_order(stages_, largest_batch_)),
      dropout_(dropout),
      seed_(seed),
      ranks_(ranks),
      cache_(workers) {
  const Exchange* const exchange = ranks.exchange;
  const RankShare share = exchange ? RankShare{exchange->rank(), exchange->count()} : RankShare{};
  std::size_t tile_rows = 0, block_rows = 0, blocks = 0, slice = 0;
  for (const std::size_t rows : batch_sizes) {
    const BatchProducts& products = products_.emplace_back(
        prepare_products(cache_, stages_, rows, gradients ? &order_ : nullptr, exchange ? &share : nullptr));
    tile_rows = std::max(tile_rows, products.largest_tile());
    block_rows = std::max(block_rows, products.blocks.largest());
    slice = std::max(slice, row_stride(products.largest_slice()));
    blocks = std::max(blocks, products.blocks.parts);
  }
  std::size_t source = 0, pooled = 0, inner = 0, second = 0, result = 0, pixels = 0,
              places = 0;  // of one tile
  for (const Stage& stage : stages_) {
    const std::size_t rows = stage.works_on_pixels() ? block_rows : tile_rows;
    source = std::max(source, rows * stage.source.size());
    if (stage.pool) pooled = std::max(pooled, rows * stage.input.size());
    if (stage.shortcut) second = std::max(second, rows * stage.source.size());
    if (stage.inner_activation != ActivationKind::identity) {
      inner = std::max(inner, rows * stage.output.size());
      second = std::max(second, rows * stage.output.size());
    }
    if (moves(norms.size())) result = std::max(result, rows * stage.output.size());
    if (stage.sums) pixels = std::max(pixels, stage.output.pixels() > 1 ? rows * stage.output.pixels() : 0);
    const auto epsilon = stage.sums ? std::get<BatchNorm>(network.layers[stage.norm_layer]).epsilon : 0.0;
    const StageTensors& t = tensors[norms.size()];
    norms.push_back(stage.sums ? NormState(stage.outputs, epsilon, t.gamma, t.beta) : NormState());
    sums.push_back(stage.sums ? BlockSums(blocks, stage.outputs, true) : BlockSums());
    const StageProducts& of_stage = products_.front().stages[packed_.size()];
    const auto packed_for = [](const std::vector<const kernels::Convolution*>& convolutions) {
      return AlignedBuffer<float>(convolutions.empty() ? 0 : convolutions.front()->packed_floats());
    };
    for (const kernels::Pooling& pool : of_stage.pool) places = std::max(places, pool.places_bytes());
    packed_.push_back(packed_for(of_stage.convolve));
    packed_back_.push_back(packed_for(of_stage.convolve_back));
  }
  if (std::ranges::any_of(stages_, &Stage::sums)) weights_ = RowWeights(largest_batch_, blocks);
  for (std::size_t w = 0; w < workers; ++w) {
    WorkerScratch& mine = scratch.emplace_back();
    mine.source = AlignedBuffer<float>(source);
    mine.pooled = AlignedBuffer<float>(pooled);
    mine.inner = AlignedBuffer<float>(inner);
    mine.second = AlignedBuffer<float>(second);
    mine.result = AlignedBuffer<float>(result);
    mine.slice = AlignedBuffer<float>(largest_batch_ * slice);
    mine.pixel_weights = AlignedBuffer<float>(pixels);
    mine.product = AlignedBuffer<std::byte>(cache_.largest_scratch());
    mine.places = AlignedBuffer<std::byte>(places);
  }
}

bool BatchForward::moves(std::size_t s) const {
  const Stage& stage = stages_[s];
  constexpr std::size_t kBytes = 4 * 1024 * 1024;  // of a batch's z: more than the workers' own caches hold
  return stage.conv_layer && stage.sums && stage.inner_activation == ActivationKind::identity &&
         stage.outputs % kFloatsPerLine == 0 &&
         sizeof(float) * largest_batch_ * stage.output.size() >= kBytes;
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
    bytes += (worker.source.size() + worker.pooled.size() + worker.inner.size() + worker.second.size() +
              worker.result.size() + worker.slice.size() + worker.pixel_weights.size()) *
                 sizeof(float) +
             worker.product.size() + worker.places.size();
  }
  for (const auto* packed : {&packed_, &packed_back_}) {
    for (const AlignedBuffer<float>& weight : *packed) bytes += weight.size() * sizeof(float);
  }
  for (const BlockSums& block_sums : sums) bytes += block_sums.bytes();
  return bytes + weights_.bytes();
}

void BatchForward::drop_out(const Stage& stage, std::size_t first_row, std::size_t first_channel, View x,
                            Stopwatch& watch) const {
  if (!dropout_ || stage.dropout.probability == 0) return;
  const RandomStream stream(seed_, Purpose::dropout, static_cast<std::uint32_t>(stage.dropout.layer), step_);
  kernels::dropout(x, stage.dropout.probability, stream, first_row * stage.source.pixels(), first_channel,
                   stage.source.channels);
  watch.lap(Work::other);
}

ConstView BatchForward::inner(std::size_t s, std::size_t first_row, std::size_t rows, float* out) const {
  const ConstView z_block = z(s, first_row, rows);
  if (stages_[s].inner_activation == ActivationKind::identity) return z_block;
  const View result(out, z_block.rows, z_block.channels, row_stride(z_block.channels));
  kernels::activate(z_block, stages_[s].inner_activation, result);
  return result;
}

const float* BatchForward::weights_of(std::size_t s, std::size_t first_row, std::size_t rows,
                                      WorkerScratch& mine) const {
  const float* of_rows = weights_.of_row.data() + first_row;
  const std::size_t pixels = stages_[s].output.pixels();
  if (pixels == 1) return of_rows;
  for (std::size_t r = 0; r < rows; ++r)
    std::fill_n(mine.pixel_weights.data() + r * pixels, pixels, of_rows[r]);
  return mine.pixel_weights.data();
}

View BatchForward::before_activation(std::size_t s, std::size_t first_row, std::size_t rows, float* out,
                                     WorkerScratch& mine) const {
  const Stage& stage = stages_[s];
  const View sum(out, rows * stage.source.pixels(), stage.source.channels);
  kernels::add_activate(operand(stage.x, first_row, rows, mine.inner.data()), affine(stage.x, 0),
                        operand(*stage.shortcut, first_row, rows, mine.second.data()),
                        affine(*stage.shortcut, 0), ActivationKind::identity, sum);
  return sum;
}

ConstView BatchForward::source(std::size_t s, const Batch& batch, std::size_t first_row, std::size_t rows,
                               std::size_t first_channel, std::size_t channels, std::size_t stride,
                               float* out, WorkerScratch& mine) const {
  const Stage& stage = stages_[s];
  const std::size_t pixels = stage.source.pixels();
  const View result(out, rows * pixels, channels, stride);
  ConstView x;
  if (!stage.x.stage) {
    const View as_rows = pixels == 1 ? result : View(out, rows, pixels * channels);
    inputs(batch, first_row, first_channel, as_rows);
    x = result;
    mine.watch.lap(Work::data);
    if (stage.activation != ActivationKind::identity) {
      kernels::activate(x, stage.activation, result);
      mine.watch.lap(Work::normalisation);
    }
  } else {
    const auto some_channels = [&](ConstView whole) {
      whole.data += first_channel;
      whole.channels = channels;
      return whole;
    };
    x = some_channels(z(*stage.x.stage, first_row, rows));
    const ActivationKind inner_activation = stages_[*stage.x.stage].inner_activation;
    if (inner_activation != ActivationKind::identity) {
      kernels::activate(x, inner_activation, result);
      x = result;
    }
    if (stage.shortcut) {
      const ConstView second = some_channels(operand(*stage.shortcut, first_row, rows, mine.second.data()));
      kernels::add_activate(x, affine(stage.x, first_channel), second, affine(*stage.shortcut, first_channel),
                            stage.activation, result);
      x = result;
    } else if (stage.x.norm != StageNorm::none) {
      kernels::normalise_activate(x, affine(stage.x, first_channel), stage.activation, result);
      x = result;
    } else if (stage.activation != ActivationKind::identity) {
      kernels::activate(x, stage.activation, result);
      x = result;
    }
    mine.watch.lap(Work::normalisation);
  }
  if (dropout_ && stage.dropout.probability > 0) {
    if (x.data != out) {  // nothing before it: drop out of a copy
      copy_rows(x, result);
      x = result;
    }
    drop_out(stage, first_row, first_channel, result, mine.watch);
  }
  return x;
}

ConstView BatchForward::pooled(std::size_t s, const StageProducts& products, const Tile& tile,
                               ConstView source, std::size_t worker) {
  const Stage& stage = stages_[s];
  if (!stage.pool) return source;
  WorkerScratch& mine = scratch[worker];
  const std::size_t pixels = stage.input.size() / stage.source.channels;  // before it is flattened
  const View result(mine.pooled.data(), tile.rows * pixels, stage.source.channels);
  products.pool[tile.product].forward(source.data, result.data, mine.places.data());
  mine.watch.lap(Work::normalisation);
  return result;
}

void BatchForward::begin(std::uint64_t step) {
  step_ = step;
  fault_.reset();
}

void BatchForward::pack_weights(const Worker& worker, const BatchProducts& batch_products) {
  bool any = false;
  for (std::size_t s = 0, turn = 0; s < stages_.size(); ++s) {
    const StageProducts& products = batch_products.stages[s];
    const auto pack = [&](const std::vector<const kernels::Convolution*>& convolutions,
                          AlignedBuffer<float>& packed) {
      if (convolutions.empty()) return;
      any = true;
      if (turn++ % worker.count != worker.index) return;
      convolutions.front()->pack_weight(worker.index, tensors[s].weight, packed.data());
    };
    pack(products.convolve, packed_[s]);
    pack(products.convolve_back, packed_back_[s]);
  }
  if (!any) return;
  scratch[worker.index].watch.lap(Work::products);
  worker.sync();
  scratch[worker.index].watch.lap(Work::other);
}

void BatchForward::run_tile(const Worker& worker, std::size_t s, const Batch& batch,
                            const BatchProducts& batch_products, const Tile& tile, bool weighted) {
  const Stage& stage = stages_[s];
  const StageProducts& products = batch_products.stages[s];
  WorkerScratch& mine = scratch[worker.index];
  const std::size_t first = tile.first_row, rows = tile.rows;
  const bool moving = moves(s) && !weighted;
  const View stored = z(s, first, rows);
  const View result = moving ? View(mine.result.data(), stored.rows, stored.channels) : stored;
  const bool into_result = !stage.weight_layer() && !stage.pool;
  const std::size_t stride =
      into_result && !stage.works_on_pixels() ? result.row_stride : row_stride(stage.source.channels);
  // A product reads rows at the stride it was prepared for; z of the stage before has it too.
  ConstView x = source(s, batch, first, rows, 0, stage.source.channels, stride,
                       into_result ? result.data : mine.source.data(), mine);
  if (stage.works_on_pixels()) x = pooled(s, products, tile, x, worker.index);
  if (stage.dense_layer) {
    products.forward[tile.product]->run(worker.index, x.data, tensors[s].weight, tensors[s].bias, result.data,
                                        mine.product.data());
    mine.watch.lap(Work::products);
  } else if (stage.conv_layer) {
    products.convolve[tile.product]->run(worker.index, x.data, packed_[s].data(), tensors[s].bias,
                                         result.data, mine.product.data());
    mine.watch.lap(Work::products);
  } else if (x.data != result.data) {
    // Flatten reads the same numbers as rows of another length.
    std::copy_n(x.data, x.rows * x.channels, result.data);
  }
  if (moving) {
    kernels::shifted_sums(result, sums[s].shift_of(tile.first_block), sums[s].sum_of(tile.first_block),
                          sums[s].squares_of(tile.first_block), stored);
    mine.watch.lap(Work::normalisation);
  } else if (stage.sums && !norms[s].known) {
    sum_tile(s, batch_products, tile, weighted, mine);
  }
}

void BatchForward::sum_tile(std::size_t s, const BatchProducts& products, const Tile& tile, bool weighted,
                            WorkerScratch& mine) {
  const std::size_t pixels = stages_[s].output.pixels();
  const ConstView x = inner(s, tile.first_row, tile.rows, mine.inner.data());
  for (std::size_t block = tile.first_block; block < tile.end_block; ++block) {
    const std::size_t first = products.blocks.first(block), rows = products.blocks.size(block);
    const ConstView of_block = x.block((first - tile.first_row) * pixels, rows * pixels);
    if (weighted) {
      kernels::weighted_sums(of_block, weights_of(s, first, rows, mine), sums[s].shift_of(block),
                             sums[s].sum_of(block), sums[s].squares_of(block));
    } else {
      kernels::shifted_sums(of_block, sums[s].shift_of(block), sums[s].sum_of(block),
                            sums[s].squares_of(block));
    }
  }
  mine.watch.lap(Work::normalisation);
}

namespace {

// Rows of the batch, of which every rank has those of its own blocks.
SharedBytes by_row(const BatchProducts& products, View rows) {
  SharedBytes array{reinterpret_cast<std::byte*>(rows.data), {}};
  for (const std::size_t end : products.block_ends)
    array.ends.push_back(products.blocks.first(end) * rows.row_stride * sizeof(float));
  return array;
}

}  // namespace

void BatchForward::share(const BatchProducts& batch_products, std::span<BlockSums* const> all_sums,
                         View of_rows) {
  if (!exchange() || exchange()->count() == 1) return;
  std::vector<SharedBytes> arrays;
  for (BlockSums* each : all_sums) add_parts(batch_products.block_ends, *each, arrays);
  if (of_rows.data) arrays.push_back(by_row(batch_products, of_rows));
  if (!arrays.empty()) exchange()->gather(std::move(arrays));
}

void BatchForward::share(const BatchProducts& batch_products, std::span<double> of_blocks) {
  if (exchange() && exchange()->count() > 1)
    exchange()->gather({by_block(batch_products.block_ends, of_blocks.data(), 1)});
}

void BatchForward::share_weights(const BatchProducts& batch_products) {
  if (!weights_.used || !exchange() || exchange()->count() == 1) return;
  std::vector<SharedBytes> arrays;
  add_parts(batch_products.block_ends, weights_, arrays);
  exchange()->gather(std::move(arrays));
}

PartRange BatchForward::normed_blocks(const BatchProducts& batch_products) const {
  if (!apart()) return {0, batch_products.blocks.parts};
  return blocks_of_rank(batch_products.block_ends, batch_products.share.rank);
}

void BatchForward::share_apart(const BatchProducts& batch_products, std::vector<BlockSums>& bias_sums,
                               std::vector<SharedBytes> further) {
  for (std::vector<BlockSums>* const of_stages : {&sums, &bias_sums})
    for (BlockSums& each : *of_stages) add_parts(batch_products.block_ends, each, further);
  if (weights_.used) add_parts(batch_products.block_ends, weights_, further);
  exchange()->gather(std::move(further));
  if (weights_.used) weights_.sum_all(batch_products.blocks);
  of_all.resize(stages_.size());
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    if (!stages_[s].sums || norms[s].known) continue;
    if (of_all[s].channels == 0) of_all[s] = NormState(norms[s].channels, norms[s].epsilon, nullptr, nullptr);
    of_all[s].merge(sums[s], batch_products.blocks, weights_, stages_[s].output.pixels());
  }
}

void BatchForward::run(const Worker& worker, const Batch& batch) {
  const BatchProducts& batch_products = products(batch.rows);
  const Cut& blocks = batch_products.blocks;
  WorkerScratch& mine = scratch[worker.index];
  const bool weighted = batch.weights != nullptr && weights_.of_row.size() > 0;
  if (weighted) {
    for (const Tile& tile : batch_products.block_tiles[worker.index]) {
      gather_weights(batch, tile.first_row, tile.rows, weights_.of_row.data() + tile.first_row);
      weights_.sum_block(blocks, tile.first_block);
    }
    mine.watch.lap(Work::data);
  }
  pack_weights(worker, batch_products);
  for (std::size_t s = 0, end = 0; s < stages_.size(); s = end) {
    end = s + 1;
    if (stages_[s].works_on_pixels()) {
      while (end < stages_.size() && stages_[end].works_on_pixels() && groups_[end] == groups_[s]) ++end;
      for (const Tile& tile : batch_products.block_tiles[worker.index]) {
        for (std::size_t t = s; t < end; ++t) run_tile(worker, t, batch, batch_products, tile, weighted);
      }
    } else {
      for (const Tile& tile : batch_products.tiles[worker.index]) {
        run_tile(worker, s, batch, batch_products, tile, weighted);
      }
    }
    const std::size_t last = end - 1;
    if (!stages_[last].sums) continue;
    worker.sync([&] {
      mine.watch.lap(Work::other);
      weights_.used = weighted;
      if (!apart()) {
        share_weights(batch_products);
        BlockSums* const own[] = {&sums[last]};
        share(batch_products, own);
      }
      if (weighted) weights_.sum_all(blocks);
      const std::size_t broken = norms[last].merge(sums[last], blocks, normed_blocks(batch_products),
                                                   weights_, stages_[last].output.pixels());
      if (broken != stages_[last].outputs && !fault_) fault_ = Fault{stages_[last].norm_layer, broken};
      mine.watch.lap(Work::normalisation);
    });
    mine.watch.lap(Work::other);
  }
}

}  // namespace ztilde
