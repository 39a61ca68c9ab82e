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

template <class T>
ParsedNumber<T> parse_number(std::string_view text, char point) {
  T value = 0;
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
