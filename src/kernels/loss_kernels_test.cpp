#include "kernels/loss_kernels.hpp"

#include "kernels/kernels_test_support.hpp"
#include "kernels/loss_kernels_reference.hpp"

namespace ztilde::kernels::test {
namespace {

std::vector<double> row_of(const Guarded& out, std::size_t r, std::size_t classes) {
  return {out.cview().row(r), out.cview().row(r) + classes};
}

// exp(x - largest) carries the rounding of its argument, u |x - largest| relatively; exp itself, the
// division and the scaling make up 4 u.
double probability_error(const std::vector<double>& out, std::size_t c, double p) {
  const double largest = *std::max_element(out.begin(), out.end());
  return kUnit * (4 + std::abs(out[c] - largest)) * p + 1e-44;
}

TEST(LossKernels, softmax_cross_entropy_equals_the_reference_on_every_target) {
  for (const std::size_t classes : {std::size_t{2}, std::size_t{3}, std::size_t{10}, std::size_t{16},
                                    std::size_t{17}, std::size_t{251}}) {
    for (const double deviation : {0.1, 3.0, 30.0}) {
      constexpr std::size_t kCount = 29;
      const Guarded out = normal_matrix(kCount, classes, 0, deviation, 1);
      std::vector<float> targets(kCount);
      std::vector<std::uint32_t> index(kCount);
      for (std::size_t r = 0; r < kCount; ++r) {
        targets[r] = static_cast<float>(r * 7 % classes);
        index[r] = static_cast<std::uint32_t>(kCount - 1 - r);
      }
      for (const bool by_index : {false, true}) {
        on_every_target([&] {
          Guarded d(kCount, classes);
          const LossSums sums = softmax_cross_entropy(out.cview(), targets.data(),
                                                      by_index ? index.data() : nullptr, 0.25, d.view());
          ASSERT_TRUE(d.guards_intact());
          double loss = 0, error = 0;
          std::uint64_t correct = 0;
          for (std::size_t r = 0; r < kCount; ++r) {
            const std::vector<double> row = row_of(out, r, classes);
            const auto target = static_cast<std::size_t>(targets[by_index ? index[r] : r]);
            const auto expected = reference::softmax_cross_entropy(row, target);
            loss += expected.loss;
            correct +=
                std::max_element(row.begin(), row.end()) - row.begin() == static_cast<std::ptrdiff_t>(target);
            double others = 0;
            for (std::size_t c = 0; c < classes; ++c) {
              const double p = std::abs(expected.gradient[c]);
              if (c != target) {
                others += probability_error(row, c, p);
                ASSERT_NEAR(d(r, c), 0.25 * p, 0.25 * probability_error(row, c, p) + 1e-44);
              }
              error += probability_error(row, c, reference::softmax(row)[c]);
            }
            ASSERT_NEAR(d(r, target), 0.25 * expected.gradient[target],
                        0.25 * (others + 4 * kUnit * std::abs(expected.gradient[target])) + 1e-44);
          }
          EXPECT_NEAR(sums.loss, loss, error);
          EXPECT_EQ(sums.correct, correct);
        });
      }
    }
  }
}

// As above, with smoothing and weights. s / classes and the difference from it are rounded once each.
TEST(LossKernels, smoothed_targets_equal_the_reference_on_every_target) {
  constexpr std::size_t kCount = 11;
  for (const std::size_t classes :
       {std::size_t{2}, std::size_t{3}, std::size_t{10}, std::size_t{17}, std::size_t{251}}) {
    const Guarded out = normal_matrix(kCount, classes, 0, 3, 1);
    std::vector<float> targets(kCount), by_row(kCount);
    std::vector<double> by_class(classes);
    for (std::size_t c = 0; c < classes; ++c) by_class[c] = 0.5 + static_cast<double>(c % 3);
    for (std::size_t r = 0; r < kCount; ++r) {
      targets[r] = static_cast<float>(r * 7 % classes);
      by_row[r] = static_cast<float>(r % 4) / 2;
    }
    for (const double smoothing : {0.1, 0.9}) {
      on_every_target([&] {
        Guarded d(kCount, classes);
        const LossSums sums = softmax_cross_entropy(out.cview(), targets.data(), nullptr, 0.25, d.view(),
                                                    {by_row.data(), by_class.data()}, smoothing);
        ASSERT_TRUE(d.guards_intact());
        double loss = 0, error = 0;
        for (std::size_t r = 0; r < kCount; ++r) {
          const std::vector<double> row = row_of(out, r, classes), p = reference::softmax(row);
          const auto target = static_cast<std::size_t>(targets[r]);
          const double weight = by_row[r] * by_class[target], each = smoothing / static_cast<double>(classes);
          const auto expected =
              reference::weighted(reference::softmax_cross_entropy(row, target, smoothing), weight);
          loss += expected.loss;
          double others = 4 * kUnit * (1 - p[target] + smoothing);
          for (std::size_t c = 0; c < classes; ++c) {
            error += weight * probability_error(row, c, p[c]);
            if (c == target) continue;
            others += probability_error(row, c, p[c]);
            ASSERT_NEAR(
                d(r, c), 0.25 * expected.gradient[c],
                0.25 * weight * (probability_error(row, c, p[c]) + 2 * kUnit * (p[c] + each)) + 1e-44);
          }
          ASSERT_NEAR(d(r, target), 0.25 * expected.gradient[target], 0.25 * weight * others + 1e-44);
        }
        EXPECT_NEAR(sums.loss, loss, error + 1e-14 * loss);
      });
    }
  }
}

TEST(LossKernels, gradient_in_place_and_no_gradient_give_the_same_loss) {
  const std::vector<float> targets(9, 1.0f);
  for (const double smoothing : {0.0, 0.1}) {
    on_every_target([&] {
      Guarded out = normal_matrix(9, 5, 0, 1, 2), d(9, 5);
      const auto kernel = [&](MatrixView<float> gradient) {
        return softmax_cross_entropy(out.cview(), targets.data(), nullptr, 1, gradient, {}, smoothing);
      };
      const LossSums none = kernel({}), apart = kernel(d.view()), in_place = kernel(out.view());
      EXPECT_EQ(none.loss, apart.loss);
      EXPECT_EQ(none.loss, in_place.loss);
      EXPECT_EQ(none.correct, in_place.correct);
      for (std::size_t r = 0; r < 9; ++r) {
        for (std::size_t c = 0; c < 5; ++c) EXPECT_EQ(out(r, c), d(r, c));
      }
    });
  }
}

TEST(LossKernels, huge_logits_give_a_finite_loss_and_probabilities) {
  const std::vector<float> logits = {1e30f, -1e30f, 3e38f, -3e38f, 500.0f, 499.0f};
  const std::vector<float> targets = {0, 0, 1};
  on_every_target([&] {
    std::vector<float> p = logits, d(6);
    const LossSums sums =
        softmax_cross_entropy({logits.data(), 3, 2}, targets.data(), nullptr, 1, {d.data(), 3, 2});
    EXPECT_NEAR(sums.loss, std::log1p(std::exp(1.0)), 1e-7);
    EXPECT_EQ(sums.correct, 2u);
    probabilities({p.data(), 3, 2});
    EXPECT_EQ(p[0], 1);
    EXPECT_EQ(p[1], 0);
    EXPECT_EQ(p[2], 1);
    EXPECT_NEAR(p[4] + p[5], 1, 2 * kUnit);
    for (const float v : d) EXPECT_TRUE(std::isfinite(v));
  });
}

// The gradient at the target is minus the other probabilities, not p - 1, which is 0 here in float.
TEST(LossKernels, a_nearly_certain_row_still_has_a_gradient) {
  const std::vector<float> logits = {30, 0};
  const float target = 0;
  on_every_target([&] {
    std::vector<float> d(2);
    softmax_cross_entropy({logits.data(), 1, 2}, &target, nullptr, 1, {d.data(), 1, 2});
    EXPECT_NEAR(d[0], -std::exp(-30.0), 4 * kUnit * std::exp(-30.0));
    EXPECT_NEAR(d[1], std::exp(-30.0), 4 * kUnit * std::exp(-30.0));
  });
}

TEST(LossKernels, a_nan_or_infinite_output_shows_in_the_loss) {
  for (const std::size_t classes : {std::size_t{2}, std::size_t{5}, std::size_t{16}, std::size_t{40}}) {
    for (const float trouble : {kNaN, kInfinity}) {
      for (std::size_t at = 0; at < classes; ++at) {
        on_every_target([&] {
          std::vector<float> out(classes, 1.0f), d(classes, 0.0f);
          out[at] = trouble;
          const float target = 1;
          const LossSums sums =
              softmax_cross_entropy({out.data(), 1, classes}, &target, nullptr, 1, {d.data(), 1, classes});
          EXPECT_TRUE(std::isnan(sums.loss));
          EXPECT_EQ(sums.correct, 0u);
          for (const float v : d) EXPECT_TRUE(std::isnan(v));
        });
      }
    }
  }
  const float out = kNaN, target = 0;
  EXPECT_TRUE(std::isnan(binary_cross_entropy({&out, 1, 1}, &target, nullptr, 1, {}).loss));
  EXPECT_EQ(binary_cross_entropy({&out, 1, 1}, &target, nullptr, 1, {}).correct, 0u);
  EXPECT_TRUE(std::isnan(squared_error({&out, 1, 1}, &target, nullptr, 0, 1, 1, {}).loss));
}

TEST(LossKernels, of_equal_outputs_the_first_counts_as_the_answer) {
  const std::vector<float> out(20, 0.5f);
  for (std::size_t target = 0; target < 20; ++target) {
    const auto t = static_cast<float>(target);
    EXPECT_EQ(softmax_cross_entropy({out.data(), 1, 20}, &t, nullptr, 1, {}).correct, target == 0 ? 1u : 0u);
  }
  const float zero = 0, one = 1;  // a logit of 0: class 0 and class 1 are even
  EXPECT_EQ(binary_cross_entropy({&zero, 1, 1}, &zero, nullptr, 1, {}).correct, 1u);
  EXPECT_EQ(binary_cross_entropy({&zero, 1, 1}, &one, nullptr, 1, {}).correct, 0u);
}

TEST(LossKernels, binary_cross_entropy_equals_the_reference) {
  for (const double z : {-1e30, -700.0, -50.0, -1.0, 0.0, 1e-3, 2.0, 30.0, 700.0, 1e30}) {
    for (const float target : {0.0f, 1.0f}) {
      const auto out = static_cast<float>(z);
      for (const double smoothing : {0.0, 0.1}) {
        float d = kNaN;
        const LossSums sums =
            binary_cross_entropy({&out, 1, 1}, &target, nullptr, 0.5, {&d, 1, 1}, {}, smoothing);
        const auto expected = reference::binary_cross_entropy<double>(out, target, smoothing);
        EXPECT_NEAR(sums.loss, expected.loss, 1e-15 * (1 + expected.loss));
        EXPECT_NEAR(d, 0.5 * expected.gradient[0], kUnit * std::abs(expected.gradient[0]) + 1e-16);
        EXPECT_EQ(sums.correct, (out > 0) == (target == 1) ? 1u : 0u) << "smoothing changes no answer";
      }
    }
  }
}

TEST(LossKernels, squared_error_equals_the_reference_in_the_targets_own_units) {
  const std::vector<float> out = {0.5f, -1.0f}, targets = {1e6f, 1e6f + 4};
  std::vector<float> d(2);
  const LossSums sums =
      squared_error({out.data(), 2, 1}, targets.data(), nullptr, 1e6, 2, 0.5, {d.data(), 2, 1});
  const auto first = reference::squared_error<double>(0.5, 1e6, 1e6, 2),
             second = reference::squared_error<double>(-1, 1e6 + 4, 1e6, 2);
  EXPECT_EQ(sums.loss, first.loss + second.loss);
  EXPECT_EQ(d[0], 0.5 * first.gradient[0]);
  EXPECT_EQ(d[1], 0.5 * second.gradient[0]);
  EXPECT_EQ(sums.correct, 0u);
}

// The loss and gradient of a row times row and class weight; the bits of no weights where all are 1.
TEST(LossKernels, weights_multiply_a_rows_loss_and_gradient) {
  constexpr std::size_t kCount = 13;
  const std::vector<double> by_class = {0.5, 3, 0, 1.25, 1}, ones(5, 1.0);
  for (const std::size_t outputs : {std::size_t{1}, std::size_t{5}}) {
    const Guarded out = normal_matrix(kCount, outputs, 0, 2, 4);
    std::vector<float> targets(kCount), weights(kCount), all_ones(kCount, 1.0f);
    std::vector<std::uint32_t> index(kCount);
    for (std::size_t r = 0; r < kCount; ++r) {
      targets[r] = static_cast<float>(outputs == 1 ? r % 2 : r % 5);
      weights[r] = static_cast<float>(r % 4) / 2;
      index[r] = static_cast<std::uint32_t>(r * 6 % kCount);
    }
    const auto kernel = [&](MatrixView<const float> rows, const std::uint32_t* at, MatrixView<float> d,
                            const LossWeights& counted) {
      return outputs == 1 ? binary_cross_entropy(rows, targets.data(), at, 0.125, d, counted)
                          : softmax_cross_entropy(rows, targets.data(), at, 0.125, d, counted);
    };
    on_every_target([&] {
      Guarded none(kCount, outputs), by_one(kCount, outputs), d(kCount, outputs);
      const LossSums plain = kernel(out.cview(), index.data(), none.view(), {});
      const LossSums once = kernel(out.cview(), index.data(), by_one.view(), {all_ones.data(), ones.data()});
      const LossSums sums = kernel(out.cview(), index.data(), d.view(), {weights.data(), by_class.data()});
      EXPECT_EQ(plain.loss, once.loss);
      EXPECT_EQ(plain.correct, sums.correct);
      double expected = 0;
      for (std::size_t r = 0; r < kCount; ++r) {
        const MatrixView<const float> row(out.cview().row(r), 1, outputs);
        const double weight = weights[index[r]] * by_class[static_cast<std::size_t>(targets[index[r]])];
        expected += weight * kernel(row, &index[r], {}, {}).loss;
        for (std::size_t c = 0; c < outputs; ++c) {
          ASSERT_EQ(none(r, c), by_one(r, c));
          // Each is a float factor and a float product: two roundings.
          ASSERT_NEAR(d(r, c), weight * none(r, c), 4 * kUnit * std::abs(weight * none(r, c)));
        }
      }
      // Up to 13 terms added in double, each rounded once.
      EXPECT_NEAR(sums.loss, expected, 1e-14 * expected);
    });
  }
  const auto twin = reference::weighted(reference::squared_error<double>(0.5, 3, 1, 2), 2.5);
  const std::vector<float> out = {0.5f}, target = {3}, weight = {2.5f};
  float d = kNaN;
  EXPECT_EQ(
      squared_error({out.data(), 1, 1}, target.data(), nullptr, 1, 2, 1, {&d, 1, 1}, {weight.data()}).loss,
      twin.loss);
  EXPECT_EQ(d, static_cast<float>(twin.gradient[0]));
}

TEST(LossKernels, a_nan_output_shows_whatever_its_row_weighs) {
  const std::vector<float> out = {kNaN, 0, 0}, target = {1}, nothing = {0};
  const LossWeights weights{nothing.data()};
  EXPECT_TRUE(
      std::isnan(softmax_cross_entropy({out.data(), 1, 3}, target.data(), nullptr, 1, {}, weights).loss));
  EXPECT_TRUE(
      std::isnan(binary_cross_entropy({out.data(), 1, 1}, target.data(), nullptr, 1, {}, weights).loss));
  EXPECT_TRUE(
      std::isnan(squared_error({out.data(), 1, 1}, target.data(), nullptr, 0, 1, 1, {}, weights).loss));
}

TEST(LossKernels, probabilities_equal_the_reference_and_sum_to_one) {
  for (const std::size_t classes :
       {std::size_t{1}, std::size_t{2}, std::size_t{10}, std::size_t{17}, std::size_t{100}}) {
    on_every_target([&] {
      const Guarded out = normal_matrix(7, classes, 0, 5, 3);
      Guarded p = out;
      probabilities(p.view());
      ASSERT_TRUE(p.guards_intact());
      for (std::size_t r = 0; r < 7; ++r) {
        const std::vector<double> row = row_of(out, r, classes);
        double sum = 0;
        for (std::size_t c = 0; c < classes; ++c) {
          const double expected = classes == 1 ? 1 / (1 + std::exp(-row[0])) : reference::softmax(row)[c];
          ASSERT_NEAR(p(r, c), expected, probability_error(row, c, expected));
          sum += p(r, c);
        }
        if (classes > 1) {
          EXPECT_NEAR(sum, 1, 6 * kUnit);
        }
      }
    });
  }
}

}  // namespace
}  // namespace ztilde::kernels::test
