#include "kernels/optimiser_kernels.hpp"

#include "kernels/kernels_test_support.hpp"
#include "kernels/optimiser_kernels_reference.hpp"

namespace ztilde::kernels::test {
namespace {

// A few roundings of each term of a step: the weight, and what is taken from it.
void expect_step(float actual, double expected, double before) {
  ASSERT_NEAR(actual, expected, 4 * kUnit * std::abs(before) + 12 * kUnit * std::abs(expected - before));
}

const std::vector<std::size_t> kLengths = {1, 3, 15, 16, 17, 64, 251, 257};

struct Arrays {
  explicit Arrays(std::size_t n)
      : w(normal_vector(n, 0, 1, 1)),
        g(normal_vector(n, 0, 1, 2)),
        m(normal_vector(n, 0, 1, 3)),
        v(normal_vector(n, 2, 0.1, 4)) {}
  std::vector<float> w, g, m, v;
};

TEST(OptimiserKernels, sgd_equals_the_reference_on_every_target) {
  for (const std::size_t n : kLengths) {
    on_every_target([&] {
      Arrays a(n);
      const Arrays before = a;
      sgd_step(n, a.w.data(), a.g.data(), 0.5, 0.1, 0.01);
      for (std::size_t i = 0; i < n; ++i) {
        double w = before.w[i];
        reference::sgd_step<double>(w, a.g[i], 0.5, 0.1, 0.01);
        expect_step(a.w[i], w, before.w[i]);
      }
    });
  }
}

TEST(OptimiserKernels, momentum_equals_the_reference_on_every_target) {
  for (const std::size_t n : kLengths) {
    for (const bool nesterov : {false, true}) {
      on_every_target([&] {
        Arrays a(n);
        const Arrays before = a;
        momentum_step(n, a.w.data(), a.g.data(), a.m.data(), 0.5, 0.1, 0.01, 0.9, nesterov);
        for (std::size_t i = 0; i < n; ++i) {
          double w = before.w[i], m = before.m[i];
          reference::momentum_step<double>(w, a.g[i], m, 0.5, 0.1, 0.01, 0.9, nesterov);
          // Terms of m may cancel: the bound is of the terms, not of their sum.
          const double terms = std::abs(before.m[i]) + std::abs(a.g[i]) + std::abs(before.w[i]);
          ASSERT_NEAR(a.m[i], m, 4 * kUnit * terms);
          ASSERT_NEAR(a.w[i], w, 4 * kUnit * (std::abs(before.w[i]) + terms));
        }
      });
    }
  }
}

TEST(OptimiserKernels, rmsprop_equals_the_reference_on_every_target) {
  for (const std::size_t n : kLengths) {
    on_every_target([&] {
      Arrays a(n);
      const Arrays before = a;
      rmsprop_step(n, a.w.data(), a.g.data(), a.v.data(), 1, 0.01, 0, 0.99, 1e-8);
      for (std::size_t i = 0; i < n; ++i) {
        double w = before.w[i], v = before.v[i];
        reference::rmsprop_step<double>(w, a.g[i], v, 1, 0.01, 0, 0.99, 1e-8);
        ASSERT_NEAR(a.v[i], v, 6 * kUnit * v);
        expect_step(a.w[i], w, before.w[i]);
      }
    });
  }
}

TEST(OptimiserKernels, adam_equals_the_reference_on_every_target) {
  for (const std::size_t n : kLengths) {
    for (const bool decoupled : {false, true}) {
      on_every_target([&] {
        Arrays a(n);
        std::fill(a.m.begin(), a.m.end(), 0.0f);
        std::fill(a.v.begin(), a.v.end(), 0.0f);
        const Arrays before = a;
        const AdamRates rates{0.001, decoupled ? 0.01 : 0.0, 0.9, 0.999, 1e-8, 1 - 0.9, 1 - 0.999, decoupled};
        adam_step(n, a.w.data(), a.g.data(), a.m.data(), a.v.data(), 1, rates);
        for (std::size_t i = 0; i < n; ++i) {
          double w = before.w[i], m = 0, v = 0;
          reference::adam_step<double>(w, a.g[i], m, v, 1, rates);
          ASSERT_NEAR(a.m[i], m, 4 * kUnit * std::abs(m));
          ASSERT_NEAR(a.v[i], v, 4 * kUnit * v);
          expect_step(a.w[i], w, before.w[i]);
        }
      });
    }
  }
}

TEST(OptimiserKernels, averages_have_the_references_bits_on_every_target) {
  for (const std::size_t n : kLengths) {
    on_every_target([&] {
      const Arrays a(n);
      std::vector<double> average(n + 1, 1e300);  // the last one is not to be touched
      for (std::size_t i = 0; i < n; ++i) average[i] = double{a.m[i]} / 3;
      std::vector<double> expected = average;
      average_step(n, average.data(), a.w.data(), 0.9999);
      for (std::size_t i = 0; i < n; ++i) reference::average_step<double>(expected[i], a.w[i], 0.9999);
      EXPECT_EQ(average, expected);
    });
  }
}

// The first step of Adam is rate · sign(g): what 1 - beta in float would miss by 2e-5.
TEST(OptimiserKernels, adams_first_step_has_the_length_of_the_rate) {
  float w = 0, m = 0, v = 0;
  const float g = 0.37f;
  adam_step(1, &w, &g, &m, &v, 1, {0.001, 0, 0.9, 0.999, 0, 1 - 0.9, 1 - 0.999, false});
  EXPECT_NEAR(w, -0.001, 4 * kUnit * 0.001);
}

TEST(OptimiserKernels, any_cut_into_ranges_gives_the_same_bits) {
  on_every_target([&] {
    const AdamRates rates{0.001, 0.1, 0.9, 0.999, 1e-8, 0.1, 0.001, false};
    Arrays whole(100), cut(100);
    adam_step(100, whole.w.data(), whole.g.data(), whole.m.data(), whole.v.data(), 0.3, rates);
    for (std::size_t first = 0, n = 1; first < 100;
         first += n, n = std::min<std::size_t>(n + 3, 100 - first)) {
      adam_step(n, &cut.w[first], &cut.g[first], &cut.m[first], &cut.v[first], 0.3, rates);
    }
    EXPECT_EQ(whole.w, cut.w);
    EXPECT_EQ(whole.m, cut.m);
    EXPECT_EQ(whole.v, cut.v);
  });
}

TEST(OptimiserKernels, sum_of_squares_has_the_same_bits_on_every_target) {
  for (const std::size_t n :
       {std::size_t{0}, std::size_t{1}, std::size_t{15}, std::size_t{16}, std::size_t{1003}}) {
    const std::vector<float> g = normal_vector(n, 0, 1e20, 5);
    double exact = 0;
    for (const float x : g) exact += double{x} * double{x};
    const double best = sum_of_squares(n, g.data());
    EXPECT_NEAR(best, exact, 0x1p-53 * static_cast<double>(n) * exact);
    on_every_target([&] { EXPECT_EQ(sum_of_squares(n, g.data()), best); });
  }
}

TEST(OptimiserKernels, sum_of_squares_shows_nan_and_infinity) {
  std::vector<float> g(35, 1.0f);
  on_every_target([&] {
    for (const std::size_t at : {std::size_t{0}, std::size_t{34}}) {
      g[at] = kNaN;
      EXPECT_TRUE(std::isnan(sum_of_squares(35, g.data())));
      g[at] = -kInfinity;
      EXPECT_EQ(sum_of_squares(35, g.data()), double{kInfinity});
      g[at] = 1;
    }
  });
}

}  // namespace
}  // namespace ztilde::kernels::test
