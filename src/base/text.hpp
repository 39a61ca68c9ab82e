// Words for people: numbers with separators, lists, the nearest name to a misspelt one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ztilde {

// 1234567 → "1,234,567".
std::string with_commas(std::uint64_t number);

// "1 row", "2 rows".
std::string counted(std::uint64_t number, std::string_view singular);

// A number as people read it: 0.3214, 88.93, 12,346.
std::string shown(double number);
std::string shown_bytes(std::size_t bytes);
// "0:42", "1:02:33".
std::string shown_time(double seconds);
// "3.2 seconds", "2 minutes 5 seconds".
std::string shown_duration(double seconds);

// The names within a third of the word's length in edit distance, nearest first, at most three.
std::vector<std::string> nearest_names(std::string_view word, std::span<const std::string> names);

// "; did you mean a or b?" or, where nothing is near, "; known are a, b, c, …".
std::string did_you_mean(std::string_view word, std::span<const std::string> names);

// The length of the UTF-8 character that a text (not empty) starts with, 0 where it is none.
std::size_t utf8_length(std::string_view text);

// Text of a user's file made fit for one line of a terminal: control characters and invalid
// bytes escaped, cut after `limit` bytes.
std::string printable(std::string_view text, std::size_t limit = 40);

}  // namespace ztilde
