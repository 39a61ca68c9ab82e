// ztilde train: labelled rows in, a model file out.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <utility>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/class_weights.hpp"
#include "cli/interrupt.hpp"
#include "cli/json_text.hpp"
#include "cli/outputs.hpp"
#include "cli/ranks.hpp"
#include "cli/run_record.hpp"
#include "cli/run_recorder.hpp"
#include "cli/streams.hpp"
#include "cli/train_folds.hpp"
#include "cli/train_input.hpp"
#include "cli/train_options.hpp"
#include "cli/train_words.hpp"
#include "cli/verbs.hpp"
#include "training/train_rows.hpp"
#include "ztilde/error.hpp"

namespace ztilde::cli {
namespace {

// By whose activations the log tells what the normalisation did.
constexpr std::size_t kProbeRows = 500;

// The options as given or by default; those that the data decided as they came out.
std::vector<std::pair<std::string, std::string>> recorded_options(const OptionTable& table,
                                                                  const TrainPlanSummary& plan,
                                                                  const std::vector<std::string>& classes) {
  std::vector<std::pair<std::string, std::string>> options = table.recorded();
  const bool from = table.given("--from");
  if (table.given("--net") || from) {
    std::erase_if(options, [&](const auto& option) {
      return std::ranges::find(kNetworkOptions, "--" + option.first) != kNetworkOptions.end() ||
             (from && option.first == "init");
    });
  }
  if (!from) std::erase_if(options, [](const auto& option) { return option.first == "from"; });
  for (auto& [name, text] : options) {
    if (name == "lr") text = fmt::format("{}", plan.learning_rate);
    if (name == "weight-decay") text = fmt::format("{}", plan.weight_decay);
    if (name == "class-weights" && !plan.class_weights.empty()) {
      const bool balanced = text == "balanced";
      text = (balanced ? "balanced: " : "") + class_weights_text(classes, plan.class_weights, balanced);
    }
  }
  return options;
}

// Returns why the report could not be written, "" where all is well.
std::string end_record(RunRecorder& recorder, const report::Json& line) {
  try {
    recorder.end(line);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

// This process's part of a training by several ranks, if it is one of them. The files of the others are none
// of its own.
std::optional<RanksHandle> join_ranks(TrainArguments& arguments) {
  const std::optional<RanksHandle> ranks = ranks_of_environment();
  if (!ranks && !arguments.training.synchronised_statistics)
    refuse("--sync-statistics off", "is for ranks; start it with mpirun -n N");
  if (!ranks) return ranks;
  if (arguments.training.memory > 0)
    refuse("--memory", "ranks have all rows in memory; leave it out, or start it without mpirun");
  // Not this one's to end: MPI does so when all are done.
  arguments.training.transport = {&ranks->transport(), [](Transport*) {}};
  if (ranks->writes()) return ranks;
  arguments.out.clear();
  arguments.log.clear();
  arguments.report.clear();
  arguments.watch = false;
  return ranks;
}

// What is locked and checked of a rank that writes nothing: nothing.
TrainArguments files_of(const std::optional<RanksHandle>& ranks, TrainArguments arguments) {
  if (ranks && !ranks->writes()) arguments.training.checkpoint = {};
  return arguments;
}

// All ranks are about to train the same model on the same rows, or none begins.
void agree(const RanksHandle& ranks, const OptionTable& table, const TrainArguments& arguments,
           const Dataset& data, const Dataset* valid) {
  RankIdentity own;
  own.version = ZTILDE_VERSION;
  own.instructions = instruction_set();
  own.files = shown_path(arguments.input.data);
  const TrainOptions& training = arguments.training;
  own.run = identity_of(data, valid, training.network.value_or(Network()), training);
  if (arguments.folds > 0) own.run.emplace_back("--folds", table.text_of("--folds"));
  if (arguments.split_seed) own.run.emplace_back("--split-seed", table.text_of("--split-seed"));
  for (const std::string& option : kNetworkOptions) own.run.emplace_back(option, table.text_of(option));
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(training.rank_timeout);
  ranks.agree(own, [until] { return std::chrono::steady_clock::now() > until; });
}

// All ranks are about to fail alike: which of them says so.
void leave_failure(const RanksHandle& ranks, const Error& error) {
  const bool first_is_gone = std::string_view(error.what()).starts_with(ranks.transport().name(0));
  leave_failure_to(first_is_gone ? 1 : 0, error.kind() == ErrorKind::diverged);
}

// What `train` gives; where all ranks fail alike, one of them says so.
template <class Train>
auto of_ranks(const std::optional<RanksHandle>& ranks, const Train& train) {
  try {
    return train();
  } catch (const Error& error) {
    if (ranks) leave_failure(*ranks, error);
    throw;
  }
}

// The training with everything that listens to it.
class Session {
 public:
  Session(const OptionTable& table, const TrainArguments& arguments, const Arguments& given,
          const Dataset& data, RunRecorder& recorder)
      : table_(table),
        arguments_(arguments),
        given_(given),
        data_(data),
        recorder_(recorder),
        messages_(arguments.quiet),
        progress_(arguments.progress, arguments.quiet) {}

  TrainResult run(const Dataset* valid) {
    TrainObserver observer;
    observer.on_start = [&](const TrainPlanSummary& plan) { start(plan); };
    observer.on_point = [&](const HistoryPoint& point) {
      progress_.point(point);
      recorder_.point(point);
    };
    observer.should_stop = [&] { return should_stop(); };
    observer.on_checkpoint = [&](std::uint64_t steps) { checkpoint_steps_ = steps; };
    if (recorder_.wants_norms()) observer.probe_rows = kProbeRows;
    TrainResult result;
    try {
      result = valid ? ztilde::train(data_, *valid, arguments_.training, observer)
               : arguments_.split_seed
                   ? train_rows(data_, held_out_split(arguments_, data_), arguments_.training, observer)
                   : ztilde::train(data_, arguments_.training, observer);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::diverged) throw;
      std::string words = error.what();
      if (checkpoint_steps_ > 0)
        words += fmt::format("; {} is left as of step {}", shown_path(arguments_.training.checkpoint.path),
                             with_commas(checkpoint_steps_));
      if (const std::string problem = end_record(recorder_, divergence_line(error.what())); !problem.empty())
        words += "; " + problem;
      throw Error(error.kind(), words);
    }
    progress_.finish();
    // A log that never took a line is a mistake in the command; later, the model is worth keeping.
    if (!recorder_.log_problem().empty() && recorder_.log_lines() == 0 && checkpoint_steps_ == 0) {
      throw Error(ErrorKind::io, recorder_.log_problem() + "; choose another --log, or leave it out");
    }
    result.model.training.options = recorded_options(table_, plan_, result.model.classes);
    return result;
  }

  const TrainPlanSummary& plan() const { return plan_; }
  // Those of the checkpoint as it is on disk, 0 for none.
  std::uint64_t checkpoint_steps() const { return checkpoint_steps_; }
  int signal() const { return interrupt_.signal(); }

 private:
  void start(const TrainPlanSummary& plan) {
    plan_ = plan;
    checkpoint_steps_ = plan.resumed_steps;
    if (!arguments_.quiet) write_error(plan_words(table_, arguments_, data_, plan));
    for (const std::string& warning : plan.warnings) messages_.warn(warning);
    recorder_.begin(
        run_object(arguments_, given_, recorded_options(table_, plan, data_.classes), data_, plan),
        plan.resumed_steps);
    progress_.start(plan, arguments_.training.epochs);
  }

  bool should_stop() {
    if (!recorder_.log_problem().empty()) return true;
    if (interrupt_.signal() == 0) return false;
    if (!std::exchange(told_, true))
      progress_.note(arguments_.training.checkpoint.path.empty()
                         ? "stopping: the best model so far is being saved; Ctrl-C once more gives it up"
                         : "stopping: the checkpoint and the best model so far are being saved");
    return true;
  }

  const OptionTable& table_;
  const TrainArguments& arguments_;
  const Arguments& given_;
  const Dataset& data_;
  RunRecorder& recorder_;
  Messages messages_;
  Progress progress_;
  Interrupt interrupt_;
  TrainPlanSummary plan_;
  std::uint64_t checkpoint_steps_ = 0;
  bool told_ = false;
};

// The arguments of the one training on all rows that follows the folds: nothing is left to validate, and
// only patience needs rows to stop by.
TrainArguments after_folds(TrainArguments arguments) {
  arguments.folds = 0;
  if (arguments.training.patience == 0) arguments.training.valid_fraction = 0;
  return arguments;
}

// What was said of the folds, and then of the model of all rows, where there is one.
std::string final_words(const TrainArguments& arguments, Task task, const std::optional<FoldsRun>& folds,
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
  const bool makes_model = !arguments.out.empty();
  const std::optional<RanksHandle> ranks = join_ranks(arguments);
  const bool writes = !ranks || ranks->writes();
  const TrainArguments own_files = files_of(ranks, arguments);
  const Outputs outputs(own_files);
  arguments.training.checkpoint.note = outputs.note();
  const Messages messages(arguments.quiet);
  RunRecorder recorder(arguments, outputs);
  if (arguments.watch) messages.say(fmt::format("watch      {}\n", recorder.address()));

  const std::optional<NetworkFile> net = read_training_files(arguments);
  const Dataset data = read_training_rows(table, arguments, messages);
  use_network(table, arguments, net, data);
  std::optional<Dataset> valid;
  if (!arguments.valid.data.empty()) valid = read_validation_rows(arguments, data, messages);

  if (ranks) agree(*ranks, table, arguments, data, valid ? &*valid : nullptr);
  std::optional<FoldsRun> folds;
  if (arguments.folds > 0) {
    folds = of_ranks(ranks, [&] { return run_folds(table, arguments, data); });
    // Ranks stop together, for a signal that one of them had.
    const bool stops = ranks ? folds->result.interrupted : folds->signal != 0;
    if (stops) messages.say(fmt::format("interrupted after {}", counted(folds->result.folds.size(), "fold")));
    if (stops || !makes_model) {
      const int code = !stops ? 0 : 128 + (folds->signal != 0 ? folds->signal : SIGTERM);
      return {writes ? final_words(arguments, data.task, folds, nullptr, nullptr) : "", code};
    }
    arguments = after_folds(arguments);
    messages.say("\nnow one model on all rows");
  }

  Session session(table, arguments, arguments_given, data, recorder);
  const TrainResult result = of_ranks(ranks, [&] { return session.run(valid ? &*valid : nullptr); });
  if (!writes) return {};
  try {
    save(result.model, arguments.out);
  } catch (const Error& error) {
    if (result.checkpoint_problem.empty()) throw;
    throw Error(error.kind(), fmt::format("{}; {}", result.checkpoint_problem, error.what()));
  }

  const std::string report_problem =
      end_record(recorder, result_line(arguments, data, valid ? &*valid : nullptr, result));

  for (const std::string& problem : {result.checkpoint_problem, recorder.log_problem(), report_problem}) {
    if (problem.empty()) continue;
    throw Error(ErrorKind::io,
                fmt::format("{}; training {}, and {} is in {}", problem,
                            problem == report_problem ? "is done" : "stopped",
                            result.interrupted ? "the best model so far" : "the finished model",
                            shown_path(arguments.out)));
  }
  if (session.signal() != 0) {
    messages.say(interruption_words(arguments, result, session.checkpoint_steps()));
    if (result.interrupted && session.checkpoint_steps() > 0) {
      messages.say("to go on: " + resume_command(arguments_given, arguments));
    }
    const bool with_model = arguments.json;  // the messages say what became of it
    return {final_words(arguments, data.task, folds, with_model ? &session : nullptr, &result),
            128 + session.signal()};
  }
  return {final_words(arguments, data.task, folds, &session, &result)};
}

}  // namespace ztilde::cli
