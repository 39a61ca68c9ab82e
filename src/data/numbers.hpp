// Numbers in the fields of a table.
#pragma once

#include <string_view>

namespace ztilde {

enum class NumberKind { number, empty, nan, infinite, too_large, text };

template <class T>
struct ParsedNumber {
  NumberKind kind = NumberKind::empty;
  T value = 0;
};

// The decimal number that the whole text is, apart from spaces around it and a leading '+',
// rounded once to the nearest T. Too small a number is 0. T: float or double. point: what stands
// before its decimals.
template <class T>
ParsedNumber<T> parse_number(std::string_view text, char point = '.');

// Without the spaces and tabs around it.
std::string_view trimmed(std::string_view text);

}  // namespace ztilde
