// ztilde train: labelled rows in, a model file out.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/class_weights.hpp"
#include "cli/input.hpp"
#include "cli/interrupt.hpp"
#include "cli/json_text.hpp"
#include "cli/outputs.hpp"
#include "cli/streams.hpp"
#include "cli/train_folds.hpp"
#include "cli/train_options.hpp"
#include "cli/train_words.hpp"
#include "cli/training_log.hpp"
#include "cli/verbs.hpp"
#include "ztilde/error.hpp"

namespace ztilde::cli {
namespace {

Dataset read_training_rows(const OptionTable& table, const TrainArguments& arguments) {
  if (!are_images(arguments.input)) {
    CsvOptions options = csv_options(arguments.input.table);
    options.target = arguments.target;
    options.task = arguments.task;
    options.threads = arguments.training.threads;
    return read_csv(arguments.input.data, options);
  }
  table.exclude("images", {"--target"}, "their target is the labels; leave it out");
  table.exclude("images", kTableOptions, "they have no columns; leave it out");
  if (arguments.task == Task::regress)
    refuse("--task", "images are classified by their labels; leave regress out");
  if (arguments.input.labels.empty())
    refuse("--labels", "missing; name the IDX file with the labels of the images");
  return read_idx(arguments.input.data, arguments.input.labels);
}

// In the training rows' columns, order and classes.
Dataset read_validation_rows(const TrainArguments& arguments, const Dataset& data, const Messages& messages) {
  Model described;
  described.task = data.task;
  described.column_names = data.column_names;
  described.column_info = data.column_info;
  described.rules = data.rules;
  described.target_name = data.target_name;
  described.classes = data.classes;
  if (data.column_names.empty() && arguments.valid.labels.empty()) {
    refuse("--valid-labels", "missing; name the IDX file with the labels of --valid");
  }
  InputFiles files = arguments.valid;
  files.table = arguments.input.table;
  Dataset valid = read_for_model(described, files, CsvOptions::Target::required, arguments.training.threads);
  warn_about_columns(valid, arguments.valid.data, messages);
  return valid;
}

// The training with everything that listens to it.
class Session {
 public:
  Session(const OptionTable& table, const TrainArguments& arguments, const Dataset& data,
          const Outputs& outputs)
      : table_(table),
        arguments_(arguments),
        data_(data),
        outputs_(outputs),
        messages_(arguments.quiet),
        progress_(arguments.progress, arguments.quiet) {}

  TrainResult run(const Dataset* valid) {
    TrainObserver observer;
    observer.on_start = [&](const TrainPlanSummary& plan) { start(plan); };
    observer.on_point = [&](const HistoryPoint& point) {
      progress_.point(point);
      log_.write(point);
    };
    observer.should_stop = [&] { return should_stop(); };
    observer.on_checkpoint = [&](std::uint64_t steps) { checkpoint_steps_ = steps; };
    TrainResult result;
    try {
      result = valid ? ztilde::train(data_, *valid, arguments_.training, observer)
                     : ztilde::train(data_, arguments_.training, observer);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::diverged || checkpoint_steps_ == 0) throw;
      throw Error(error.kind(), fmt::format("{}; {} is left as of step {}", error.what(),
                                            shown_path(arguments_.training.checkpoint.path),
                                            with_commas(checkpoint_steps_)));
    }
    progress_.finish();
    // A log that never took a line is a mistake in the command; later, the model is worth keeping.
    if (!log_.problem().empty() && log_.lines() == 0 && checkpoint_steps_ == 0) {
      throw Error(ErrorKind::io, log_.problem() + "; choose another --log, or leave it out");
    }
    return result;
  }

  const TrainPlanSummary& plan() const { return plan_; }
  const std::string& log_problem() const { return log_.problem(); }
  // Those of the checkpoint as it is on disk, 0 for none.
  std::uint64_t checkpoint_steps() const { return checkpoint_steps_; }
  int signal() const { return interrupt_.signal(); }

 private:
  void start(const TrainPlanSummary& plan) {
    plan_ = plan;
    checkpoint_steps_ = plan.resumed_steps;
    if (!arguments_.quiet) write_error(plan_words(table_, arguments_, data_, plan));
    for (const std::string& warning : plan.warnings) messages_.warn(warning);
    if (outputs_.continues_log()) {
      log_.continue_after(arguments_.log, plan.resumed_steps);
    } else if (!arguments_.log.empty()) {
      log_.open(arguments_.log);
    }
    progress_.start(plan, arguments_.training.epochs);
  }

  bool should_stop() {
    if (!log_.problem().empty()) return true;
    if (interrupt_.signal() == 0) return false;
    if (!std::exchange(told_, true))
      progress_.note(arguments_.training.checkpoint.path.empty()
                         ? "stopping: the best model so far is being saved; Ctrl-C once more gives it up"
                         : "stopping: the checkpoint and the best model so far are being saved");
    return true;
  }

  const OptionTable& table_;
  const TrainArguments& arguments_;
  const Dataset& data_;
  const Outputs& outputs_;
  Messages messages_;
  Progress progress_;
  TrainingLog log_;
  Interrupt interrupt_;
  TrainPlanSummary plan_;
  std::uint64_t checkpoint_steps_ = 0;
  bool told_ = false;
};

// The options as given or by default; those that the data decided as they came out.
void record_options(const OptionTable& table, const TrainPlanSummary& plan, Model& model) {
  model.training.options = table.recorded();
  if (table.given("--net")) {
    std::erase_if(model.training.options, [](const auto& option) {
      return std::ranges::find(kNetworkOptions, "--" + option.first) != kNetworkOptions.end();
    });
  }
  for (auto& [name, text] : model.training.options) {
    if (name == "lr") text = fmt::format("{}", plan.learning_rate);
    if (name == "weight-decay") text = fmt::format("{}", plan.weight_decay);
    if (name == "class-weights" && !plan.class_weights.empty()) {
      const bool balanced = text == "balanced";
      text = (balanced ? "balanced: " : "") + class_weights_text(model.classes, plan.class_weights, balanced);
    }
  }
}

// The arguments of the one training on all rows that follows the folds: nothing is left to validate, and
// only patience needs rows to stop by.
TrainArguments after_folds(TrainArguments arguments) {
  arguments.folds = 0;
  if (arguments.training.patience == 0) arguments.training.valid_fraction = 0;
  return arguments;
}

// What was said of the folds, and then of the model of all rows, where there is one.
std::string report(const TrainArguments& arguments, Task task, const std::optional<FoldsRun>& folds,
                   const Session* session, const TrainResult* result) {
  if (arguments.json) {
    nlohmann::ordered_json object = folds ? folds_object(folds->result, task) : nlohmann::ordered_json();
    if (session) object.update(result_object(arguments, session->plan(), *result));
    return json_line(object);
  }
  std::string text = folds && !arguments.quiet ? folds_words(folds->result, task) : "";
  if (session && !arguments.quiet)
    text += (folds ? "\n" : "") + result_words(arguments, session->plan(), *result);
  return text;
}

}  // namespace

Outcome run_train(const Arguments& arguments_given) {
  TrainArguments arguments;
  OptionTable table = train_options(arguments);
  if (!table.parse(arguments_given)) return {table.help()};
  check_train_options(table, arguments);
  if (arguments.folds > 0 && !table.given("--out")) arguments.out.clear();
  const Outputs outputs(arguments);
  arguments.training.checkpoint.note = outputs.note();
  const Messages messages(arguments.quiet);

  if (!arguments.net.empty()) {
    arguments.training.network = network_from_json(read_file(arguments.net), arguments.net);
  }
  if (!arguments.class_weights_file.empty())
    arguments.training.class_weights = read_class_weights(arguments.class_weights_file);
  const Dataset data = read_training_rows(table, arguments);
  std::optional<Dataset> valid;
  if (!arguments.valid.data.empty()) valid = read_validation_rows(arguments, data, messages);

  std::optional<FoldsRun> folds;
  if (arguments.folds > 0) {
    folds = run_folds(table, arguments, data);
    if (folds->signal != 0) {
      messages.say(fmt::format("interrupted after {}", counted(folds->result.folds.size(), "fold")));
      return {report(arguments, data.task, folds, nullptr, nullptr), 128 + folds->signal};
    }
    if (arguments.out.empty()) return {report(arguments, data.task, folds, nullptr, nullptr)};
    arguments = after_folds(arguments);
    messages.say("\nnow one model on all rows");
  }

  Session session(table, arguments, data, outputs);
  TrainResult result = session.run(valid ? &*valid : nullptr);
  record_options(table, session.plan(), result.model);
  try {
    save(result.model, arguments.out);
  } catch (const Error& error) {
    if (result.checkpoint_problem.empty()) throw;
    throw Error(error.kind(), fmt::format("{}; {}", result.checkpoint_problem, error.what()));
  }

  for (const std::string& problem : {result.checkpoint_problem, session.log_problem()}) {
    if (problem.empty()) continue;
    throw Error(ErrorKind::io,
                fmt::format("{}; training stopped, and {} is in {}", problem,
                            result.interrupted ? "the best model so far" : "the finished model",
                            shown_path(arguments.out)));
  }
  if (session.signal() != 0) {
    messages.say(interruption_words(arguments, result, session.checkpoint_steps()));
    if (result.interrupted && session.checkpoint_steps() > 0) {
      messages.say("to go on: " + resume_command(arguments_given, arguments));
    }
    return {arguments.json ? report(arguments, data.task, folds, &session, &result) : "",
            128 + session.signal()};
  }
  return {report(arguments, data.task, folds, &session, &result)};
}

}  // namespace ztilde::cli
