// The matrix products of one batch size, prepared: each stage's, for the two sizes of row block
// that cutting the batch gives.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <vector>

#include "base/cut.hpp"
#include "kernels/onednn_product.hpp"
#include "plan/stages.hpp"
#include "tensor/aligned_buffer.hpp"

namespace ztilde {

// Rows are cut into blocks by the batch's size alone, never by the number of threads.
Cut cut_into_blocks(std::size_t rows);
// The input columns of a weight gradient, cut into slices that different workers compute.
Cut cut_into_slices(std::size_t inputs);

// Rows of buffers lie without gaps: oneDNN's best product takes nothing else, and falls back to one
// that takes 65 ms to get ready, is up to a third slower on W as it is, and gives a row other bits
// when there are few rows (docs/performance.md).
constexpr std::size_t row_stride(std::size_t channels) { return channels; }

// One product a shape, made when first asked for.
class ProductCache {
 public:
  explicit ProductCache(std::size_t workers) : workers_(workers) {}
  const kernels::Product* get(const kernels::ProductShape& shape);
  std::size_t largest_scratch() const { return largest_scratch_; }  // bytes

 private:
  std::size_t workers_;
  std::size_t largest_scratch_ = 0;
  std::map<kernels::ProductShape, kernels::Product> products_;
};

// By part of a cut: [0] for the larger parts, [1] for the others.
using PartProducts = std::array<const kernels::Product*, 2>;
inline const kernels::Product& product_of(const PartProducts& products, const Cut& cut, std::size_t part) {
  return *products[part < cut.total % cut.parts ? 0 : 1];
}

struct StageProducts {
  PartProducts forward{}, input_gradient{}, weight_gradient{};
};

struct BatchProducts {
  std::size_t rows = 0;
  Cut blocks;
  std::vector<StageProducts> stages;
};

// with_gradients: the products of the backward pass too.
BatchProducts prepare_products(ProductCache& cache, const std::vector<Stage>& stages, std::size_t rows,
                               bool with_gradients);

}  // namespace ztilde
