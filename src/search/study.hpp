// A study on disk: a SQLite file that several processes work on at once.
// Who is alive is not decided by clocks: a worker holds a kernel lock on a file of its own in STUDY.d, which
// ends with its process however that dies. All that decides who runs a trial is one transaction. The file and
// STUDY.d lie on a file system of this machine, as SQLite's write-ahead log wants.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "search/desk.hpp"
#include "search/study_contents.hpp"

namespace ztilde::search {

// Not to be used by two threads at once, nor across fork(): each worker opens its own.
// Every call throws Error(io) where the disk or another process's lock is in the way and Error(data) for a
// file that is damaged; the study is then as it was before the call.
class Study : public Desk {
 public:
  // Throws Error(data) where there is a file already, whatever it is. trials_asked 0: as many as there is
  // time for. Appears at `path` whole or not at all.
  static Study create(const std::string& path, const StudyPlan& plan, std::size_t trials_asked);
  // Throws Error(io) where there is none; Error(data) for a file that is no study, or one of another version
  // of the format.
  static Study open(const std::string& path);
  Study(Study&&) noexcept;
  Study& operator=(Study&&) noexcept;
  ~Study() override;  // what it had claimed is free for others

  const std::string& path() const;
  const StudyPlan& plan() const override;
  // More trials (or 0) for a study that is resumed; never fewer than are there.
  void ask_for(std::size_t trials);

  Claim claim(const std::string& worker, bool may_begin = true) override;
  void add_point(std::size_t trial, const TrialPoint& point) override;
  void pause_at_rung(std::size_t trial) override;
  void finish(std::size_t trial) override;
  void fail(std::size_t trial, const std::string& message) override;
  void release(std::size_t trial) override;

  // Of a finished trial: sets folds_loss to their mean. By whoever scores the finalists.
  void set_fold_losses(std::size_t trial, const std::vector<double>& losses);

  StudyContents contents() const;
  // STUDY.d/trial-7.checkpoint. The folder is made by claim().
  std::string checkpoint_path(std::size_t trial) const override;

 private:
  struct Parts;
  explicit Study(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// Reads without changing anything, while others work. Throws as Study::open.
StudyContents read_study(const std::string& path);

// Takes away what SQLite keeps beside the file while it is open (-wal, -shm), if nobody has it open: who only
// reads leaves that. Where it cannot be, it stays.
void tidy_study(const std::string& path);

// Whether there is a file at `path`, so that a search resumes: open() says whether it is a study.
bool study_exists(const std::string& path);

// In words what keeps a search by `given` from going on with a study of `kept`: "--epochs is 20 in the study
// and 30 here". Empty: nothing. Dimensions and options by name, data by fingerprint, version, seed, stopping.
std::vector<std::string> differences(const StudyPlan& kept, const StudyPlan& given);
// Throws Error(data) naming the first of differences().
void require_same_plan(const std::string& path, const StudyPlan& kept, const StudyPlan& given);

// Whether two studies came to the same: plan, options, seeds, states, curves and folds, to the bit. Not when,
// how fast and by whom.
bool same_results(const StudyContents& a, const StudyContents& b);

}  // namespace ztilde::search
