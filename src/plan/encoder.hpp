// The first stage's input: rows of the source, gathered, encoded where the network begins with an
// Encode layer, and standardised. What an Encode layer means is in layers/encode.hpp.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "plan/batch.hpp"
#include "ztilde/network.hpp"

namespace ztilde {

// Some features of one trained table: what one worker adds the gradient of.
struct TableSlice {
  std::size_t category = 0;          // which of the encoder's categorical columns
  std::size_t first = 0, count = 0;  // features within the table
};

class Encoder {
 public:
  Encoder() = default;  // encodes nothing
  // parameters, gradients (null: none), statistics: the arenas, read whenever it runs.
  Encoder(const Network& network, const float* parameters, float* gradients, const double* statistics);

  // out [block rows, block features] = affine(encode(rows)), for batch rows from first_row and features
  // from first_feature; affine is that of the first feature asked for. Allocates nothing. A row's
  // result does not depend on the rows beside it.
  void gather(const Batch& batch, std::size_t first_row, std::size_t first_feature,
              const kernels::Affine& affine, kernels::View out) const;

  std::span<const TableSlice> table_slices() const { return slices_; }
  // Overwrites a slice of a table's gradient from d [batch rows, table features], the gradient with
  // respect to the features after the affine map. scale: the affine map's, of the table features, or
  // null. Rows are added in their order.
  void table_gradient(const TableSlice& slice, const Batch& batch, kernels::ConstView d,
                      const float* scale) const;

 private:
  struct Number {
    std::size_t column, feature, knots;
    std::optional<std::size_t> indicator;
    const double *fill, *knot, *value;  // null where there are none
  };
  struct Category {
    std::size_t column, feature, count, categories;
    const double* average;  // one_hot: the frequencies
    const float* table;     // embedding
    float* d_table;
  };
  template <class Source>
  void encode(const Source* source, std::size_t stride, const std::uint32_t* index, std::size_t first_feature,
              kernels::View out) const;

  bool encodes_ = false;
  std::size_t tables_ = 0;  // the first feature that comes from a table
  std::vector<Number> numbers_;
  std::vector<Category> categories_;
  std::vector<TableSlice> slices_;
};

}  // namespace ztilde
