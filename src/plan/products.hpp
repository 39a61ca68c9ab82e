// The matrix products of one batch size, prepared: each stage's, for the two sizes of row block
// that cutting the batch gives.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "base/cut.hpp"
#include "kernels/onednn_product.hpp"
#include "plan/stages.hpp"
#include "tensor/aligned_buffer.hpp"

namespace ztilde {

// Rows are cut into blocks by the batch's size alone, never by the number of threads: a block's sums
// are one summand of the statistics.
Cut cut_into_blocks(std::size_t rows);

// Rows of buffers lie without gaps: oneDNN's best product takes nothing else, and falls back to one
// that takes 65 ms to get ready, is up to a third slower on W as it is, and gives a row other bits
// when there are few rows (docs/performance.md).
constexpr std::size_t row_stride(std::size_t channels) { return channels; }

// One product a shape, made when first asked for.
class ProductCache {
 public:
  explicit ProductCache(std::size_t workers) : workers_(workers) {}
  const kernels::Product* get(const kernels::ProductShape& shape);
  std::size_t workers() const { return workers_; }
  std::size_t largest_scratch() const { return largest_scratch_; }  // bytes

 private:
  std::size_t workers_;
  std::size_t largest_scratch_ = 0;
  std::map<kernels::ProductShape, kernels::Product> products_;
};

// Neighbouring blocks of one worker that its products take at once: the more rows, the faster. A row
// of a product does not depend on the rows beside it, so tiles may depend on the number of workers.
struct Tile {
  std::size_t first_block = 0, end_block = 0;
  std::size_t first_row = 0, rows = 0;
  std::size_t product = 0;  // which of a stage's products
};

// What of a weight gradient is one task: some outputs where the stage keeps its source, else some
// inputs. Cut by their number alone.
struct Slice {
  std::size_t first = 0, channels = 0;
  const kernels::Product* product = nullptr;
};

struct StageProducts {
  // By Tile::product. The first stage's input_gradient is that of its table inputs alone.
  std::vector<const kernels::Product*> forward, input_gradient;
  std::vector<Slice> weight_gradient;
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
  std::vector<std::vector<Tile>> tiles;  // by worker: the blocks that Worker::share deals it
  std::vector<StageProducts> stages;
  std::size_t largest_tile() const;   // rows
  std::size_t largest_slice() const;  // channels
};

// order: null without a backward pass.
BatchProducts prepare_products(ProductCache& cache, const std::vector<Stage>& stages, std::size_t rows,
                               const BackwardOrder* order);

}  // namespace ztilde
