#include "cli/config_file.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "base/files.hpp"
#include "base/text.hpp"
#include "ztilde/error.hpp"

namespace ztilde::cli {
namespace {

// The line up to a '#' that no quotes enclose: CLI11 would cut "a#b" in two.
std::string without_comment(const std::string& line) {
  char quote = '\0';
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quote != '\0') {
      if (line[i] == quote) quote = '\0';
    } else if (line[i] == '"' || line[i] == '\'') {
      quote = line[i];
    } else if (line[i] == '#') {
      return line.substr(0, i);
    }
  }
  return line;
}

// CLI11 passes over what it does not understand; a file that says nothing should say so.
std::string checked(const std::string& path, const std::string& content) {
  std::istringstream lines(content.starts_with("\xEF\xBB\xBF") ? content.substr(3) : content);
  std::string text;
  std::size_t number = 0;
  bool inside_list = false;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    line = CLI::detail::trim(line = without_comment(line));
    const auto refuse_line = [&](const char* why) {
      throw Error(ErrorKind::data, fmt::format("{}:{}: {}", shown_path(path), number, why));
    };
    const std::size_t equals = line.find('=');
    if (!inside_list && line.starts_with('[')) refuse_line("sections are not used here; take the line out");
    if (!inside_list && !line.empty() && (equals == line.npos || equals == 0 || equals + 1 == line.size())) {
      refuse_line("this line is not of the form key = value; correct it");
    }
    const bool opens = !inside_list && !line.empty() && line.find_first_not_of(" \t", equals + 1) == line.find('[');
    if (opens) inside_list = true;
    if (inside_list && line.ends_with(']')) inside_list = false;
    text += line + "\n";
  }
  if (inside_list) throw Error(ErrorKind::data, fmt::format("{}: a list is not closed; add ']'", shown_path(path)));
  return text;
}

}  // namespace

std::vector<ConfigEntry> read_config_file(const std::string& path) {
  std::istringstream text(checked(path, read_file(path)));
  CLI::ConfigTOML reader;
  reader.comment('\0')->parentSeparator('\0');
  std::vector<ConfigEntry> entries;
  for (CLI::ConfigItem& item : reader.from_config(text)) {
    if (std::ranges::find(entries, item.name, &ConfigEntry::key) != entries.end()) {
      throw Error(ErrorKind::data, fmt::format("{}: {}: given twice; give it once", shown_path(path), printable(item.name)));
    }
    entries.push_back({std::move(item.name), std::move(item.inputs)});
  }
  return entries;
}

}  // namespace ztilde::cli
