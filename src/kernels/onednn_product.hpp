// The three matrix products of a dense layer, by oneDNN, each on the calling thread alone.
//   forward:          y [rows, outputs] = x [rows, inputs] · Wᵀ + b
//   forward_packed:   the same with weights packed as packed_weights.hpp says
//   input_gradient:   d_x [rows, inputs] = d_y [rows, outputs] · W
//   weight_gradient:  d_W [outputs, inputs] = d_yᵀ · x
// W: [outputs, inputs]; the only file that knows oneDNN is onednn_product.cpp.
#pragma once

#include <compare>
#include <cstddef>
#include <memory>

namespace ztilde::kernels {

enum class ProductKind { forward, forward_packed, input_gradient, weight_gradient };

// Strides count elements. x_stride is also that of d_x, y_stride that of d_y, weight_stride that of d_W.
struct ProductShape {
  ProductKind kind;
  std::size_t rows, inputs, outputs;
  std::size_t x_stride, y_stride, weight_stride;
  bool bias = false;  // forward and forward_packed only
  auto operator<=>(const ProductShape&) const = default;
};

class Product {
 public:
  // Prepares the product for `workers` threads, each of which may call run() at the same time as
  // the others under its own index. Throws Error(data) when oneDNN cannot do it.
  Product(const ProductShape& shape, std::size_t workers);
  ~Product();
  Product(Product&&) noexcept;

  std::size_t scratch_bytes() const;
  // Whether a row of y (or d_x) has the same bits whatever rows are beside it, and however many.
  bool rows_stand_alone() const;
  // x, y, weight play the roles of the comment above whichever way the product goes; the one that
  // is the result is written, never read. scratch: scratch_bytes(), aligned to 64 bytes.
  void run(std::size_t worker, const float* x, const float* weight, const float* bias, const float* y,
           void* scratch) const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

// By which of the processor's vector instructions products and convolutions are computed: "AVX-512", "AVX2",
// … The bits of a result, and how packed weights lie, depend on it.
std::string instruction_set();

}  // namespace ztilde::kernels
