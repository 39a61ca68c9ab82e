#include "kernels/onednn_convolution.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>
#include <thread>

#include "base/one_openmp_thread.hpp"
#include "kernels/kernels_test_support.hpp"
#include "kernels/onednn_convolution_reference.hpp"
#include "tensor/aligned_buffer.hpp"
#include "ztilde/error.hpp"

namespace ztilde::kernels::test {
namespace {

constexpr std::size_t kChannelCounts[] = {1, 3, 8, 16, 32, 48, 64, 100};
constexpr std::pair<std::size_t, std::size_t> kSizes[] = {{28, 28}, {14, 14}, {7, 7}, {32, 32}, {5, 9}};

std::size_t x_size(const ConvolutionShape& s) { return s.images * s.height * s.width * s.inputs; }
std::size_t y_size(const ConvolutionShape& s) {
  return s.images * s.out_height() * s.out_width() * s.outputs;
}
std::size_t weight_size(const ConvolutionShape& s) {
  return s.outputs * (s.depthwise ? 1 : s.inputs) * s.kernel * s.kernel;
}

std::string text(const ConvolutionShape& s) {
  const char* kinds[] = {"forward", "input gradient", "weight gradient"};
  std::string words = kinds[static_cast<int>(s.kind)];
  for (const std::size_t n :
       {s.images, s.height, s.width, s.inputs, s.outputs, s.kernel, s.stride, s.padding})
    words += " " + std::to_string(n);
  return words + (s.depthwise ? " depthwise" : "");
}

std::vector<float> some_numbers(std::size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(static_cast<std::int32_t>(engine())) * 0x1p-31f;
  return values;
}

// Every kernel, stride and padding on every size of image, each with the next pair of channel counts, so that
// every pair comes up.
template <class Visit>
void for_each_shape(const Visit& visit) {
  constexpr std::size_t kCounts = std::size(kChannelCounts);
  std::size_t pair = 0;
  for (const auto& [height, width] : kSizes) {
    for (const std::size_t kernel : {1, 3, 5}) {
      for (const std::size_t stride : {1, 2}) {
        for (const std::size_t padding : {0, 1, 2}) {
          const std::size_t inputs = kChannelCounts[pair % kCounts];
          const std::size_t outputs = kChannelCounts[pair / kCounts % kCounts];
          ++pair;
          ConvolutionShape shape{
              ConvolutionKind::forward, 1, height, width, inputs, outputs, kernel, stride, padding};
          visit(shape);
          shape.outputs = inputs;
          shape.depthwise = true;
          visit(shape);
        }
      }
    }
  }
  // A window of the whole image, which oneDNN may take for an inner product.
  for (const auto& [size, inputs, outputs] :
       {std::array<std::size_t, 3>{7, 8, 16}, {7, 64, 48}, {5, 3, 16}}) {
    visit(ConvolutionShape{ConvolutionKind::forward, 1, size, size, inputs, outputs, size, 1, 0});
  }
}

// A convolution with one worker, its weights packed.
// oneDNN does all of it on the calling thread, as on the threads of a team.
struct Ready {
  OneOpenMpThread one_thread;
  Convolution convolution;
  AlignedBuffer<float> packed;
  AlignedBuffer<std::byte> scratch;
  Ready(const ConvolutionShape& shape, const std::vector<float>& weight)
      : convolution(shape, 1), packed(convolution.packed_floats()), scratch(convolution.scratch_bytes()) {
    if (shape.kind != ConvolutionKind::weight_gradient)
      convolution.pack_weight(0, weight.data(), packed.data());
  }
  void run(const float* x, const float* y, const float* bias = nullptr) {
    convolution.run(0, x, packed.data(), bias, y, scratch.data());
  }
};

TEST(Convolution, an_image_has_the_same_bits_whatever_images_are_beside_it) {
  for_each_shape([](ConvolutionShape shape) {
    if (::testing::Test::HasFailure()) return;
    constexpr std::size_t kImages = 8;
    for (const ConvolutionKind kind : {ConvolutionKind::forward, ConvolutionKind::input_gradient}) {
      shape.kind = kind;
      const bool forward = kind == ConvolutionKind::forward;
      shape.images = 1;
      const std::size_t from_size = forward ? x_size(shape) : y_size(shape);
      const std::size_t to_size = forward ? y_size(shape) : x_size(shape);
      const std::vector<float> weight = some_numbers(weight_size(shape), 1);
      const std::vector<float> from = some_numbers(kImages * from_size, 2);
      const auto run = [&](Ready& ready, const float* source, const float* result) {
        forward ? ready.run(source, result) : ready.run(result, source);
      };
      std::vector<float> alone(kImages * to_size, kNaN);
      Ready one(shape, weight);
      for (std::size_t n = 0; n < kImages; ++n)
        run(one, from.data() + n * from_size, alone.data() + n * to_size);

      for (const std::size_t images : {3, 8}) {
        shape.images = images;
        Ready many(shape, weight);
        ASSERT_EQ(many.packed.size(), one.packed.size()) << text(shape);
        ASSERT_EQ(std::memcmp(many.packed.data(), one.packed.data(), one.packed.size() * sizeof(float)), 0)
            << text(shape) << ": weights are packed otherwise";
        for (std::size_t first = 0; first + images <= kImages; first += images + 1) {
          std::vector<float> together(images * to_size + 1, kNaN);
          together.back() = kGuard;
          run(many, from.data() + first * from_size, together.data());
          ASSERT_EQ(together.back(), kGuard);
          ASSERT_EQ(
              std::memcmp(together.data(), alone.data() + first * to_size, images * to_size * sizeof(float)),
              0)
              << text(shape);
        }
      }
    }
  });
}

template <class T>
std::vector<T> as(const std::vector<float>& values, bool absolute) {
  std::vector<T> result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) result[i] = absolute ? std::abs(values[i]) : values[i];
  return result;
}

// A float sum of n products is off by n rounding errors of the sum of their sizes at most, and one for the
// bias; (1 + unit)^n is taken for 1 + n · unit, which 2 more cover.
void expect_near_twin(const ConvolutionShape& shape, const std::vector<float>& result, std::size_t summands,
                      const std::vector<double>& sum, const std::vector<double>& size) {
  for (std::size_t i = 0; i < result.size(); ++i) {
    ASSERT_NEAR(result[i], sum[i], static_cast<double>(summands + 3) * kUnit * size[i])
        << text(shape) << ": " << i;
  }
}

TEST(Convolution, all_three_are_as_near_to_sums_in_double_as_sums_of_floats_can_be) {
  int compared = 0;
  for_each_shape([&](ConvolutionShape shape) {
    shape.images = 2;
    constexpr std::size_t kMostTerms = 3'000'000;  // what the twin can do in little time
    if (::testing::Test::HasFailure() || y_size(shape) * weight_size(shape) / shape.outputs > kMostTerms) {
      return;
    }
    ++compared;
    shape.bias = compared % 2 == 0;
    const std::vector<float> x = some_numbers(x_size(shape), 1), weight = some_numbers(weight_size(shape), 2),
                             d_y = some_numbers(y_size(shape), 3), bias = some_numbers(shape.outputs, 4);
    const std::size_t window = shape.kernel * shape.kernel;
    {
      std::vector<float> y(y_size(shape), kNaN);
      Ready(shape, weight).run(x.data(), y.data(), shape.bias ? bias.data() : nullptr);
      std::vector<double> sums[2];
      for (const bool absolute : {false, true}) {
        std::vector<double>& sum = sums[absolute];
        sum.resize(y.size());
        for (std::size_t i = 0; shape.bias && i < y.size(); ++i)
          sum[i] = as<double>(bias, absolute)[i % shape.outputs];
        reference::convolve(shape, as<double>(x, absolute).data(), as<double>(weight, absolute).data(),
                            sum.data());
      }
      expect_near_twin(shape, y, window * (shape.depthwise ? 1 : shape.inputs), sums[0], sums[1]);
    }
    shape.bias = false;
    {
      shape.kind = ConvolutionKind::input_gradient;
      std::vector<float> d_x(x.size(), kNaN);
      Ready(shape, weight).run(d_x.data(), d_y.data());
      std::vector<double> sums[2];
      for (const bool absolute : {false, true}) {
        sums[absolute].resize(d_x.size());
        reference::convolution_input_gradient(shape, as<double>(d_y, absolute).data(),
                                              as<double>(weight, absolute).data(), sums[absolute].data());
      }
      expect_near_twin(shape, d_x, window * (shape.depthwise ? 1 : shape.outputs), sums[0], sums[1]);
    }
    {
      shape.kind = ConvolutionKind::weight_gradient;
      Ready ready(shape, {});
      std::fill_n(ready.packed.data(), ready.packed.size(), kNaN);
      ready.run(x.data(), d_y.data());
      std::vector<float> d_weight(weight.size(), kNaN);
      ready.convolution.unpack_gradient(0, ready.packed.data(), d_weight.data());
      std::vector<double> sums[2];
      for (const bool absolute : {false, true}) {
        sums[absolute].resize(d_weight.size());
        reference::convolution_weight_gradient(shape, as<double>(x, absolute).data(),
                                               as<double>(d_y, absolute).data(), sums[absolute].data());
      }
      expect_near_twin(shape, d_weight, y_size(shape) / shape.outputs, sums[0], sums[1]);
    }
  });
  EXPECT_GT(compared, 100);
}

TEST(Convolution, two_workers_at_the_same_time_give_what_one_gives) {
  for (const ConvolutionKind kind :
       {ConvolutionKind::forward, ConvolutionKind::input_gradient, ConvolutionKind::weight_gradient}) {
    const ConvolutionShape shape{kind, 2, 14, 14, 16, 32, 3, 2, 1};
    const std::vector<float> weight = some_numbers(weight_size(shape), 1);
    const Convolution convolution(shape, 2);
    const std::vector<float> x = some_numbers(x_size(shape), 2), y = some_numbers(y_size(shape), 3);
    struct Own {
      std::vector<float> x, y;
      AlignedBuffer<float> packed;
      AlignedBuffer<std::byte> scratch;
    };
    std::vector<Own> own(3);
    for (Own& mine : own) {
      mine = {x, y, AlignedBuffer<float>(convolution.packed_floats()),
              AlignedBuffer<std::byte>(convolution.scratch_bytes())};
    }
    const auto work = [&](std::size_t worker, Own& mine) {
      const OneOpenMpThread one_thread;
      for (int repeat = 0; repeat < 50; ++repeat) {
        if (kind != ConvolutionKind::weight_gradient)
          convolution.pack_weight(worker, weight.data(), mine.packed.data());
        convolution.run(worker, mine.x.data(), mine.packed.data(), nullptr, mine.y.data(),
                        mine.scratch.data());
      }
    };
    work(0, own[2]);
    std::thread other([&] { work(1, own[1]); });
    work(0, own[0]);
    other.join();
    for (const std::size_t worker : {0, 1}) {
      EXPECT_EQ(own[worker].x, own[2].x);
      EXPECT_EQ(own[worker].y, own[2].y);
      EXPECT_EQ(
          std::memcmp(own[worker].packed.data(), own[2].packed.data(), own[2].packed.size() * sizeof(float)),
          0);
    }
  }
}

TEST(Convolution, what_onednn_refuses_is_said_in_one_line) {
  try {
    const Convolution convolution({ConvolutionKind::forward, 1, 8, 8, 3, 4, 3, 1, 1, true}, 1);
    FAIL() << "depthwise with other outputs than inputs";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_EQ(std::string(error.what()).rfind("convolution of images of 8 × 8 × 3, 4 outputs, kernel 3: ", 0),
              0u)
        << error.what();
  }
}

}  // namespace
}  // namespace ztilde::kernels::test
