// The layers of images: small examples by hand, and each scalar backward against the complex step of its
// own forward.
#include <gtest/gtest.h>

#include <limits>

#include "layers/complex_step.hpp"
#include "layers/layer.hpp"

namespace ztilde {
namespace {

using testing::Complex;
using testing::complex_step_gradient;
using testing::largest;
using testing::largest_difference;
using testing::normal_numbers;
using testing::to_complex;
using Vector = std::vector<double>;

// As in reference_layers_test.cpp: both sides are sums of some tens of terms in double.
constexpr double kTolerance = 1e-12;
constexpr std::size_t kImages = 2;

template <class T>
T dot(const std::vector<T>& output, const Vector& weights) {
  T sum(0);
  for (std::size_t i = 0; i < weights.size(); ++i) sum += output[i] * weights[i];
  return sum;
}

// A row for each pixel.
template <class T>
MatrixView<const T> pixels(const std::vector<T>& x, std::size_t channels) {
  return {x.data(), x.size() / channels, channels};
}
template <class T>
MatrixView<T> pixels(std::vector<T>& x, std::size_t channels) {
  return {x.data(), x.size() / channels, channels};
}

template <class T>
std::vector<T> convolved(const Conv2d& layer, const Shape& image, const std::vector<T>& a,
                         const std::vector<T>& weight, const std::vector<T>& bias) {
  std::vector<T> z(a.size() / image.size() * layers::output_shape(layer, image).size(), T(HUGE_VAL));
  reference::conv2d_forward<T>(layer, image, pixels(a, image.channels), weight, bias,
                               pixels(z, layer.outputs));
  return z;
}

TEST(conv2d, small_ones_are_as_by_hand) {
  const Vector image{1, 2, 3, 4, 5, 6, 7, 8, 9};
  // 1·1 + 2·2 + 4·3 + 5·4 + 10, and so on.
  EXPECT_EQ(convolved<double>({1, 2, 1, 0}, {3, 3, 1}, image, {1, 2, 3, 4}, {10}), (Vector{47, 57, 77, 87}));
  // The corners with padding 1 see 2 × 2 pixels each: 1·5 + 2·6 + 4·8 + 5·9, and so on.
  EXPECT_EQ(convolved<double>({1, 3, 2, 1}, {3, 3, 1}, image, image, {0}), (Vector{94, 106, 106, 94}));
}

TEST(conv2d, weights_are_by_output_input_row_and_column_and_pixels_are_channels_last) {
  const Vector image{1, 10, 2, 20, 3, 30, 4, 40}, weight{1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_EQ(convolved<double>({1, 2, 1, 0}, {2, 2, 2}, image, weight, {}), (Vector{30 + 700}));
  EXPECT_EQ(convolved<double>({2, 2, 1, 0, true}, {2, 2, 2}, image, weight, {1, 2}), (Vector{31, 702}));
  EXPECT_EQ(convolved<double>({2, 1, 1, 0}, {1, 2, 2}, {1, 10, 2, 20}, {1, 0.5, 2, 3}, {}),
            (Vector{6, 32, 12, 64}));
  // Two rows of two columns: not the other way round.
  EXPECT_EQ(convolved<double>({1, 2, 1, 0}, {2, 3, 1}, {1, 2, 3, 4, 5, 6}, {1, 0, 0, 10}, {}),
            (Vector{51, 62}));
}

struct ConvolutionCase {
  Conv2d layer;
  Shape image;
};
const ConvolutionCase kConvolutions[] = {
    {{3}, {5, 4, 2}},
    {{3, 3, 2, 1}, {5, 4, 2}},
    {{3, 2, 2, 0}, {5, 5, 2}},  // the last row and column of pixels enter nothing
    {{2, 2, 3, 1}, {6, 7, 3}},  // nor do some between the windows
    {{2, 5, 1, 2}, {3, 4, 2}},  // larger than the image
    {{4, 1, 2, 0}, {4, 3, 3}},
    {{3, 3, 1, 1, true}, {4, 5, 3}},
    {{3, 3, 2, 2, true, false}, {4, 5, 3}},
    {{3, 3, 1, 1, false, false}, {1, 1, 4}},
};

std::size_t weights_of(const ConvolutionCase& c) {
  const layers::ParameterShape weight = layers::parameters(c.layer, c.image)[0];
  return weight.rows * weight.columns;
}

// The sum at the top of conv2d.hpp, one pixel of the output after the other.
TEST(conv2d, is_the_sum_that_its_definition_says) {
  for (const ConvolutionCase& c : kConvolutions) {
    const auto [outputs, kernel, stride, padding, depthwise, bias] = c.layer;
    const auto [height, width, inputs] = c.image;
    const Shape out = layers::output_shape(c.layer, c.image);
    EXPECT_EQ(out.height, (height + 2 * padding - kernel) / stride + 1);
    EXPECT_EQ(out.width, (width + 2 * padding - kernel) / stride + 1);
    const Vector a = normal_numbers(kImages * c.image.size(), 1), w = normal_numbers(weights_of(c), 2),
                 b = bias ? normal_numbers(outputs, 3) : Vector{};
    const Vector z = convolved(c.layer, c.image, a, w, b);
    std::size_t at = 0;
    for (std::size_t n = 0; n < kImages; ++n)
      for (std::size_t y = 0; y < out.height; ++y)
        for (std::size_t x = 0; x < out.width; ++x)
          for (std::size_t o = 0; o < outputs; ++o, ++at) {
            double sum = bias ? b[o] : 0;
            for (std::size_t i = 0; i < (depthwise ? 1 : inputs); ++i)
              for (std::size_t u = 0; u < kernel; ++u)
                for (std::size_t v = 0; v < kernel; ++v) {
                  const auto row = static_cast<int>(y * stride + u) - static_cast<int>(padding);
                  const auto column = static_cast<int>(x * stride + v) - static_cast<int>(padding);
                  if (row < 0 || row >= static_cast<int>(height) || column < 0 ||
                      column >= static_cast<int>(width))
                    continue;
                  const std::size_t pixel =
                      (n * height + static_cast<std::size_t>(row)) * width + static_cast<std::size_t>(column);
                  sum += a[pixel * inputs + (depthwise ? o : i)] *
                         w[((o * (depthwise ? 1 : inputs) + i) * kernel + u) * kernel + v];
                }
            ASSERT_NEAR(z[at], sum, kTolerance) << at;
          }
    EXPECT_EQ(at, z.size());
  }
}

TEST(conv2d, gradients_are_those_of_the_forward) {
  for (const ConvolutionCase& c : kConvolutions) {
    const auto& [layer, image] = c;
    SCOPED_TRACE(std::to_string(layer.kernel) + " every " + std::to_string(layer.stride));
    const Vector a = normal_numbers(kImages * image.size(), 1), w = normal_numbers(weights_of(c), 2),
                 b = layer.bias ? normal_numbers(layer.outputs, 3) : Vector{};
    const Vector d_z = normal_numbers(kImages * layers::output_shape(layer, image).size(), 4);
    // Gradients of parameters are added to what is there; those of inputs replace it.
    Vector d_a(a.size(), HUGE_VAL), d_w(w.size(), 1.0), d_b(b.size(), 1.0);
    reference::conv2d_backward<double>(layer, image, pixels(a, image.channels), w, pixels(d_z, layer.outputs),
                                       pixels(d_a, image.channels), d_w, d_b);
    for (double& d : d_w) d -= 1.0;
    for (double& d : d_b) d -= 1.0;
    const auto loss = [&](const auto& a_, const auto& w_, const auto& b_) {
      return dot(convolved<Complex>(c.layer, c.image, a_, w_, b_), d_z);
    };
    const auto ca = to_complex(a), cw = to_complex(w), cb = to_complex(b);
    const auto by_a = complex_step_gradient([&](const auto& at) { return loss(at, cw, cb); }, a);
    const auto by_w = complex_step_gradient([&](const auto& at) { return loss(ca, at, cb); }, w);
    const auto by_b = complex_step_gradient([&](const auto& at) { return loss(ca, cw, at); }, b);
    EXPECT_LE(largest_difference(d_a, by_a), kTolerance * largest(by_a));
    EXPECT_LE(largest_difference(d_w, by_w), kTolerance * largest(by_w));
    EXPECT_LE(largest_difference(d_b, by_b), kTolerance * largest(by_b));
  }
}

TEST(conv2d, of_one_pixel_is_dense_over_each_pixel_bit_for_bit) {
  const Conv2d layer{5, 1, 1, 0};
  const Shape image{4, 3, 7};
  const Vector a = normal_numbers(kImages * image.size(), 1), w = normal_numbers(35, 2),
               b = normal_numbers(5, 3);
  const Vector d_z = normal_numbers(kImages * image.pixels() * 5, 4);
  Vector z(d_z.size()), d_a(a.size()), d_w(35), d_b(5), d_a_dense(a.size()), d_w_dense(35), d_b_dense(5);
  reference::dense_forward<double>(pixels(a, 7), w, b, pixels(z, 5));
  reference::dense_backward<double>(pixels(a, 7), w, pixels(d_z, 5), pixels(d_a_dense, 7), d_w_dense,
                                    d_b_dense);
  reference::conv2d_backward<double>(layer, image, pixels(a, 7), w, pixels(d_z, 5), pixels(d_a, 7), d_w, d_b);
  EXPECT_EQ(convolved(layer, image, a, w, b), z);
  EXPECT_EQ(d_a, d_a_dense);
  EXPECT_EQ(d_w, d_w_dense);
  EXPECT_EQ(d_b, d_b_dense);
}

// Each pooling in one way of being called: forward(x, y) and backward(x, d_y, d_x).
struct Pool {
  Layer layer;
  Shape image;

  Shape output() const {
    return std::visit([&](const auto& kind) { return layers::output_shape(kind, image); }, layer);
  }

  template <class T>
  std::vector<T> forward(const std::vector<T>& x) const {
    std::vector<T> y(x.size() / image.size() * output().size(), T(HUGE_VAL));
    const auto from = pixels(x, image.channels);
    const auto to = pixels(y, image.channels);
    if (const auto* most = std::get_if<MaxPool>(&layer))
      reference::max_pool_forward<T>(*most, image, from, to);
    if (const auto* mean = std::get_if<AveragePool>(&layer))
      reference::average_pool_forward<T>(*mean, image, from, to);
    if (std::holds_alternative<GlobalAveragePool>(layer)) reference::global_average_pool_forward<T>(from, to);
    return y;
  }

  Vector backward(const Vector& x, const Vector& d_y) const {
    Vector d_x(x.size(), HUGE_VAL);
    const auto from = pixels(d_y, image.channels);
    const auto to = pixels(d_x, image.channels);
    if (const auto* most = std::get_if<MaxPool>(&layer))
      reference::max_pool_backward<double>(*most, image, pixels(x, image.channels), from, to);
    if (const auto* mean = std::get_if<AveragePool>(&layer))
      reference::average_pool_backward<double>(*mean, image, from, to);
    if (std::holds_alternative<GlobalAveragePool>(layer))
      reference::global_average_pool_backward<double>(from, to);
    return d_x;
  }
};

TEST(pooling, gradients_are_those_of_the_forward) {
  for (const Pool& pool :
       {Pool{MaxPool{}, {4, 6, 3}}, Pool{MaxPool{3, 1}, {5, 4, 2}}, Pool{MaxPool{2, 3}, {7, 5, 2}},
        Pool{MaxPool{1, 1}, {2, 2, 2}}, Pool{AveragePool{}, {4, 6, 3}}, Pool{AveragePool{3, 1}, {5, 4, 2}},
        Pool{AveragePool{2, 3}, {7, 5, 2}}, Pool{GlobalAveragePool{}, {3, 5, 4}}}) {
    SCOPED_TRACE(layers::name_of_layer(pool.layer));
    const Vector x = normal_numbers(kImages * pool.image.size(), 1),
                 d_y = normal_numbers(kImages * pool.output().size(), 2);
    const auto by_step =
        complex_step_gradient([&](const std::vector<Complex>& at) { return dot(pool.forward(at), d_y); }, x);
    EXPECT_LE(largest_difference(pool.backward(x, d_y), by_step), kTolerance * largest(by_step));
  }
}

TEST(pooling, small_ones_are_as_by_hand) {
  // Two channels; the last column and row fill no window.
  const Vector x{1, -1, 2,  -2, 9, -9,  //
                 7, -7, 4,  -4, 9, -9,  //
                 9, -9, 99, -9, 9, -99};
  const Shape image{3, 3, 2};
  EXPECT_EQ((Pool{MaxPool{2, 2}, image}.forward(x)), (Vector{7, -1}));
  EXPECT_EQ((Pool{AveragePool{2, 2}, image}.forward(x)), (Vector{3.5, -3.5}));
  EXPECT_EQ((Pool{MaxPool{2, 1}, image}.forward(x)), (Vector{7, -1, 9, -2, 99, -4, 99, -4}));
  EXPECT_EQ((Pool{GlobalAveragePool{}, {1, 3, 2}}.forward(Vector{1, 10, 2, 20, 6, 60})), (Vector{3, 30}));
}

TEST(pooling, of_equal_numbers_the_first_takes_the_gradient) {
  const Pool pool{MaxPool{2, 2}, {2, 4, 1}};
  EXPECT_EQ(pool.backward({3, 3, 1, 2, 3, 3, 5, 5}, {10, 20}), (Vector{10, 0, 0, 0, 0, 0, 20, 0}));
  // A pixel that is the largest of two windows takes both.
  EXPECT_EQ((Pool{MaxPool{2, 1}, {2, 3, 1}}.backward({0, 4, 0, 4, 0, 4}, {1, 2})),
            (Vector{0, 3, 0, 0, 0, 0}));
}

TEST(pooling, a_nan_is_larger_than_any_number) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Pool pool{MaxPool{2, 2}, {2, 4, 1}};
  const Vector x{nan, 1, 1, 2, 5, HUGE_VAL, nan, nan};
  for (const double y : pool.forward(x)) EXPECT_TRUE(std::isnan(y));
  EXPECT_EQ(pool.backward(x, {10, 20}), (Vector{10, 0, 0, 0, 0, 0, 20, 0}));
}

TEST(windows, that_do_not_fill_up_are_left_out) {
  EXPECT_EQ(layers::windows_over({28, 28, 1}, 3, 1, 1, 8), (Shape{28, 28, 8}));
  EXPECT_EQ(layers::windows_over({28, 27, 1}, 3, 2, 1, 8), (Shape{14, 14, 8}));
  EXPECT_EQ(layers::windows_over({5, 4, 1}, 2, 2, 0, 1), (Shape{2, 2, 1}));
  EXPECT_EQ(layers::windows_over({2, 9, 1}, 3, 1, 0, 1), (Shape{0, 7, 1}));
}

}  // namespace
}  // namespace ztilde
