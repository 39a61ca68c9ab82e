// The options of a verb, listed once: help, parsing, the configuration file and range checks all
// read this list. An option is bound to a variable, whose value before parsing is the default.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/values.hpp"

namespace ztilde::cli {

struct Option {
  std::string name;   // "--epochs"
  std::string value;  // what help calls its value; empty for a flag
  std::string help;
  std::string standard;  // the default as help shows it
  std::string range;     // what is allowed, as help shows it
  // Takes a text; `label` names the option in messages ("--epochs", "run.toml: epochs").
  std::function<void(const std::string& label, const std::string& text)> set;
  std::string group = {};
  std::string alone = {};  // the text that it stands for without a value; empty: it needs one
  bool is_list = false;    // a list in the configuration file is joined with commas
  bool configurable = true;
  bool recorded = false;  // goes into the model file
  bool hidden = false;    // from help
  bool given = false;     // on the command line or in the configuration file
  std::string text = {};  // as given
};

template <class T>
using Choices = std::vector<std::pair<std::string, T>>;

class OptionTable {
 public:
  OptionTable(std::string usage, std::string about) : usage_(std::move(usage)), about_(std::move(about)) {}

  // Options added from here on stand below this title; `recorded` ones go into the model file.
  void group(std::string title, bool recorded = false) {
    group_ = std::move(title);
    recorded_ = recorded;
  }
  void example(std::string line) { examples_.push_back(std::move(line)); }

  void positional(std::string name, std::string& target, std::string help);
  // Any number of further arguments, or none.
  void rest(std::string name, std::vector<std::string>& target, std::string help);
  void flag(std::string name, bool& target, std::string help);
  Option& text(std::string name, std::string value, std::string& target, std::string help);
  Option& whole(std::string name, std::string value, std::uint64_t& target, Range range, std::string help);
  Option& real(std::string name, std::string value, double& target, Range range, std::string help);
  Option& real(std::string name, std::string value, std::optional<double>& target, Range range,
               std::string help, std::string standard);
  template <class T>
  Option& choice(std::string name, T& target, Choices<T> choices, std::string help);
  // Any other kind of value.
  Option& custom(Option option);
  // Asked before an option takes a text; true: the text is dealt with, and the option only counts as given.
  using Intercept =
      std::function<bool(const Option& option, const std::string& label, const std::string& text)>;
  void intercept(Intercept intercept) { intercept_ = std::move(intercept); }
  // The option that names the configuration file.
  void config(std::string name, std::string help);

  // Reads the arguments, then the configuration file for what they leave open, and sets the bound
  // variables. False: help was asked for. Throws Error(data) for the first thing that is wrong.
  bool parse(std::vector<std::string> arguments);
  std::string help() const;

  bool given(std::string_view name) const;
  // Another standard, for an option that is not given and after parsing.
  void use_standard(std::string_view name, const std::string& text);
  bool is_flag(std::string_view name) const;
  // The text of an option, given or standard; "true" or "false" for a flag.
  std::string text_of(std::string_view name) const;
  // Those that were given, in the order of the list.
  std::vector<const Option*> given_options() const;
  // Name without dashes and text of the options that tell how a model came about.
  std::vector<std::pair<std::string, std::string>> recorded() const;
  // Refuses the first of `names` that was given: "NAME: does not go with OTHER; REASON".
  void exclude(std::string_view other, const std::vector<std::string>& names,
               const std::string& reason) const;
  const std::string& config_file() const { return config_file_; }
  // For custom options: which of the names the text is; refuses any other, naming the nearest.
  static std::size_t index_of_choice(const std::string& label, const std::string& text,
                                     const std::vector<std::string>& names);

 private:
  struct Positional {
    std::string name, help;
    std::string* target = nullptr;
    std::vector<std::string>* list = nullptr;  // of rest()
  };
  Option* find(std::string_view name);
  static std::string text_of(const Option& option);
  std::vector<std::string> names() const;
  std::vector<std::string> with_values_checked(const std::vector<std::string>& arguments) const;
  void take(Option& option, const std::string& label, const std::string& text) const;
  void apply_config();

  std::string usage_, about_, group_, config_file_;
  bool recorded_ = false;
  Intercept intercept_;
  std::deque<Option> options_;  // references to its elements stay valid
  std::vector<Positional> positionals_;
  std::vector<std::string> examples_;
};

template <class T>
Option& OptionTable::choice(std::string name, T& target, Choices<T> choices, std::string help) {
  std::string standard, range;
  std::vector<std::string> known;
  for (const auto& [text, value] : choices) {
    if (value == target) standard = text;
    range += (range.empty() ? "" : ", ") + text;
    known.push_back(text);
  }
  auto set = [&target, choices, known](const std::string& label, const std::string& text) {
    target = choices[index_of_choice(label, text, known)].second;
  };
  return custom({std::move(name), "WORD", std::move(help), standard, range, set});
}

}  // namespace ztilde::cli
