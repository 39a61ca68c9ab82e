// Plain decimal numbers, several times as fast as by a parser for all that a number may be.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace ztilde {
namespace plain {

// Integers below 2^53 and powers of ten up to there are doubles, so that one division rounds once
// (W. Clinger, How to read floating point numbers accurately, 1990).
inline constexpr std::uint64_t kExactIntegers = std::uint64_t{1} << 53;
inline constexpr double kPowers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8};
inline constexpr std::uint64_t kIntegerPowers[] = {1,      10,      100,      1000,     10000,
                                                   100000, 1000000, 10000000, 100000000};

inline constexpr double kInversePowers[] = {1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8};

// An integer below 2^53 with so many of its digits behind the point, rounded once. For a float a product
// will do, at most two units in its last place from the quotient and so on the same side of all that is
// half way between two floats, unless it lies so close to it: false.
inline bool scale(std::uint64_t digits, std::size_t behind, bool negative, double& value) {
  const double size = static_cast<double>(static_cast<std::int64_t>(digits)) / kPowers[behind];
  value = std::bit_cast<double>(std::bit_cast<std::uint64_t>(size) | std::uint64_t{negative} << 63);
  return true;
}
inline bool scale(std::uint64_t digits, std::size_t behind, bool negative, float& value) {
  const double size = static_cast<double>(static_cast<std::int64_t>(digits)) * kInversePowers[behind];
  const auto bits = std::bit_cast<std::uint64_t>(size);
  value = static_cast<float>(std::bit_cast<double>(bits | std::uint64_t{negative} << 63));
  constexpr std::uint64_t kBelowFloat = (std::uint64_t{1} << 29) - 1, kHalf = std::uint64_t{1} << 28;
  return (bits & kBelowFloat) - (kHalf - 4) > 8;
}

// Eight characters as one number, the first in the lowest byte: what follows counts on that order.
static_assert(std::endian::native == std::endian::little);
constexpr std::uint64_t each(std::uint64_t byte) { return byte * 0x0101010101010101u; }
inline std::uint64_t eight_characters(const char* text) {
  std::uint64_t word = 0;
  std::memcpy(&word, text, sizeof word);
  return word;
}

// The number that eight digits (0 to 9, not their characters) are, from pairs to fours to eight.
inline std::uint64_t eight_digits(std::uint64_t digits) {
  digits = 10 * digits + (digits >> 8);
  constexpr std::uint64_t kPairs = 0x000000FF000000FFu;
  return ((digits & kPairs) * (100 + (std::uint64_t{1000000} << 32)) +
          ((digits >> 16) & kPairs) * (1 + (std::uint64_t{10000} << 32))) >>
         32;
}

// Which of the last bytes of eight characters count: those of the last `count`.
inline constexpr std::uint64_t kLast[] = {0,
                                          0xFF00000000000000u,
                                          0xFFFF000000000000u,
                                          0xFFFFFF0000000000u,
                                          0xFFFFFFFF00000000u,
                                          0xFFFFFFFFFF000000u,
                                          0xFFFFFFFFFFFF0000u,
                                          0xFFFFFFFFFFFFFF00u,
                                          0xFFFFFFFFFFFFFFFFu};

}  // namespace plain

// The number that a text is, rounded once to the nearest T, if it is what nearly all numbers are: at
// most eight digits before the point and eight behind it, a minus in front at most. Else false.
// The text is not empty; eight bytes before and behind it can be read, as in a table's blocks.
// No branch depends on a plain number's sign or length, for that would be guessed wrong half the time.
// Inlined, as constants and the value then stay in registers: a third of the time of reading a table.
template <class T>
[[gnu::always_inline]] inline bool parse_plain(std::string_view text, char point, T& value) {
  const bool negative = text[0] == '-';
  const char* const start = text.data() + negative;
  const std::size_t size = text.size() - negative;
  const std::uint64_t first = plain::eight_characters(start);
  const std::uint64_t points = first ^ plain::each(static_cast<unsigned char>(point));
  const std::uint64_t found =
      (points - plain::each(0x01)) & ~points & plain::each(0x80);                   // the lowest is exact
  const std::size_t place = static_cast<std::size_t>(std::countr_zero(found)) / 8;  // 8 where there is none
  const std::size_t before = std::min(place, size);
  const std::size_t behind = size - before - (before < size);
  if (before == 0 || behind > 8 || (place == 8 && size > 8)) return false;
  const std::uint64_t whole = (first ^ plain::each('0')) << (64 - 8 * before);
  const std::uint64_t decimals =
      (plain::eight_characters(text.data() + text.size() - 8) ^ plain::each('0')) & plain::kLast[behind];
  const auto beyond_nine = [](std::uint64_t digits) { return (digits + plain::each(0x76)) | digits; };
  if (((beyond_nine(whole) | beyond_nine(decimals)) & plain::each(0x80)) != 0) return false;
  const std::uint64_t digits =
      plain::eight_digits(whole) * plain::kIntegerPowers[behind] + plain::eight_digits(decimals);
  if (digits >= plain::kExactIntegers) return false;
  return plain::scale(digits, behind, negative, value);
}

}  // namespace ztilde
