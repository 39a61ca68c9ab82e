// The menu: which verb runs, and how whatever goes wrong ends.
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "cli/ranks.hpp"
#include "cli/streams.hpp"
#include "cli/verbs.hpp"
#include "ztilde/error.hpp"

namespace ztilde::cli {
namespace {

struct Verb {
  std::string_view name, about;
  Outcome (*run)(const Arguments&);
};

constexpr Verb kVerbs[] = {
    {"train", "learn from labelled rows and write a model file", run_train},
    {"search", "many trainings for the options that train best on some rows", run_search},
    {"evaluate", "loss and metrics of a model on labelled rows", run_evaluate},
    {"predict", "the answers of a model for raw rows, as CSV", run_predict},
    {"doctor", "why a model is worse in use than in training, layer by layer", run_doctor},
    {"monitor", "whether rows are still such as a model was trained on", run_monitor},
    {"recalibrate", "batch norm's statistics measured anew over other rows", run_recalibrate},
    {"fold", "batch norm into the weights beside it, with a certificate", run_fold},
    {"insert", "batch norm into a trained network, its outputs unchanged", run_insert},
    {"compare", "two models side by side: numbers, conventions, outputs", run_compare},
    {"export", "a model as ONNX, as C source or for PyTorch", run_export},
    {"import", "a model of others: ONNX, or PyTorch's weights", run_import},
    {"report", "a page that shows how a training went, from its log", run_report},
    {"pack", "rows as a binary file that is read block by block", run_pack},
    {"inspect-data", "what a table holds, column by column, before training on it", run_inspect_data},
    {"inspect", "what is in a model: layers, parameters, conventions, columns", run_inspect},
    {"lab", "the claims about batch norm, measured", run_lab},
};

std::string menu() {
  std::string text = "ztilde trains, explains and ships batch-normalised networks.\n\n";
  for (const Verb& verb : kVerbs) text += fmt::format("  {:<13} {}\n", verb.name, verb.about);
  return text +
         "\n'ztilde VERB --help' lists the options of a verb, 'ztilde --version' says which this is.\n";
}

bool is_verb(std::string_view word) {
  return std::ranges::find(kVerbs, word, &Verb::name) != std::end(kVerbs);
}

Outcome run(const Arguments& arguments) {
  const std::string first = arguments.empty() ? "--help" : arguments[0];
  if (first == "--help" || first == "-h" || first == "help") return {menu()};
  if (first == "--version") return {"ztilde " ZTILDE_VERSION "\n"};
  const auto verb = std::ranges::find(kVerbs, first, &Verb::name);
  if (verb != std::end(kVerbs)) return verb->run({arguments.begin() + 1, arguments.end()});
  const bool is_option = first.starts_with('-');
  std::vector<std::string> known;
  if (is_option) known = {"--help", "--version"};
  for (const Verb& each : kVerbs) {
    if (!is_option) known.emplace_back(each.name);
  }
  throw Error(ErrorKind::data, fmt::format("{}: unknown {}{}", first.empty() ? "''" : printable(first),
                                           is_option ? "option" : "verb", did_you_mean(first, known)));
}

int exit_code(ErrorKind kind) { return kind == ErrorKind::io ? 1 : kind == ErrorKind::diverged ? 3 : 2; }

int fail(int code, std::string message) {
  std::ranges::replace(message, '\n', ' ');
  if (const auto ended = fail_as_rank(code, message)) return *ended;
  write_error("error: " + message + "\n");
  return code;
}

int run_and_report(const Arguments& arguments) {
  try {
    std::string first = arguments.empty() ? "" : arguments[0];
    if (first == "search" && arguments.size() > 1 && !arguments[1].starts_with('-'))
      first += " " + arguments[1];
    if (const auto nothing_to_do = left_to_rank_zero(first, is_verb(first.substr(0, first.find(' ')))))
      return *nothing_to_do;
    const Outcome outcome = run(arguments);
    write_output(outcome.output);
    end_ranks();
    return outcome.exit_code;
  } catch (const ReaderGone&) {
    return 1;  // `| head` has what it wanted: no words about it
  } catch (const Error& error) {
    return fail(exit_code(error.kind()), error.what());
  } catch (const std::bad_alloc&) {
    return fail(2, "not enough memory; use fewer rows, a smaller --batch or narrower layers");
  } catch (const std::length_error&) {
    return fail(2, "not enough memory; use fewer rows, a smaller --batch or narrower layers");
  } catch (const std::exception& error) {
    return fail(
        1, fmt::format("something unexpected happened ({}); please report it", printable(error.what(), 200)));
  }
}

}  // namespace
}  // namespace ztilde::cli

int main(int count, char** arguments) {
  ztilde::cli::prepare_streams();
  return ztilde::cli::run_and_report({arguments + std::min(count, 1), arguments + count});
}
