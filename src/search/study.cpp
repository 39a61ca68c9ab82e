#include "search/study.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <numeric>

#include "base/files.hpp"
#include "search/halving.hpp"
#include "search/plan_json.hpp"
#include "search/space.hpp"
#include "search/sqlite.hpp"
#include "search/study_tables.hpp"
#include "search/worker_lock.hpp"
#include "ztilde/error.hpp"

namespace ztilde::search {
namespace {

namespace fs = std::filesystem;

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// One folder for a study, by whatever links its workers came to it.
std::string folder_beside(const std::string& path) {
  std::error_code failure;
  const fs::path file = fs::canonical(path, failure);
  return (failure ? path : file.string()) + ".d";
}

void make_folder(const std::string& folder) {
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (!failure) return;
  throw Error(ErrorKind::io,
              fmt::format("{}: cannot be made ({}); the study's workers need it beside the study",
                          shown_path(folder), failure.message()));
}

// The trials of workers that are dead wait for another, unless too many died of one: its options may need
// more memory than there is, or find a fault that ends any process.
void free_those_of_the_dead(Database& database, const std::string& folder, std::size_t most_deaths) {
  std::vector<std::int64_t> workers;
  Statement running(database, "SELECT DISTINCT worker FROM trials WHERE state = 'running'");
  while (running.step()) workers.push_back(running.whole(0));
  for (const std::int64_t worker : workers) {
    if (worker_is_alive(folder, worker)) continue;
    Statement(database,
              "UPDATE trials SET state = 'waiting', deaths = deaths + 1 "
              "WHERE state = 'running' AND worker = ?")
        .bind(worker)
        .run();
    Statement(database,
              "UPDATE trials SET state = 'diverged', message = ?, ended = ? "
              "WHERE state = 'waiting' AND deaths >= ?")
        .bind(fmt::format("{} workers that ran it were killed, one after another; it may need more memory "
                          "than there is",
                          most_deaths))
        .bind(now())
        .bind(most_deaths)
        .run();
    forget_worker(folder, worker);
  }
}

void begin_trial(Database& database, const StudyPlan& plan, std::size_t trial) {
  Statement(database,
            "INSERT INTO trials (number, options, seed, state, until_epoch) VALUES (?, ?, ?, 'waiting', ?)")
      .bind(trial)
      .bind(options_text(options_of(plan, trial)))
      .bind(fmt::format("{}", training_seed(plan, trial)))
      .bind(trial == 0 && plan.first_to_end ? plan.epochs : next_stop(plan, 0))
      .run();
}

// The trial that is to be run next, made where it is new; `others_run` says why there may be none.
std::optional<std::size_t> choose(Database& database, const StudyPlan& plan, bool may_begin,
                                  bool& others_run) {
  const StudyContents study = read_contents(database);
  others_run = false;
  for (const Trial& trial : study.trials) {
    if (trial.state == TrialState::waiting) return trial.number;
    others_run |= trial.state == TrialState::running;
  }
  if (const std::optional<std::size_t> trial = promotable(study)) {
    const std::size_t rung = study.trials[*trial].curve.back().epoch;
    Statement(database, "UPDATE trials SET until_epoch = ? WHERE number = ?")
        .bind(next_stop(plan, rung))
        .bind(*trial)
        .run();
    return trial;
  }
  const std::size_t number = study.trials.size();
  if (!may_begin || (study.trials_asked > 0 && number >= study.trials_asked)) return std::nullopt;
  begin_trial(database, plan, number);
  return number;
}

}  // namespace

struct Study::Parts {
  explicit Parts(const std::string& path) : database(path, Access::write), folder(folder_beside(path)) {}

  // What must survive the machine's own death, and not just a process's, waits for the disk.
  void wait_for_disk(bool wait) {
    database.run(wait ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  }

  void become_worker(const std::string& name) {
    if (lock) return;
    make_folder(folder);
    Statement(database, "INSERT INTO workers (name) VALUES (?)").bind(name).run();
    worker = ::sqlite3_last_insert_rowid(database.handle());
    lock = std::make_unique<WorkerLock>(folder, worker);
  }

  void require_mine(std::size_t trial) {
    Statement mine(database, "SELECT 1 FROM trials WHERE number = ? AND state = 'running' AND worker = ?");
    if (lock && mine.bind(trial).bind(worker).step()) return;
    throw Error(ErrorKind::data, fmt::format("{}: trial {} is not this worker's; claim it first",
                                             shown_path(database.path()), trial));
  }

  void end(std::size_t trial, TrialState state, const std::string& message) {
    wait_for_disk(true);
    Transaction transaction(database, true);
    require_mine(trial);
    Statement(database, "UPDATE trials SET state = ?, message = ?, ended = ? WHERE number = ?")
        .bind(std::string(to_text(state)))
        .bind(message)
        .bind(state == TrialState::waiting ? 0 : now())
        .bind(trial)
        .run();
    transaction.commit();
  }

  Database database;
  std::string folder;
  StudyPlan plan;
  std::int64_t worker = 0;
  std::unique_ptr<WorkerLock> lock;  // from the first claim on
};

Study::Study(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Study::Study(Study&&) noexcept = default;
Study& Study::operator=(Study&&) noexcept = default;

Study::~Study() {
  if (!parts_ || !parts_->lock) return;
  try {
    Statement(parts_->database, "UPDATE trials SET state = 'waiting' WHERE state = 'running' AND worker = ?")
        .bind(parts_->worker)
        .run();
  } catch (const Error&) {
    // The lock ends now, and with it what it kept.
  }
}

bool study_exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

Study Study::create(const std::string& path, const StudyPlan& plan, std::size_t trials_asked) {
  require_writable(path, false);
  const std::string temporary =
      fmt::format("{}/{}{}-study{}", folder_of(path), kTemporaryStart, ::getpid(), kTemporaryEnd);
  std::error_code ignored;
  fs::remove(temporary, ignored);
  try {
    Database database(temporary, Access::create);
    create_tables(database, plan, trials_asked);
  } catch (...) {
    fs::remove(temporary, ignored);
    fs::remove(temporary + "-wal", ignored);
    fs::remove(temporary + "-shm", ignored);
    throw;
  }
  // Takes its name only where nothing has it: of two that create at once one is told.
  const int problem =
      ::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0 ? 0 : errno;
  if (problem != 0) {
    fs::remove(temporary, ignored);
    if (problem == EEXIST) require_writable(path, false);
    throw Error(ErrorKind::io, fmt::format("{}: cannot be written ({}); choose another folder",
                                           shown_path(path), std::strerror(problem)));
  }
  return open(path);
}

Study Study::open(const std::string& path) {
  auto parts = std::make_unique<Parts>(path);
  check_format(parts->database);
  parts->plan = read_plan(parts->database);
  return Study(std::move(parts));
}

const std::string& Study::path() const { return parts_->database.path(); }
const StudyPlan& Study::plan() const { return parts_->plan; }

void Study::ask_for(std::size_t trials) {
  Transaction transaction(parts_->database, true);
  const auto there = static_cast<std::size_t>(parts_->database.number("SELECT count(*) FROM trials"));
  const std::size_t asked = trials == 0 ? 0 : std::max(trials, there);
  Statement(parts_->database, "UPDATE study SET trials_asked = ?").bind(asked).run();
  transaction.commit();
}

Claim Study::claim(const std::string& worker, bool may_begin) {
  Database& database = parts_->database;
  parts_->wait_for_disk(false);
  parts_->become_worker(worker);
  Transaction transaction(database, true);
  free_those_of_the_dead(database, parts_->folder, parts_->plan.most_deaths);
  bool others_run = false;
  const std::optional<std::size_t> chosen = choose(database, parts_->plan, may_begin, others_run);
  Claim claim;
  claim.done = !chosen && !others_run;
  if (chosen) {
    Statement(database,
              "UPDATE trials SET state = 'running', worker = ?, ended = 0, "
              "began = CASE WHEN began = 0 THEN ? ELSE began END WHERE number = ?")
        .bind(parts_->worker)
        .bind(now())
        .bind(*chosen)
        .run();
    claim.trial = read_contents(database).trials.at(*chosen);
  }
  transaction.commit();
  return claim;
}

void Study::add_point(std::size_t trial, const TrialPoint& point) {
  parts_->wait_for_disk(false);
  Transaction transaction(parts_->database, true);
  parts_->require_mine(trial);
  Statement(parts_->database,
            "UPDATE trials SET deaths = 0 WHERE number = ? AND NOT EXISTS "
            "(SELECT 1 FROM points WHERE trial = number AND epoch >= ?)")
      .bind(trial)
      .bind(point.epoch)
      .run();
  Statement(parts_->database, "INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?, ?, ?, ?)")
      .bind(trial)
      .bind(point.epoch)
      .bind(point.train_loss)
      .bind(point.valid_loss)
      .bind(point.valid_accuracy)
      .bind(point.valid_rmse)
      .bind(point.seconds)
      .run();
  transaction.commit();
}

void Study::pause_at_rung(std::size_t trial) { parts_->end(trial, TrialState::paused, ""); }
void Study::finish(std::size_t trial) { parts_->end(trial, TrialState::finished, ""); }
void Study::fail(std::size_t trial, const std::string& message) {
  parts_->end(trial, TrialState::diverged, message);
}
void Study::release(std::size_t trial) { parts_->end(trial, TrialState::waiting, ""); }

void Study::set_fold_losses(std::size_t trial, const std::vector<double>& losses) {
  Database& database = parts_->database;
  parts_->wait_for_disk(true);
  Transaction transaction(database, true);
  Statement finished(database, "SELECT 1 FROM trials WHERE number = ? AND state = 'finished'");
  if (losses.empty() || !finished.bind(trial).step())
    throw Error(ErrorKind::data, fmt::format("{}: trial {} is not finished; folds are for those that are",
                                             shown_path(path()), trial));
  Statement(database, "DELETE FROM folds WHERE trial = ?").bind(trial).run();
  for (std::size_t fold = 0; fold < losses.size(); ++fold)
    Statement(database, "INSERT INTO folds VALUES (?, ?, ?)").bind(trial).bind(fold).bind(losses[fold]).run();
  const double mean = std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(losses.size());
  Statement(database, "UPDATE trials SET folds_loss = ? WHERE number = ?").bind(mean).bind(trial).run();
  transaction.commit();
}

StudyContents Study::contents() const {
  Transaction transaction(parts_->database, false);
  return read_contents(parts_->database);
}

std::string Study::checkpoint_path(std::size_t trial) const {
  return fmt::format("{}/trial-{}.checkpoint", parts_->folder, trial);
}

StudyContents read_study(const std::string& path) {
  Database database(path, Access::read);
  check_format(database);
  Transaction transaction(database, false);
  return read_contents(database);
}

void tidy_study(const std::string& path) {
  try {
    Database database(path, Access::write);
    (void)database.number("SELECT count(*) FROM study");
  } catch (const Error&) {
    // On a disk that is not written, say.
  }
}

}  // namespace ztilde::search
