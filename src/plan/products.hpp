// The matrix products, convolutions and poolings of one batch size, prepared: each stage's, for the two
// sizes of row block that cutting the batch gives.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "base/cut.hpp"
#include "base/lane_tree.hpp"
#include "kernels/onednn_convolution.hpp"
#include "kernels/onednn_product.hpp"
#include "kernels/pooling.hpp"
#include "plan/stages.hpp"
#include "tensor/aligned_buffer.hpp"

namespace ztilde {

// Rows are cut into blocks by the batch's size and the network alone, never by the number of threads: a
// block's sums are one summand of the statistics. The first is for rows of one pixel.
Cut cut_into_blocks(std::size_t rows);
Cut cut_into_blocks(const std::vector<Stage>& stages, std::size_t rows);

// Rows of buffers lie without gaps: oneDNN's best product takes nothing else, and falls back to one
// that takes 65 ms to get ready, is up to a third slower on W as it is, and gives a row other bits
// when there are few rows (docs/performance.md).
constexpr std::size_t row_stride(std::size_t channels) { return channels; }

// One product or convolution a shape, made when first asked for.
class ProductCache {
 public:
  explicit ProductCache(std::size_t workers) : workers_(workers) {}
  const kernels::Product* get(const kernels::ProductShape& shape) { return made(products_, shape); }
  const kernels::Convolution* get(const kernels::ConvolutionShape& shape) {
    return made(convolutions_, shape);
  }
  std::size_t workers() const { return workers_; }
  std::size_t largest_scratch() const { return largest_scratch_; }  // bytes

 private:
  template <class Shape, class Made>
  const Made* made(std::map<Shape, Made>& all, const Shape& shape) {
    const auto found = all.find(shape);
    if (found != all.end()) return &found->second;
    const Made& one = all.emplace(shape, Made(shape, workers_)).first->second;
    largest_scratch_ = std::max(largest_scratch_, one.scratch_bytes());
    return &one;
  }

  std::size_t workers_;
  std::size_t largest_scratch_ = 0;
  std::map<kernels::ProductShape, kernels::Product> products_;
  std::map<kernels::ConvolutionShape, kernels::Convolution> convolutions_;
};

kernels::ConvolutionShape convolution_of(const Stage& stage, kernels::ConvolutionKind kind,
                                         std::size_t images);
kernels::PoolingShape pooling_of(const Stage& stage, std::size_t images);

// Stages of rows: neighbouring blocks of one worker that its products take at once: the more rows, the
// faster. A row of a product does not depend on the rows beside it, so tiles may depend on the number of
// workers. Stages of images: one block, which goes through as many of them as need not wait for others.
struct Tile {
  std::size_t first_block = 0, end_block = 0;
  std::size_t first_row = 0, rows = 0;
  std::size_t product = 0;  // which of a stage's products
};

// What of a weight gradient is one task. Of a dense stage: some outputs where the stage keeps its source,
// else some inputs, cut by their number alone. Of a convolution: some of the numbers of every lane.
struct Slice {
  std::size_t first = 0, channels = 0;  // of a dense stage
  // Of a dense stage: one for all rows; with ranks one for each of BatchProducts::lane_rows, which puts its
  // part of the gradient without gaps where lanes have theirs.
  std::vector<const kernels::Product*> products = {};
  std::size_t offset = 0, floats = 0;  // within a lane
};

// Which of the ranks that share a batch this is: lanes are dealt to ranks.
struct RankShare {
  std::size_t rank = 0, ranks = 1;
};

struct StageProducts {
  // By Tile::product. The first stage's input_gradient is that of its table inputs alone.
  std::vector<const kernels::Product*> forward, input_gradient;
  std::vector<Slice> weight_gradient;
  std::size_t weight_floats = 0;  // of all slices, where lanes are added up
  // Of a stage of images, by Tile::product; no input gradient where it reads the network's rows.
  std::vector<const kernels::Convolution*> convolve, convolve_back, convolve_weight;
  std::vector<kernels::Pooling> pool;
};

// How the backward pass goes through the stages. Depends on their shapes and the largest batch alone.
struct BackwardOrder {
  // A stage's weight gradient comes before the tiles of the stage below, not beside them. Costs a
  // barrier and saves a buffer.
  bool weights_first = false;
  // By stage: what the contraction reads is kept until its weight gradient is done, where it fits exactly
  // into z of the same stage, which nobody reads any more by then.
  std::vector<bool> keeps_source;
  // Where the most is alive at one time: this stage finishes d of all rows and makes its weight gradient
  // first, so that d of the stage below can take the place of its z. 0: none.
  std::size_t finishes_first = 0;
};
BackwardOrder backward_order(const std::vector<Stage>& stages, std::size_t largest_batch);

struct BatchProducts {
  std::size_t rows = 0;
  Cut blocks;
  // Neighbouring blocks whose convolutions' weight gradients are added up in one place: of blocks, by the
  // network alone. A worker has whole lanes. Without convolutions a lane is a block.
  Cut lanes;
  std::vector<std::size_t> lane_rows;  // how many a lane may have
  RankShare share;
  std::vector<std::size_t> block_ends;         // by rank: the block behind its last one
  std::vector<std::vector<LaneRange>> nodes;   // by rank: whole_nodes of its lanes
  std::vector<std::vector<Tile>> tiles;        // by worker, of stages of rows
  std::vector<std::vector<Tile>> block_tiles;  // by worker, of stages of images
  std::vector<StageProducts> stages;

  PartRange of_worker(std::size_t worker, std::size_t workers) const {
    const LaneRange own = lanes_of(share.rank);
    const Cut shares{own.lanes(), workers};
    return blocks_of(
        {own.first + shares.first(worker), own.first + shares.first(worker) + shares.size(worker)});
  }
  LaneRange lanes_of(std::size_t rank) const {
    const Cut dealt{lanes.parts, share.ranks};
    return {dealt.first(rank), dealt.first(rank + 1)};
  }
  // The first of a cut's end is its total.
  PartRange blocks_of(LaneRange range) const { return {lanes.first(range.first), lanes.first(range.end)}; }
  PartRange rows_of_lane(std::size_t lane) const {
    const PartRange of_lane = blocks_of({lane, lane + 1});
    return {blocks.first(of_lane.first), blocks.first(of_lane.end)};
  }
  std::size_t lane_of(std::size_t block) const {
    std::size_t lane = block * lanes.parts / blocks.parts;
    while (lanes.first(lane) + lanes.size(lane) <= block) ++lane;
    while (lanes.first(lane) > block) --lane;
    return lane;
  }
  std::size_t largest_tile() const;   // rows
  std::size_t largest_slice() const;  // channels
};

// order: null without a backward pass. share: null where there is one process, whose dense stages' weight
// gradients need no lanes.
BatchProducts prepare_products(ProductCache& cache, const std::vector<Stage>& stages, std::size_t rows,
                               const BackwardOrder* order, const RankShare* share = nullptr);

}  // namespace ztilde
