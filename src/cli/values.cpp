#include "cli/values.hpp"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <cmath>

#include "base/text.hpp"
#include "ztilde/error.hpp"

namespace ztilde::cli {
namespace {

constexpr std::size_t kShownText = 60;
constexpr double kExactWholes = 0x1p53;
constexpr double kPastWholes = 0x1p64;  // the largest 64-bit number, rounded

std::string bound(double number) {
  if (number == kPastWholes) return "2^64 - 1";
  const bool whole = number == std::floor(number) && std::abs(number) < kExactWholes;
  return whole ? with_commas(static_cast<std::uint64_t>(number)) : fmt::format("{}", number);
}

}  // namespace

bool Range::allows(double value) const {
  const bool above = least_excluded ? value > least : value >= least;
  const bool below = most_excluded ? value < most : value <= most;
  return above && below && std::isfinite(value);
}

std::string Range::words() const {
  const std::string start = (least_excluded ? "above " : "from ") + bound(least);
  if (std::isinf(most)) return start;
  return fmt::format("{} to {}{}", start, most_excluded ? "below " : "", bound(most));
}

void refuse(std::string_view label, const std::string& what) {
  throw Error(ErrorKind::data, fmt::format("{}: {}", label, what));
}

std::uint64_t parse_whole(std::string_view label, std::string_view text, const Range& range) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  const bool negative =
      text.size() > 1 && text[0] == '-' && text.find_first_not_of("0123456789", 1) == text.npos;
  const bool out_of_range = negative || (failure == std::errc::result_out_of_range && stop == end);
  if (!out_of_range && (failure != std::errc() || stop != end)) {
    refuse(label, fmt::format("'{}' is not a whole number; give one {}", printable(text, kShownText),
                              range.words()));
  }
  if (out_of_range || !range.allows(static_cast<double>(value))) {
    refuse(label, fmt::format("{} is out of range; give a whole number {}", printable(text, kShownText),
                              range.words()));
  }
  return value;
}

double parse_real(std::string_view label, std::string_view text, const Range& range) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  const bool too_large = failure == std::errc::result_out_of_range && stop == end;
  if (!too_large && (failure != std::errc() || stop != end)) {
    refuse(label,
           fmt::format("'{}' is not a number; give one {}", printable(text, kShownText), range.words()));
  }
  if (too_large || !range.allows(value)) {
    refuse(label,
           fmt::format("{} is out of range; give a number {}", printable(text, kShownText), range.words()));
  }
  return value;
}

std::uint64_t parse_size(std::string_view label, std::string_view text, std::uint64_t least) {
  constexpr std::string_view kUnits = "KMG";
  std::string_view number = text;
  if (number.ends_with('B') || number.ends_with('b')) number.remove_suffix(1);
  double unit = 1;
  if (!number.empty()) {
    const char last = static_cast<char>(std::toupper(static_cast<unsigned char>(number.back())));
    const std::size_t place = kUnits.find(last);
    if (place != kUnits.npos) {
      unit = static_cast<double>(std::uint64_t{1} << 10 * (place + 1));
      number.remove_suffix(1);
    }
  }
  double value = 0;
  const char* end = number.data() + number.size();
  const auto [stop, failure] = std::from_chars(number.data(), end, value);
  if (failure != std::errc() || stop != end || !(value >= 0))
    refuse(label, fmt::format("'{}' is no size; give one such as 512M or 2G", printable(text, kShownText)));
  const double bytes = value * unit;
  if (bytes < static_cast<double>(least) || bytes >= 0x1p62) {
    refuse(label, fmt::format("{} is out of range; give {}M or more", printable(text, kShownText),
                              (least + (1 << 20) - 1) >> 20));
  }
  return static_cast<std::uint64_t>(bytes);
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t comma = std::min(text.find(',', start), text.size());
    parts.emplace_back(text.substr(start, comma - start));
    start = comma + 1;
  }
  return parts;
}

std::vector<std::size_t> parse_widths(std::string_view label, std::string_view text, const Range& range) {
  std::vector<std::size_t> widths;
  if (text.empty() || text == "none") return widths;
  for (const std::string& part : split_list(text)) widths.push_back(parse_whole(label, part, range));
  return widths;
}

}  // namespace ztilde::cli
