// A search by ranks that an MPI launcher started: each is a worker, and rank 0 has the study.
#pragma once

#include <atomic>
#include <thread>

#include "cli/options.hpp"
#include "cli/ranks.hpp"
#include "cli/search_crew.hpp"
#include "cli/search_options.hpp"
#include "cli/search_plan.hpp"
#include "cli/verbs.hpp"
#include "search/rank_desk.hpp"

namespace ztilde::cli {

// The ranks, where there are several. Throws Error(data) for options that do not go with them.
std::optional<RanksHandle> search_ranks(const OptionTable& table);

// Collective: all ranks are about to search the same, or none begins. path: of the rows, as messages call it.
void agree_on_search(const RanksHandle& ranks, const search::StudyPlan& plan, const std::string& path);

// Threads of a rank: one, unless --threads says otherwise; how many ranks share a machine is the launcher's
// matter.
std::size_t rank_threads(const OptionTable& table, const SearchArguments& arguments);

// All that a rank other than 0 does.
Outcome run_search_rank(const RanksHandle& ranks, const OptionTable& table, const SearchArguments& arguments);

// Of rank 0: answers the others, while a thread of its own runs trials too. rows outlives it.
class RankWorkers : public SearchCrew {
 public:
  RankWorkers(const RanksHandle& ranks, const std::string& study, const SearchRows& rows,
              std::size_t threads);
  ~RankWorkers() override;

  bool any_runs() override;
  void stop() override { stopping_ = true; }
  int replaced() override { return 0; }
  void has_come_further() override {}
  const std::optional<Error>& failure() const override { return failure_; }

 private:
  void work(const std::string& study, const SearchRows& rows, std::size_t threads);

  search::DeskServer server_;
  std::atomic<bool> stopping_ = false, ended_ = false;
  std::optional<Error> thread_failure_, failure_;
  std::thread thread_;
};

}  // namespace ztilde::cli
