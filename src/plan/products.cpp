#include "plan/products.hpp"

#include <algorithm>
#include <bit>

namespace ztilde {

using kernels::ProductKind;
using kernels::ProductShape;

Cut cut_into_blocks(std::size_t rows) {
  // Small enough that a small batch still makes work for several workers, large enough for the
  // products to run near their best (docs/performance.md).
  const std::size_t limit = rows <= 128 ? 32 : rows <= 512 ? 64 : 128;
  return Cut::at_most(rows, limit);
}

Cut cut_into_blocks(const std::vector<Stage>& stages, std::size_t rows) {
  if (!has_images(stages)) return cut_into_blocks(rows);
  // What a stage reads and what it gives stay in half of a usual L2 cache together. A power of two, as the
  // sizes that predictions prepare are.
  std::size_t widest = 1;
  for (const Stage& stage : stages) widest = std::max({widest, stage.source.size() + stage.output.size()});
  constexpr std::size_t kBlockBytes = 512 * 1024, kMostImages = 32;
  return Cut::at_most(
      rows, std::bit_floor(std::clamp<std::size_t>(kBlockBytes / (sizeof(float) * widest), 1, kMostImages)));
}

kernels::ConvolutionShape convolution_of(const Stage& stage, kernels::ConvolutionKind kind,
                                         std::size_t images) {
  return {kind,
          images,
          stage.input.height,
          stage.input.width,
          stage.input.channels,
          stage.outputs,
          stage.conv.kernel,
          stage.conv.stride,
          stage.conv.padding,
          stage.conv.depthwise,
          kind == kernels::ConvolutionKind::forward && stage.bias};
}

kernels::PoolingShape pooling_of(const Stage& stage, std::size_t images) {
  return {stage.pool->largest ? kernels::PoolingKind::largest : kernels::PoolingKind::mean,
          images,
          stage.source.height,
          stage.source.width,
          stage.source.channels,
          stage.pool->kernel_height,
          stage.pool->kernel_width,
          stage.pool->stride_height,
          stage.pool->stride_width};
}

std::size_t BatchProducts::largest_tile() const {
  std::size_t largest = 0;
  for (const auto& of_worker : tiles) {
    for (const Tile& tile : of_worker) largest = std::max(largest, tile.rows);
  }
  return largest;
}

std::size_t BatchProducts::largest_slice() const {
  std::size_t largest = 0;
  for (const StageProducts& stage : stages) {
    for (const Slice& slice : stage.weight_gradient) largest = std::max(largest, slice.channels);
  }
  return largest;
}

namespace {

// A tile's rows at the widest layer stay in half of a usual L2 cache.
constexpr std::size_t kTileBytes = 512 * 1024;
constexpr std::size_t kLargestTile = 256;

std::size_t tile_rows(const std::vector<Stage>& stages) {
  std::size_t widest = 1;
  for (const Stage& stage : stages) {
    if (!stage.works_on_pixels()) widest = std::max({widest, stage.inputs, stage.outputs});
  }
  return std::min(kLargestTile, kTileBytes / (sizeof(float) * widest));
}

// Every worker's blocks in tiles of at most `limit` rows, or of one block.
std::vector<std::vector<Tile>> cut_into_tiles(const BatchProducts& products, std::size_t workers,
                                              std::size_t limit) {
  const Cut& blocks = products.blocks;
  std::vector<std::vector<Tile>> tiles(workers);
  for (std::size_t w = 0; w < workers; ++w) {
    const auto [first, end] = products.of_worker(w, workers);
    for (std::size_t block = first; block < end; ++block) {
      const std::size_t rows = blocks.size(block);
      if (tiles[w].empty() || tiles[w].back().rows + rows > limit) {
        tiles[w].push_back({block, block, blocks.first(block), 0, 0});
      }
      tiles[w].back().end_block = block + 1;
      tiles[w].back().rows += rows;
    }
  }
  return tiles;
}

// An even number of slices of whole vectors (784 channels are 112 and seven times 96), two where
// the layer is small.
std::vector<Slice> cut_into_slices(std::size_t channels) {
  const bool small = channels <= 128;
  const std::size_t unit = small ? 1 : 16;
  const Cut cut =
      small ? Cut::at_most(channels, 64) : Cut{(channels + unit - 1) / unit, (channels + 255) / 256 * 2};
  std::vector<Slice> slices;
  for (std::size_t i = 0; i < cut.parts; ++i) {
    const std::size_t first = cut.first(i) * unit;
    slices.push_back({first, std::min(cut.size(i) * unit, channels - first)});
  }
  return slices;
}

// More lanes than workers are likely to be, but few enough that they take little memory.
Cut cut_into_lanes(const std::vector<Stage>& stages, const Cut& blocks) {
  std::size_t weights = 0;
  for (const Stage& stage : stages) {
    if (stage.conv_layer) weights += stage.outputs * stage.inputs * stage.conv.kernel * stage.conv.kernel;
  }
  if (weights == 0) return {blocks.parts, blocks.parts};
  constexpr std::size_t kLaneBytes = 64 * 1024 * 1024, kLeast = 4, kMost = 16;
  const std::size_t lanes = std::clamp(kLaneBytes / (sizeof(float) * weights), kLeast, kMost);
  return {blocks.parts, std::min(blocks.parts, lanes)};
}

// Of the numbers of a convolution's weight gradient: whole cache lines, few enough that a sum on its way
// stays in the nearest cache.
std::vector<Slice> cut_lanes_into_slices(std::size_t floats) {
  constexpr std::size_t kFloats = 4096;
  std::vector<Slice> slices;
  for (std::size_t first = 0; first < floats; first += kFloats) {
    const std::size_t count = std::min(kFloats, floats - first);
    slices.push_back({.offset = first, .floats = count});
  }
  return slices;
}

// What a stage of images needs for blocks of each size.
void prepare_images(ProductCache& cache, const Stage& stage, const Cut& blocks, bool backward,
                    StageProducts& products) {
  using kernels::ConvolutionKind;
  for (const std::size_t images : {blocks.largest(), blocks.size(blocks.parts - 1)}) {
    if (stage.pool) products.pool.emplace_back(pooling_of(stage, images));
    if (!stage.conv_layer) continue;
    products.convolve.push_back(cache.get(convolution_of(stage, ConvolutionKind::forward, images)));
    if (!backward) continue;
    products.convolve_weight.push_back(
        cache.get(convolution_of(stage, ConvolutionKind::weight_gradient, images)));
    if (!stage.x.stage) continue;
    products.convolve_back.push_back(
        cache.get(convolution_of(stage, ConvolutionKind::input_gradient, images)));
  }
  if (!backward || !stage.conv_layer) return;
  products.weight_floats = products.convolve_weight.front()->packed_floats();
  products.weight_gradient = cut_lanes_into_slices(products.weight_floats);
}

}  // namespace

BackwardOrder backward_order(const std::vector<Stage>& stages, std::size_t largest_batch) {
  BackwardOrder order;
  if (!is_chain_of_rows(stages)) {
    order.keeps_source.assign(stages.size(), false);
    return order;
  }
  order.weights_first = largest_batch >= 256;  // small batches are quicker without
  for (std::size_t s = 0; s < stages.size(); ++s) {
    order.keeps_source.push_back(s > 0 && stages[s].dense_layer && stages[s].inputs == stages[s].outputs);
    if (order.weights_first && order.keeps_source[s]) order.finishes_first = s;
  }
  if (order.finishes_first > 0) order.keeps_source[order.finishes_first] = false;
  return order;
}

BatchProducts prepare_products(ProductCache& cache, const std::vector<Stage>& stages, std::size_t rows,
                               const BackwardOrder* order, const RankShare* share) {
  BatchProducts products;
  if (share) products.share = *share;
  products.rows = rows;
  products.blocks = cut_into_blocks(stages, rows);
  products.lanes = cut_into_lanes(stages, products.blocks);
  for (std::size_t lane = 0; lane < products.lanes.parts; ++lane) {
    const auto [first, end] = products.rows_of_lane(lane);
    if (std::ranges::find(products.lane_rows, end - first) == products.lane_rows.end())
      products.lane_rows.push_back(end - first);
  }
  for (std::size_t rank = 0; rank < products.share.ranks; ++rank) {
    products.block_ends.push_back(products.blocks_of(products.lanes_of(rank)).end);
    whole_nodes({0, products.lanes.parts}, products.lanes_of(rank), products.nodes.emplace_back());
  }
  products.block_tiles = cut_into_tiles(products, cache.workers(), 0);
  for (auto& of_worker : products.block_tiles) {
    for (Tile& tile : of_worker) tile.product = tile.rows == products.blocks.largest() ? 0 : 1;
  }
  const auto prepare = [&](std::size_t limit) {
    products.tiles = cut_into_tiles(products, cache.workers(), limit);
    products.stages.assign(stages.size(), {});
    std::vector<std::size_t> sizes;
    for (auto& of_worker : products.tiles) {
      for (Tile& tile : of_worker) {
        const auto found = std::find(sizes.begin(), sizes.end(), tile.rows);
        tile.product = static_cast<std::size_t>(found - sizes.begin());
        if (found == sizes.end()) sizes.push_back(tile.rows);
      }
    }
    bool rows_stand_alone = true;
    for (std::size_t s = 0; s < stages.size(); ++s) {
      const Stage& stage = stages[s];
      if (!stage.dense_layer) continue;
      const std::size_t y_stride = row_stride(stage.outputs);
      const auto for_tiles = [&](ProductKind kind, std::size_t inputs, bool bias) {
        std::vector<const kernels::Product*> of_sizes;
        for (const std::size_t size : sizes) {
          of_sizes.push_back(
              cache.get({kind, size, inputs, stage.outputs, row_stride(inputs), y_stride, inputs, bias}));
          rows_stand_alone &= of_sizes.back()->rows_stand_alone();
        }
        return of_sizes;
      };
      products.stages[s].forward = for_tiles(ProductKind::forward, stage.inputs, stage.bias);
      const std::size_t trained_inputs = stage.x.stage ? stage.inputs : stage.table_inputs();
      if (order && trained_inputs > 0) {
        products.stages[s].input_gradient = for_tiles(ProductKind::input_gradient, trained_inputs, false);
      }
    }
    return rows_stand_alone;
  };
  // Where a row's bits depend on the product's number of rows, that must not depend on the workers.
  if (!prepare(tile_rows(stages))) prepare(0);
  for (std::size_t s = 0; s < stages.size(); ++s) {
    if (stages[s].works_on_pixels())
      prepare_images(cache, stages[s], products.blocks, order != nullptr, products.stages[s]);
  }
  if (!order) return products;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const Stage& stage = stages[s];
    if (!stage.dense_layer) continue;
    const bool by_outputs = order->keeps_source[s];
    products.stages[s].weight_gradient = cut_into_slices(by_outputs ? stage.outputs : stage.inputs);
    std::size_t& floats = products.stages[s].weight_floats;
    for (Slice& slice : products.stages[s].weight_gradient) {
      const std::size_t inputs = by_outputs ? stage.inputs : slice.channels;
      const std::size_t outputs = by_outputs ? slice.channels : stage.outputs;
      const auto of_rows = [&](std::size_t count, std::size_t weight_stride) {
        return cache.get({ProductKind::weight_gradient, count, inputs, outputs, row_stride(inputs),
                          row_stride(stage.outputs), weight_stride});
      };
      if (!share) {
        slice.products = {of_rows(rows, stage.inputs)};
        continue;
      }
      for (const std::size_t count : products.lane_rows) slice.products.push_back(of_rows(count, inputs));
      slice.offset = floats;
      slice.floats = inputs * outputs;
      floats += slice.floats;
    }
  }
  return products;
}

}  // namespace ztilde
