// A study shared by ranks (`mpirun`): rank 0 has it, and answers what the workers on other ranks ask.
// Checkpoints travel with the trials, so that ranks need no disk in common.
#pragma once

#include <memory>
#include <string>

#include "base/rank_texts.hpp"
#include "search/desk.hpp"
#include "ztilde/transport.hpp"

namespace ztilde::search {

// Of a rank other than 0. Every call waits for rank 0's answer, and throws what it threw there; Error(io)
// where rank 0 is gone.
class RankDesk : public Desk {
 public:
  explicit RankDesk(Transport& transport, StudyPlan plan);
  RankDesk(const RankDesk&) = delete;
  RankDesk& operator=(const RankDesk&) = delete;
  ~RankDesk() override;  // its checkpoints go

  const StudyPlan& plan() const override { return plan_; }
  Claim claim(const std::string& worker, bool may_begin = true) override;
  void add_point(std::size_t trial, const TrialPoint& point) override;
  void pause_at_rung(std::size_t trial) override;
  void finish(std::size_t trial) override;
  void fail(std::size_t trial, const std::string& message) override;
  void release(std::size_t trial) override;
  std::string checkpoint_path(std::size_t trial) const override;

  // Whether rank 0 wants all to stop, as of its last answer.
  bool stopped() const { return stopped_; }
  // The last call: rank 0 no longer waits for this one.
  void leave();

 private:
  struct Question;
  void ask(Question& question);
  void end(std::size_t trial, const char* how, const std::string& message, bool keeps_checkpoint);

  StudyPlan plan_;
  RankTexts texts_;
  std::string folder_;
  bool stopped_ = false;
};

// Of rank 0: answers for the study at `path`. One thread uses it and the transport.
class DeskServer {
 public:
  DeskServer(Transport& transport, const std::string& path);
  DeskServer(const DeskServer&) = delete;
  DeskServer& operator=(const DeskServer&) = delete;
  ~DeskServer();

  // Answers all that has been asked, without waiting. stop: tells whoever asks that all are to stop.
  void answer(bool stop);
  // Whether all have left.
  bool is_done() const;

 private:
  struct Client;
  Transport& transport_;
  std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace ztilde::search
