#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <utility>

namespace ztilde {
namespace {

constexpr std::size_t kMostNear = 3;
constexpr std::size_t kMostKnown = 20;
constexpr std::size_t kLongestWord = 100;  // nobody mistypes a longer one; keeps the table small
constexpr std::size_t kNameLimit = 60;
constexpr double kExactWholes = 0x1p53;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Edits (insert, delete, replace, swap of neighbours) from a to b; letter case is free.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = last[j - 1] + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      row[j] = std::min({replace, last[j] + 1, row[j - 1] + 1});
      const bool swapped =
          i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

// Characters that move the cursor, turn the writing direction or are not seen at all.
bool upsets_a_terminal(std::string_view character) {
  if (character.size() == 1) return character[0] < ' ' || character[0] == '\x7F';
  if (character.size() == 2) return character >= "\xC2\x80" && character <= "\xC2\x9F";
  if (character.size() != 3) return false;
  const auto within = [&](std::string_view low, std::string_view high) {
    return character >= low && character <= high;
  };
  return within("\xE2\x80\x8B", "\xE2\x80\x8F") || within("\xE2\x80\xA8", "\xE2\x80\xAE") ||
         within("\xE2\x81\xA0", "\xE2\x81\xAF") || character == "\xEF\xBB\xBF";
}

std::string joined(std::span<const std::string> names, std::string_view last_separator) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? last_separator : ", ";
    text += printable(names[i], kNameLimit);
  }
  return text;
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!follows(1) || !follows(2)) return 0;
    const bool overlong = first == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = first == 0xED && byte(1) > 0x9F;
    return overlong || surrogate ? 0 : 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    const bool overlong = first == 0xF0 && byte(1) < 0x90;
    const bool too_large = first == 0xF4 && byte(1) > 0x8F;
    return overlong || too_large ? 0 : 4;
  }
  return 0;
}

std::string with_commas(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string counted(std::uint64_t number, std::string_view singular) {
  if (number == 1) return fmt::format("1 {}", singular);
  const auto ends = [&](std::string_view ending) { return singular.ends_with(ending); };
  if (ends("s") || ends("x") || (ends("ch") && !ends("epoch")) || ends("sh")) {
    return fmt::format("{} {}es", with_commas(number), singular);
  }
  if (ends("ry"))
    return fmt::format("{} {}ies", with_commas(number), singular.substr(0, singular.size() - 1));
  return fmt::format("{} {}s", with_commas(number), singular);
}

std::string shown(double number) {
  if (std::abs(number) < 1000 || !(std::abs(number) < kExactWholes)) {
    return number == 0 ? "0" : fmt::format("{:#.4g}", number);
  }
  const auto whole = static_cast<std::uint64_t>(std::llround(std::abs(number)));
  return (number < 0 ? "-" : "") + with_commas(whole);
}

std::string shown_bytes(std::size_t bytes) {
  constexpr const char* kUnits[] = {"bytes", "kB", "MB", "GB", "TB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= 1000 && unit + 1 < std::size(kUnits); ++unit) size /= 1000;
  return unit == 0 ? fmt::format("{} bytes", bytes)
                   : fmt::format("{:.{}f} {}", size, size < 10 ? 1 : 0, kUnits[unit]);
}

std::string shown_time(double seconds) {
  const auto total = static_cast<std::uint64_t>(std::llround(seconds));
  const std::uint64_t hours = total / 3600, minutes = total / 60 % 60;
  if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, minutes, total % 60);
  return fmt::format("{}:{:02}", minutes, total % 60);
}

std::string shown_duration(double seconds) {
  if (seconds < 100) return fmt::format("{:.{}f} seconds", seconds, seconds < 10 ? 2 : 1);
  const auto total = static_cast<std::uint64_t>(std::llround(seconds));
  const std::uint64_t hours = total / 3600, minutes = total / 60 % 60;
  if (hours > 0) return counted(hours, "hour") + " " + counted(minutes, "minute");
  return counted(minutes, "minute") + " " + counted(total % 60, "second");
}

std::vector<std::string> nearest_names(std::string_view word, std::span<const std::string> names) {
  if (word.empty() || word.size() > kLongestWord) return {};
  // One edit is allowed in short words too, but one letter is not a misspelling of another.
  const std::size_t limit = word.size() < 2 ? 0 : std::max<std::size_t>(1, word.size() / 3);
  std::vector<std::pair<std::size_t, std::size_t>> near;  // distance, index
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::size_t length = names[i].size();
    if (std::max(length, word.size()) - std::min(length, word.size()) > limit) continue;
    const std::size_t distance = edit_distance(word, names[i]);
    if (distance <= limit) near.emplace_back(distance, i);
  }
  std::ranges::sort(near);
  std::vector<std::string> found;
  for (std::size_t i = 0; i < std::min(near.size(), kMostNear); ++i) found.push_back(names[near[i].second]);
  return found;
}

std::string did_you_mean(std::string_view word, std::span<const std::string> names) {
  const std::vector<std::string> near = nearest_names(word, names);
  if (!near.empty()) return fmt::format("; did you mean {}?", joined(near, " or "));
  std::vector<std::string> known;  // a header may have columns without a name
  std::ranges::copy_if(names, std::back_inserter(known),
                       [](const std::string& name) { return !name.empty(); });
  if (known.empty()) return "";
  if (known.size() == 1) return fmt::format("; known is {}", joined(known, ""));
  const bool all = known.size() <= kMostKnown;
  if (!all) known.resize(kMostKnown);
  return fmt::format("; known are {}{}", joined(known, ", "), all ? "" : ", …");
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string shown;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = utf8_length(text.substr(at));
    const std::string_view character = text.substr(at, std::max<std::size_t>(length, 1));
    if (at + character.size() > limit) return shown + "…";
    if (length > 0 && !upsets_a_terminal(character)) {
      shown += character;
    } else if (character == "\n") {
      shown += "\\n";
    } else if (character == "\r") {
      shown += "\\r";
    } else if (character == "\t") {
      shown += "\\t";
    } else {
      for (const char c : character) shown += fmt::format("\\x{:02X}", static_cast<unsigned char>(c));
    }
    at += character.size();
  }
  return shown;
}

}  // namespace ztilde
