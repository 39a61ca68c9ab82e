#include "plan/products.hpp"

#include <algorithm>

namespace ztilde {

using kernels::ProductKind;
using kernels::ProductShape;

Cut cut_into_blocks(std::size_t rows) {
  // Small enough that a small batch still makes work for several workers, large enough for the
  // products to run near their best (docs/performance.md).
  const std::size_t limit = rows <= 128 ? 32 : rows <= 512 ? 64 : 128;
  return Cut::at_most(rows, limit);
}

Cut cut_into_slices(std::size_t inputs) { return Cut::at_most(inputs, inputs <= 128 ? 64 : 128); }

const kernels::Product* ProductCache::get(const ProductShape& shape) {
  const auto found = products_.find(shape);
  if (found != products_.end()) return &found->second;
  const kernels::Product& product = products_.emplace(shape, kernels::Product(shape, workers_)).first->second;
  largest_scratch_ = std::max(largest_scratch_, product.scratch_bytes());
  return &product;
}

BatchProducts prepare_products(ProductCache& cache, const std::vector<Stage>& stages, std::size_t rows,
                               bool with_gradients) {
  BatchProducts products{rows, cut_into_blocks(rows), {}};
  const auto for_parts = [](const Cut& cut, PartProducts& parts, auto&& make) {
    if (cut.total % cut.parts != 0) parts[0] = make(cut.total / cut.parts + 1);
    parts[1] = make(cut.total / cut.parts);
  };
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const Stage& stage = stages[s];
    StageProducts& of_stage = products.stages.emplace_back();
    if (!stage.dense_layer) continue;
    const std::size_t x_stride = row_stride(stage.inputs), y_stride = row_stride(stage.outputs);
    for_parts(products.blocks, of_stage.forward, [&](std::size_t block_rows) {
      return cache.get({ProductKind::forward, block_rows, stage.inputs, stage.outputs, x_stride, y_stride,
                        stage.inputs, stage.bias});
    });
    if (!with_gradients) continue;
    if (s > 0) {
      for_parts(products.blocks, of_stage.input_gradient, [&](std::size_t block_rows) {
        return cache.get({ProductKind::input_gradient, block_rows, stage.inputs, stage.outputs, x_stride,
                          y_stride, stage.inputs});
      });
    }
    const Cut slices = cut_into_slices(stage.inputs);
    for_parts(slices, of_stage.weight_gradient, [&](std::size_t columns) {
      return cache.get({ProductKind::weight_gradient, rows, columns, stage.outputs, row_stride(columns),
                        y_stride, stage.inputs});
    });
  }
  return products;
}

}  // namespace ztilde
