#include "cli/config_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/files.hpp"
#include "base/text.hpp"
#include "ztilde/error.hpp"

namespace ztilde::cli {
namespace {

constexpr std::string_view kBom = "\xEF\xBB\xBF";
constexpr std::string_view kEndsWord = " \t\r\n#,]'\"=";

// Reads the text from its start to its end, counting lines.
class Scanner {
 public:
  Scanner(const std::string& path, std::string_view text) : path_(path), text_(text) {
    if (text_.starts_with(kBom)) text_.remove_prefix(kBom.size());
  }

  // The next entry; false at the end.
  bool next(ConfigEntry& entry) {
    skip_blank(true);
    if (at_ == text_.size()) return false;
    if (text_[at_] == '[') refuse("sections are not used here; take the line out");
    entry = {};
    entry.line = line_;
    entry.key = word_or_quoted("a key");
    skip_blank(false);
    if (!take('='))
      refuse(fmt::format("no '=' after '{}'; write {} = value", printable(entry.key), printable(entry.key)));
    skip_blank(false);
    entry.is_list = take('[');
    if (entry.is_list) {
      read_list(entry.values);
    } else {
      entry.values.push_back(word_or_quoted("a value"));
    }
    skip_blank(false);
    if (at_ < text_.size() && text_[at_] != '\n') {
      refuse(fmt::format("'{}' follows the value; put a value that has spaces, quotes or commas into quotes",
                         printable(text_.substr(at_, text_.find('\n', at_) - at_))));
    }
    return true;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ErrorKind::data, fmt::format("{}:{}: {}", shown_path(path_), line_, what));
  }
  bool take(char c) {
    const bool found = at_ < text_.size() && text_[at_] == c;
    if (found) ++at_;
    return found;
  }
  // Spaces and comments, and line ends where they mean nothing.
  void skip_blank(bool line_ends_too) {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size()) - 1;
      } else if (c == '\n' && line_ends_too) {
        ++line_;
      } else if (c != ' ' && c != '\t' && c != '\r') {
        return;
      }
    }
  }
  void read_list(std::vector<std::string>& values) {
    for (;;) {
      skip_blank(true);
      if (take(']')) return;
      values.push_back(word_or_quoted("a value"));
      skip_blank(true);
      if (take(']')) return;
      if (!take(',')) refuse("a list is not closed; separate its values with commas and end it with ']'");
    }
  }
  std::string word_or_quoted(const char* what) {
    if (take('"')) return quoted('"');
    if (take('\'')) return quoted('\'');
    const std::size_t end = std::min(text_.find_first_of(kEndsWord, at_), text_.size());
    if (end == at_) refuse(fmt::format("{} is missing; write key = value", what));
    const std::size_t start = std::exchange(at_, end);
    return std::string(text_.substr(start, end - start));
  }
  std::string quoted(char quote) {
    std::string value;
    for (; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
      const char c = text_[at_];
      if (c == quote) {
        ++at_;
        return value;
      }
      // As in TOML, a backslash means something between double quotes only.
      if (c == '\\' && quote == '"' && at_ + 1 < text_.size()) {
        const char escaped = text_[++at_];
        if (escaped != '"' && escaped != '\\' && escaped != 't')
          refuse("only \\\", \\\\ and \\t are known in quotes; use '…' for a text with backslashes");
        value += escaped == 't' ? '\t' : escaped;
      } else {
        value += c;
      }
    }
    refuse(fmt::format("a quoted text is not closed; add {}", quote));
  }

  const std::string& path_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

}  // namespace

std::vector<ConfigEntry> read_config_file(const std::string& path) {
  const std::string text = read_file(path);
  Scanner scanner(path, text);
  std::vector<ConfigEntry> entries;
  for (ConfigEntry entry; scanner.next(entry);) {
    const auto first = std::ranges::find(entries, entry.key, &ConfigEntry::key);
    if (first != entries.end()) {
      throw Error(ErrorKind::data,
                  fmt::format("{}:{}: {} is given in line {} already; give it once", shown_path(path),
                              entry.line, printable(entry.key), first->line));
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace ztilde::cli
