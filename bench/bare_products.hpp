// The matrix products of a training step and nothing else: what a step cannot be faster than.
// oneDNN's plain-layout product over whole batches, on the threads that oneDNN manages itself.
#pragma once

#include <cstddef>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>
#include <vector>

namespace ztilde::bench {

class BareProducts {
 public:
  // widths: of the inputs, each hidden layer and the outputs. Primitives and memory are made here.
  BareProducts(const std::vector<std::size_t>& widths, std::size_t rows, std::size_t threads);
  // Forward through all layers, then back: gradient of W, and of the input in all but the first.
  void step();

 private:
  struct Product {
    dnnl::matmul primitive;
    std::unordered_map<int, dnnl::memory> arguments;
  };
  void add(const dnnl::memory& left, const dnnl::memory& right, const dnnl::memory& result);

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::vector<dnnl::memory> numbers_;  // owns what transposed views point to
  std::vector<Product> products_;
};

}  // namespace ztilde::bench
