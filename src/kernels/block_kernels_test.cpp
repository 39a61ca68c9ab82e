#include "kernels/block_kernels.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "kernels/block_kernels_reference.hpp"
#include "kernels/kernels_test_support.hpp"
#include "tensor/aligned_buffer.hpp"

namespace ztilde::kernels::test {
namespace {

struct Coefficients {
  std::vector<float> centre, scale, shift;
  Affine affine() const { return {centre.data(), scale.data(), shift.data()}; }
  reference::Affine<double> at(std::size_t c) const { return {centre[c], scale[c], shift[c]}; }
};

Coefficients coefficients(std::size_t channels) {
  return {normal_vector(channels, 0.5, 1, 11), normal_vector(channels, 1, 1, 12),
          normal_vector(channels, 0, 1, 13)};
}

// x - centre, the product and the sum are each rounded once: 3 u of the largest term.
double affine_error(const reference::Affine<double>& map, double x) {
  return 3 * kUnit * (std::abs((x - map.centre) * map.scale) + std::abs(map.shift));
}

// |g'| <= 1.13 carries the error of z on; g itself is measured to be within 5 u over [-100, 100].
double value_error(ActivationKind g, double z, double z_error) {
  return 1.13 * z_error + 8 * kUnit * std::abs(reference::activation(g, z));
}

// |g''| <= 1 carries the error of z on; g' itself is measured to be within 6 u, and 4 u absolute
// where silu' and gelu' change sign. At the kink of relu either slope is right.
double slope_error(ActivationKind g, double z, double z_error) {
  const bool has_kink = g == ActivationKind::relu || g == ActivationKind::leaky_relu;
  if (has_kink) return std::abs(z) <= z_error ? 1 : kUnit * 2;
  return z_error + 8 * kUnit * (std::abs(reference::activation_slope(g, z)) + 1);
}

TEST(BlockKernels, normalise_activate_equals_the_reference_on_every_target) {
  for (const std::size_t channels : kChannels) {
    const Coefficients k = coefficients(channels);
    for (const std::size_t rows : kRows) {
      const Guarded x = normal_matrix(rows, channels, 0, 3, 1);
      for (const ActivationKind g : kActivations) {
        on_every_target([&] {
          Guarded y(rows, channels, kNaN);
          normalise_activate(x.cview(), k.affine(), g, y.view());
          ASSERT_TRUE(y.guards_intact());
          for (std::size_t r = 0; r < rows; ++r) {
            for (std::size_t c = 0; c < channels; ++c) {
              const double z = k.at(c)(x(r, c)), z_error = affine_error(k.at(c), x(r, c));
              ASSERT_NEAR(y(r, c), reference::activation(g, z), value_error(g, z, z_error))
                  << r << ' ' << c << ' ' << static_cast<int>(g);
            }
          }
        });
      }
    }
  }
}

TEST(BlockKernels, add_activate_equals_the_reference_on_every_target) {
  for (const std::size_t channels : kChannels) {
    const Coefficients kx = coefficients(channels);
    Coefficients ky = kx;
    std::ranges::reverse(ky.scale);
    const Guarded x = normal_matrix(9, channels, 0, 3, 1), y = normal_matrix(9, channels, 1, 2, 2);
    for (const ActivationKind g : {ActivationKind::identity, ActivationKind::relu, ActivationKind::tanh}) {
      for (const auto& [maps_x, maps_y] :
           {std::pair(false, false), {true, false}, {false, true}, {true, true}}) {
        on_every_target([&, maps_x = maps_x, maps_y = maps_y] {
          Guarded out(9, channels, kNaN);
          add_activate(x.cview(), maps_x ? kx.affine() : Affine{}, y.cview(), maps_y ? ky.affine() : Affine{},
                       g, out.view());
          ASSERT_TRUE(out.guards_intact());
          for (std::size_t r = 0; r < 9; ++r) {
            for (std::size_t c = 0; c < channels; ++c) {
              const double a = maps_x ? kx.at(c)(x(r, c)) : x(r, c), b = maps_y ? ky.at(c)(y(r, c)) : y(r, c);
              const double z_error = (maps_x ? affine_error(kx.at(c), x(r, c)) : 0) +
                                     (maps_y ? affine_error(ky.at(c), y(r, c)) : 0) + kUnit * std::abs(a + b);
              ASSERT_NEAR(out(r, c), reference::activation(g, a + b), value_error(g, a + b, z_error));
            }
          }
          Guarded sum = normal_matrix(9, channels, 1, 2, 2);
          add(x.cview(), sum.view());
          for (std::size_t c = 0; c < channels; ++c) ASSERT_EQ(sum(3, c), x(3, c) + y(3, c));
        });
      }
    }
  }
}

TEST(BlockKernels, normalise_activate_in_place_gives_the_same_bits) {
  const Coefficients k = coefficients(37);
  for (const ActivationKind g : kActivations) {
    on_every_target([&] {
      Guarded x = normal_matrix(19, 37, 0, 2, 2), y(19, 37);
      normalise_activate(x.cview(), k.affine(), g, y.view());
      normalise_activate(x.cview(), k.affine(), g, x.view());
      for (std::size_t r = 0; r < 19; ++r) {
        for (std::size_t c = 0; c < 37; ++c) ASSERT_EQ(x(r, c), y(r, c));
      }
    });
  }
}

// Every binade from the smallest denormal to overflow, both signs.
TEST(BlockKernels, activations_are_accurate_over_the_whole_range_on_every_target) {
  std::vector<float> z;
  for (double magnitude = 1e-45; magnitude < 3e38; magnitude *= 1.0137) {
    z.push_back(static_cast<float>(magnitude));
    z.push_back(static_cast<float>(-magnitude));
  }
  const std::size_t n = z.size();
  for (const ActivationKind g : kActivations) {
    on_every_target([&] {
      std::vector<float> y(n, kNaN), d(n, 1);
      activate({z.data(), 1, n}, g, {y.data(), 1, n});
      activate_backward({z.data(), 1, n}, g, {d.data(), 1, n});
      for (std::size_t i = 0; i < n; ++i) {
        const double value = reference::activation<double>(g, z[i]),
                     slope = reference::activation_slope<double>(g, z[i]);
        // Below 1e-36 factors are denormal floats, which have fewer digits.
        const double tiny = 1e-43 + (std::abs(value) < 1e-36 ? 2e-4 * std::abs(value) : 0);
        // gelu's tail is exp(-z²/2): 13 u where it is about to leave the floats.
        ASSERT_NEAR(y[i], value,
                    (g == ActivationKind::gelu && z[i] < -5 ? 16 : 6) * kUnit * std::abs(value) + tiny)
            << z[i];
        ASSERT_NEAR(d[i], slope,
                    6 * kUnit * std::max(std::abs(slope), z[i] < -2 ? 0.0 : 0.7) +
                        (z[i] < -2 ? 1e-5 * std::abs(slope) : 0) + 1e-43)
            << z[i];
      }
    });
  }
}

TEST(BlockKernels, activations_pass_nan_on_and_take_limits_at_infinity) {
  for (const ActivationKind g : kActivations) {
    on_every_target([&] {
      for (const std::size_t n : {std::size_t{1}, std::size_t{5}, std::size_t{16}, std::size_t{33}}) {
        std::vector<float> z(n, kNaN), y(n, 0), up(n, kInfinity), down(n, -kInfinity);
        activate({z.data(), 1, n}, g, {y.data(), 1, n});
        activate({up.data(), 1, n}, g, {up.data(), 1, n});
        activate({down.data(), 1, n}, g, {down.data(), 1, n});
        const bool bounded = g == ActivationKind::sigmoid || g == ActivationKind::tanh;
        for (std::size_t i = 0; i < n; ++i) {
          ASSERT_TRUE(std::isnan(y[i])) << static_cast<int>(g);
          ASSERT_EQ(up[i], bounded ? 1 : kInfinity);
          const bool to_zero = g == ActivationKind::relu || g == ActivationKind::silu ||
                               g == ActivationKind::gelu || g == ActivationKind::sigmoid;
          ASSERT_EQ(down[i], to_zero ? 0 : g == ActivationKind::tanh ? -1 : -kInfinity);
        }
      }
    });
  }
}

TEST(BlockKernels, relu_has_slope_zero_at_zero) {
  on_every_target([&] {
    const std::vector<float> z = {0.0f, -0.0f, 1e-45f, -1e-45f};
    std::vector<float> d(4, 1);
    activate_backward({z.data(), 1, 4}, ActivationKind::relu, {d.data(), 1, 4});
    EXPECT_EQ(d, (std::vector<float>{0, 0, 1, 0}));
  });
}

TEST(BlockKernels, backward_equals_the_reference_on_every_target) {
  for (const std::size_t channels : kChannels) {
    const Coefficients k = coefficients(channels);
    for (const std::size_t rows : kRows) {
      const Guarded x = normal_matrix(rows, channels, 0, 3, 3),
                    d_before = normal_matrix(rows, channels, 0, 1, 4);
      for (const ActivationKind g : kActivations) {
        on_every_target([&] {
          Guarded d = d_before;
          std::vector<double> sum_d(channels + 1, kGuard), sum_dx(channels + 1, kGuard);
          normalise_activate_backward(x.cview(), k.affine(), g, d.view(), sum_d.data(), sum_dx.data());
          ASSERT_TRUE(d.guards_intact());
          ASSERT_EQ(sum_d[channels], kGuard);
          ASSERT_EQ(sum_dx[channels], kGuard);
          for (std::size_t c = 0; c < channels; ++c) {
            double size_d = 0, size_dx = 0;
            for (std::size_t r = 0; r < rows; ++r) {
              const double z = k.at(c)(x(r, c)), error = slope_error(g, z, affine_error(k.at(c), x(r, c)));
              const double expected = d_before(r, c) * reference::activation_slope(g, z);
              ASSERT_NEAR(d(r, c), expected, std::abs(d_before(r, c)) * error) << r << ' ' << c;
              size_d += std::abs(d(r, c));
              size_dx += std::abs(double{d(r, c)} * (double{x(r, c)} - k.centre[c]));
            }
            // Sums of the gradients as written: double rounding, and u for x - centre in float.
            const auto sums = reference::backward_sums<double>(x.cview(), d.cview(), k.centre[c], c);
            const double doubles = static_cast<double>(rows) * 0x1p-52;
            ASSERT_NEAR(sum_d[c], sums.sum, doubles * size_d);
            ASSERT_NEAR(sum_dx[c], sums.other, (kUnit + doubles) * size_dx);
          }
        });
      }
    }
  }
}

TEST(BlockKernels, backward_keeps_the_values_that_forward_computes) {
  for (const std::size_t channels : kChannels) {
    const Coefficients k = coefficients(channels);
    const Guarded x = normal_matrix(9, channels, 0, 3, 5), d_before = normal_matrix(9, channels, 0, 1, 6);
    for (const ActivationKind g : kActivations) {
      on_every_target([&] {
        Guarded d = d_before, without = d_before, y(9, channels), forward(9, channels);
        std::vector<double> sums(2 * channels), sums_without(2 * channels);
        normalise_activate(x.cview(), k.affine(), g, forward.view());
        normalise_activate_backward(x.cview(), k.affine(), g, d.view(), sums.data(), sums.data() + channels,
                                    y.view());
        normalise_activate_backward(x.cview(), k.affine(), g, without.view(), sums_without.data(),
                                    sums_without.data() + channels);
        ASSERT_TRUE(y.guards_intact() && d.guards_intact());
        EXPECT_EQ(sums, sums_without);
        for (std::size_t r = 0; r < 9; ++r) {
          for (std::size_t c = 0; c < channels; ++c) {
            ASSERT_EQ(y(r, c), forward(r, c));
            ASSERT_EQ(d(r, c), without(r, c));
          }
        }
      });
    }
  }
}

TEST(BlockKernels, what_is_moved_past_the_caches_has_the_same_bits) {
  for (const std::size_t channels : {16u, 48u, 96u}) {
    const Coefficients k = coefficients(channels);
    const std::size_t rows = 13;
    const Guarded x = normal_matrix(rows, channels, 0, 3, 5),
                  d_before = normal_matrix(rows, channels, 0, 1, 6);
    on_every_target([&] {
      AlignedBuffer<float> memory(rows * channels);
      const View moved(memory.data(), rows, channels);
      std::vector<float> shift(channels), shift_moved(channels);
      std::vector<double> sums(2 * channels), sums_moved(2 * channels);
      shifted_sums(x.cview(), shift.data(), sums.data(), sums.data() + channels);
      shifted_sums(x.cview(), shift_moved.data(), sums_moved.data(), sums_moved.data() + channels, moved);
      EXPECT_EQ(shift, shift_moved);
      EXPECT_EQ(sums, sums_moved);
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < channels; ++c) ASSERT_EQ(moved(r, c), x(r, c));
      }

      Guarded d = d_before, source = d_before;
      normalise_activate_backward(x.cview(), k.affine(), ActivationKind::relu, d.view(), sums.data(),
                                  sums.data() + channels);
      normalise_activate_backward(x.cview(), k.affine(), ActivationKind::relu, source.view(),
                                  sums_moved.data(), sums_moved.data() + channels, {}, moved);
      EXPECT_EQ(sums, sums_moved);
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < channels; ++c) ASSERT_EQ(moved(r, c), d(r, c));
      }
    });
  }
}

TEST(BlockKernels, activate_backward_equals_backward_through_the_plain_map) {
  const std::vector<float> zero(35, 0), one(35, 1);
  std::vector<double> sums(70);
  for (const ActivationKind g : kActivations) {
    on_every_target([&] {
      const Guarded x = normal_matrix(9, 35, 0, 2, 5);
      Guarded d = normal_matrix(9, 35, 0, 1, 6), e = d;
      activate_backward(x.cview(), g, d.view());
      normalise_activate_backward(x.cview(), {zero.data(), one.data(), zero.data()}, g, e.view(), sums.data(),
                                  sums.data() + 35);
      ASSERT_TRUE(d.guards_intact());
      for (std::size_t r = 0; r < 9; ++r) {
        for (std::size_t c = 0; c < 35; ++c) ASSERT_EQ(d(r, c), e(r, c));
      }
    });
  }
}

TEST(BlockKernels, shifted_sums_equal_the_reference_for_every_offset_and_scale) {
  for (const double ratio : {0.0, 1.0, 1e4, 1e7}) {
    for (const double scale : {1e-30, 1e-10, 1.0, 1e10, 1e18}) {
      for (const std::size_t channels : kChannels) {
        for (const std::size_t rows : kRows) {
          const Guarded x = normal_matrix(rows, channels, ratio * scale, scale, 7);
          on_every_target([&] {
            std::vector<float> shift(channels + 1, kGuard);
            std::vector<double> sum(channels + 1, kGuard), squares(channels + 1, kGuard);
            shifted_sums(x.cview(), shift.data(), sum.data(), squares.data());
            ASSERT_TRUE(shift[channels] == kGuard && sum[channels] == kGuard && squares[channels] == kGuard);
            for (std::size_t c = 0; c < channels; ++c) {
              const auto expected = reference::shifted_sums<long double>(x.cview(), c);
              ASSERT_EQ(shift[c], x(0, c));
              // x - shift is exact here or off by 2^-53; rows additions of 2^-53 each; by Cauchy &
              // Schwarz Σ |d| <= sqrt(rows · Σ d²).
              const double m = static_cast<double>(rows), total = static_cast<double>(expected.other);
              ASSERT_NEAR(sum[c], static_cast<double>(expected.sum),
                          (m + 1) * 0x1p-53 * std::sqrt(m * total));
              ASSERT_NEAR(squares[c], static_cast<double>(expected.other), (m + 3) * 0x1p-53 * total);
            }
          });
        }
      }
    }
  }
}

// Weights of every size, some 0: the first row's and others'.
std::vector<float> some_weights(std::size_t rows) {
  std::vector<float> weights(rows);
  for (std::size_t r = 0; r < rows; ++r) {
    const float size = std::ldexp(1.0f + static_cast<float>(r % 7) / 8, static_cast<int>(r % 9) - 4);
    weights[r] = r == 0 || r % 5 == 2 ? 0.0f : size;
  }
  if (rows <= 2) weights.back() = 1.5f;
  return weights;
}

TEST(BlockKernels, weighted_sums_equal_the_reference_and_see_nothing_of_rows_that_do_not_count) {
  for (const double ratio : {0.0, 1e7}) {
    for (const std::size_t channels : kChannels) {
      for (const std::size_t rows : kRows) {
        Guarded x = normal_matrix(rows, channels, ratio, 1, 7);
        const std::vector<float> weights = some_weights(rows);
        if (rows > 2) std::fill_n(x.view().row(2), channels, std::numeric_limits<float>::infinity());
        on_every_target([&] {
          std::vector<float> shift(channels + 1, kGuard);
          std::vector<double> sum(channels + 1, kGuard), squares(channels + 1, kGuard);
          weighted_sums(x.cview(), weights.data(), shift.data(), sum.data(), squares.data());
          ASSERT_TRUE(shift[channels] == kGuard && sum[channels] == kGuard && squares[channels] == kGuard);
          const double weight = std::accumulate(weights.begin(), weights.end(), 0.0);
          for (std::size_t c = 0; c < channels; ++c) {
            const auto expected = reference::weighted_sums<long double>(x.cview(), weights.data(), c);
            // As for shifted_sums, with one more rounding where w meets the distance.
            const double m = static_cast<double>(rows), total = static_cast<double>(expected.other);
            ASSERT_EQ(shift[c], static_cast<float>(expected.first));
            ASSERT_NEAR(sum[c], static_cast<double>(expected.sum),
                        (m + 2) * 0x1p-53 * std::sqrt(weight * total));
            ASSERT_NEAR(squares[c], total, (m + 4) * 0x1p-53 * total);
          }
        });
      }
    }
  }
}

TEST(BlockKernels, weighted_input_gradient_is_the_plain_one_for_ones_and_else_the_formula) {
  for (const std::size_t channels : kChannels) {
    const Coefficients k = coefficients(channels);
    const std::vector<float> slope(channels, -0.25f), offset(channels, 0.5f), ones(9, 1.0f);
    const std::vector<float> weights = some_weights(9);
    const InputGradient gradient{k.affine().centre, k.affine().scale, slope.data(), offset.data()};
    const Guarded x = normal_matrix(9, channels, 0, 3, 5), d = normal_matrix(9, channels, 0, 1, 6);
    on_every_target([&] {
      Guarded plain = d, with_ones = d, weighted = d;
      input_gradient(x.cview(), gradient, plain.view());
      weighted_input_gradient(x.cview(), ones.data(), gradient, with_ones.view());
      weighted_input_gradient(x.cview(), weights.data(), gradient, weighted.view());
      ASSERT_TRUE(with_ones.guards_intact() && weighted.guards_intact());
      for (std::size_t r = 0; r < 9; ++r) {
        for (std::size_t c = 0; c < channels; ++c) {
          const double distance = double{x(r, c)} - gradient.centre[c],
                       rest = distance * slope[c] + offset[c];
          const double terms =
              std::abs(d(r, c)) + (1 + weights[r]) * (std::abs(distance * slope[c]) + std::abs(offset[c]));
          // At most five roundings of 2^-24 each.
          const double error = 5 * kUnit * std::abs(gradient.scale[c]) * terms;
          ASSERT_NEAR(with_ones(r, c), plain(r, c), error);
          ASSERT_NEAR(weighted(r, c), gradient.scale[c] * (d(r, c) + weights[r] * rest), error);
        }
      }
    });
  }
}

TEST(BlockKernels, column_sums_equal_the_reference_on_every_target) {
  for (const std::size_t channels : kChannels) {
    const Guarded d = normal_matrix(257, channels, 1, 1, 8);
    on_every_target([&] {
      std::vector<double> sum(channels + 1, kGuard);
      column_sums(d.cview(), sum.data());
      ASSERT_EQ(sum[channels], kGuard);
      for (std::size_t c = 0; c < channels; ++c) {
        double expected = 0;  // the same additions in the same order: the same bits
        for (std::size_t r = 0; r < 257; ++r) expected += d(r, c);
        ASSERT_EQ(sum[c], expected);
      }
    });
  }
}

TEST(BlockKernels, gather_equals_the_reference_on_every_target) {
  for (const std::size_t channels : kChannels) {
    const Coefficients k = coefficients(channels);
    const std::size_t stride = channels + 2, source_rows = 11;
    // Exactly as long as it may be read: the address sanitiser sees any step beyond.
    std::vector<std::uint8_t> bytes((source_rows - 1) * stride + channels);
    std::vector<float> floats(bytes.size());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<std::uint8_t>(i * 37 % 256);
      floats[i] = static_cast<float>(bytes[i]) / 7;
    }
    const std::vector<std::uint32_t> index = {10, 0, 3, 3, 7, 10, 1};
    for (const bool by_index : {true, false}) {
      for (const bool mapped : {true, false}) {
        on_every_target([&] {
          Guarded from_bytes(index.size(), channels), from_floats(index.size(), channels);
          const Affine affine = mapped ? k.affine() : Affine{};
          gather(bytes.data(), stride, by_index ? index.data() : nullptr, affine, from_bytes.view());
          gather(floats.data(), stride, by_index ? index.data() : nullptr, affine, from_floats.view());
          ASSERT_TRUE(from_bytes.guards_intact() && from_floats.guards_intact());
          for (std::size_t r = 0; r < index.size(); ++r) {
            for (std::size_t c = 0; c < channels; ++c) {
              const std::size_t i = (by_index ? index[r] : r) * stride + c;
              const auto map = mapped ? k.at(c) : reference::Affine<double>{};
              const double error = mapped ? 1 : 0;  // plain conversion is exact
              ASSERT_NEAR(from_bytes(r, c), map(bytes[i]), error * affine_error(map, bytes[i]));
              ASSERT_NEAR(from_floats(r, c), map(floats[i]), error * affine_error(map, floats[i]));
            }
          }
        });
      }
    }
  }
}

}  // namespace
}  // namespace ztilde::kernels::test
