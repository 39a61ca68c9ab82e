#include "lab/mean_field.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "lab/deep_gradients.hpp"

namespace ztilde::lab {
namespace {

TEST(MeanField, the_growth_of_relu_is_its_closed_form) {
  // E[relu'²] = 1/2, E[relu²] = 1/2, E[relu] = 1/√(2π). The quadrature's error is its width squared, 2.5e-7.
  EXPECT_NEAR(gradient_growth(ActivationKind::relu), std::sqrt(std::numbers::pi / (std::numbers::pi - 1)),
              1e-6);
}

TEST(MeanField, what_is_linear_neither_grows_nor_shrinks_gradients) {
  EXPECT_NEAR(gradient_growth(ActivationKind::identity), 1, 1e-9);
}

TEST(MeanField, the_growth_of_tanh_and_sigmoid_is_the_published_one) {
  EXPECT_NEAR(gradient_growth(ActivationKind::tanh), 1.085, 0.0005);
  EXPECT_NEAR(gradient_growth(ActivationKind::sigmoid), 1.017, 0.0005);
}

TEST(MeanField, orthogonal_matrices_are_orthogonal_and_differ) {
  constexpr std::size_t kSize = 64;
  std::vector<float> matrix(kSize * kSize), other(matrix), again(matrix);
  fill_orthogonal(kSize, 1, 0, matrix);
  fill_orthogonal(kSize, 1, 1, other);
  fill_orthogonal(kSize, 1, 0, again);
  EXPECT_EQ(matrix, again);
  EXPECT_NE(matrix, other);
  for (std::size_t a = 0; a < kSize; ++a) {
    for (std::size_t b = 0; b < kSize; ++b) {
      double product = 0;
      for (std::size_t i = 0; i < kSize; ++i)
        product += static_cast<double>(matrix[a * kSize + i]) * matrix[b * kSize + i];
      EXPECT_NEAR(product, a == b ? 1 : 0, 1e-6) << a << ", " << b;  // floats, rounded once
    }
  }
}

TEST(MeanField, orthogonal_matrices_are_spread_like_gaussian_ones) {
  // Fourth moment over the second squared: 3 for a normal distribution, 1 for a single Hadamard matrix.
  constexpr std::size_t kSize = 256;
  std::vector<float> matrix(kSize * kSize);
  fill_orthogonal(kSize, 2, 0, matrix);
  double second = 0, fourth = 0;
  for (const float value : matrix) {
    second += std::pow(value, 2) / (kSize * kSize);
    fourth += std::pow(value, 4) / (kSize * kSize);
  }
  EXPECT_NEAR(fourth / (second * second), 3, 0.2);
}

TEST(MeanField, the_slope_is_that_of_the_line_and_ignores_what_is_even_around_it) {
  EXPECT_DOUBLE_EQ(slope(std::vector<double>{5, 3, 1, -1}), -2);
  EXPECT_DOUBLE_EQ(slope(std::vector<double>{1, 3, 1}), 0);
}

TEST(DeepGradients, growth_leaves_the_first_and_the_last_block_out) {
  EXPECT_DOUBLE_EQ(growth_of({100, 3, 2, 1, -50}), 1);
}

TEST(DeepGradients, grow_by_what_theory_says) {
  // 64 units are narrow: relu was within 3 % of the slope in six seeds, and the two seeds here stay within 10
  // %.
  for (const ActivationKind g : {ActivationKind::relu, ActivationKind::tanh}) {
    double growth = 0;
    for (const std::uint64_t seed : {0, 1})
      growth += growth_of(log_gradient_norms(g, 64, 12, Weights::orthogonal, seed)) / 2;
    EXPECT_NEAR(growth / std::log(gradient_growth(g)), 1, 0.1) << to_string(g);
  }
}

}  // namespace
}  // namespace ztilde::lab
