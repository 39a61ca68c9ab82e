#include "data/numbers.hpp"

#include <fast_float/fast_float.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <system_error>

namespace ztilde {

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

namespace {

// Integers of so many digits and powers of ten up to there are doubles, so that one division rounds
// once (W. Clinger, How to read floating point numbers accurately, 1990).
constexpr std::size_t kExactDigits = 15;
constexpr double kPowers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                              1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

// Rounds a double that was rounded itself; false where it lies half way between two floats, for then
// the first rounding may have moved it there.
bool round_again(double value, float& rounded) {
  constexpr std::uint64_t kBelowFloat = (std::uint64_t{1} << 29) - 1, kHalf = std::uint64_t{1} << 28;
  rounded = static_cast<float>(value);
  return (std::bit_cast<std::uint64_t>(value) & kBelowFloat) != kHalf;
}
bool round_again(double value, double& rounded) {
  rounded = value;
  return true;
}

// Digits with a point and a sign at most, which nearly all numbers are; false for anything else.
template <class T>
bool parse_plain(std::string_view text, char point, T& value) {
  const char *at = text.data(), *end = at + text.size();
  const bool negative = at < end && *at == '-';
  if (negative) ++at;
  std::uint64_t digits = 0;
  const auto take_digits = [&] {
    const char* start = at;
    for (; at < end; ++at) {
      const unsigned digit = static_cast<unsigned>(*at) - '0';
      if (digit > 9) break;
      digits = 10 * digits + digit;
    }
    return static_cast<std::size_t>(at - start);
  };
  const std::size_t before = take_digits();
  std::size_t behind = 0;
  if (at < end && *at == point) {
    ++at;
    behind = take_digits();
  }
  if (at != end || before + behind == 0 || before + behind > kExactDigits) return false;
  const double size = static_cast<double>(digits) / kPowers[behind];
  return round_again(negative ? -size : size, value);
}

}  // namespace

template <class T>
ParsedNumber<T> parse_number(std::string_view text, char point) {
  T value = 0;
  if (parse_plain(text, point, value)) return {NumberKind::number, value};
  text = trimmed(text);
  if (text.empty()) return {NumberKind::empty, 0};
  if (text.front() == '+') {
    text.remove_prefix(1);
    if (text.empty() || text.front() == '-') return {NumberKind::text, 0};
  }
  const fast_float::parse_options options(fast_float::chars_format::general, point);
  const auto [end, code] =
      fast_float::from_chars_advanced(text.data(), text.data() + text.size(), value, options);
  // Versions of fast_float differ in whether a number out of range is an error or an infinity.
  const bool out_of_range = code == std::errc::result_out_of_range;
  if ((code != std::errc() && !out_of_range) || end != text.data() + text.size()) {
    return {NumberKind::text, 0};
  }
  if (std::isnan(value)) return {NumberKind::nan, value};
  if (!std::isinf(value)) return {NumberKind::number, value};
  const char last = text.back();  // of a word, "inf" or "infinity", not of a number
  return {
      last == 'f' || last == 'F' || last == 'y' || last == 'Y' ? NumberKind::infinite : NumberKind::too_large,
      value};
}

template ParsedNumber<float> parse_number<float>(std::string_view text, char point);
template ParsedNumber<double> parse_number<double>(std::string_view text, char point);

}  // namespace ztilde
