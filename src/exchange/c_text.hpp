// What C source is made of: numbers, texts, names and arrays, as C99 wants them written.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ztilde::c_text {

// C99 tells apart so many characters of a name (5.2.4.1).
inline constexpr std::size_t kLongestName = 63;

// Decimal, the shortest that reads as just this number; NaN is NAN of <math.h>.
std::string number(float value);
std::string number(double value);

// "text" with quotes, in ASCII. Throws Error(data) for what no C string can hold: a zero byte, or more bytes
// than C99 allows.
std::string literal(std::string_view text);
// Text that may stand inside a comment, where more follows on its line: no comment begins or ends in it.
std::string in_comment(std::string_view text);

// Throws Error(data), labelled with `what`, unless a name can begin all names of a source.
void require_name(const std::string& what, const std::string& name);

// "static const float NAME[4] = {…};", lines of at most 100 columns.
std::string array(std::string_view name, std::span<const float> values);
std::string array(std::string_view name, std::span<const double> values);
// `declaration` without the braces: "static const char *const names[2]".
std::string array(std::string_view declaration, const std::vector<std::string>& values);

// The text with the name instead of each '$', of which literals and comments have none.
std::string with_name(std::string_view text, const std::string& name);
std::string upper(std::string text);

}  // namespace ztilde::c_text
