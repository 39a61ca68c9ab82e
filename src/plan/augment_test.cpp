// Augmented images, number by number from what the options say.
#include "plan/augment.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <vector>

#include "plan/encoder.hpp"

namespace ztilde {
namespace {

// One number of the changed image, by the definition.
template <class Source>
float number(const std::vector<Source>& image, const Shape& shape, const ImageChange& change, std::size_t i) {
  const auto x = static_cast<std::ptrdiff_t>(i / shape.channels % shape.width);
  const auto y = static_cast<std::ptrdiff_t>(i / shape.channels / shape.width);
  const auto width = static_cast<std::ptrdiff_t>(shape.width),
             height = static_cast<std::ptrdiff_t>(shape.height);
  const auto inside = [](std::ptrdiff_t at, std::size_t first, std::size_t end) {
    return at >= static_cast<std::ptrdiff_t>(first) && at < static_cast<std::ptrdiff_t>(end);
  };
  if (inside(x, change.hole_left, change.hole_right) && inside(y, change.hole_top, change.hole_bottom))
    return 0;
  const std::ptrdiff_t from_x = x - change.right, from_y = y - change.down;
  if (from_x < 0 || from_x >= width || from_y < 0 || from_y >= height) return 0;
  const std::ptrdiff_t column = change.flip ? width - 1 - from_x : from_x;
  return static_cast<float>(
      image[static_cast<std::size_t>(from_y * width + column) * shape.channels + i % shape.channels]);
}

template <class Source>
std::vector<Source> some_image(std::size_t size, std::mt19937& random) {
  std::vector<Source> image;
  for (std::size_t i = 0; i < size; ++i) image.push_back(static_cast<Source>(1 + random() % 250));
  return image;
}

AugmentedRows rows_of(const Augmentation& augmentation, const Shape& shape, std::uint64_t step = 3) {
  return {augmentation, shape, RandomStream(9, Purpose::augment, 0, step), 0};
}

template <class Source>
void expect_the_definition() {
  std::mt19937 random(1);
  const auto below = [&](std::size_t bound) { return static_cast<std::size_t>(random() % bound); };
  for (int round = 0; round < 400; ++round) {
    const Shape shape{1 + below(6), 1 + below(6), 1 + 2 * below(2)};
    const std::vector<Source> image = some_image<Source>(shape.size(), random);
    const std::size_t side = std::min(shape.height, shape.width);
    const AugmentedRows rows = rows_of({below(2) == 1, below(side), below(side + 1)}, shape);
    const ImageChange change = change_of(rows, below(1000));
    for (int slice = 0; slice < 3; ++slice) {
      const std::size_t first = slice == 0 ? 0 : below(shape.size());
      const std::size_t count = slice == 0 ? shape.size() : 1 + below(shape.size() - first);
      std::vector<float> out(count, INFINITY);
      changed_image(image.data(), shape, change, first, count, out.data());
      for (std::size_t i = 0; i < count; ++i)
        ASSERT_EQ(out[i], number(image, shape, change, first + i)) << round << " " << first + i;
    }
  }
}

TEST(Augment, of_bytes_is_flip_then_shift_then_cutout_in_any_slice) { expect_the_definition<std::uint8_t>(); }
TEST(Augment, of_floats_is_flip_then_shift_then_cutout_in_any_slice) { expect_the_definition<float>(); }

TEST(Augment, of_a_small_image_is_what_one_expects) {
  const Shape shape{2, 3, 1};
  const std::vector<float> image = {1, 2, 3, 4, 5, 6};
  std::vector<float> out(6);
  changed_image(image.data(), shape, {.flip = true}, 0, 6, out.data());
  EXPECT_EQ(out, (std::vector<float>{3, 2, 1, 6, 5, 4}));
  changed_image(image.data(), shape, {.right = 1, .down = -1}, 0, 6, out.data());
  EXPECT_EQ(out, (std::vector<float>{0, 4, 5, 0, 0, 0}));
  changed_image(image.data(), shape, {.flip = true, .right = 1}, 0, 6, out.data());
  EXPECT_EQ(out, (std::vector<float>{0, 3, 2, 0, 6, 5}));
  changed_image(image.data(), shape, {.hole_left = 1, .hole_top = 0, .hole_right = 3, .hole_bottom = 1}, 0, 6,
                out.data());
  EXPECT_EQ(out, (std::vector<float>{1, 0, 0, 4, 5, 6}));
}

TEST(Augment, leaves_images_alone_where_nothing_is_asked_for) {
  for (std::size_t row = 0; row < 100; ++row)
    EXPECT_EQ(change_of(rows_of({}, {7, 7, 1}), row), ImageChange());
}

// Counts of equally likely events stay within 5 standard deviations, which one run in 10^6 does not.
void expect_even(const std::map<std::ptrdiff_t, int>& counts, std::size_t kinds, int draws) {
  EXPECT_EQ(counts.size(), kinds);
  const double share = 1.0 / static_cast<double>(kinds);
  for (const auto& [kind, count] : counts)
    EXPECT_NEAR(count, draws * share, 5 * std::sqrt(draws * share * (1 - share))) << kind;
}

TEST(Augment, draws_every_flip_shift_and_centre_equally_often) {
  constexpr int kDraws = 20000;
  const AugmentedRows rows = rows_of({true, 2, 1}, {5, 4, 1});
  std::map<std::ptrdiff_t, int> flips, rights, downs, holes;
  for (std::size_t row = 0; row < kDraws; ++row) {
    const ImageChange change = change_of(rows, row);
    ++flips[change.flip];
    ++rights[change.right];
    ++downs[change.down];
    ++holes[static_cast<std::ptrdiff_t>(change.hole_top * 4 + change.hole_left)];
    EXPECT_EQ(change.hole_right, change.hole_left + 1);
    EXPECT_EQ(change.hole_bottom, change.hole_top + 1);
  }
  expect_even(flips, 2, kDraws);
  expect_even(rights, 5, kDraws);
  expect_even(downs, 5, kDraws);
  expect_even(holes, 20, kDraws);
  EXPECT_EQ(rights.begin()->first, -2);
}

TEST(Augment, cuts_a_square_around_its_centre_and_within_the_image) {
  for (const std::size_t side : {1u, 2u, 3u, 4u}) {
    const AugmentedRows rows = rows_of({false, 0, side}, {4, 4, 1});
    for (std::size_t row = 0; row < 200; ++row) {
      const ImageChange change = change_of(rows, row);
      EXPECT_LE(change.hole_right, 4u);
      EXPECT_LE(change.hole_right - change.hole_left, side);
      // At the edge, no more than half of it is cut off.
      EXPECT_GE(change.hole_right - change.hole_left, side - side / 2);
      EXPECT_GE(change.hole_bottom - change.hole_top, side - side / 2);
    }
  }
}

TEST(Augment, changes_with_the_step_and_the_row_of_the_step_alone) {
  const Augmentation all{true, 3, 2};
  const Shape shape{9, 9, 1};
  AugmentedRows group = rows_of(all, shape);
  group.first_row = 40;
  int same = 0;
  for (std::size_t row = 0; row < 60; ++row) {
    EXPECT_EQ(change_of(group, row), change_of(rows_of(all, shape), 40 + row));
    same += change_of(rows_of(all, shape), row) == change_of(rows_of(all, shape, 4), row);
  }
  EXPECT_LE(same, 3);
}

// What the first stage of a plan takes: changed, then standardised, the same bits in any slice of features
// and rows.
TEST(Augment, is_gathered_and_standardised_in_any_slice) {
  const Shape shape{5, 6, 3};
  const std::size_t size = shape.size(), count = 7;
  std::mt19937 random(4);
  const std::vector<std::uint8_t> images = some_image<std::uint8_t>(10 * size, random);
  const std::vector<std::uint32_t> index = {4, 1, 9, 9, 0, 3, 7};
  std::vector<float> centre(size), scale(size), shift(size);
  for (std::size_t i = 0; i < size; ++i) {
    centre[i] = 100 + static_cast<float>(i % 3);
    scale[i] = 0.015625f;
  }
  const AugmentedRows rows = rows_of({true, 2, 3}, shape);
  const Batch batch{{images.data(), nullptr, size}, index.data(), count, nullptr, nullptr, &rows};
  const Encoder encoder;
  std::vector<float> whole(count * size);
  encoder.gather(batch, 0, 0, {centre.data(), scale.data(), shift.data()},
                 kernels::View(whole.data(), count, size));
  for (std::size_t r = 0; r < count; ++r) {
    const auto begin = images.begin() + static_cast<std::ptrdiff_t>(index[r] * size);
    const std::vector<std::uint8_t> image(begin, begin + static_cast<std::ptrdiff_t>(size));
    for (std::size_t i = 0; i < size; ++i) {
      const float raw = number(image, shape, change_of(rows, r), i);
      ASSERT_EQ(whole[r * size + i], (raw - centre[i]) * scale[i]);
    }
  }
  for (const std::size_t first : {0u, 16u, 37u}) {
    for (const std::size_t features : {1u, 16u, 40u}) {
      std::vector<float> part(3 * features);
      encoder.gather(batch, 2, first, {centre.data() + first, scale.data() + first, shift.data() + first},
                     kernels::View(part.data(), 3, features));
      for (std::size_t i = 0; i < part.size(); ++i)
        ASSERT_EQ(part[i], whole[(2 + i / features) * size + first + i % features]);
    }
  }
}

}  // namespace
}  // namespace ztilde
