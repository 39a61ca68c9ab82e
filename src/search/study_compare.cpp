// What two plans or two studies differ in.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>

#include "base/files.hpp"
#include "base/text.hpp"
#include "search/study.hpp"
#include "ztilde/error.hpp"

namespace ztilde::search {
namespace {

void compare(std::vector<std::string>& words, const std::string& name, const std::string& kept,
             const std::string& given) {
  if (kept != given)
    words.push_back(
        fmt::format("{} is {} in the study and {} here", name, printable(kept), printable(given)));
}

OptionTexts searched(const StudyPlan& plan) {
  OptionTexts texts;
  for (const Dimension& dimension : plan.dimensions) texts.emplace_back(dimension.option, dimension.text);
  return texts;
}

// What stands beside `option`: its value, or its range.
std::string words_of(const OptionTexts& options, const std::string& option) {
  const auto found = std::ranges::find(options, option, &OptionTexts::value_type::first);
  return found == std::ranges::end(options) ? "not given" : found->second;
}

void compare_options(std::vector<std::string>& words, OptionTexts kept, OptionTexts given) {
  OptionTexts names = kept;
  names.insert(names.end(), given.begin(), given.end());
  std::vector<std::string> seen;
  for (const auto& [option, text] : names) {
    if (std::ranges::find(seen, option) != seen.end()) continue;
    seen.push_back(option);
    compare(words, option, words_of(kept, option), words_of(given, option));
  }
}

OptionTexts all_options(const StudyPlan& plan) {
  OptionTexts all = searched(plan);
  all.insert(all.end(), plan.fixed.begin(), plan.fixed.end());
  return all;
}

// Every NaN is the same as every other.
bool same(double a, double b) {
  return (a != a && b != b) || std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}
bool same(const std::optional<double>& a, const std::optional<double>& b) {
  return a.has_value() == b.has_value() && (!a || same(*a, *b));
}
bool same(const TrialPoint& a, const TrialPoint& b) {
  return a.epoch == b.epoch && same(a.train_loss, b.train_loss) && same(a.valid_loss, b.valid_loss) &&
         same(a.valid_accuracy, b.valid_accuracy) && same(a.valid_rmse, b.valid_rmse);
}
bool same(const Trial& a, const Trial& b) {
  const auto equal = [](const auto& x, const auto& y) { return same(x, y); };
  return a.number == b.number && a.options == b.options && a.seed == b.seed && a.state == b.state &&
         a.message == b.message && a.until_epoch == b.until_epoch && same(a.folds_loss, b.folds_loss) &&
         std::ranges::equal(a.curve, b.curve, equal) &&
         std::ranges::equal(a.fold_losses, b.fold_losses, equal);
}

}  // namespace

std::vector<std::string> differences(const StudyPlan& kept, const StudyPlan& given) {
  std::vector<std::string> words;
  const auto number = [](std::uint64_t value) { return fmt::format("{}", value); };
  compare(words, "ztilde", kept.version, given.version);
  if (kept.data_fingerprint != given.data_fingerprint) {
    words.push_back(kept.data_words == given.data_words
                        ? "the values of the data are not those of the study"
                        : fmt::format("the data are {} in the study and {} here",
                                      printable(kept.data_words, 80), printable(given.data_words, 80)));
  }
  if (kept.task != given.task) words.push_back("the task is another one in the study");
  compare_options(words, all_options(kept), all_options(given));
  compare(words, "--seed", number(kept.seed), number(given.seed));
  compare(words, "--epochs", number(kept.epochs), number(given.epochs));
  // Points of the sequence are dealt to options in order.
  if (words.empty() && kept.dimensions != given.dimensions)
    words.push_back("ranges stand in another order in the study");
  if (words.empty() && kept.first != given.first) words.push_back("the defaults are not those of the study");
  const auto list = [](const std::vector<std::size_t>& rungs) {
    return rungs.empty() ? std::string("off") : fmt::format("after epochs {}", fmt::join(rungs, ", "));
  };
  compare(words, "stopping early", list(kept.rungs), list(given.rungs));
  if (!kept.rungs.empty())
    compare(words, "the part that goes on from a rung", fmt::format("1/{}", kept.reduction),
            fmt::format("1/{}", given.reduction));
  return words;
}

void require_same_plan(const std::string& path, const StudyPlan& kept, const StudyPlan& given) {
  const std::vector<std::string> words = differences(kept, given);
  if (words.empty()) return;
  throw Error(ErrorKind::data, fmt::format("{}: {}; repeat the search as it began, or give another study",
                                           shown_path(path), words.front()));
}

bool same_results(const StudyContents& a, const StudyContents& b) {
  return a.trials_asked == b.trials_asked && differences(a.plan, b.plan).empty() &&
         std::ranges::equal(a.trials, b.trials, [](const Trial& x, const Trial& y) { return same(x, y); });
}

}  // namespace ztilde::search
