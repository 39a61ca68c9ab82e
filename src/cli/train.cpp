// ztilde train: labelled rows in, a model file out.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/input.hpp"
#include "cli/interrupt.hpp"
#include "cli/streams.hpp"
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
  Dataset valid = read_for_model(described, files, CsvOptions::Target::required);
  warn_about_columns(valid, arguments.valid.data, messages);
  return valid;
}

void check_outputs(const TrainArguments& arguments) {
  require_writable(arguments.out, arguments.force);
  if (!arguments.log.empty()) require_writable(arguments.log, arguments.force);
}

// The training with everything that listens to it.
class Session {
 public:
  Session(const OptionTable& table, const TrainArguments& arguments, const Dataset& data)
      : table_(table),
        arguments_(arguments),
        data_(data),
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
    TrainResult result = valid ? ztilde::train(data_, *valid, arguments_.training, observer)
                               : ztilde::train(data_, arguments_.training, observer);
    progress_.finish();
    // A log that never took a line is a mistake in the command; later, the model is worth keeping.
    if (!log_.problem().empty() && log_.lines() == 0) {
      throw Error(ErrorKind::io, log_.problem() + "; choose another --log, or leave it out");
    }
    return result;
  }

  const TrainPlanSummary& plan() const { return plan_; }
  const std::string& log_problem() const { return log_.problem(); }
  int signal() const { return interrupt_.signal(); }

 private:
  void start(const TrainPlanSummary& plan) {
    plan_ = plan;
    if (!arguments_.quiet) write_error(plan_words(table_, arguments_, data_, plan));
    for (const std::string& warning : plan.warnings) messages_.warn(warning);
    if (!arguments_.log.empty()) log_.open(arguments_.log);
    progress_.start(plan, arguments_.training.epochs);
  }

  bool should_stop() {
    if (!log_.problem().empty()) return true;
    if (interrupt_.signal() == 0) return false;
    if (!std::exchange(told_, true))
      progress_.note("stopping: the best model so far is being saved; Ctrl-C once more gives it up");
    return true;
  }

  const OptionTable& table_;
  const TrainArguments& arguments_;
  const Dataset& data_;
  Messages messages_;
  Progress progress_;
  TrainingLog log_;
  Interrupt interrupt_;
  TrainPlanSummary plan_;
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
  }
}

}  // namespace

Outcome run_train(const Arguments& arguments_given) {
  TrainArguments arguments;
  OptionTable table = train_options(arguments);
  if (!table.parse(arguments_given)) return {table.help()};
  check_train_options(table, arguments);
  check_outputs(arguments);
  const Messages messages(arguments.quiet);

  if (!arguments.net.empty()) {
    arguments.training.network = network_from_json(read_file(arguments.net), arguments.net);
  }
  const Dataset data = read_training_rows(table, arguments);
  std::optional<Dataset> valid;
  if (!arguments.valid.data.empty()) valid = read_validation_rows(arguments, data, messages);

  Session session(table, arguments, data);
  TrainResult result = session.run(valid ? &*valid : nullptr);
  record_options(table, session.plan(), result.model);
  save(result.model, arguments.out);

  if (!session.log_problem().empty()) {
    throw Error(ErrorKind::io, fmt::format("{}; training stopped, and the best model so far is in {}",
                                           session.log_problem(), shown_path(arguments.out)));
  }
  if (session.signal() != 0) {
    messages.say(fmt::format("interrupted after {}: the best model so far is in {}",
                             counted(result.steps, "step"), shown_path(arguments.out)));
    return {arguments.json ? result_json(arguments, session.plan(), result) : "", 128 + session.signal()};
  }
  if (arguments.json) return {result_json(arguments, session.plan(), result)};
  return {arguments.quiet ? "" : result_words(arguments, session.plan(), result)};
}

}  // namespace ztilde::cli
