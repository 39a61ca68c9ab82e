#include "bare_products.hpp"

#include <omp.h>

#include "base/random.hpp"

namespace ztilde::bench {
namespace {

using dnnl::memory;

memory::desc matrix(std::size_t rows, std::size_t columns) {
  const auto r = static_cast<memory::dim>(rows), c = static_cast<memory::dim>(columns);
  return {{r, c}, memory::data_type::f32, {c, 1}};
}

// The same numbers seen as the transposed matrix.
memory transposed(const memory& of) {
  const memory::desc desc = of.get_desc();
#if DNNL_VERSION_MAJOR >= 3
  const memory::dims size = desc.get_dims();
#else
  const memory::dims size = desc.dims();
#endif
  return {memory::desc({size[1], size[0]}, memory::data_type::f32, {1, size[1]}), of.get_engine(),
          of.get_data_handle()};
}

memory filled(const dnnl::engine& engine, std::size_t rows, std::size_t columns, double scale) {
  memory numbers(matrix(rows, columns), engine);
  auto* values = static_cast<float*>(numbers.get_data_handle());
  const RandomStream stream(0, Purpose::initialise, 0, 0);
  for (std::size_t i = 0; i < rows * columns; ++i) values[i] = static_cast<float>(scale * stream.normal(i));
  return numbers;
}

}  // namespace

BareProducts::BareProducts(const std::vector<std::size_t>& widths, std::size_t rows, std::size_t threads) {
  omp_set_num_threads(static_cast<int>(threads));
  std::vector<memory> z, d_z, weight, d_weight;
  for (std::size_t layer = 0; layer < widths.size(); ++layer) {
    z.push_back(filled(engine_, rows, widths[layer], 1));
    d_z.push_back(filled(engine_, rows, widths[layer], 1));
    if (layer == 0) continue;
    weight.push_back(filled(engine_, widths[layer], widths[layer - 1], 0.05));
    d_weight.push_back(filled(engine_, widths[layer], widths[layer - 1], 0.05));
  }
  for (const auto& owners : {z, d_z, weight}) numbers_.insert(numbers_.end(), owners.begin(), owners.end());
  for (std::size_t i = 0; i < weight.size(); ++i) add(z[i], transposed(weight[i]), z[i + 1]);
  for (std::size_t i = weight.size(); i-- > 0;) {
    add(transposed(d_z[i + 1]), z[i], d_weight[i]);
    if (i > 0) add(d_z[i + 1], weight[i], d_z[i]);
  }
}

void BareProducts::add(const memory& left, const memory& right, const memory& result) {
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::matmul::primitive_desc product(engine_, left.get_desc(), right.get_desc(), result.get_desc());
#else
  const dnnl::matmul::primitive_desc product(
      dnnl::matmul::desc(left.get_desc(), right.get_desc(), result.get_desc()), engine_);
#endif
  products_.push_back(
      {dnnl::matmul(product), {{DNNL_ARG_SRC, left}, {DNNL_ARG_WEIGHTS, right}, {DNNL_ARG_DST, result}}});
}

void BareProducts::step() {
  for (const Product& product : products_) product.primitive.execute(stream_, product.arguments);
  stream_.wait();
}

}  // namespace ztilde::bench
