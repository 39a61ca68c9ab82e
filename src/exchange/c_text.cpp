#include "exchange/c_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>

#include "base/text.hpp"
#include "ztilde/error.hpp"
#include "ztilde/export_c.hpp"

namespace ztilde {
namespace c_text {
namespace {

constexpr std::size_t kColumns = 100;
constexpr std::size_t kLongestLiteral = 4095;  // ISO C99, 5.2.4.1

// Of C and of C++, which reads the header, each between spaces.
constexpr std::string_view kKeywords =
    " alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t "
    "char8_t class co_await co_return co_yield compl concept const const_cast consteval constexpr "
    "constinit continue decltype default delete do double dynamic_cast else enum explicit export extern "
    "false float for friend goto if inline int long main mutable namespace new noexcept not not_eq "
    "nullptr operator or or_eq private protected public register reinterpret_cast requires restrict "
    "return short signed sizeof static static_assert static_cast struct switch template this "
    "thread_local throw true try typedef typeid typename typeof union unsigned using virtual void "
    "volatile wchar_t while xor xor_eq ";

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_of_name(char c) { return is_letter(c) || is_digit(c) || c == '_'; }

bool is_keyword(std::string_view name) { return kKeywords.find(fmt::format(" {} ", name)) != kKeywords.npos; }

template <class T>
std::string decimal(T value) {
  if (std::isnan(value)) return "NAN";
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == text.npos) text += ".0";
  return text;
}

// Octal, which ends after three digits whatever follows.
void append_escaped(std::string& to, char c) {
  fmt::format_to(std::back_inserter(to), "\\{:03o}", static_cast<unsigned char>(c));
}

// As it is: '$' stands for the names' beginning until the source is whole.
bool is_printable(char c) { return c >= ' ' && c <= '~' && c != '$'; }

template <class Text>
std::string wrapped(std::string_view declaration, std::size_t count, const Text& text_of) {
  std::string all = fmt::format("{} = {{\n", declaration);
  std::size_t column = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string text = text_of(i);
    if (column > 0 && column + text.size() + 2 > kColumns) {
      all += '\n';
      column = 0;
    }
    all += column == 0 ? "  " : " ";
    all += text;
    all += ',';
    column += text.size() + (column == 0 ? 3 : 2);
  }
  return all + "\n};\n";
}

template <class T>
std::string numbers(std::string_view type, std::string_view name, std::span<const T> values) {
  return wrapped(fmt::format("static const {} {}[{}]", type, name, values.size()), values.size(),
                 [&](std::size_t i) { return number(values[i]); });
}

}  // namespace

std::string number(float value) {
  const std::string text = decimal(value);
  return std::isnan(value) ? text : text + 'f';
}
std::string number(double value) { return decimal(value); }

std::string literal(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    throw Error(ErrorKind::data,
                fmt::format("the text '{}' {}; rename it in the data and train anew", printable(text), why));
  };
  if (text.find('\0') != text.npos) refuse("has a zero byte, where C's strings end");
  if (text.size() > kLongestLiteral)
    refuse(fmt::format("has {} bytes, and C's strings at most {}", with_commas(text.size()),
                       with_commas(kLongestLiteral)));
  std::string all = "\"";
  for (const char c : text) {
    // Two question marks may begin a trigraph.
    if (c == '"' || c == '\\' || c == '?') {
      all += '\\';
      all += c;
    } else if (is_printable(c)) {
      all += c;
    } else {
      append_escaped(all, c);
    }
  }
  return all + '"';
}

std::string in_comment(std::string_view text) {
  std::string all;
  for (const char c : printable(text)) {
    const char before = all.empty() ? ' ' : all.back();
    if ((before == '*' && c == '/') || (before == '/' && c == '*') || (before == '?' && c == '?')) all += ' ';
    if (is_printable(c)) {
      all += c;
    } else {
      append_escaped(all, c);
    }
  }
  return all;
}

void require_name(const std::string& what, const std::string& name) {
  const auto refuse = [&](std::string_view why) {
    throw Error(ErrorKind::data, fmt::format("{}: '{}' {}", what, printable(name), why));
  };
  if (name.empty() || !is_letter(name[0]) || !std::ranges::all_of(name, is_of_name))
    refuse("is no name for C; begin with a letter and go on with letters, digits and _");
  if (is_keyword(name)) refuse("is a word of C or C++; choose another name");
  if (name.size() > kLongestName)
    refuse(fmt::format("has {} characters; use at most {}", name.size(), kLongestName));
}

std::string array(std::string_view name, std::span<const float> values) {
  return numbers("float", name, values);
}
std::string array(std::string_view name, std::span<const double> values) {
  return numbers("double", name, values);
}
std::string array(std::string_view declaration, const std::vector<std::string>& values) {
  return wrapped(declaration, values.size(), [&](std::size_t i) { return values[i]; });
}

std::string with_name(std::string_view text, const std::string& name) {
  std::string all;
  for (const char c : text) {
    if (c == '$') {
      all += name;
    } else {
      all += c;
    }
  }
  return all;
}

std::string upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

}  // namespace c_text

std::string c_name_for(const std::string& path) {
  std::string name = std::filesystem::path(path).stem().string();
  for (char& c : name) {
    if (!c_text::is_of_name(c)) c = '_';
  }
  name.erase(0, std::min(name.find_first_not_of('_'), name.size()));
  name.resize(std::min(name.size(), c_text::kLongestName - 6));
  if (name.empty()) return "model";
  return c_text::is_digit(name[0]) || c_text::is_keyword(name) ? "model_" + name : name;
}

}  // namespace ztilde
