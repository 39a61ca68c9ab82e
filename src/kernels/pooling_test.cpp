#include "kernels/pooling.hpp"

#include <gtest/gtest.h>

#include <array>

#include "base/random.hpp"
#include "kernels/kernels_test_support.hpp"
#include "kernels/pooling_reference.hpp"

namespace ztilde::kernels::test {
namespace {

// height, width, kernel height and width, strides: windows that cover the image, that leave an edge, that
// overlap, that leave gaps, the whole image, and one whose places are past a byte.
using Windows = std::array<std::size_t, 6>;
constexpr Windows kWindows[] = {
    {4, 6, 2, 2, 2, 2}, {7, 7, 2, 2, 2, 2}, {5, 9, 2, 2, 2, 2}, {9, 8, 3, 3, 2, 2},    {8, 8, 3, 3, 1, 1},
    {7, 7, 7, 7, 1, 1}, {5, 9, 5, 9, 1, 1}, {9, 9, 1, 1, 2, 2}, {9, 7, 2, 2, 3, 4},    {6, 6, 1, 1, 1, 1},
    {6, 6, 2, 2, 1, 2}, {8, 5, 3, 2, 3, 2}, {3, 3, 2, 2, 1, 1}, {20, 17, 17, 16, 1, 1}};

template <class Visit>
void for_each_shape(PoolingKind kind, const Visit& visit) {
  for (const auto& [height, width, kernel_height, kernel_width, stride_height, stride_width] : kWindows) {
    for (const std::size_t channels : kChannels) {
      visit(PoolingShape{kind, 2, height, width, channels, kernel_height, kernel_width, stride_height,
                         stride_width});
      if (::testing::Test::HasFailure()) return;
    }
  }
}

std::string text(const PoolingShape& s) {
  std::string words;
  for (const std::size_t n :
       {s.height, s.width, s.channels, s.kernel_height, s.kernel_width, s.stride_height, s.stride_width})
    words += " " + std::to_string(n);
  return words;
}

std::size_t x_size(const PoolingShape& s) { return s.images * s.height * s.width * s.channels; }
std::size_t y_size(const PoolingShape& s) { return s.images * s.out_height() * s.out_width() * s.channels; }

std::vector<float> normal_numbers(std::size_t count, std::uint64_t seed) {
  const RandomStream stream(seed, Purpose::initialise, 0, 0);
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(stream.normal(i));
  return values;
}

// What the kernel makes of x and d_y. One float past each result keeps its guard.
struct Result {
  std::vector<float> y, d_x;
  Result(const PoolingShape& shape, const std::vector<float>& x, const std::vector<float>& d_y)
      : y(y_size(shape) + 1, kNaN), d_x(x.size() + 1, kNaN) {
    y.back() = d_x.back() = kGuard;
    const Pooling pooling(shape);
    std::vector<std::int32_t> places(pooling.places_bytes() / sizeof(std::int32_t) + 2, 0x5a5a5a5a);
    pooling.forward(x.data(), y.data(), places.data());
    EXPECT_EQ(places.back(), 0x5a5a5a5a);
    pooling.backward(d_y.data(), d_x.data(), places.data());
    EXPECT_EQ(y.back(), kGuard);
    EXPECT_EQ(d_x.back(), kGuard);
    y.pop_back();
    d_x.pop_back();
  }
};

void expect_largest_as_the_twin(const PoolingShape& shape, const std::vector<float>& x) {
  const std::vector<float> d_y = normal_numbers(y_size(shape), 2);
  std::vector<float> y(d_y.size()), d_x(x.size());
  std::vector<std::size_t> largest;
  reference::pool(shape, x.data(), y.data(), largest);
  reference::pool_backward(shape, d_y.data(), d_x.data(), largest);
  const Result result(shape, x, d_y);
  for (std::size_t i = 0; i < y.size(); ++i) ASSERT_TRUE(same_bits(result.y[i], y[i])) << text(shape);
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(result.d_x[i], d_x[i]) << text(shape);
}

TEST(Pooling, the_largest_and_its_gradient_have_the_bits_of_the_twin) {
  on_every_target([] {
    for_each_shape(PoolingKind::largest, [](const PoolingShape& s) {
      expect_largest_as_the_twin(s, normal_numbers(x_size(s), 1));
    });
  });
}

TEST(Pooling, of_equal_numbers_the_first_takes_the_gradient) {
  on_every_target([] {
    for_each_shape(PoolingKind::largest, [](const PoolingShape& s) {
      std::vector<float> x = normal_numbers(x_size(s), 1);
      for (float& value : x) value = value > 0 ? 0.0f : -1.0f;
      expect_largest_as_the_twin(s, x);
      expect_largest_as_the_twin(s, std::vector<float>(x_size(s), -kInfinity));
    });
  });
}

TEST(Pooling, a_nan_is_the_largest_of_its_window) {
  on_every_target([] {
    for_each_shape(PoolingKind::largest, [](const PoolingShape& s) {
      std::vector<float> x = normal_numbers(x_size(s), 1);
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (i % 7 == 3) x[i] = kNaN;
        if (i % 5 == 1) x[i] = kInfinity;
        if (i % 11 == 1) x[i] = -kInfinity;
      }
      expect_largest_as_the_twin(s, x);
    });
  });
}

TEST(Pooling, without_places_the_largest_are_the_same) {
  const PoolingShape shape{PoolingKind::largest, 3, 9, 8, 17, 3, 3, 2, 2};
  const std::vector<float> x = normal_numbers(x_size(shape), 1);
  std::vector<float> y(y_size(shape));
  Pooling(shape).forward(x.data(), y.data(), nullptr);
  EXPECT_EQ(y, Result(shape, x, normal_numbers(y_size(shape), 2)).y);
}

TEST(Pooling, the_mean_and_its_gradient_are_as_near_to_the_twin_in_double_as_floats_can_be) {
  on_every_target([] {
    for_each_shape(PoolingKind::mean, [](const PoolingShape& s) {
      const std::vector<float> x = normal_numbers(x_size(s), 1), d_y = normal_numbers(y_size(s), 2);
      const auto twin = [&](bool absolute) {
        const auto wide = [&](const std::vector<float>& values) {
          std::vector<double> result(values.begin(), values.end());
          for (double& value : result) value = absolute ? std::abs(value) : value;
          return result;
        };
        std::vector<double> y(d_y.size()), d_x(x.size());
        std::vector<std::size_t> none;
        reference::pool(s, wide(x).data(), y.data(), none);
        reference::pool_backward(s, wide(d_y).data(), d_x.data(), none);
        return std::pair(y, d_x);
      };
      const auto [y, d_x] = twin(false);
      const auto [y_sizes, d_x_sizes] = twin(true);
      const Result result(s, x, d_y);
      // One rounding an addition, one of 1/window, one of the product; at most as many windows over a pixel.
      const double error = static_cast<double>(s.window() + 3) * kUnit;
      for (std::size_t i = 0; i < y.size(); ++i)
        ASSERT_NEAR(result.y[i], y[i], error * y_sizes[i]) << text(s);
      for (std::size_t i = 0; i < x.size(); ++i)
        ASSERT_NEAR(result.d_x[i], d_x[i], error * d_x_sizes[i]) << text(s);
    });
  });
}

TEST(Pooling, an_image_has_the_same_bits_whatever_images_are_beside_it) {
  for (const PoolingKind kind : {PoolingKind::largest, PoolingKind::mean}) {
    for_each_shape(kind, [](PoolingShape s) {
      s.images = 3;
      const std::vector<float> x = normal_numbers(x_size(s), 1), d_y = normal_numbers(y_size(s), 2);
      const Result together(s, x, d_y);
      s.images = 1;
      for (std::size_t n = 0; n < 3; ++n) {
        const auto part = [n](const std::vector<float>& all, std::size_t size) {
          const auto first = all.begin() + static_cast<std::ptrdiff_t>(n * size);
          return std::vector<float>(first, first + static_cast<std::ptrdiff_t>(size));
        };
        const Result alone(s, part(x, x_size(s)), part(d_y, y_size(s)));
        ASSERT_EQ(alone.y, part(together.y, y_size(s))) << text(s);
        ASSERT_EQ(alone.d_x, part(together.d_x, x_size(s))) << text(s);
      }
    });
  }
}

}  // namespace
}  // namespace ztilde::kernels::test
