// ztilde evaluate: loss and metrics of a model on labelled rows.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/input.hpp"
#include "cli/json_text.hpp"
#include "cli/options.hpp"
#include "cli/verbs.hpp"
#include "ztilde/model.hpp"

namespace ztilde::cli {
namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kMostMistakes = 5;
constexpr std::size_t kMostClassLines = 40;
constexpr std::size_t kNameBytes = 14;

struct EvaluateOptions {
  std::string model;
  InputFiles input;
  bool of_batches = false;  // statistics of each batch instead of the model's
  std::uint64_t batch = 256;
  bool confusion = false, json = false, quiet = false;
  std::uint64_t threads = 0;
};

OptionTable evaluate_options(EvaluateOptions& options) {
  OptionTable table("ztilde evaluate MODEL --data PATH [options]",
                    "Loss and metrics of a model on labelled rows. The rows of a table may have their\n"
                    "columns in any order, and others besides.");
  table.positional("MODEL", options.model, "a model file, as ztilde train writes it");
  table.group("Data");
  add_input_options(table, options.input);
  add_format_options(table, options.input.table);
  add_unseen_option(table, options.input.table);
  table.group("Batch norm");
  table.choice(
      "--statistics", options.of_batches, {{"model", false}, {"batch", true}},
      "what it normalises with: what the model holds, or each batch's own, as training did; the rows "
      "in their order");
  table.whole("--batch", "N", options.batch, {.least = 2}, "rows of such a batch");
  table.group("Output");
  table.flag("--confusion", options.confusion,
             "also how often each class was taken for each other, and its recall and precision");
  table.flag("--json", options.json, "one JSON object instead of words");
  table.flag("--quiet", options.quiet, "no warnings");
  table.group("Other");
  add_threads_option(table, options.threads);
  table.example("ztilde evaluate model.ztilde --data test.csv");
  table.example("ztilde evaluate model.ztilde --data t10k-images-idx3-ubyte.gz \\");
  table.example("    --labels t10k-labels-idx1-ubyte.gz --confusion --json");
  return table;
}

std::uint64_t confused(const Scores& scores, std::size_t classes, std::size_t truth, std::size_t answer) {
  return scores.confusion[truth * classes + answer];
}

// Rows are the true classes, columns the answers. Empty where it is wider than a screen.
std::string matrix(const Model& model, const Scores& scores) {
  const std::size_t count = model.classes.size();
  std::vector<std::string> names;
  std::size_t cell = 0, head = 4;
  for (const std::string& name : model.classes) {
    names.push_back(printable(name, kNameBytes));
    cell = std::max(cell, names.back().size());
    head = std::max(head, names.back().size());
  }
  for (const std::uint64_t number : scores.confusion) cell = std::max(cell, with_commas(number).size());
  if (head + count * (cell + 2) > kWidth) return "";
  std::string text = fmt::format("{:<{}}", "", head);
  for (const std::string& name : names) text += fmt::format("  {:>{}}", name, cell);
  for (std::size_t truth = 0; truth < count; ++truth) {
    text += fmt::format("\n{:<{}}", names[truth], head);
    for (std::size_t answer = 0; answer < count; ++answer) {
      text += fmt::format("  {:>{}}", with_commas(confused(scores, count, truth, answer)), cell);
    }
  }
  return text + "\n";
}

std::string most_frequent_mistakes(const Model& model, const Scores& scores) {
  struct Mistake {
    std::uint64_t times;
    std::size_t truth, answer;
  };
  const std::size_t count = model.classes.size();
  std::vector<Mistake> mistakes;
  for (std::size_t truth = 0; truth < count; ++truth) {
    for (std::size_t answer = 0; answer < count; ++answer) {
      const std::uint64_t times = confused(scores, count, truth, answer);
      if (truth != answer && times > 0) mistakes.push_back({times, truth, answer});
    }
  }
  std::ranges::stable_sort(mistakes, std::greater<>(), &Mistake::times);
  std::string text;
  for (std::size_t i = 0; i < std::min(mistakes.size(), kMostMistakes); ++i) {
    const Mistake& mistake = mistakes[i];
    text += fmt::format("  '{}' was taken for '{}' {}\n", printable(model.classes[mistake.truth]),
                        printable(model.classes[mistake.answer]), counted(mistake.times, "time"));
  }
  return text;
}

std::string confusion_words(const Model& model, const Scores& scores) {
  const std::string table = matrix(model, scores);
  const std::string mistakes = most_frequent_mistakes(model, scores);
  std::string text;
  if (!table.empty()) text += "\nrows: true class, columns: predicted class\n\n" + table;
  if (!mistakes.empty()) text += "\nmost frequent mistakes\n" + mistakes;
  if (table.empty()) text += "The matrix is too wide to show here; --json has it.\n";
  return text;
}

// "absent" where there are no rows to tell.
std::string share(const std::optional<double>& value) {
  return value ? fmt::format("{:.2f} %", 100 * *value) : "absent";
}

std::vector<std::size_t> absent_classes(const Scores& scores) {
  std::vector<std::size_t> absent;
  for (std::size_t c = 0; c < scores.by_class.size(); ++c) {
    if (!scores.by_class[c].recall) absent.push_back(c);
  }
  return absent;
}

// Why a metric is of some of the classes only, or of none.
std::string absent_words(const Model& model, const Scores& scores) {
  const std::vector<std::size_t> absent = absent_classes(scores);
  if (absent.empty()) return "";
  std::string names;
  for (std::size_t i = 0; i < std::min(absent.size(), kMostMistakes); ++i)
    names += fmt::format("{}'{}'", i == 0 ? "" : ", ", printable(model.classes[absent[i]]));
  if (absent.size() > kMostMistakes) names += ", …";
  return fmt::format("absent    {} of {} no row: {}{}\n", absent.size(),
                     counted(model.classes.size(), "class") + (absent.size() == 1 ? " has" : " have"), names,
                     scores.auc ? "; balanced accuracy and AUC are of the others"
                                : "; balanced accuracy is of the others, and there is no AUC");
}

std::string class_words(const Model& model, const Scores& scores) {
  std::size_t head = 5;
  for (const std::string& name : model.classes) head = std::max(head, printable(name, kNameBytes).size());
  std::string text = fmt::format("\n{:<{}}  {:>8}  {:>9}\n", "class", head, "recall", "precision");
  for (std::size_t c = 0; c < scores.by_class.size() && c < kMostClassLines; ++c) {
    text += fmt::format("{:<{}}  {:>8}  {:>9}\n", printable(model.classes[c], kNameBytes), head,
                        share(scores.by_class[c].recall), share(scores.by_class[c].precision));
  }
  if (scores.by_class.size() > kMostClassLines)
    text += fmt::format("… and {} more; --json has them\n", scores.by_class.size() - kMostClassLines);
  return text;
}

std::string words(const Model& model, const Scores& scores, bool confusion, bool weighted) {
  std::string text = fmt::format("rows      {}{}\n", with_commas(scores.rows),
                                 weighted ? ", each counting by its weight" : "");
  if (model.task == Task::regress) {
    text += fmt::format("rmse      {}\nmae       {}\n", shown(scores.rmse), shown(scores.mae));
    text += scores.r2 ? fmt::format("r2        {:.4f}\n", *scores.r2)
                      : "r2        absent, as all targets are the same\n";
    return text;
  }
  text += fmt::format("loss      {}\naccuracy  {:.2f} %", shown(scores.loss), 100 * scores.accuracy);
  if (!weighted) {
    const double correct = scores.accuracy * static_cast<double>(scores.rows);
    text += fmt::format("  ({} of {})", with_commas(static_cast<std::uint64_t>(std::llround(correct))),
                        with_commas(scores.rows));
  }
  text += fmt::format("\nbalanced  {}\n", share(scores.balanced_accuracy));
  if (scores.auc) text += fmt::format("AUC       {:.4f}\n", *scores.auc);
  text += absent_words(model, scores);
  return confusion ? text + confusion_words(model, scores) + class_words(model, scores) : text;
}

nlohmann::ordered_json by_class_object(const Model& model, const Scores& scores) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (std::size_t c = 0; c < scores.by_class.size(); ++c) {
    nlohmann::ordered_json one = {{"class", model.classes[c]}};
    if (scores.by_class[c].recall) one["recall"] = *scores.by_class[c].recall;
    if (scores.by_class[c].precision) one["precision"] = *scores.by_class[c].precision;
    list.push_back(std::move(one));
  }
  return list;
}

std::string json(const Model& model, const Scores& scores, bool confusion) {
  nlohmann::ordered_json object = {{"rows", scores.rows}, {"loss", scores.loss}};
  for (const Metric& metric : metrics_of(model.task, scores)) object[metric.name] = metric.value;
  if (const auto absent = absent_classes(scores); !absent.empty()) {
    object["absent_classes"] = nlohmann::ordered_json::array();
    for (const std::size_t c : absent) object["absent_classes"].push_back(model.classes[c]);
  }
  if (confusion) {
    const std::size_t count = model.classes.size();
    object["classes"] = model.classes;
    object["confusion"] = nlohmann::ordered_json::array();
    for (std::size_t truth = 0; truth < count; ++truth) {
      const auto row = scores.confusion.begin() + static_cast<std::ptrdiff_t>(truth * count);
      object["confusion"].push_back(
          std::vector<std::uint64_t>(row, row + static_cast<std::ptrdiff_t>(count)));
    }
    object["by_class"] = by_class_object(model, scores);
  }
  return json_line(object);
}

}  // namespace

Outcome run_evaluate(const Arguments& arguments) {
  EvaluateOptions options;
  OptionTable table = evaluate_options(options);
  if (!table.parse(arguments)) return {table.help()};
  require_data(options.input);
  if (table.given("--batch") && !options.of_batches)
    refuse("--batch", "given without --statistics batch; add that");
  const Messages messages(options.quiet);

  const Model model = load(options.model);
  if (options.confusion && model.task == Task::regress) {
    refuse("--confusion", "the model predicts numbers, not classes; leave it out");
  }
  if (options.confusion && model.classes.size() > kMostConfusedClasses) {
    refuse("--confusion",
           fmt::format("the model has {}, and the matrix is made for {} at most; leave it out",
                       counted(model.classes.size(), "class"), with_commas(kMostConfusedClasses)));
  }
  const Dataset data = read_for_model(model, options.input, CsvOptions::Target::required, options.threads);
  warn_about_columns(data, options.input.data, messages);
  const Scores scores = options.of_batches ? evaluate_in_batches(model, data, options.batch, options.threads)
                                           : evaluate(model, data, options.threads);
  return {options.json ? json(model, scores, options.confusion)
                       : words(model, scores, options.confusion, !data.weights.empty())};
}

}  // namespace ztilde::cli
