#include "cli/search_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/files.hpp"
#include "base/fingerprint.hpp"
#include "base/text.hpp"
#include "cli/train_input.hpp"
#include "search/halving.hpp"
#include "search/space.hpp"
#include "search/study.hpp"
#include "training/run_identity.hpp"
#include "ztilde/error.hpp"

namespace ztilde::cli {
namespace {

constexpr std::size_t kReduction = 3;

// What the options come to for ztilde train, before any row is read.
class ParsedOptions {
 public:
  explicit ParsedOptions(const search::OptionTexts& options) : table_(train_options(arguments_)) {
    (void)table_.parse(command_words(options));
    arguments_.out.clear();  // no model is written
    check_train_options(table_, arguments_);
    net_ = read_training_files(arguments_);
  }
  ParsedOptions(const ParsedOptions&) = delete;
  ParsedOptions& operator=(const ParsedOptions&) = delete;

  void use_rows(const Dataset& data) { use_network(table_, arguments_, net_, data); }
  const OptionTable& table() const { return table_; }
  TrainArguments& arguments() { return arguments_; }
  const std::optional<NetworkFile>& net() const { return net_; }

 private:
  TrainArguments arguments_;
  OptionTable table_;
  std::optional<NetworkFile> net_;
};

std::string data_words(const TrainArguments& arguments, const Dataset& data) {
  const std::string file = std::filesystem::path(arguments.input.data).filename();
  std::string text = fmt::format("{}: {}, {}", shown_path(file), counted(data.rows, "row"),
                                 counted(data.columns, data.column_names.empty() ? "pixel" : "column"));
  if (data.task == Task::classify) text += ", " + counted(data.classes.size(), "class");
  return text;
}

std::string fingerprint_of(ParsedOptions& parsed, const Dataset& data, const Dataset* valid) {
  TrainOptions given;
  given.from = parsed.arguments().training.from;
  given.class_weights = parsed.arguments().training.class_weights;
  Fingerprint all;
  for (const auto& [name, text] : identity_of(data, valid, Network(), given)) {
    all.add(name);
    all.add(text);
  }
  if (parsed.net()) all.add(parsed.net()->text);
  return fmt::format("{:016x}", all.value());
}

// What train has by itself for every option, as text.
search::OptionTexts standard_texts(const search::OptionTexts& fixed,
                                   const std::vector<search::Dimension>& dimensions, const Dataset& data) {
  ParsedOptions parsed(fixed);
  parsed.use_rows(data);
  const TrainOptions& training = parsed.arguments().training;
  search::OptionTexts texts;
  for (const search::Dimension& dimension : dimensions) {
    std::string text = parsed.table().text_of(dimension.option);
    if (dimension.option == "--lr")
      text = fmt::format("{}", training.learning_rate.value_or(default_learning_rate(training.optimizer)));
    if (dimension.option == "--weight-decay")
      text = fmt::format("{}", training.weight_decay.value_or(default_weight_decay(training.optimizer)));
    texts.emplace_back(dimension.option, text);
  }
  return texts;
}

// Of those that are not given, around what train has by itself.
std::vector<search::Dimension> usual_dimensions(const search::OptionTexts& fixed, const Dataset& data) {
  ParsedOptions parsed(fixed);
  parsed.use_rows(data);
  const TrainOptions& training = parsed.arguments().training;
  std::vector<search::Dimension> dimensions = search::default_space(
      {.learning_rate = training.learning_rate.value_or(default_learning_rate(training.optimizer)),
       .weight_decay = training.weight_decay.value_or(default_weight_decay(training.optimizer)),
       .batch = training.batch,
       .is_network = training.network.has_value() || training.from.has_value()});
  std::erase_if(dimensions,
                [&](const search::Dimension& dimension) { return parsed.table().given(dimension.option); });
  if (dimensions.empty())
    throw Error(ErrorKind::data,
                "no option is left to search; give one a range, such as --lr 1e-4..1e-1:log");
  return dimensions;
}

// A ninth and a third of all epochs, but not before the third epoch: until then losses show how quickly a
// trial begins, by small batches first of all, whose running statistics settle sooner (docs/search.md has
// what that cost). Past half of all epochs nothing is saved.
std::vector<std::size_t> rungs_for(std::size_t epochs) {
  constexpr std::size_t kLeastEpochs = 3;
  const std::size_t least = std::max(epochs / (kReduction * kReduction), kLeastEpochs);
  std::vector<std::size_t> rungs = search::rungs_of(epochs, kReduction, least);
  std::erase_if(rungs, [&](std::size_t rung) { return rung > epochs / 2; });
  return rungs;
}

}  // namespace

std::vector<std::string> command_words(const search::OptionTexts& options) {
  TrainArguments unused;
  const OptionTable table = train_options(unused);
  std::vector<std::string> words;
  for (const auto& [name, text] : options) {
    words.push_back(name);
    if (!table.is_flag(name)) words.push_back(text);
  }
  return words;
}

SearchRows read_search_rows(const search::OptionTexts& fixed, const search::OptionTexts& some,
                            std::size_t threads, const Messages& messages) {
  search::OptionTexts options = fixed;
  options.insert(options.end(), some.begin(), some.end());
  ParsedOptions parsed(options), parsed_fixed(fixed);
  TrainArguments& arguments = parsed.arguments();
  arguments.training.threads = threads;
  SearchRows rows;
  rows.data = read_training_rows(parsed.table(), arguments, messages);
  if (!arguments.valid.data.empty()) rows.valid = read_validation_rows(arguments, rows.data, messages);
  rows.valid_fraction = arguments.training.valid_fraction;
  rows.words = data_words(arguments, rows.data);
  rows.fingerprint = fingerprint_of(parsed_fixed, rows.data, rows.valid ? &*rows.valid : nullptr);
  return rows;
}

search::TrialRows trial_rows(const SearchRows& rows, std::uint64_t seed) {
  if (rows.valid) return {rows.data, &*rows.valid};
  return search::split_for_trials(rows.data, rows.valid_fraction, seed);
}

TrainOptions trial_options(const search::OptionTexts& options, const Dataset& data, std::size_t threads) {
  ParsedOptions parsed(options);
  parsed.use_rows(data);
  TrainOptions training = parsed.arguments().training;
  training.threads = threads;
  return training;
}

search::StudyPlan plan_search(const OptionTable& table, const SearchArguments& arguments,
                              const Messages& messages, SearchRows& rows) {
  const TrainOptions& training = arguments.train.training;
  search::StudyPlan plan;
  plan.version = ZTILDE_VERSION;
  plan.fixed = fixed_options(table, arguments);
  plan.dimensions = arguments.dimensions;
  // One value each of what is searched, for what would be refused with it.
  rows = read_search_rows(plan.fixed, search::options_of(plan, 0), training.threads, messages);
  if (plan.dimensions.empty()) plan.dimensions = usual_dimensions(plan.fixed, rows.data);
  plan.data_words = rows.words;
  plan.data_fingerprint = rows.fingerprint;
  plan.task = rows.data.task;
  plan.seed = training.seed;
  plan.epochs = training.epochs;
  if (arguments.stops_early) plan.rungs = rungs_for(training.epochs);
  plan.reduction = kReduction;
  plan.first = search::first_options(plan, standard_texts(plan.fixed, plan.dimensions, rows.data));
  plan.first_to_end = true;
  return plan;
}

void require_same_search(const std::string& path, const search::StudyPlan& kept, search::StudyPlan given) {
  if (kept.data_fingerprint == given.data_fingerprint) {
    given.data_words = kept.data_words;
    for (auto& [name, text] : given.fixed) {
      const bool is_path = text.starts_with('/') && search::text_of(kept.fixed, name).starts_with('/');
      if (is_path) text = search::text_of(kept.fixed, name);
    }
  }
  search::require_same_plan(path, kept, given);
}

}  // namespace ztilde::cli
