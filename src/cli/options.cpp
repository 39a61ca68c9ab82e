#include "cli/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/config_file.hpp"
#include "ztilde/error.hpp"

namespace ztilde::cli {
namespace {

constexpr std::size_t kShownText = 60;

bool is_help(const std::string& argument) { return argument == "--help" || argument == "-h"; }

// "see ztilde train --help" from "ztilde train --data FILE …": the words before the first that is none.
std::string see_help(const std::string& usage) {
  std::size_t end = usage.find(' ');
  while (end + 1 < usage.size() && usage[end + 1] >= 'a' && usage[end + 1] <= 'z')
    end = std::min(usage.find(' ', end + 1), usage.size());
  return fmt::format("see {} --help", usage.substr(0, end));
}

// Refuses the options that CLI11 did not know, or the arguments that nothing takes.
void require_none_left(std::vector<std::string> left, const std::vector<std::string>& known,
                       const std::string& usage) {
  std::erase(left, "--");
  if (left.empty()) return;
  const auto is_option = [](const std::string& text) { return text.size() > 1 && text[0] == '-'; };
  const auto option = std::ranges::find_if(left, is_option);
  const std::string& word = option == left.end() ? left.front() : *option;
  const std::string name = word.substr(0, word.find('='));
  if (option == left.end()) {
    refuse(fmt::format("'{}'", printable(word, kShownText)), "one argument too many; " + see_help(usage));
  }
  const bool near = !nearest_names(name, known).empty();
  refuse(printable(name, kShownText),
         "unknown option" + (near ? did_you_mean(name, known) : "; " + see_help(usage)));
}

// The one value of an option; the same one may be given twice, as scripts do.
const std::string& only_value(const std::string& label, const std::vector<std::string>& values) {
  for (const std::string& value : values) {
    if (value == values[0]) continue;
    refuse(label, fmt::format("given twice, as '{}' and '{}'; give it once", printable(values[0], kShownText),
                              printable(value, kShownText)));
  }
  return values[0];
}

}  // namespace

void OptionTable::positional(std::string name, std::string& target, std::string help) {
  positionals_.push_back({std::move(name), std::move(help), &target});
}

void OptionTable::rest(std::string name, std::vector<std::string>& target, std::string help) {
  positionals_.push_back({std::move(name), std::move(help), nullptr, &target});
}

void OptionTable::flag(std::string name, bool& target, std::string help) {
  auto set = [&target](const std::string& label, const std::string& text) {
    if (text != "true" && text != "false")
      refuse(label, fmt::format("'{}' is not true or false", printable(text)));
    target = text == "true";
  };
  custom({std::move(name), "", std::move(help), "", "", set});
}

Option& OptionTable::text(std::string name, std::string value, std::string& target, std::string help) {
  auto set = [&target](const std::string& label, const std::string& text) {
    if (text.empty()) refuse(label, "an empty value; give one, or leave the option out");
    target = text;
  };
  return custom({std::move(name), std::move(value), std::move(help), target, "", set});
}

Option& OptionTable::whole(std::string name, std::string value, std::uint64_t& target, Range range,
                           std::string help) {
  auto set = [&target, range](const std::string& label, const std::string& text) {
    target = parse_whole(label, text, range);
  };
  return custom(
      {std::move(name), std::move(value), std::move(help), with_commas(target), range.words(), set});
}

Option& OptionTable::real(std::string name, std::string value, double& target, Range range,
                          std::string help) {
  auto set = [&target, range](const std::string& label, const std::string& text) {
    target = parse_real(label, text, range);
  };
  return custom(
      {std::move(name), std::move(value), std::move(help), fmt::format("{}", target), range.words(), set});
}

Option& OptionTable::real(std::string name, std::string value, std::optional<double>& target, Range range,
                          std::string help, std::string standard) {
  auto set = [&target, range](const std::string& label, const std::string& text) {
    target = parse_real(label, text, range);
  };
  return custom(
      {std::move(name), std::move(value), std::move(help), std::move(standard), range.words(), set});
}

Option& OptionTable::custom(Option option) {
  option.group = group_;
  option.recorded = recorded_;
  options_.push_back(std::move(option));
  return options_.back();
}

void OptionTable::config(std::string name, std::string help) {
  text(std::move(name), "FILE", config_file_, std::move(help)).configurable = false;
}

Option* OptionTable::find(std::string_view name) {
  const auto found = std::ranges::find(options_, name, &Option::name);
  return found == options_.end() ? nullptr : &*found;
}

std::vector<std::string> OptionTable::names() const {
  std::vector<std::string> names;
  for (const Option& option : options_) names.push_back(option.name);
  names.emplace_back("--help");
  return names;
}

bool OptionTable::given(std::string_view name) const {
  return std::ranges::any_of(options_,
                             [&](const Option& option) { return option.given && option.name == name; });
}

void OptionTable::use_standard(std::string_view name, const std::string& text) {
  for (Option& option : options_) {
    if (option.name != name || option.given) continue;
    option.standard = text;
    option.set(option.name, text);
  }
}

bool OptionTable::is_flag(std::string_view name) const {
  return std::ranges::any_of(
      options_, [&](const Option& option) { return option.value.empty() && option.name == name; });
}

void OptionTable::exclude(std::string_view other, const std::vector<std::string>& names,
                          const std::string& reason) const {
  for (const std::string& name : names) {
    if (given(name)) refuse(name, fmt::format("does not go with {}; {}", other, reason));
  }
}

std::string OptionTable::text_of(const Option& option) {
  if (option.value.empty()) return option.given ? option.text : "false";
  return option.given ? option.text : option.standard;
}

std::string OptionTable::text_of(std::string_view name) const {
  const auto option = std::ranges::find(options_, name, &Option::name);
  return option == options_.end() ? "" : text_of(*option);
}

std::vector<const Option*> OptionTable::given_options() const {
  std::vector<const Option*> found;
  for (const Option& option : options_) {
    if (option.given) found.push_back(&option);
  }
  return found;
}

std::vector<std::pair<std::string, std::string>> OptionTable::recorded() const {
  std::vector<std::pair<std::string, std::string>> recorded;
  for (const Option& option : options_) {
    if (option.recorded) recorded.emplace_back(option.name.substr(2), text_of(option));
  }
  return recorded;
}

std::size_t OptionTable::index_of_choice(const std::string& label, const std::string& text,
                                         const std::vector<std::string>& names) {
  const auto found = std::ranges::find(names, text);
  if (found == names.end()) {
    refuse(label,
           fmt::format("unknown value '{}'{}", printable(text, kShownText), did_you_mean(text, names)));
  }
  return static_cast<std::size_t>(found - names.begin());
}

void OptionTable::take(Option& option, const std::string& label, const std::string& text) const {
  if (!intercept_ || !intercept_(option, label, text)) option.set(label, text);
  option.given = true;
  option.text = text;
}

// CLI11 reads "--name=" as "--name" and takes the next option for a missing value: so each value
// becomes an argument of its own, and what has none is refused, before CLI11 sees them.
std::vector<std::string> OptionTable::with_values_checked(const std::vector<std::string>& arguments) const {
  const std::vector<std::string> known = names();
  std::vector<std::string> checked;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") {
      checked.insert(checked.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i), arguments.end());
      return checked;
    }
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const auto option = std::ranges::find(options_, name, &Option::name);
    checked.push_back(argument);
    if (option == options_.end()) continue;
    if (option->value.empty()) {
      if (equals != argument.npos) refuse(name, "takes no value; give it alone, or leave it out");
      continue;
    }
    checked.back() = name;
    if (equals != argument.npos) {
      checked.push_back(argument.substr(equals + 1));
      continue;
    }
    if (!option->alone.empty() && (i + 1 == arguments.size() || arguments[i + 1].starts_with('-'))) {
      checked.push_back(option->alone);
      continue;
    }
    if (i + 1 == arguments.size()) refuse(name, fmt::format("needs a value, {}", option->value));
    const std::string& value = arguments[++i];
    if (std::ranges::find(known, value.substr(0, value.find('='))) != known.end()) {
      refuse(name,
             fmt::format("needs a value, {}, and {} follows", option->value, printable(value, kShownText)));
    }
    checked.push_back(value);
  }
  return checked;
}

bool OptionTable::parse(std::vector<std::string> arguments) {
  if (std::ranges::any_of(arguments, is_help)) return false;

  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::vector<CLI::Option*> parsed;
  for (const Option& option : options_) {
    if (option.value.empty()) {
      parsed.push_back(app.add_flag(option.name));
    } else {
      parsed.push_back(app.add_option(option.name)->take_all());
    }
  }
  std::vector<CLI::Option*> parsed_positionals;
  for (const Positional& positional : positionals_) {
    parsed_positionals.push_back(app.add_option(positional.name));
    if (positional.list) parsed_positionals.back()->expected(-1)->take_all();
  }

  arguments = with_values_checked(arguments);
  std::ranges::reverse(arguments);  // CLI11 takes them from the back
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    throw Error(ErrorKind::data, fmt::format("{}; {}", printable(error.what(), 200), see_help(usage_)));
  }
  require_none_left(app.remaining(), names(), usage_);

  for (std::size_t i = 0; i < options_.size(); ++i) {
    if (parsed[i]->count() == 0) continue;
    Option& option = options_[i];
    take(option, option.name, option.value.empty() ? "true" : only_value(option.name, parsed[i]->results()));
  }
  for (std::size_t i = 0; i < positionals_.size(); ++i) {
    if (positionals_[i].list) {
      *positionals_[i].list = parsed_positionals[i]->results();
      continue;
    }
    if (parsed_positionals[i]->count() == 0) {
      refuse(positionals_[i].name, fmt::format("missing; usage: {}", usage_));
    }
    *positionals_[i].target = parsed_positionals[i]->results()[0];
  }
  if (!config_file_.empty()) apply_config();
  return true;
}

void OptionTable::apply_config() {
  std::vector<std::string> keys;
  for (const Option& option : options_) {
    if (option.configurable) keys.push_back(option.name.substr(2));
  }
  for (const ConfigEntry& entry : read_config_file(config_file_)) {
    const std::string label =
        fmt::format("{}:{}: {}", shown_path(config_file_), entry.line, printable(entry.key));
    Option* option = find("--" + entry.key);
    if (option == nullptr || !option->configurable) {
      const bool near = !nearest_names(entry.key, keys).empty();
      refuse(label, "unknown key" + (near ? did_you_mean(entry.key, keys) : "; " + see_help(usage_)));
    }
    if (entry.is_list && !option->is_list)
      refuse(label, "takes one value, not a list; take the brackets out");
    if (option->given) continue;  // the command line wins
    std::string text;
    for (const std::string& value : entry.values) text += (text.empty() ? "" : ",") + value;
    take(*option, label, text);
  }
}

}  // namespace ztilde::cli
