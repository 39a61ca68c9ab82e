#include "cli/search_ranks.hpp"

#include <fmt/format.h>

#include <chrono>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/interrupt.hpp"
#include "cli/search_worker.hpp"
#include "search/study.hpp"
#include "search/work.hpp"

namespace ztilde::cli {

std::optional<RanksHandle> search_ranks(const OptionTable& table) {
  const std::optional<RanksHandle> ranks = ranks_of_environment();
  if (!ranks || ranks->count() == 1) return {};
  if (table.given("--workers"))
    refuse("--workers", "under mpirun every rank is a worker; leave it out, and give mpirun more ranks");
  return ranks;
}

void agree_on_search(const RanksHandle& ranks, const search::StudyPlan& plan, const std::string& path) {
  RankIdentity own;
  own.version = ZTILDE_VERSION;
  own.files = shown_path(path);
  own.run = {{"the rows", plan.data_fingerprint},
             {"--seed", fmt::format("{}", plan.seed)},
             {"--epochs", fmt::format("{}", plan.epochs)},
             {"--stopping", fmt::format("{}", fmt::join(plan.rungs, " "))}};
  std::string fixed, searched;
  for (const auto& [name, text] : plan.fixed) fixed += name + " " + text + " ";
  for (const search::Dimension& dimension : plan.dimensions)
    searched += dimension.option + " " + dimension.text + " ";
  own.run.emplace_back("what is searched", searched);
  own.run.emplace_back("options of all trials", fixed);
  constexpr std::chrono::seconds kForOthers{30};
  const auto until = std::chrono::steady_clock::now() + kForOthers;
  ranks.agree(own, [until] { return std::chrono::steady_clock::now() > until; });
}

Outcome run_search_rank(const RanksHandle& ranks, const OptionTable& table,
                        const SearchArguments& arguments) {
  SearchRows rows;
  const search::StudyPlan plan = plan_search(table, arguments, Messages(true), rows);
  agree_on_search(ranks, plan, arguments.train.input.data);
  search::RankDesk desk(ranks.transport(), plan);
  const Interrupt interrupt;
  search::WorkOptions options;
  options.should_stop = [&] { return interrupt.signal() != 0 || desk.stopped(); };
  (void)search::work(desk, options, trial_runner(rows, plan, rank_threads(table, arguments)));
  desk.leave();
  return {};
}

std::size_t rank_threads(const OptionTable& table, const SearchArguments& arguments) {
  return table.given("--threads") ? arguments.train.training.threads : 1;
}

RankWorkers::RankWorkers(const RanksHandle& ranks, const std::string& study, const SearchRows& rows,
                         std::size_t threads)
    : server_(ranks.transport(), study),
      thread_([this, study, &rows, threads] { work(study, rows, threads); }) {}

RankWorkers::~RankWorkers() {
  stopping_ = true;
  thread_.join();
}

void RankWorkers::work(const std::string& path, const SearchRows& rows, std::size_t threads) {
  try {
    search::Study study = search::Study::open(path);
    search::WorkOptions options;
    options.should_stop = [this] { return stopping_.load(); };
    (void)search::work(study, options, trial_runner(rows, study.plan(), threads));
  } catch (const Error& error) {
    thread_failure_ = error;
  }
  ended_ = true;
}

bool RankWorkers::any_runs() {
  server_.answer(stopping_);
  if (ended_ && thread_failure_ && !failure_) {
    failure_ = thread_failure_;
    stopping_ = true;
  }
  return !ended_ || !server_.is_done();
}

}  // namespace ztilde::cli
