#include "search/study_tables.hpp"

#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <filesystem>
#include <iterator>

#include "base/files.hpp"
#include "search/plan_json.hpp"
#include "ztilde/error.hpp"

namespace ztilde::search {
namespace {

// workers: ids are never used twice (AUTOINCREMENT), for a lock file's name is made of one.
constexpr const char* kTables = R"(
CREATE TABLE study (plan TEXT NOT NULL, trials_asked INTEGER NOT NULL, began REAL NOT NULL);
CREATE TABLE workers (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL);
CREATE TABLE trials (
  number INTEGER PRIMARY KEY, options TEXT NOT NULL, seed TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'paused', 'finished', 'diverged')),
  until_epoch INTEGER NOT NULL, worker INTEGER REFERENCES workers, message TEXT NOT NULL DEFAULT '',
  began REAL NOT NULL DEFAULT 0, ended REAL NOT NULL DEFAULT 0, folds_loss REAL,
  deaths INTEGER NOT NULL DEFAULT 0);
CREATE TABLE points (
  trial INTEGER NOT NULL REFERENCES trials, epoch INTEGER NOT NULL, train_loss REAL, valid_loss REAL,
  valid_accuracy REAL, valid_rmse REAL, seconds REAL, PRIMARY KEY (trial, epoch)) WITHOUT ROWID;
CREATE TABLE folds (
  trial INTEGER NOT NULL REFERENCES trials, fold INTEGER NOT NULL, valid_loss REAL,
  PRIMARY KEY (trial, fold)) WITHOUT ROWID;
)";

constexpr const char* kStates[] = {"waiting", "running", "paused", "finished", "diverged"};

TrialState parse_state(const Database& database, const std::string& text) {
  for (std::size_t i = 0; i < std::size(kStates); ++i)
    if (text == kStates[i]) return static_cast<TrialState>(i);
  database.damaged("a trial of unknown state");
}

// What `read` gives; what it cannot read is damage.
template <class Read>
auto parsed(const Database& database, const char* what, Read read) {
  try {
    return read();
  } catch (const Error&) {
    throw;
  } catch (const std::exception&) {
    database.damaged(fmt::format("{} cannot be read", what));
  }
}

Trial read_trial(const Database& database, const Statement& row) {
  Trial trial;
  trial.number = static_cast<std::size_t>(row.whole(0));
  trial.options = parsed(database, "a trial's options", [&] { return parse_options(row.text(1)); });
  trial.seed = parsed(database, "a trial's seed", [&] { return std::stoull(row.text(2)); });
  trial.state = parse_state(database, row.text(3));
  trial.until_epoch = static_cast<std::size_t>(row.whole(4));
  trial.worker = row.text(5);
  trial.message = row.text(6);
  trial.began = row.real(7);
  trial.ended = row.real(8);
  trial.folds_loss = row.maybe(9);
  trial.deaths = static_cast<std::size_t>(row.whole(10));
  return trial;
}

// Whose row it is, by its first column; `what` it is in words.
Trial& trial_of(const Database& database, const Statement& row, StudyContents& study, const char* what) {
  const auto trial = static_cast<std::size_t>(row.whole(0));
  if (trial >= study.trials.size()) database.damaged(fmt::format("a {} of no trial", what));
  return study.trials[trial];
}

void read_points(Database& database, StudyContents& study) {
  Statement rows(
      database,
      "SELECT trial, epoch, train_loss, valid_loss, valid_accuracy, valid_rmse, seconds FROM points "
      "ORDER BY trial, epoch");
  while (rows.step()) {
    TrialPoint point;
    point.epoch = static_cast<std::size_t>(rows.whole(1));
    point.train_loss = rows.real(2);
    point.valid_loss = rows.real(3);
    point.valid_accuracy = rows.maybe(4);
    point.valid_rmse = rows.maybe(5);
    point.seconds = rows.real(6);
    trial_of(database, rows, study, "point").curve.push_back(point);
  }
}

void read_folds(Database& database, StudyContents& study) {
  Statement rows(database, "SELECT trial, valid_loss FROM folds ORDER BY trial, fold");
  while (rows.step()) {
    trial_of(database, rows, study, "fold").fold_losses.push_back(rows.real(1));
  }
}

// SQLite takes what is missing of a last page for zeros. While there is a log, it has the rest.
void require_whole_pages(Database& database) {
  std::error_code failure;
  const std::uintmax_t log = std::filesystem::file_size(database.path() + "-wal", failure);
  if (!failure && log > 0) return;
  const std::uintmax_t size = std::filesystem::file_size(database.path(), failure);
  if (!failure && size % static_cast<std::uintmax_t>(database.number("PRAGMA page_size")) != 0)
    database.damaged("its end is missing");
}

}  // namespace

const char* to_text(TrialState state) { return kStates[static_cast<std::size_t>(state)]; }

void create_tables(Database& database, const StudyPlan& plan, std::size_t trials_asked) {
  database.run("PRAGMA journal_mode = WAL");
  Transaction transaction(database, true);
  database.run(kTables);
  database.run(
      fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplicationId, kFormat).c_str());
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  Statement(database, "INSERT INTO study VALUES (?, ?, ?)")
      .bind(plan_text(plan))
      .bind(trials_asked)
      .bind(now)
      .run();
  transaction.commit();
}

void check_format(Database& database) {
  const std::string name = shown_path(database.path());
  if (database.number("PRAGMA application_id") != kApplicationId)
    throw Error(ErrorKind::data, fmt::format("{}: is no study; give a file that ztilde search made", name));
  const std::int64_t format = database.number("PRAGMA user_version");
  if (format != kFormat) {
    throw Error(
        ErrorKind::data,
        fmt::format(
            "{}: is a study of format {}, and this ztilde knows format {}; use the ztilde that made it", name,
            format, kFormat));
  }
  require_whole_pages(database);
  Statement check(database, "PRAGMA quick_check(1)");
  if (!check.step() || check.text(0) != "ok") database.damaged("its pages do not fit together");
  if (database.number("SELECT count(*) FROM study") != 1) database.damaged("its plan is missing");
}

StudyPlan read_plan(Database& database) {
  Statement row(database, "SELECT plan FROM study");
  if (!row.step()) database.damaged("its plan is missing");
  return parsed(database, "its plan", [&] { return parse_plan(row.text(0)); });
}

std::size_t read_trials_asked(Database& database) {
  return static_cast<std::size_t>(database.number("SELECT trials_asked FROM study"));
}

StudyContents read_contents(Database& database) {
  StudyContents study;
  study.plan = read_plan(database);
  Statement row(database, "SELECT trials_asked, began FROM study");
  if (!row.step()) database.damaged("its plan is missing");
  study.trials_asked = static_cast<std::size_t>(row.whole(0));
  study.began = row.real(1);
  Statement trials(
      database,
      "SELECT number, options, seed, state, until_epoch, coalesce(name, ''), message, began, ended, "
      "folds_loss, deaths FROM trials LEFT JOIN workers ON worker = id ORDER BY number");
  while (trials.step()) {
    study.trials.push_back(read_trial(database, trials));
    if (study.trials.back().number + 1 != study.trials.size()) database.damaged("a trial is missing");
  }
  read_points(database, study);
  read_folds(database, study);
  return study;
}

}  // namespace ztilde::search
