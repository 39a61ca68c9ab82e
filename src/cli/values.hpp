// The texts of options as values; what does not fit is refused with the option's name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace ztilde::cli {

// What an option's number may be.
struct Range {
  double least = 0;
  double most = std::numeric_limits<double>::infinity();
  bool least_excluded = false;
  bool most_excluded = false;

  bool allows(double value) const;
  // "from 1", "above 0", "from 0 to below 1"; for help and messages alike.
  std::string words() const;
};

// Throws Error(data): "LABEL: what is wrong; what to do".
[[noreturn]] void refuse(std::string_view label, const std::string& what);

std::uint64_t parse_whole(std::string_view label, std::string_view text, const Range& range);
double parse_real(std::string_view label, std::string_view text, const Range& range);
// Bytes: "512M", "1G", "1.5GB", "1000000"; K, M and G are powers of 1024.
std::uint64_t parse_size(std::string_view label, std::string_view text, std::uint64_t least);
// "64,32" → 64, 32; "" and "none" → nothing.
std::vector<std::size_t> parse_widths(std::string_view label, std::string_view text, const Range& range);
// "a,b" → "a", "b".
std::vector<std::string> split_list(std::string_view text);

}  // namespace ztilde::cli
