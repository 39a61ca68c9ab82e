#include "lab/bowl.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "lab/bowl_rows.hpp"

namespace ztilde::lab {
namespace {

const auto kNoStop = [](std::uint64_t) {};

TEST(Eigen, of_a_graded_matrix_are_right_down_to_the_smallest) {
  // D A D with A = [[2, 1], [1, 2]], D = diag(1, 1e6): determinant 3e12, trace 2 + 2e12.
  const Eigen axes = eigen({2, 1e6, 1e6, 2e12}, 2);
  const double largest = 2e12 + 0.5, smallest = 3e12 / largest;
  EXPECT_NEAR(axes.values[0] / smallest, 1, 1e-12);
  EXPECT_NEAR(axes.values[1] / largest, 1, 1e-12);
  EXPECT_NEAR(std::abs(axes.vectors[3]), 1, 1e-12);
}

TEST(Bowls, gradient_and_hessian_are_those_of_the_loss) {
  const Bowl bowl = made_rows(50, 1).bowl;
  const std::vector<double> w = {0.3, -0.002, 0.1};
  std::vector<double> d_w(3), up(3), down(3);
  EXPECT_DOUBLE_EQ(bowl.loss_and_gradient(w, d_w), bowl.loss(w));
  const std::vector<double> hessian = bowl.hessian(w);
  for (std::size_t i = 0; i < 3; ++i) {
    std::vector<double> a = w, b = w;
    const double h = i == 1 ? 1e-8 : 1e-5;  // of x2, which is a thousand times the others
    a[i] += h, b[i] -= h;
    // Central differences: rounding 1e-16 / h beside h² of the next term.
    EXPECT_NEAR((bowl.loss(a) - bowl.loss(b)) / (2 * h), d_w[i], 1e-5 * std::abs(d_w[i]) + 1e-9);
    bowl.loss_and_gradient(a, up);
    bowl.loss_and_gradient(b, down);
    for (std::size_t j = 0; j < 3; ++j) {
      const double difference = (up[j] - down[j]) / (2 * h), expected = hessian[i * 3 + j];
      EXPECT_NEAR(difference, expected, 1e-5 * std::abs(expected) + 1e-7) << i << j;
    }
  }
}

TEST(Bowls, have_the_same_bottom_raw_and_standardised) {
  const Bowl raw = made_rows(200, 2).bowl;
  const Scaling scaling = scaling_of(raw);
  const Bowl scaled = standardised(raw, scaling);
  const auto best = bottom(scaled);
  ASSERT_TRUE(best);
  EXPECT_NEAR(raw.loss(raw_weights(*best, scaling)), scaled.loss(*best), 1e-12);
  std::vector<double> d_w(3);
  scaled.loss_and_gradient(*best, d_w);
  for (const double slope : d_w) EXPECT_NEAR(slope, 0, 1e-8);
}

TEST(Bowls, without_a_bottom_say_so) {
  Bowl bowl{.inputs = 2, .x = {-2, 1, -1, 1, 1, 1, 2, 1}, .y = {0, 0, 1, 1}};
  EXPECT_FALSE(bottom(bowl));
  bowl.y = {0, 1, 0, 1};
  EXPECT_TRUE(bottom(bowl));
}

TEST(Descents, count_their_steps_and_guess_those_left) {
  const Bowl raw = made_rows(100, 3).bowl;
  const Bowl scaled = standardised(raw, scaling_of(raw));
  const std::vector<double> best = *bottom(scaled);
  const Descent whole = descend(scaled, best, 1000, kNoStop);
  EXPECT_TRUE(whole.arrived);
  EXPECT_LE(whole.gap, kArrived);
  EXPECT_EQ(whole.estimate, static_cast<double>(whole.steps));
  const Descent one_less = descend(scaled, best, whole.steps - 1, kNoStop);
  EXPECT_FALSE(one_less.arrived);
  EXPECT_GT(one_less.gap, kArrived);
  // Near the bottom the bowl is quadratic.
  EXPECT_NEAR(one_less.estimate, static_cast<double>(whole.steps), 1.0);
}

}  // namespace
}  // namespace ztilde::lab
