#include "kernels/packed_weights.hpp"

#include <gtest/gtest.h>

#include "kernels/kernels_test_support.hpp"
#include "kernels/onednn_product.hpp"
#include "tensor/aligned_buffer.hpp"

namespace ztilde::kernels::test {
namespace {

struct Layer {
  std::size_t inputs, outputs;
  Guarded weight, bias;
  AlignedBuffer<float> packed;
  Layer(std::size_t inputs_, std::size_t outputs_)
      : inputs(inputs_),
        outputs(outputs_),
        weight(normal_matrix(outputs, inputs, 0, 1, 1)),
        bias(normal_matrix(1, outputs, 0, 1, 2)),
        packed(packed_size(inputs, outputs)) {
    std::vector<float> plain(inputs * outputs);
    for (std::size_t o = 0; o < outputs; ++o)
      std::copy_n(weight.cview().row(o), inputs, plain.begin() + static_cast<std::ptrdiff_t>(o * inputs));
    pack_weights(plain.data(), inputs, outputs, packed.data());
  }
};

// Inputs on both sides of the numbers at which oneDNN begins a new sum.
constexpr std::size_t kInputs[] = {1, 5, 16, 100, 512, 513, 784, 1024, 1025, 2100};
constexpr std::size_t kOutputs[] = {1, 7, 48, 64, 65, 100, 128, 300};

TEST(PackedWeights, one_row_has_the_bits_of_the_same_row_among_many) {
  if (!packs_in_panels()) GTEST_SKIP() << "oneDNN has no product for panels on this machine";
  constexpr std::size_t kRows = 64;
  for (const std::size_t inputs : kInputs) {
    for (const std::size_t outputs : kOutputs) {
      const Layer layer(inputs, outputs);
      for (const bool with_bias : {false, true}) {
        const float* bias = with_bias ? layer.bias.cview().data : nullptr;
        const Product product(
            {ProductKind::forward_packed, kRows, inputs, outputs, inputs, outputs, 0, with_bias}, 1);
        AlignedBuffer<std::byte> scratch(product.scratch_bytes());
        const RandomStream stream(3, Purpose::initialise, 0, 0);
        std::vector<float> x(kRows * inputs), many(kRows * outputs);
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(stream.normal(i));
        product.run(0, x.data(), layer.packed.data(), bias, many.data(), scratch.data());
        for (const std::size_t row : {std::size_t{0}, kRows - 1}) {
          std::vector<float> y(outputs + 1, kGuard);
          // In two parts, as two workers compute it.
          const std::size_t half = outputs / 32 * 16;
          one_row_product(x.data() + row * inputs, layer.packed.data(), bias, inputs, outputs, 0, half,
                          y.data());
          one_row_product(x.data() + row * inputs, layer.packed.data(), bias, inputs, outputs, half,
                          outputs - half, y.data());
          ASSERT_EQ(y[outputs], kGuard);
          for (std::size_t o = 0; o < outputs; ++o) {
            ASSERT_EQ(y[o], many[row * outputs + o]) << inputs << " inputs, " << outputs << " outputs, " << o;
          }
        }
      }
    }
  }
}

TEST(PackedWeights, products_equal_sums_in_double) {
  for (const std::size_t inputs : kInputs) {
    const std::size_t outputs = 65;
    const Layer layer(inputs, outputs);
    const Product product({ProductKind::forward_packed, 1, inputs, outputs, inputs, outputs, 0, true}, 1);
    AlignedBuffer<std::byte> scratch(product.scratch_bytes());
    const Guarded x = normal_matrix(1, inputs, 0, 1, 4);
    std::vector<float> y(outputs);
    product.run(0, x.cview().data, layer.packed.data(), layer.bias.cview().data, y.data(), scratch.data());
    for (std::size_t o = 0; o < outputs; ++o) {
      double sum = layer.bias(0, o), size = std::abs(sum);
      for (std::size_t i = 0; i < inputs; ++i) {
        const double term = double{x(0, i)} * layer.weight(o, i);
        sum += term;
        size += std::abs(term);
      }
      ASSERT_NEAR(y[o], sum, static_cast<double>(inputs + 2) * 0x1p-24 * size);
    }
  }
}

}  // namespace
}  // namespace ztilde::kernels::test
