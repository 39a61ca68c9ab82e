#include "data/numbers.hpp"

#include <fast_float/fast_float.h>

#include <cmath>
#include <system_error>

namespace ztilde {

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

namespace {

constexpr std::size_t kExactDigits = 7;  // every integer of so many digits is a float

// The value of a text of 1 to kExactDigits digits, -1 for any other. Pixels and counts are such.
int small_integer(std::string_view text) {
  if (text.empty() || text.size() > kExactDigits) return -1;
  int value = 0;
  for (const char c : text) {
    const unsigned digit = static_cast<unsigned>(c) - '0';
    if (digit > 9) return -1;
    value = 10 * value + static_cast<int>(digit);
  }
  return value;
}

}  // namespace

template <class T>
ParsedNumber<T> parse_number(std::string_view text, char point) {
  if (const int value = small_integer(text); value >= 0) return {NumberKind::number, static_cast<T>(value)};
  text = trimmed(text);
  if (text.empty()) return {NumberKind::empty, 0};
  if (text.front() == '+') {
    text.remove_prefix(1);
    if (text.empty() || text.front() == '-') return {NumberKind::text, 0};
  }
  T value = 0;
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
