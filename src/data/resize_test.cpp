#include "data/resize.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace ztilde {
namespace {

std::vector<std::uint8_t> resized(const Image& image, ImageSize to) {
  std::vector<std::uint8_t> out(to.width * to.height * image.channels);
  resize(image, to, out.data());
  return out;
}

// The share that old pixel s has in new pixel i of an axis, as the header says it, in plain numbers.
double share(std::size_t from, std::size_t to, std::size_t i, std::size_t s) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double at = static_cast<double>(s), place = static_cast<double>(i);
  if (to <= from) {
    const double begin = place * scale, end = begin + scale;
    return std::max(0.0, std::min(end, at + 1) - std::max(begin, at)) / scale;
  }
  const double centre = std::min(std::max((place + 0.5) * scale - 0.5, 0.0), static_cast<double>(from - 1));
  return std::max(0.0, 1 - std::abs(centre - at));
}

TEST(Resize, is_the_mean_of_areas_where_it_shrinks_and_bilinear_where_it_grows) {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    const auto side = [&] { return 1 + random() % 9; };
    Image image{side(), side(), round % 2 == 0 ? 1u : 3u, {}};
    for (std::size_t i = 0; i < image.width * image.height * image.channels; ++i)
      image.pixels.push_back(static_cast<std::uint8_t>(random()));
    const ImageSize to{side(), side()};
    const std::vector<std::uint8_t> out = resized(image, to);
    for (std::size_t y = 0; y < to.height; ++y) {
      for (std::size_t x = 0; x < to.width; ++x) {
        for (std::size_t c = 0; c < image.channels; ++c) {
          double sum = 0;
          for (std::size_t t = 0; t < image.height; ++t) {
            for (std::size_t s = 0; s < image.width; ++s) {
              sum += share(image.height, to.height, y, t) * share(image.width, to.width, x, s) *
                     image.pixels[(t * image.width + s) * image.channels + c];
            }
          }
          // Half a step of rounding, and the sums of doubles.
          EXPECT_NEAR(out[(y * to.width + x) * image.channels + c], sum, 0.5 + 1e-9);
        }
      }
    }
  }
}

TEST(Resize, to_the_same_size_and_of_one_colour_changes_nothing) {
  const Image image{3, 2, 1, {1, 2, 3, 250, 5, 6}};
  EXPECT_EQ(resized(image, {3, 2}), image.pixels);
  const Image plain{7, 5, 3, std::vector<std::uint8_t>(105, 99)};
  EXPECT_EQ(resized(plain, {13, 2}), std::vector<std::uint8_t>(78, 99));
}

TEST(Resize, rounds_halves_up_and_cuts_nothing_off) {
  EXPECT_EQ(resized({2, 1, 1, {0, 1}}, {1, 1}), (std::vector<std::uint8_t>{1}));
  EXPECT_EQ(resized({4, 2, 1, {0, 0, 8, 8, 4, 4, 0, 0}}, {2, 1}), (std::vector<std::uint8_t>{2, 4}));
  EXPECT_EQ(resized({2, 1, 1, {0, 100}}, {4, 1}), (std::vector<std::uint8_t>{0, 25, 75, 100}));
}

TEST(Resize, takes_a_long_side_without_overflow) {
  const Image image{1'000'000, 1, 1, std::vector<std::uint8_t>(1'000'000, 255)};
  EXPECT_EQ(resized(image, {2, 16}), std::vector<std::uint8_t>(32, 255));
}

}  // namespace
}  // namespace ztilde
