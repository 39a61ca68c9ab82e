#include "base/random.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <set>

namespace ztilde {
namespace {

// From the known-answer file of the authors' Random123 library.
TEST(Philox, gives_the_published_answers) {
  struct Answer {
    PhiloxBlock counter;
    PhiloxKey key;
    PhiloxBlock expected;
  };
  const Answer answers[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (const Answer& answer : answers) EXPECT_EQ(philox(answer.counter, answer.key), answer.expected);
}

TEST(RandomStream, bits_are_the_numbers_of_consecutive_counters) {
  const RandomStream stream(0x0123456789abcdefu, Purpose::dropout, 7, 42);
  EXPECT_EQ(stream.key(), (PhiloxKey{0x89abcdef, 0x01234567}));
  EXPECT_EQ(stream.counter(0x500000002u), (PhiloxBlock{2, 5, 42, 7 << 4 | 3}));
  for (std::uint64_t element = 0; element < 100; ++element) {
    EXPECT_EQ(stream.bits(element), philox(stream.counter(element / 4), stream.key())[element % 4]);
  }
}

TEST(RandomStream, differs_by_seed_purpose_layer_and_step) {
  const std::set<std::uint32_t> firsts = {RandomStream(1, Purpose::shuffle, 0, 0).bits(0),
                                          RandomStream(2, Purpose::shuffle, 0, 0).bits(0),
                                          RandomStream(1, Purpose::split, 0, 0).bits(0),
                                          RandomStream(1, Purpose::shuffle, 1, 0).bits(0),
                                          RandomStream(1, Purpose::shuffle, 0, 1).bits(0),
                                          RandomStream(1, Purpose::shuffle, 0, 0).bits(1),
                                          RandomStream(1ull << 32, Purpose::shuffle, 0, 0).bits(0)};
  EXPECT_EQ(firsts.size(), 7u);
}

struct Moments {
  double mean = 0, variance = 0;
};

template <class Number>
Moments moments(std::uint64_t count, const Number& number) {
  double sum = 0, squares = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const double x = number(i);
    sum += x;
    squares += x * x;
  }
  const double mean = sum / static_cast<double>(count);
  return {mean, squares / static_cast<double>(count) - mean * mean};
}

constexpr std::uint64_t kNumbers = 1 << 20;

// The bounds are 5 standard errors of each moment over 2^20 numbers.
TEST(RandomStream, uniform_has_mean_one_half_and_variance_one_twelfth) {
  for (const std::uint64_t seed : {0u, 1u, 12345u}) {
    const RandomStream stream(seed, Purpose::dropout, 0, 0);
    const Moments found = moments(kNumbers, [&](std::uint64_t i) { return stream.uniform(i); });
    EXPECT_NEAR(found.mean, 0.5, 5 * std::sqrt(1.0 / 12 / kNumbers));
    EXPECT_NEAR(found.variance, 1.0 / 12, 5 * std::sqrt(1.0 / 180 / kNumbers));
  }
}

TEST(RandomStream, normal_has_mean_zero_and_variance_one) {
  for (const std::uint64_t seed : {0u, 1u, 12345u}) {
    const RandomStream stream(seed, Purpose::initialise, 3, 0);
    const Moments found = moments(kNumbers, [&](std::uint64_t i) { return stream.normal(i); });
    EXPECT_NEAR(found.mean, 0, 5 * std::sqrt(1.0 / kNumbers));
    EXPECT_NEAR(found.variance, 1, 5 * std::sqrt(2.0 / kNumbers));
  }
}

TEST(RandomStream, uniform_is_never_zero_or_one) {
  EXPECT_GT((0 + 0.5) * 0x1p-32, 0);
  EXPECT_LT((4294967295.0 + 0.5) * 0x1p-32, 1);
  const RandomStream stream(9, Purpose::dropout, 0, 0);
  for (std::uint64_t i = 0; i < 10000; ++i) {
    EXPECT_GT(stream.uniform(i), 0);
    EXPECT_LT(stream.uniform(i), 1);
  }
}

TEST(RandomStream, below_reaches_every_value_about_equally_often) {
  const RandomStream stream(4, Purpose::shuffle, 0, 0);
  constexpr std::uint32_t kBound = 7;
  std::array<double, kBound> counts{};
  for (std::uint64_t i = 0; i < kNumbers; ++i) {
    const std::uint32_t value = stream.below(kBound, i);
    ASSERT_LT(value, kBound);
    ++counts[value];
  }
  const double expected = static_cast<double>(kNumbers) / kBound;
  double chi_square = 0;
  for (const double count : counts) chi_square += (count - expected) * (count - expected) / expected;
  EXPECT_LT(chi_square, 22.5);  // the 99.9 % point for 6 degrees of freedom
}

}  // namespace
}  // namespace ztilde
