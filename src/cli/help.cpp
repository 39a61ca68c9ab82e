// The help text of a verb, from its table of options.
#include <fmt/format.h>

#include "cli/layout.hpp"
#include "cli/options.hpp"

namespace ztilde::cli {
namespace {

constexpr std::size_t kIndent = 27;

std::string entry(const std::string& left, const std::string& text) {
  return wrapped("  " + left, kIndent, text);
}

// "[default 256; from 1]".
std::string limits(const Option& option) {
  const std::string standard = option.standard.empty() ? "" : "default " + option.standard;
  if (standard.empty() && option.range.empty()) return "";
  return fmt::format(" [{}{}{}]", standard, standard.empty() || option.range.empty() ? "" : "; ",
                     option.range);
}

}  // namespace

std::string OptionTable::help() const {
  std::string text = fmt::format("usage: {}\n\n{}\n", usage_, about_);
  if (!positionals_.empty()) text += '\n';
  for (const Positional& positional : positionals_) text += entry(positional.name, positional.help);
  const std::string* group = nullptr;
  for (const Option& option : options_) {
    if (option.hidden) continue;
    if (group == nullptr || option.group != *group) text += fmt::format("\n{}\n", option.group);
    group = &option.group;
    const std::string left = option.value.empty() ? option.name : option.name + " " + option.value;
    text += entry(left, option.help + limits(option));
  }
  text += entry("--help", "this text");
  text += "\nExamples\n";
  for (const std::string& line : examples_) text += "  " + line + "\n";
  return text;
}

}  // namespace ztilde::cli
