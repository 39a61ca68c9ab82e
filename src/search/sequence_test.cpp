#include "search/sequence.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>
#include <vector>

#include "base/random.hpp"

namespace ztilde::search {
namespace {

// Squared centred discrepancy of points in the unit cube. Hickernell 1998, Math. Comp. 67, (4.4).
double centred_discrepancy(const std::vector<std::vector<double>>& points) {
  const auto n = static_cast<double>(points.size());
  const std::size_t dimensions = points.front().size();
  double one = 1, two = 0, three = 0;
  for (std::size_t d = 0; d < dimensions; ++d) one *= 13.0 / 12;
  for (const auto& x : points) {
    double product = 1;
    for (const double u : x) product *= 1 + 0.5 * std::abs(u - 0.5) - 0.5 * (u - 0.5) * (u - 0.5);
    two += product;
    for (const auto& y : points) {
      double pair = 1;
      for (std::size_t d = 0; d < dimensions; ++d)
        pair *= 1 + 0.5 * std::abs(x[d] - 0.5) + 0.5 * std::abs(y[d] - 0.5) - 0.5 * std::abs(x[d] - y[d]);
      three += pair;
    }
  }
  return one - 2 / n * two + three / (n * n);
}

template <class Coordinate>
double mean_discrepancy(std::size_t count, std::size_t dimensions, Coordinate coordinate) {
  constexpr std::uint64_t kSeeds = 20;
  double sum = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    std::vector<std::vector<double>> points(count, std::vector<double>(dimensions));
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t d = 0; d < dimensions; ++d) points[i][d] = coordinate(seed, i, d);
    sum += centred_discrepancy(points);
  }
  return sum / kSeeds;
}

// Measured: a tenth to a half; see sequence.cpp.
TEST(Sequence, covers_the_cube_better_than_random_points) {
  const auto random = [](std::uint64_t seed, std::size_t i, std::size_t d) {
    return RandomStream(seed, Purpose::initialise, static_cast<std::uint32_t>(d), 0).uniform(i);
  };
  for (const std::size_t count : {10u, 20u, 30u}) {
    for (const std::size_t dimensions : {2u, 3u, 4u, 6u}) {
      const double ours = mean_discrepancy(count, dimensions, sequence_coordinate);
      EXPECT_LT(ours, 0.6 * mean_discrepancy(count, dimensions, random)) << count << " " << dimensions;
    }
  }
}

// A (t, s)-sequence in base 2: of 2^k points, each cell of that size of an axis has one; of the first two
// axes together (t = 0) each elementary box.
RC_GTEST_PROP(Sequence, each_equal_part_of_an_axis_gets_one_point, (std::uint64_t seed)) {
  constexpr std::size_t kPoints = 32;
  for (std::size_t d = 0; d < kSequenceDimensions; ++d) {
    std::set<int> cells;
    for (std::size_t i = 0; i < kPoints; ++i)
      cells.insert(static_cast<int>(sequence_coordinate(seed, i, d) * kPoints));
    RC_ASSERT(cells.size() == kPoints);
  }
  std::set<std::pair<int, int>> boxes;
  for (std::size_t i = 0; i < kPoints; ++i)
    boxes.emplace(static_cast<int>(sequence_coordinate(seed, i, 0) * 8),
                  static_cast<int>(sequence_coordinate(seed, i, 1) * 4));
  RC_ASSERT(boxes.size() == kPoints);
}

TEST(Sequence, no_two_axes_are_alike) {
  for (std::size_t a = 0; a < kSequenceDimensions + 2; ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      int alike = 0;
      for (std::size_t i = 0; i < 64; ++i)
        alike += static_cast<int>(8 * sequence_coordinate(3, i, a)) ==
                 static_cast<int>(8 * sequence_coordinate(3, i, b));
      EXPECT_LT(alike, 32) << a << " " << b;
    }
  }
}

TEST(Sequence, past_its_dimensions_numbers_are_in_the_cube_and_differ) {
  std::set<double> seen;
  for (std::size_t i = 0; i < 20; ++i) {
    const double u = sequence_coordinate(1, i, kSequenceDimensions + 5);
    EXPECT_GT(u, 0);
    EXPECT_LT(u, 1);
    seen.insert(u);
  }
  EXPECT_EQ(seen.size(), 20u);
}

}  // namespace
}  // namespace ztilde::search
