#include "kernels/onednn_product.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/one_openmp_thread.hpp"
#include "kernels/onednn_support.hpp"
#include "kernels/packed_weights.hpp"

namespace ztilde::kernels {
namespace {

using dnnl::memory;

memory::desc matrix(std::size_t rows, std::size_t columns, std::size_t row_stride,
                    std::size_t column_stride) {
  const auto dim = onednn_dim;
  return {{dim(rows), dim(columns)}, memory::data_type::f32, {dim(row_stride), dim(column_stride)}};
}

memory::desc panels(std::size_t inputs, std::size_t outputs) {
  return {{onednn_dim(inputs), onednn_dim(outputs)},
          memory::data_type::f32,
          panel_outputs(outputs) == 64 ? memory::format_tag::BA16a64b : memory::format_tag::BA16a48b};
}

// Of its products this one adds along the inputs in one order for any rows, and takes panels.
bool is_brgemm(const dnnl::matmul::primitive_desc& product) {
  return std::string_view(product.impl_info_str()).starts_with("brg");
}

}  // namespace

bool packs_in_panels() {
  static const bool yes = [] {
    const auto rows = [](memory::dim channels) {
      return memory::desc({2, channels}, memory::data_type::f32, memory::format_tag::ab);
    };
    try {
      return is_brgemm({dnnl::matmul::desc(rows(32), panels(32, 100), rows(100)), onednn_engine()});
    } catch (const dnnl::error&) {
      return false;
    }
  }();
  return yes;
}

struct Product::Implementation {
  // Everything a call needs, made once: only the data pointers change between calls.
  struct Worker {
    dnnl::stream stream;
    memory left, right, bias, result, scratch;
    std::array<dnnl_exec_arg_t, 5> arguments;
    int argument_count;
  };

  ProductKind kind;
  std::size_t scratch_bytes;
  bool rows_stand_alone;
  dnnl::matmul product;
  std::vector<Worker> workers;
};

Product::Product(const ProductShape& shape, std::size_t workers) try {
  // oneDNN may cut a product for the threads it sees; with one, the order of additions is the same
  // whatever the number of workers.
  const OneOpenMpThread one_thread;
  const memory::desc x = matrix(shape.rows, shape.inputs, shape.x_stride, 1);
  const memory::desc y = matrix(shape.rows, shape.outputs, shape.y_stride, 1);
  const memory::desc bias = matrix(1, shape.outputs, shape.outputs, 1);

  const auto describe = [&] {
    if (shape.kind == ProductKind::input_gradient) {
      return dnnl::matmul::desc(y, matrix(shape.outputs, shape.inputs, shape.weight_stride, 1), x);
    }
    if (shape.kind == ProductKind::weight_gradient) {
      const memory::desc y_transposed = matrix(shape.outputs, shape.rows, 1, shape.y_stride);
      return dnnl::matmul::desc(y_transposed, x, matrix(shape.outputs, shape.inputs, shape.weight_stride, 1));
    }
    const bool packed = shape.kind == ProductKind::forward_packed;
    const memory::desc weight_transposed = packed && packs_in_panels() ? panels(shape.inputs, shape.outputs)
                                           : packed
                                               ? matrix(shape.inputs, shape.outputs, shape.outputs, 1)
                                               : matrix(shape.inputs, shape.outputs, 1, shape.weight_stride);
    return shape.bias ? dnnl::matmul::desc(x, weight_transposed, bias, y)
                      : dnnl::matmul::desc(x, weight_transposed, y);
  };
  const dnnl::matmul::primitive_desc primitive(describe(), onednn_user_scratch(), onednn_engine());
  implementation_ = std::make_unique<Implementation>(Implementation{
      shape.kind, primitive.scratchpad_desc().get_size(), is_brgemm(primitive), dnnl::matmul(primitive), {}});
  implementation_->workers.reserve(workers);
  for (std::size_t i = 0; i < workers; ++i) {
    auto& worker = implementation_->workers.emplace_back(
        Implementation::Worker{dnnl::stream(onednn_engine()),
                               onednn_memory(primitive.src_desc()),
                               onednn_memory(primitive.weights_desc()),
                               shape.bias ? onednn_memory(bias) : memory(),
                               onednn_memory(primitive.dst_desc()),
                               onednn_memory(primitive.scratchpad_desc()),
                               {},
                               4});
    worker.arguments = {{{DNNL_ARG_SRC, worker.left.get()},
                         {DNNL_ARG_WEIGHTS, worker.right.get()},
                         {DNNL_ARG_DST, worker.result.get()},
                         {DNNL_ARG_SCRATCHPAD, worker.scratch.get()},
                         {DNNL_ARG_BIAS, nullptr}}};
    if (shape.bias) {
      worker.arguments[4].memory = worker.bias.get();
      worker.argument_count = 5;
    }
  }
} catch (const dnnl::error& error) {
  refused_by_onednn("matrix product of " + std::to_string(shape.rows) + " rows, " +
                        std::to_string(shape.inputs) + " inputs, " + std::to_string(shape.outputs) +
                        " outputs",
                    error);
}

Product::~Product() = default;
Product::Product(Product&&) noexcept = default;

std::size_t Product::scratch_bytes() const { return implementation_->scratch_bytes; }

bool Product::rows_stand_alone() const { return implementation_->rows_stand_alone; }

void Product::run(std::size_t worker_index, const float* x, const float* weight, const float* bias,
                  const float* y, void* scratch) const {
  const Implementation::Worker& worker = implementation_->workers[worker_index];
  const float *left = x, *right = weight, *result = y;
  if (implementation_->kind == ProductKind::input_gradient) left = y, right = weight, result = x;
  if (implementation_->kind == ProductKind::weight_gradient) left = y, right = x, result = weight;
  point(worker.left, left);
  point(worker.right, right);
  point(worker.result, result);
  point(worker.scratch, scratch);
  if (worker.argument_count == 5) point(worker.bias, bias);
  dnnl_primitive_execute(implementation_->product.get(), worker.stream.get(), worker.argument_count,
                         worker.arguments.data());
}

std::string instruction_set() {
  const auto has = [](dnnl::cpu_isa asked) {
    const int known = static_cast<int>(dnnl::get_effective_cpu_isa()), bits = static_cast<int>(asked);
    return (known & bits) == bits;
  };
  return has(dnnl::cpu_isa::avx512_core) ? "AVX-512"
         : has(dnnl::cpu_isa::avx2)      ? "AVX2"
         : has(dnnl::cpu_isa::avx)       ? "AVX"
         : has(dnnl::cpu_isa::sse41)     ? "SSE4.1"
                                         : "no vector instructions";
}

}  // namespace ztilde::kernels
