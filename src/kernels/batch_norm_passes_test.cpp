#include "kernels/batch_norm_passes.hpp"

#include "kernels/block_kernels_reference.hpp"
#include "kernels/kernels_test_support.hpp"
#include "tensor/aligned_buffer.hpp"
#include "ztilde/batch_norm.hpp"

namespace ztilde::kernels::test {
namespace {

const std::vector<std::size_t> kPassRows = {1, 2, 7, 8, 9, 127, 128, 129, 300};

struct Maps {
  std::vector<float> centre, scale, shift, slope, offset;
  explicit Maps(std::size_t channels)
      : centre(repeated(channels, 0.5, 11)),
        scale(repeated(channels, 1, 12)),
        shift(repeated(channels, 0, 13)),
        slope(repeated(channels, 0, 14)),
        offset(repeated(channels, 0, 15)) {}
  static std::vector<float> repeated(std::size_t channels, double mean, unsigned seed) {
    std::vector<float> values = normal_vector(channels, mean, 1, seed);
    values.resize(channels + kRepeat, kNaN);
    repeat(values.data(), channels);
    return values;
  }
  Affine affine() const { return {centre.data(), scale.data(), shift.data()}; }
  InputGradient gradient() const { return {centre.data(), scale.data(), slope.data(), offset.data()}; }
};

struct Sums {
  std::vector<double> first, second;
  AlignedBuffer<double> work;
  explicit Sums(std::size_t channels) : first(channels), second(channels), work(work_doubles(channels)) {}
};

void copy_into(const Guarded& from, Guarded& to) {
  for (std::size_t r = 0; r < from.cview().rows; ++r)
    std::copy_n(from.cview().row(r), from.cview().channels, to.view().row(r));
}

void expect_same(const Guarded& a, const Guarded& b) {
  ASSERT_TRUE(a.guards_intact() && b.guards_intact());
  for (std::size_t r = 0; r < a.cview().rows; ++r) {
    for (std::size_t c = 0; c < a.cview().channels; ++c) ASSERT_EQ(a(r, c), b(r, c)) << r << ' ' << c;
  }
}

TEST(BatchNormPasses, statistics_of_many_rows_are_their_blocks_sums_pooled_on_every_target) {
  for (const std::size_t channels : kChannels) {
    for (const std::size_t rows : kPassRows) {
      const Guarded x = normal_matrix(rows, channels, 1e5, 1, 1);
      on_every_target([&] {
        Sums sums(channels);
        statistics_pass(x.cview(), sums.work.data(), sums.first.data(), sums.second.data());
        for (std::size_t c = 0; c < channels; ++c) {
          long double mean = 0, m2 = 0;
          for (std::size_t r = 0; r < rows; ++r) mean += x(r, c);
          mean /= static_cast<long double>(rows);
          for (std::size_t r = 0; r < rows; ++r) m2 += (x(r, c) - mean) * (x(r, c) - mean);
          // Three blocks, each rounding the mean to 2^-53 of 1e5; distances of up to some 8.
          ASSERT_NEAR(sums.first[c], static_cast<double>(mean), 4 * 0x1p-53 * 1e5);
          ASSERT_NEAR(sums.second[c], static_cast<double>(m2),
                      0x1p-53 * static_cast<double>(rows) * (64.0 * static_cast<double>(rows) + 8e5));
        }
      });
    }
  }
}

// Without gaps the memory to come is asked for ahead of time.
TEST(BatchNormPasses, gaps_between_rows_change_no_bit_of_the_sums) {
  for (const std::size_t channels : kChannels) {
    const Guarded x = normal_matrix(300, channels, 1, 2, 2), d = normal_matrix(300, channels, 0, 1, 3);
    Guarded x_dense(300, channels, 0, 0), d_dense(300, channels, 0, 0), unused(300, channels);
    copy_into(x, x_dense);
    copy_into(d, d_dense);
    const Maps k(channels);
    on_every_target([&] {
      Sums a(channels), b(channels);
      statistics_pass(x.cview(), a.work.data(), a.first.data(), a.second.data());
      statistics_pass(x_dense.cview(), b.work.data(), b.first.data(), b.second.data());
      ASSERT_EQ(a.first, b.first);
      ASSERT_EQ(a.second, b.second);
      backward_sums_pass(x.cview(), k.affine(), ActivationKind::relu, d.cview(), false, unused.view(),
                         a.work.data(), a.first.data(), a.second.data());
      backward_sums_pass(x_dense.cview(), k.affine(), ActivationKind::relu, d_dense.cview(), false,
                         unused.view(), b.work.data(), b.first.data(), b.second.data());
      ASSERT_EQ(a.first, b.first);
      ASSERT_EQ(a.second, b.second);
    });
  }
}

TEST(BatchNormPasses, streaming_writes_the_same_bits_and_nothing_else) {
  for (const std::size_t channels : kChannels) {
    const Maps k(channels);
    for (const std::size_t gap : {std::size_t{0}, std::size_t{3}, std::size_t{16}}) {
      for (const std::size_t rows : {std::size_t{0}, std::size_t{1}, std::size_t{6}, std::size_t{37}}) {
        // Rows without gaps on both sides are walked as one.
        Guarded x(rows, channels, 0, gap), d_y(rows, channels, 0, gap);
        copy_into(normal_matrix(rows, channels, 0, 2, 4), x);
        copy_into(normal_matrix(rows, channels, 0, 1, 5), d_y);
        for (const ActivationKind g : kActivations) {
          on_every_target([&] {
            Guarded block(rows, channels), plain(rows, channels, kNaN, gap),
                streamed(rows, channels, kNaN, gap);
            normalise_activate(x.cview(), k.affine(), g, block.view());
            normalise_pass(x.cview(), k.affine(), g, false, plain.view());
            normalise_pass(x.cview(), k.affine(), g, true, streamed.view());
            expect_same(plain, block);
            expect_same(plain, streamed);
            input_gradient_pass(x.cview(), k.affine(), k.gradient(), g, d_y.cview(), false, plain.view());
            input_gradient_pass(x.cview(), k.affine(), k.gradient(), g, d_y.cview(), true, streamed.view());
            expect_same(plain, streamed);
          });
        }
      }
    }
  }
}

TEST(BatchNormPasses, backward_keeps_d_or_takes_the_slope_again_with_the_same_bits) {
  for (const std::size_t channels : {std::size_t{5}, std::size_t{16}, std::size_t{67}}) {
    const Maps k(channels);
    for (const std::size_t rows : kPassRows) {
      const Guarded x = normal_matrix(rows, channels, 0, 2, 6), d_y = normal_matrix(rows, channels, 0, 1, 7);
      for (const ActivationKind g : kActivations) {
        on_every_target([&] {
          Guarded kept(rows, channels), again(rows, channels), in_place = d_y;
          Sums a(channels), b(channels), c(channels);
          backward_sums_pass(x.cview(), k.affine(), g, d_y.cview(), true, kept.view(), a.work.data(),
                             a.first.data(), a.second.data());
          backward_sums_pass(x.cview(), k.affine(), g, d_y.cview(), false, again.view(), b.work.data(),
                             b.first.data(), b.second.data());
          backward_sums_pass(x.cview(), k.affine(), g, in_place.cview(), true, in_place.view(), c.work.data(),
                             c.first.data(), c.second.data());
          ASSERT_TRUE(std::isnan(again(0, 0)));
          ASSERT_EQ(a.first, b.first);
          ASSERT_EQ(a.second, b.second);
          ASSERT_EQ(a.first, c.first);
          for (std::size_t ch = 0; ch < channels; ++ch) {
            const auto exact = reference::backward_sums<double>(x.cview(), kept.cview(), k.centre[ch], ch);
            // Doubles of which at most 300 are added; x - centre is rounded to a float.
            ASSERT_NEAR(a.first[ch], exact.sum, 1e-10);
            ASSERT_NEAR(a.second[ch], exact.other, kUnit * 60.0 * static_cast<double>(rows));
          }
          input_gradient_pass(x.cview(), k.affine(), k.gradient(), ActivationKind::identity, kept.cview(),
                              false, kept.view());
          input_gradient_pass(x.cview(), k.affine(), k.gradient(), g, d_y.cview(), true, again.view());
          expect_same(kept, again);
        });
      }
    }
  }
}

// Large enough to be stored past the caches, with rows that begin anywhere in a line and an odd
// number of lanes of unequal size.
TEST(BatchNormPasses, large_tensors_are_right_and_no_number_of_threads_changes_a_bit) {
  for (const auto& [rows, channels, gap] : {std::tuple<std::size_t, std::size_t, std::size_t>{1100, 1000, 0},
                                            {20011, 64, 0},
                                            {9001, 131, 5},
                                            {300007, 4, 0}}) {
    const Guarded x = normal_matrix(rows, channels, 3, 2, 8), d_y = normal_matrix(rows, channels, 0, 1, 9);
    const std::vector<float> gamma = normal_vector(channels, 1, 0.5, 10),
                             beta = normal_vector(channels, 0, 1, 11);
    for (const ActivationKind g : {ActivationKind::relu, ActivationKind::tanh}) {
      Guarded y(rows, channels, kNaN, gap), d_x(rows, channels, kNaN, gap);
      std::vector<double> mean(channels), variance(channels);
      std::vector<float> d_gamma(channels), d_beta(channels);
      batch_norm::forward(x.cview(), gamma, beta, 1e-5, y.view(), mean, variance, g);
      batch_norm::backward(x.cview(), mean, variance, gamma, beta, 1e-5, d_y.cview(), d_x.view(), d_gamma,
                           d_beta, g);
      for (std::size_t c = 0; c < channels; c += 7) {
        double exact_mean = 0, exact_variance = 0;
        for (std::size_t r = 0; r < rows; ++r) exact_mean += x(r, c) / static_cast<double>(rows);
        for (std::size_t r = 0; r < rows; ++r)
          exact_variance += (x(r, c) - exact_mean) * (x(r, c) - exact_mean) / static_cast<double>(rows);
        // The two passes here round once a row; ours once a block at most.
        ASSERT_NEAR(mean[c], exact_mean, 0x1p-53 * static_cast<double>(rows) * 4);
        ASSERT_NEAR(variance[c], exact_variance, 0x1p-53 * static_cast<double>(rows) * 16);
        const double inv_std = 1 / std::sqrt(variance[c] + 1e-5);
        for (std::size_t r = 0; r < rows; r += 101) {
          const double x_norm = (x(r, c) - mean[c]) * inv_std, z = gamma[c] * x_norm + beta[c];
          ASSERT_NEAR(y(r, c), reference::activation(g, z),
                      8 * kUnit * (std::abs(gamma[c]) * (std::abs(x_norm) + 1) + std::abs(beta[c]) + 1));
        }
      }
      for (const std::size_t threads : {std::size_t{0}, std::size_t{2}, std::size_t{3}}) {
        Guarded y_in_place = x, d_in_place = d_y;
        std::vector<double> mean_in_place(channels), variance_in_place(channels);
        std::vector<float> d_gamma_2(channels), d_beta_2(channels);
        batch_norm::forward(y_in_place.cview(), gamma, beta, 1e-5, y_in_place.view(), mean_in_place,
                            variance_in_place, g, threads);
        batch_norm::backward(x.cview(), mean, variance, gamma, beta, 1e-5, d_in_place.cview(),
                             d_in_place.view(), d_gamma_2, d_beta_2, g, threads);
        ASSERT_EQ(mean, mean_in_place);
        ASSERT_EQ(variance, variance_in_place);
        ASSERT_EQ(d_gamma, d_gamma_2);
        ASSERT_EQ(d_beta, d_beta_2);
        expect_same(y, y_in_place);
        expect_same(d_x, d_in_place);
      }
    }
  }
}

}  // namespace
}  // namespace ztilde::kernels::test
