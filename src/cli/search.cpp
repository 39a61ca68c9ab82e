// ztilde search: many trainings for the options that train best.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>

#include "base/files.hpp"
#include "base/output_lock.hpp"
#include "base/team.hpp"
#include "base/text.hpp"
#include "cli/interrupt.hpp"
#include "cli/json_text.hpp"
#include "cli/layout.hpp"
#include "cli/outputs.hpp"
#include "cli/search_finalists.hpp"
#include "cli/search_parts.hpp"
#include "cli/search_plan.hpp"
#include "cli/search_progress.hpp"
#include "cli/search_ranks.hpp"
#include "cli/search_words.hpp"
#include "cli/search_worker.hpp"
#include "cli/search_workers.hpp"
#include "report/page.hpp"
#include "report/study_page.hpp"
#include "search/study.hpp"
#include "ztilde/error.hpp"

namespace ztilde::cli {
namespace {

constexpr std::size_t kIndent = 11;
constexpr auto kBetweenLooks = std::chrono::milliseconds(20);
constexpr double kLooksBetweenReads = 10;  // of the study, unless reading it takes long

std::string field(const std::string& name, const std::string& text) { return wrapped(name, kIndent, text); }

std::size_t threads_of(const OptionTable& table, const SearchArguments& arguments, bool as_rank) {
  if (as_rank) return rank_threads(table, arguments);
  if (table.given("--threads")) return arguments.train.training.threads;
  return std::max<std::size_t>(available_cores() / arguments.workers, 1);
}

// Opened and closed again: what a process has open of a study is not to be there in those it starts.
// Whether it was there before.
bool begin_study(const SearchArguments& arguments, const search::StudyPlan& plan) {
  const std::size_t asked = arguments.trials > 0    ? arguments.trials
                            : arguments.seconds > 0 ? 0
                                                    : kUsualTrials;
  if (!search::study_exists(arguments.study)) {
    try {
      (void)search::Study::create(arguments.study, plan, asked);
      return false;
    } catch (const Error&) {
      // Another search may have begun it in the meantime.
      if (!search::study_exists(arguments.study)) throw;
    }
  }
  search::Study study = search::Study::open(arguments.study);
  require_same_search(arguments.study, study.plan(), plan);
  const std::size_t kept = study.contents().trials_asked;
  // Without a word about it, those that were asked for; a study without an end gets one.
  const bool given = arguments.trials > 0 || arguments.seconds > 0;
  if (given || kept == 0) study.ask_for(asked);
  return true;
}

std::string beginning_words(const SearchArguments& arguments, const SearchRows& rows,
                            const search::StudyContents& study, std::size_t workers, std::size_t threads,
                            bool resumes) {
  const search::StudyPlan& plan = study.plan;
  const search::TrialRows split = trial_rows(rows, plan.seed);
  const std::size_t valid = rows.valid ? rows.valid->rows : split.split.valid.size();
  const std::size_t train = rows.valid ? rows.data.rows : split.split.train.size();
  search::OptionTexts searched;
  for (const search::Dimension& dimension : plan.dimensions)
    searched.emplace_back(dimension.option, dimension.text);
  std::string text = field("data", rows.words);
  for (const std::string& note : rows.data.notes) text += field("", note);
  text += field("rows", fmt::format("{} for training, {} for validation, the same for every trial",
                                    with_commas(train), with_commas(valid)));
  text += field("searches", option_words(searched));
  const std::string count =
      study.trials_asked == 0 ? std::string("as many as there is time for") : with_commas(study.trials_asked);
  std::string stopping = plan.rungs.empty() ? std::string("none stopped early")
                                            : fmt::format("after epoch {} one of {} goes on",
                                                          fmt::join(plan.rungs, " and "), plan.reduction);
  text += field("trials", fmt::format("{}, of {}; {}", count, counted(plan.epochs, "epoch"), stopping));
  text += field("workers", fmt::format("{} with {} each", workers, counted(threads, "thread")));
  std::string where = shown_path(arguments.study);
  const bool all_done = study.trials_asked > 0 && count_trials(study).ended() >= study.trials_asked;
  if (resumes && all_done) {
    where += fmt::format(", in which all {} are done; --trials {} adds more",
                         counted(study.trials_asked, "trial"), study.trials_asked * 2);
  } else if (resumes) {
    where += ", which goes on after " + counted(study.trials.size(), "trial");
  }
  return text + field("study", where) + "\n";
}

// What is read of a study that others write: not at all, for once, where one of them has it for long.
std::optional<search::StudyContents> look_at(const std::string& path) {
  try {
    return search::read_study(path);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::io) return std::nullopt;
    throw;
  }
}

// How far the study is: epochs, and trials that ended.
double course_of(const search::StudyContents& study) {
  return epochs_done(study) + static_cast<double>(count_trials(study).ended());
}

// Of the first trial at least, which is not stopped early.
bool has_a_result(const search::StudyContents& study) {
  if (search::best_trial(study)) return true;
  return !study.trials.empty() && study.trials[0].state == search::TrialState::diverged;
}

// Watches the workers to their end. Returns the signal that ended them early, 0 for none.
int watch(SearchCrew& workers, const SearchArguments& arguments, SearchProgress& progress) {
  const Interrupt interrupt;
  bool told = false;
  double next_read = 0, course = -1;
  while (workers.any_runs()) {
    if (interrupt.signal() != 0 && !told) {
      told = true;
      progress.note("stopping: trials that run are being kept; Ctrl-C once more gives up their last epochs");
      workers.stop();
    }
    if (const int signal = workers.replaced(); signal != 0)
      progress.note(
          fmt::format("a worker was killed by signal {}; another one goes on with its trial", signal));
    if (progress.seconds() >= next_read && !told) {
      const double before = progress.seconds();
      if (const auto study = look_at(arguments.study)) {
        progress.show(*study);
        if (course_of(*study) > course) workers.has_come_further();
        course = course_of(*study);
        const bool late = arguments.seconds > 0 && progress.seconds() >= arguments.seconds;
        if (late && has_a_result(*study)) workers.stop();
      }
      const double step = std::chrono::duration<double>(kBetweenLooks).count();
      next_read = progress.seconds() + kLooksBetweenReads * std::max(step, progress.seconds() - before);
    }
    std::this_thread::sleep_for(kBetweenLooks);
  }
  if (const auto study = look_at(arguments.study))
    progress.show(*study);  // a short search is over before a look
  progress.finish();
  if (workers.failure()) throw *workers.failure();
  return interrupt.signal();
}

// Of a worker's command line: this one's.
Arguments worker_arguments(const Arguments& given, const OptionTable& table, std::size_t threads) {
  Arguments arguments = given;
  arguments.emplace_back(kWorkerOption);
  if (!table.given("--threads")) arguments.insert(arguments.end(), {"--threads", fmt::format("{}", threads)});
  return arguments;
}

// The words of a search in which nothing came to its end.
[[noreturn]] void fail_without_best(const search::StudyContents& study, const std::string& path) {
  const auto diverged = std::ranges::find(study.trials, search::TrialState::diverged, &search::Trial::state);
  if (diverged == study.trials.end())
    throw Error(ErrorKind::data,
                fmt::format("{}: no trial was finished; ask for more --trials", shown_path(path)));
  throw Error(ErrorKind::diverged,
              fmt::format("no trial was finished, of {}; trial {}: {}; see ztilde search show {}",
                          counted(study.trials.size(), "trial"), diverged->number, diverged->message,
                          shown_path(path)));
}

std::string final_output(const search::StudyContents& study, const SearchArguments& arguments) {
  if (!search::best_trial(study)) fail_without_best(study, arguments.study);
  if (arguments.train.json) return json_line(study_object(study, arguments.study));
  if (arguments.train.quiet) return "";
  return study_words(study, arguments.study, output_width()) +
         best_words(study, arguments.study, output_width());
}

// The page's file is this search's alone until the end of its scope, where there is to be one.
std::optional<OutputLock> lock_report(const SearchArguments& arguments) {
  const TrainArguments& train = arguments.train;
  if (train.report.empty()) return std::nullopt;
  const bool own = search::study_exists(arguments.study) && is_page(train.report);
  return std::optional<OutputLock>(std::in_place, train.report, train.force || own);
}

Outcome search_with(const OptionTable& table, const SearchArguments& arguments, const Arguments& given,
                    const std::optional<RanksHandle>& ranks) {
  const TrainArguments& train = arguments.train;
  const Messages messages(train.quiet);
  const std::optional<OutputLock> report = lock_report(arguments);
  const std::size_t threads = threads_of(table, arguments, ranks.has_value());
  std::optional<SearchRows> rows(std::in_place);
  const search::StudyPlan plan = plan_search(table, arguments, messages, *rows);
  (void)trial_rows(*rows, plan.seed);  // refuses rows that cannot be split before there is a study
  if (ranks) agree_on_search(*ranks, plan, train.input.data);
  const bool resumes = begin_study(arguments, plan);
  if (!train.quiet)
    write_error(beginning_words(arguments, *rows, search::read_study(arguments.study),
                                ranks ? ranks->count() : arguments.workers, threads, resumes));
  SearchProgress progress(train.progress, train.quiet, arguments.seconds);
  int signal = 0;
  if (ranks) {
    RankWorkers workers(*ranks, arguments.study, *rows, threads);
    signal = watch(workers, arguments, progress);
  } else {
    if (train.folds == 0) rows.reset();  // every worker has its own
    SearchWorkers workers(worker_arguments(given, table, threads), arguments.workers);
    signal = watch(workers, arguments, progress);
  }
  if (signal == 0 && train.folds > 0) {
    search::Study study = search::Study::open(arguments.study);
    signal = score_finalists(study, plan, *rows, train.folds,
                             table.given("--threads") ? threads * arguments.workers : 0, progress);
  }

  const search::StudyContents study = read_finished_study(arguments.study);
  if (report) write_file_atomically(train.report, report::html(report::study_page(study)));
  if (signal == 0) return {final_output(study, arguments)};
  messages.say(fmt::format("interrupted; {} has {}", shown_path(arguments.study), count_words(study)));
  messages.say("to go on: " + shell_command("search", given));
  return {train.json ? json_line(study_object(study, arguments.study)) : "", 128 + signal};
}

}  // namespace

search::StudyContents read_finished_study(const std::string& path) {
  search::StudyContents study = search::read_study(path);
  search::tidy_study(path);
  return study;
}

bool is_page(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return false;
  // What all pages begin with.
  const std::string page =
      report::html({{"title", "@"}, {"subtitle", ""}, {"sections", report::Json::array()}});
  const std::string start = page.substr(0, page.find('@'));
  return read_file(path).starts_with(start);
}

Outcome run_search(const Arguments& given) {
  if (!given.empty() && given[0] == "show") return run_search_show({given.begin() + 1, given.end()});
  if (!given.empty() && given[0] == "best") return run_search_best({given.begin() + 1, given.end()});
  if (!given.empty() && !given[0].starts_with('-')) {
    const std::string known[] = {"show", "best"};
    refuse("search " + printable(given[0]), "unknown part of search" + did_you_mean(given[0], known));
  }
  SearchArguments arguments;
  OptionTable table = search_options(arguments);
  if (!table.parse(given)) return {table.help()};
  check_search_options(table, arguments);
  if (arguments.is_worker) return run_search_worker(table, arguments);
  const std::optional<RanksHandle> ranks = search_ranks(table);
  if (ranks && !ranks->writes()) return run_search_rank(*ranks, table, arguments);
  return search_with(table, arguments, given, ranks);
}

}  // namespace ztilde::cli
